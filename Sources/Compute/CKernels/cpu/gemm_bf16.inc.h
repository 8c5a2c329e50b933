// Matrix product of float matrices in bfloat16 with float sums (AVX512_BF16: VDPBF16PS).
//
// Both operands are packed in pairs along k, which the instruction multiplies and adds at once. Floats
// are rounded to the nearest bfloat16 meanwhile; matrices that are kept in bfloat16 (`stored`) are not. As in gemm.inc.h, the order of an element's
// additions depends on k alone, so a row never depends on its neighbours.
#include <immintrin.h>

enum {
  PAIR_BLOCK = 384,          // pairs of k packed at once
  BF16_COLUMN_BLOCK = 512,   // PAIR_BLOCK * BF16_COLUMN_BLOCK pairs = 768 KiB, under 1 MiB of L2
  BF16_ROW_BLOCK = 1536,     // rows of A packed at once: 2.3 MiB of L3
  BF16_ROWS = 12,            // 24 sums, two vectors of B and one of A: 27 of 32 registers
  BF16_COLUMNS = 32,
};

#define BF16_TARGET \
  __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,avx2,fma")))

/// Sixteen pairs from two vectors: (low[0], high[0]), (low[1], high[1]) ...
static inline BF16_TARGET __m512i interleaved_pairs(__m512 low, __m512 high) {
  static const _Alignas(64) uint16_t order[32] = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
  return _mm512_permutexvar_epi16(_mm512_load_si512(order), both);
}

/// The address of an element of a matrix of floats, or of bfloat16.
static inline const void *element(const void *x, int64_t place, bool stored) {
  return (const char *)x + place * (stored ? 2 : 4);
}

/// Sixteen pairs of elements x[first...] and x[second...]; those outside of the masks are zero.
static inline __attribute__((always_inline)) BF16_TARGET __m512i pairs_at(
    const void *x, int64_t first, int64_t second, __mmask16 in_first, __mmask16 in_second,
    bool stored) {
  if (!stored)
    return interleaved_pairs(_mm512_maskz_loadu_ps(in_first, (const float *)x + first),
                             _mm512_maskz_loadu_ps(in_second, (const float *)x + second));
  const uint16_t *halves = x;
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(in_first, halves + first));
  const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(in_second, halves + second));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/// out[row][pair] of a [rows][k] with contiguous k; rows are out_row pairs apart.
static BF16_TARGET void pack_rows_along(uint32_t *restrict out, int64_t out_row,
                                        const void *restrict a, int64_t a_row, int64_t rows,
                                        int64_t depth, bool stored) {
  for (int64_t i = 0; i < rows; i++) {
    uint32_t *restrict to = out + i * out_row;
    if (stored) {
      if (depth % 2) to[depth / 2] = 0;
      __builtin_memcpy(to, (const uint16_t *)a + i * a_row, (size_t)depth * sizeof(uint16_t));
      continue;
    }
    const float *restrict x = (const float *)a + i * a_row;
    int64_t p = 0;
    for (; p + 32 <= depth; p += 32)
      _mm512_storeu_si512(to + p / 2, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + p + 16),
                                                                   _mm512_loadu_ps(x + p)));
    if (p < depth) {
      const uint32_t mask = (uint32_t)((1ull << (depth - p)) - 1);
      const __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, x + p);
      const __m512 high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), x + p + 16);
      const uint32_t pairs = (uint32_t)((1ull << ((depth - p + 1) / 2)) - 1);
      _mm512_mask_storeu_epi32(to + p / 2, (__mmask16)pairs,
                               (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
  }
}

/// out[pair][column] of x [k][columns] with contiguous columns; pairs are out_pair apart. Columns
/// beyond `columns`, up to a multiple of 16, become zero.
static BF16_TARGET void pack_pairs_across(uint32_t *restrict out, int64_t out_pair,
                                          const void *restrict x, int64_t x_row, int64_t columns,
                                          int64_t depth, bool stored) {
  for (int64_t p = 0; p < depth; p += 2) {
    const __mmask16 has_second = p + 1 < depth ? 0xffff : 0;
    for (int64_t j = 0; j < columns; j += 16) {
      const __mmask16 mask =
          columns - j < 16 ? (__mmask16)((1u << (columns - j)) - 1) : (__mmask16)0xffff;
      _mm512_storeu_si512(out + p / 2 * out_pair + j,
                          pairs_at(x, p * x_row + j, (p + 1) * x_row + j, mask,
                                   mask & has_second, stored));
    }
  }
}

/// Packs tiles [tile][pair][BF16_ROWS] of an A with contiguous rows: (i, p) is at
/// a[i + p * a_column].
static BF16_TARGET void pack_tiles_bf16(uint32_t *restrict out, const void *restrict a,
                                        int64_t a_column, int64_t rows, int64_t depth,
                                        bool stored) {
  const int64_t pairs = (depth + 1) / 2;
  enum { RUN = 8 };  // pairs: a few cache lines of a tile are written at once
  for (int64_t p = 0; p < pairs; p += RUN) {
    const int64_t run = pairs - p < RUN ? pairs - p : RUN;
    for (int64_t i = 0; i < rows; i += BF16_ROWS) {
      const __mmask16 mask =
          (__mmask16)((1u << (rows - i < BF16_ROWS ? rows - i : BF16_ROWS)) - 1);
      for (int64_t q = 0; q < run; q++) {
        const int64_t x = i + 2 * (p + q) * a_column;
        const __mmask16 second = 2 * (p + q) + 1 < depth ? mask : 0;
        _mm512_mask_storeu_epi32(out + i * pairs + (p + q) * BF16_ROWS, mask,
                                 pairs_at(a, x, x + a_column, mask, second, stored));
      }
    }
  }
}

/// Transposes sixteen rows of sixteen words.
static inline BF16_TARGET void transpose16(__m512i r[16]) {
  __m512i t[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
    t[4 + i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
    t[8 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
    t[12 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
    r[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
    r[4 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
    r[12 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
  }
}

/// One panel [pair][32 columns] of b with contiguous k: column j starts at b + j * b_column.
static BF16_TARGET void pack_panel_along(uint32_t *restrict out, const void *restrict b,
                                         int64_t b_column, int64_t columns, int64_t depth,
                                         bool stored) {
  for (int64_t half = 0; half < BF16_COLUMNS; half += 16)
    for (int64_t p = 0; p < depth; p += 32) {
      const int64_t left = depth - p < 32 ? depth - p : 32;
      const uint32_t mask = left == 32 ? 0xffffffffu : (uint32_t)((1u << left) - 1);
      __m512i r[16];
#pragma clang loop unroll(full)
      for (int j = 0; j < 16; j++) {
        const int64_t x = (half + j) * b_column + p;
        const uint32_t present = half + j < columns ? mask : 0;
        r[j] = stored ? _mm512_maskz_loadu_epi16(present, (const uint16_t *)b + x)
                      : (__m512i)_mm512_cvtne2ps_pbh(
                            _mm512_maskz_loadu_ps((__mmask16)(present >> 16),
                                                  (const float *)b + x + 16),
                            _mm512_maskz_loadu_ps((__mmask16)present, (const float *)b + x));
      }
      transpose16(r);
      const int64_t pairs = (left + 1) / 2;
      for (int64_t q = 0; q < pairs; q++)
        _mm512_storeu_si512(out + (p / 2 + q) * BF16_COLUMNS + half, r[q]);
    }
}

/// Panels of 32 columns, [panel][pair][column], rounded; the last one padded with zeros.
static BF16_TARGET void pack_columns_bf16(uint32_t *restrict out, const void *restrict b,
                                          int64_t b_row, int64_t b_column, int64_t depth,
                                          int64_t columns, bool stored) {
  const int64_t pairs = (depth + 1) / 2;
  for (int64_t j = 0; j < columns; j += BF16_COLUMNS, out += pairs * BF16_COLUMNS) {
    const int64_t width = columns - j < BF16_COLUMNS ? columns - j : BF16_COLUMNS;
    if (b_column == 1) {
      if (width <= 16)
        for (int64_t p = 0; p < pairs; p++)
          _mm512_storeu_si512(out + p * BF16_COLUMNS + 16, _mm512_setzero_si512());
      pack_pairs_across(out, BF16_COLUMNS, element(b, j, stored), b_row, width, depth, stored);
    } else {
      pack_panel_along(out, element(b, j * b_column, stored), b_column, width, depth, stored);
    }
  }
}

/// c[rows, 32] = a b over `pairs` pairs; `rows` is a constant after inlining.
static inline __attribute__((always_inline)) BF16_TARGET void tile_bf16(
    const int rows, float *restrict c, int64_t c_row, const uint32_t *restrict a, int64_t a_row,
    int64_t a_pair, const uint32_t *restrict b, int64_t pairs, const float *restrict bias,
    int accumulate, int64_t columns) {
  __m512 sum[BF16_ROWS][2];
  // Prefetches C, which is needed after the loop over k.
  if (accumulate)
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < BF16_COLUMNS; j += 16) __builtin_prefetch(c + i * c_row + j, 1);
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
  for (int64_t p = 0; p < pairs; p++) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b + p * BF16_COLUMNS);
    const __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + p * BF16_COLUMNS + 16);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[i * a_row + p * a_pair]);
      sum[i][0] = _mm512_dpbf16_ps(sum[i][0], x, b0);
      sum[i][1] = _mm512_dpbf16_ps(sum[i][1], x, b1);
    }
  }
  const uint32_t mask = columns >= 32 ? 0xffffffffu : (uint32_t)((1u << columns) - 1);
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int h = 0; h < 2; h++) {
      const __mmask16 here = (__mmask16)(mask >> (16 * h));
      float *out = c + i * c_row + 16 * h;
      __m512 value = sum[i][h];
      if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(here, out));
      if (bias) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(here, bias + 16 * h));
      _mm512_mask_storeu_ps(out, here, value);
    }
}

#define BF16_CASE(ROWS)                                                                        \
  case ROWS:                                                                                   \
    if (a_pair == 1)                                                                           \
      tile_bf16(ROWS, c, c_row, a, a_row, 1, b, pairs, bias, accumulate, columns);             \
    else                                                                                       \
      tile_bf16(ROWS, c, c_row, a, 1, a_pair, b, pairs, bias, accumulate, columns);            \
    break;

static BF16_TARGET void tile_bf16_of(int64_t rows, float *c, int64_t c_row, const uint32_t *a,
                                     int64_t a_row, int64_t a_pair, const uint32_t *b,
                                     int64_t pairs, const float *bias, int accumulate,
                                     int64_t columns) {
  switch (rows) {
    BF16_CASE(1)
    BF16_CASE(2)
    BF16_CASE(3)
    BF16_CASE(4)
    BF16_CASE(5)
    BF16_CASE(6)
    BF16_CASE(7)
    BF16_CASE(8)
    BF16_CASE(9)
    BF16_CASE(10)
    BF16_CASE(11)
    BF16_CASE(12)
  }
}

KERNEL BF16_TARGET void gemm_bf16(void *restrict c_, int64_t c_row, const void *restrict a_,
                                  int64_t a_row, int64_t a_column, const void *restrict b_,
                                  int64_t b_row, int64_t b_column, const void *restrict bias_,
                                  int64_t m, int64_t n, int64_t k, int32_t accumulate) {
  uint32_t *packed_b =
      thread_workspace(WORKSPACE_OF_PRODUCT,
                       PAIR_BLOCK * (BF16_COLUMN_BLOCK + BF16_ROW_BLOCK) * sizeof(uint32_t));
  uint32_t *packed_a = packed_b + PAIR_BLOCK * BF16_COLUMN_BLOCK;
  float *c = c_;
  const float *a = a_, *b = b_, *bias = bias_;
  for (int64_t i = 0; i < m; i += BF16_ROW_BLOCK) {
    const int64_t height = m - i < BF16_ROW_BLOCK ? m - i : BF16_ROW_BLOCK;
    for (int64_t p = 0; p == 0 || p < k; p += 2 * PAIR_BLOCK) {
      const int64_t depth = k - p < 2 * PAIR_BLOCK ? k - p : 2 * PAIR_BLOCK;
      const int64_t pairs = (depth + 1) / 2;
      int64_t step_pair = 1;
      if (a_column == 1) {
        pack_rows_along(packed_a, pairs, a + i * a_row + p, a_row, height, depth, false);
      } else {
        step_pair = BF16_ROWS;
        pack_tiles_bf16(packed_a, a + i + p * a_column, a_column, height, depth, false);
      }
      for (int64_t j = 0; j < n; j += BF16_COLUMN_BLOCK) {
        const int64_t columns = n - j < BF16_COLUMN_BLOCK ? n - j : BF16_COLUMN_BLOCK;
        pack_columns_bf16(packed_b, b + p * b_row + j * b_column, b_row, b_column, depth, columns,
                          false);
        for (int64_t r = 0; r < height; r += BF16_ROWS) {
          const int64_t rows = height - r < BF16_ROWS ? height - r : BF16_ROWS;
          for (int64_t q = 0; q < columns; q += BF16_COLUMNS)
            tile_bf16_of(rows, c + (i + r) * c_row + j + q, c_row, packed_a + r * pairs,
                         pairs, step_pair, packed_b + q * pairs, pairs,
                         bias && p == 0 ? bias + j + q : 0, accumulate || p > 0, columns - q);
        }
      }
    }
  }
}

// ---- both operands packed once, by all threads ------------------------------------------------

/// Packs panels begin..<end of B, [panel][pair][32 columns].
KERNEL BF16_TARGET void pack_panels_bf16(void *restrict out_, const void *restrict b_,
                                         int64_t b_row, int64_t b_column, int64_t n, int64_t k,
                                         bool stored, int64_t begin, int64_t end) {
  uint32_t *out = out_;
  const int64_t pairs = (k + 1) / 2;
  // A few pages of rows at a time: over all of k, each panel would touch every page.
  const int64_t run = b_column == 1 ? 32 : k;
  for (int64_t p = 0; p < k; p += run)
    for (int64_t panel = begin; panel < end; panel++) {
      const int64_t j = panel * BF16_COLUMNS;
      pack_columns_bf16(out + panel * BF16_COLUMNS * pairs + p / 2 * BF16_COLUMNS,
                        element(b_, p * b_row + j * b_column, stored), b_row, b_column,
                        k - p < run ? k - p : run, n - j < BF16_COLUMNS ? n - j : BF16_COLUMNS,
                        stored);
    }
}

/// Computes rows of C from packed panels. A block of A stays in the L2 cache while all panels pass.
KERNEL BF16_TARGET void gemm_panels_bf16(void *restrict c_, int64_t c_row,
                                         const void *restrict a_, int64_t a_row,
                                         int64_t a_column, const void *restrict panels_,
                                         const void *restrict bias_, int64_t m, int64_t n,
                                         int64_t k, int32_t accumulate, bool a_stored) {
  enum { ROWS = 20 * BF16_ROWS };  // times PAIR_BLOCK pairs: 360 KiB
  uint32_t *packed = thread_workspace(WORKSPACE_OF_PRODUCT, PAIR_BLOCK * ROWS * sizeof(uint32_t));
  const uint32_t *panels = panels_;
  const float *bias = bias_;
  const int64_t all = (k + 1) / 2;
  for (int64_t first = 0; first < m; first += ROWS) {
    const int64_t rows = m - first < ROWS ? m - first : ROWS;
    float *c = (float *)c_ + first * c_row;
    for (int64_t p = 0; p == 0 || p < k; p += 2 * PAIR_BLOCK) {
      const int64_t depth = k - p < 2 * PAIR_BLOCK ? k - p : 2 * PAIR_BLOCK;
      const int64_t pairs = (depth + 1) / 2;
      const void *block = element(a_, first * a_row + p * a_column, a_stored);
      if (a_column == 1)
        pack_rows_along(packed, pairs, block, a_row, rows, depth, a_stored);
      else
        pack_tiles_bf16(packed, block, a_column, rows, depth, a_stored);
      for (int64_t j = 0; j < n; j += BF16_COLUMNS)
        for (int64_t i = 0; i < rows; i += BF16_ROWS)
          tile_bf16_of(rows - i < BF16_ROWS ? rows - i : BF16_ROWS, c + i * c_row + j, c_row,
                       packed + i * pairs, pairs, a_column == 1 ? 1 : BF16_ROWS,
                       panels + j * all + p / 2 * BF16_COLUMNS, pairs,
                       bias && p == 0 ? bias + j : 0, accumulate || p > 0, n - j);
    }
  }
}

/// The same for a C in bfloat16: blocks of it are summed in float, in a cache, and rounded once.
KERNEL BF16_TARGET void gemm_panels_stored(uint16_t *restrict c, int64_t c_row,
                                           const void *restrict a, int64_t a_row,
                                           int64_t a_column, const void *restrict panels,
                                           const void *restrict bias, int64_t m, int64_t n,
                                           int64_t k, int32_t accumulate, bool a_stored) {
  enum { ROWS = 20 * BF16_ROWS, COLUMNS = 2048 };  // 1.9 MiB; all of B passes for each block
  const int64_t all = (k + 1) / 2, most = n < COLUMNS ? n : COLUMNS;
  float *sums = thread_workspace(WORKSPACE_OF_OPERATION, (size_t)(ROWS * most) * sizeof(float));
  for (int64_t i = 0; i < m; i += ROWS)
    for (int64_t j = 0; j < n; j += COLUMNS) {
      const int64_t rows = m - i < ROWS ? m - i : ROWS, columns = n - j < most ? n - j : most;
      uint16_t *out = c + i * c_row + j;
      if (accumulate)
        for (int64_t r = 0; r < rows; r++) widen_numbers(sums + r * most, out + r * c_row, columns);
      gemm_panels_bf16(sums, most, element(a, i * a_row, a_stored), a_row, a_column,
                       (const uint32_t *)panels + j * all, bias ? (const float *)bias + j : 0,
                       rows, columns, k, accumulate, a_stored);
      for (int64_t r = 0; r < rows; r++) round_numbers(out + r * c_row, sums + r * most, columns);
    }
}

// ---- weights that are packed once ---------------------------------------------------------------

static int64_t packed_size_bf16(int64_t n, int64_t k) {
  return (n + BF16_COLUMNS - 1) / BF16_COLUMNS * BF16_COLUMNS * ((k + 1) / 2) * 4;
}

KERNEL BF16_TARGET void pack_weights_bf16(void *restrict out, const void *restrict w, int64_t n,
                                          int64_t k) {
  pack_columns_bf16(out, w, 1, k, k, n, false);
}

KERNEL BF16_TARGET void gemm_packed_bf16(void *restrict c_, int64_t c_row,
                                         const void *restrict a_, int64_t a_row,
                                         const void *restrict packed, const void *restrict bias_,
                                         int64_t m, int64_t n, int64_t k, int64_t begin,
                                         int64_t end) {
  const int64_t pairs = (k + 1) / 2;
  const int64_t most = 240;  // rows rounded at a time: with k = 4096, under 2 MiB
  for (int64_t first = 0; first < m; first += most) {
    const int64_t rows = m - first < most ? m - first : most;
    uint32_t *a =
        thread_workspace(WORKSPACE_OF_PRODUCT, (size_t)(rows * pairs) * sizeof(uint32_t));
    pack_rows_along(a, pairs, (const float *)a_ + first * a_row, a_row, rows, k, false);
    float *c = (float *)c_ + first * c_row;
    const int64_t step = even_rows(rows, BF16_ROWS);
    for (int64_t panel = begin; panel < end; panel++) {
      const int64_t j = panel * BF16_COLUMNS;
      const float *bias = bias_ ? (const float *)bias_ + j : 0;
      for (int64_t p = 0; p == 0 || p < pairs; p += PAIR_BLOCK)
        for (int64_t i = 0; i < rows; i += step)
          tile_bf16_of(rows - i < step ? rows - i : step, c + i * c_row + j, c_row,
                       a + i * pairs + p, pairs, 1,
                       (const uint32_t *)packed + j * pairs + p * BF16_COLUMNS,
                       pairs - p < PAIR_BLOCK ? pairs - p : PAIR_BLOCK, p == 0 ? bias : 0, p > 0,
                       n - j);
    }
  }
}
