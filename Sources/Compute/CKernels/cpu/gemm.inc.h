// Matrix product after Goto & van de Geijn 2008: panels of B are packed to fit the L2 cache, and a
// register tile of MR x NR accumulates over one block of k.
//
// The order of an element's additions is fixed by k alone: blocks of K_BLOCK, in order, each a
// chain of multiply-adds. It does not depend on m, n or the element's position, so a row in a batch
// of one equals the same row in a batch of sixty-four bit for bit.

typedef REAL vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

enum {
  LANES = VECTOR_BYTES / sizeof(REAL),
  TILE_COLUMNS = 2 * LANES,
  K_BLOCK = 384,       // a multiple of the widths of small models: one pass over C
  COLUMN_BLOCK = 512,  // K_BLOCK * COLUMN_BLOCK floats = 768 KiB, under the 1 MiB of a Zen core
  DIRECT_BYTES = 320 << 10,  // largest block of B that is read in place: below the L2 cache
  ROW_TILES = 128,     // tiles of a transposed A that are packed at once, in the third-level cache
};

/// c[rows, TILE_COLUMNS] = a b. `rows` is a constant after inlining. One stride of a is 1.
static inline __attribute__((always_inline)) void tile(const int rows, REAL *restrict c,
                                                       int64_t c_row, const REAL *restrict a,
                                                       int64_t a_row, int64_t a_column,
                                                       const REAL *restrict b, int64_t b_row,
                                                       int64_t depth,
                                                       const REAL *restrict bias,
                                                       int accumulate, int64_t columns) {
  vector sum[TILE_ROWS][2];
  // Prefetches C, which is needed after the loop over k.
  if (accumulate)
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < TILE_COLUMNS; j += 64 / (int)sizeof(REAL))
        __builtin_prefetch(c + i * c_row + j, 1);
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = (vector){0};
  for (int64_t p = 0; p < depth; p++) {
    const vector b0 = *(const vector *)(b + p * b_row);
    const vector b1 = *(const vector *)(b + p * b_row + LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const REAL element = a[i * a_row + p * a_column];
      sum[i][0] += b0 * element;
      sum[i][1] += b1 * element;
    }
  }
  if (columns == TILE_COLUMNS) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      vector *out = (vector *)(c + i * c_row);
      vector low = sum[i][0], high = sum[i][1];
      if (accumulate) low += out[0], high += out[1];
      if (bias) low += *(const vector *)bias, high += *(const vector *)(bias + LANES);
      out[0] = low;
      out[1] = high;
    }
    return;
  }
  REAL edge[TILE_COLUMNS];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    ((vector *)edge)[0] = sum[i][0];
    ((vector *)edge)[1] = sum[i][1];
    for (int64_t j = 0; j < columns; j++) {
      REAL value = edge[j];
      if (accumulate) value += c[i * c_row + j];
      if (bias) value += bias[j];
      c[i * c_row + j] = value;
    }
  }
}

// One body per number of rows and layout of A, so that the compiler keeps every sum in a register.
#define TILE_CASE(ROWS)                                                                        \
  case ROWS:                                                                                   \
    if (a_column == 1)                                                                         \
      tile(ROWS, c, c_row, a, a_row, 1, b, b_row, depth, bias, accumulate, columns);           \
    else                                                                                       \
      tile(ROWS, c, c_row, a, 1, TILE_ROWS, b, b_row, depth, bias, accumulate, columns);       \
    break;

static void tile_of(int64_t rows, REAL *c, int64_t c_row, const REAL *a, int64_t a_row,
                    int64_t a_column, const REAL *b, int64_t b_row, int64_t depth,
                    const REAL *bias, int accumulate, int64_t columns) {
  switch (rows) {
    TILE_CASE(1)
    TILE_CASE(2)
    TILE_CASE(3)
    TILE_CASE(4)
#if TILE_ROWS >= 6
    TILE_CASE(5)
    TILE_CASE(6)
#endif
#if TILE_ROWS >= 12
    TILE_CASE(7)
    TILE_CASE(8)
    TILE_CASE(9)
    TILE_CASE(10)
    TILE_CASE(11)
    TILE_CASE(12)
#endif
  }
}

/// Transposes four rows of four columns: out[column * out_row + row] = x[row * x_row + column].
static inline void transpose4(REAL *restrict out, int64_t out_row, const REAL *restrict x,
                              int64_t x_row) {
  typedef REAL four __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
  const four r0 = *(const four *)x, r1 = *(const four *)(x + x_row);
  const four r2 = *(const four *)(x + 2 * x_row), r3 = *(const four *)(x + 3 * x_row);
  const four a = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
  const four b = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
  const four c = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const four d = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  *(four *)out = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  *(four *)(out + out_row) = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  *(four *)(out + 2 * out_row) = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  *(four *)(out + 3 * out_row) = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

/// Panels of TILE_COLUMNS columns, [panel][k][column], the last one padded with zeros.
static void pack_columns(REAL *restrict out, const REAL *restrict b, int64_t b_row,
                         int64_t b_column, int64_t depth, int64_t columns) {
  for (int64_t j = 0; j < columns; j += TILE_COLUMNS, out += depth * TILE_COLUMNS) {
    const int64_t width = columns - j < TILE_COLUMNS ? columns - j : TILE_COLUMNS;
    if (width < TILE_COLUMNS) __builtin_memset(out, 0, (size_t)(depth * TILE_COLUMNS) * sizeof(REAL));
    if (b_column == 1 && width == TILE_COLUMNS) {
      for (int64_t p = 0; p < depth; p++) {
        const vector *from = (const vector *)(b + p * b_row + j);
        vector *to = (vector *)(out + p * TILE_COLUMNS);
        to[0] = from[0];
        to[1] = from[1];
      }
      continue;
    }
    if (b_column == 1) {
      for (int64_t p = 0; p < depth; p++)
        __builtin_memcpy(out + p * TILE_COLUMNS, b + p * b_row + j, (size_t)width * sizeof(REAL));
      continue;
    }
    int64_t q = 0;
    for (; q + 4 <= width; q += 4) {
      const REAL *source = b + (j + q) * b_column;
      int64_t p = 0;
      for (; p + 4 <= depth; p += 4)
        transpose4(out + p * TILE_COLUMNS + q, TILE_COLUMNS, source + p, b_column);
      for (; p < depth; p++)
        for (int64_t r = 0; r < 4; r++) out[p * TILE_COLUMNS + q + r] = source[r * b_column + p];
    }
    for (; q < width; q++)
      for (int64_t p = 0; p < depth; p++)
        out[p * TILE_COLUMNS + q] = b[(j + q) * b_column + p];
  }
}

/// Packs tiles [tile][k][TILE_ROWS] of an A with contiguous rows: element (i, p) is at
/// a[i + p * a_column]. Unpacked, each k of a tile would lie on a different page.
static void pack_tiles(REAL *restrict out, const REAL *restrict a, int64_t a_column, int64_t rows,
                       int64_t depth) {
  enum { RUN = 8 };  // number of k, so that a few cache lines of a tile are written at once
  for (int64_t p = 0; p < depth; p += RUN) {
    const int64_t run = depth - p < RUN ? depth - p : RUN;
    for (int64_t i = 0; i < rows; i += TILE_ROWS) {
      REAL *restrict to = out + i * depth + p * TILE_ROWS;
      const REAL *restrict from = a + i + p * a_column;
      if (i + TILE_ROWS <= rows)
        for (int64_t q = 0; q < run; q++)
          __builtin_memcpy(to + q * TILE_ROWS, from + q * a_column, TILE_ROWS * sizeof(REAL));
      else
        for (int64_t q = 0; q < run; q++)
          __builtin_memcpy(to + q * TILE_ROWS, from + q * a_column,
                           (size_t)(rows - i) * sizeof(REAL));
    }
  }
}

KERNEL void gemm(void *restrict c_, int64_t c_row, const void *restrict a_, int64_t a_row,
                 int64_t a_column, const void *restrict b_, int64_t b_row, int64_t b_column,
                 const void *restrict bias_, int64_t m, int64_t n, int64_t k,
                 int32_t accumulate) {
  REAL *packed = thread_workspace(
      WORKSPACE_OF_PRODUCT,
      (K_BLOCK * COLUMN_BLOCK + K_BLOCK * ROW_TILES * TILE_ROWS) * sizeof(REAL));
  REAL *tiles = packed + K_BLOCK * COLUMN_BLOCK;
  REAL *c = c_;
  const REAL *a = a_, *b = b_, *bias = bias_;
  const int packs = a_column != 1;
  // A small B is read in place, since its pages stay in the TLB.
  const int64_t spread = (k < K_BLOCK ? k : K_BLOCK) * b_row * (int64_t)sizeof(REAL);
  const int direct = b_column == 1 && spread <= DIRECT_BYTES && n % TILE_COLUMNS == 0;
  const int64_t height = packs ? ROW_TILES * TILE_ROWS : m;
  for (int64_t first = 0; first < m; first += height) {
    const int64_t last = m - first < height ? m : first + height;
    for (int64_t p = 0; p == 0 || p < k; p += K_BLOCK) {
      const int64_t depth = k - p < K_BLOCK ? k - p : K_BLOCK;
      if (packs) pack_tiles(tiles, a + first + p * a_column, a_column, last - first, depth);
      for (int64_t j = 0; j < n; j += COLUMN_BLOCK) {
        const int64_t columns = n - j < COLUMN_BLOCK ? n - j : COLUMN_BLOCK;
        const REAL *panels = direct ? b + p * b_row + j : packed;
        const int64_t next = direct ? 1 : depth, row = direct ? b_row : TILE_COLUMNS;
        if (!direct)
          pack_columns(packed, b + p * b_row + j * b_column, b_row, b_column, depth, columns);
        for (int64_t i = first; i < last; i += TILE_ROWS) {
          const int64_t rows = last - i < TILE_ROWS ? last - i : TILE_ROWS;
          const REAL *from = packs ? tiles + (i - first) * depth : a + i * a_row + p;
          for (int64_t q = 0; q < columns; q += TILE_COLUMNS)
            tile_of(rows, c + i * c_row + j + q, c_row, from, packs ? 1 : a_row,
                    packs ? TILE_ROWS : 1, panels + q * next, row, depth,
                    bias && p == 0 ? bias + j + q : 0, accumulate || p > 0,
                    columns - q < TILE_COLUMNS ? columns - q : TILE_COLUMNS);
        }
      }
    }
  }
}

// ---- weights that are packed once ---------------------------------------------------------------

static int64_t packed_size(int64_t n, int64_t k) {
  return (n + TILE_COLUMNS - 1) / TILE_COLUMNS * TILE_COLUMNS * k * (int64_t)sizeof(REAL);
}

/// Rows per tile when m rows are shared out evenly: eleven twice rather than twelve and ten.
static inline int64_t even_rows(int64_t m, int64_t most) {
  const int64_t tiles = (m + most - 1) / most;
  return (m + tiles - 1) / tiles;
}

KERNEL void gemm_packed(void *restrict c_, int64_t c_row, const void *restrict a_, int64_t a_row,
                        const void *restrict packed, const void *restrict bias_, int64_t m,
                        int64_t n, int64_t k, int64_t begin, int64_t end) {
  const int64_t step = even_rows(m, TILE_ROWS);
  for (int64_t panel = begin; panel < end; panel++) {
    const int64_t j = panel * TILE_COLUMNS;
    const REAL *bias = bias_ ? (const REAL *)bias_ + j : 0;
    for (int64_t p = 0; p == 0 || p < k; p += K_BLOCK) {
      const int64_t depth = k - p < K_BLOCK ? k - p : K_BLOCK;
      for (int64_t i = 0; i < m; i += step)
        tile_of(m - i < step ? m - i : step, (REAL *)c_ + i * c_row + j, c_row,
                (const REAL *)a_ + i * a_row + p, a_row, 1,
                (const REAL *)packed + j * k + p * TILE_COLUMNS, TILE_COLUMNS, depth,
                p == 0 ? bias : 0, p > 0, n - j < TILE_COLUMNS ? n - j : TILE_COLUMNS);
    }
  }
}
