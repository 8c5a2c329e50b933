// Matrix products with one tile and one order of k: an element's bits depend on its row of A, its column
// of B and k alone, whatever the other sizes are. Thus a row of a batch of one equals the same row of a
// batch of sixty-four.
//
// Both factors are read as rows over k: A [m, k], and B [k, n] as [n, k].
#include "product_sources.cuh"

struct alignas(8) two_floats { float first, second; };

/// Result of a product: c[m, n] = sum (+ c) (+ bias), then max(_, 0).
struct product_target {
  void *c;
  integer row;
  const REAL *bias;
  integer m, n;
  bool accumulate, clips;
  /// Whether c is kept in bfloat16.
  bool rounds;

  DEVICE void put(integer i, integer j, REAL sum) const {
    if (i >= m || j >= n) return;
    const integer at = i * row + j;
    if (accumulate) sum += rounds ? widened_bf16(((uint16_t *)c)[at]) : ((REAL *)c)[at];
    if (bias) sum += bias[j];
    if (clips && sum <= 0) sum = 0;
    if (rounds)
      ((uint16_t *)c)[at] = rounded_to_bf16(sum);
    else
      ((REAL *)c)[at] = sum;
  }
#if REAL_IS_FLOAT
  /// Elements j, an even number, and j + 1.
  DEVICE void put_two(integer i, integer j, float first, float second) const {
    const bool together = row % 2 == 0 && (uint64_t)c % 8 == 0 && i < m && j + 1 < n;
    if (!together || accumulate) {
      put(i, j, first);
      put(i, j + 1, second);
      return;
    }
    if (bias) first += bias[j], second += bias[j + 1];
    if (clips && first <= 0) first = 0;
    if (clips && second <= 0) second = 0;
    if (rounds)
      *(uint32_t *)((uint16_t *)c + i * row + j) = pack_bf16(first, second);
    else
      *(two_floats *)((float *)c + i * row + j) = {first, second};
  }
#endif
};

enum { TILE = 64, DEPTH = 16, TILE_LINE = TILE + 4 };

/// A block of 256 threads computes a tile of 64 x 64; each thread 4 x 4.
template <class Rows, class Columns>
DEVICE void product_tile(Rows &rows, Columns &columns, const product_target &target, integer k) {
  SHARED(REAL, xs, 2 * DEPTH * TILE_LINE);
  SHARED(REAL, ys, 2 * DEPTH * TILE_LINE);
  const integer first_row = (integer)blockIdx.x * TILE, first_column = (integer)blockIdx.y * TILE;
  const int down = threadIdx.x / 16 * 4, along = threadIdx.x % 16 * 4;
  const integer slices = (k + DEPTH - 1) / DEPTH;
  REAL sum[4][4] = {}, x_next[4], y_next[4];
  rows.begin(first_row);
  columns.begin(first_column);
  rows.fetch(x_next, 0);
  columns.fetch(y_next, 0);
  for (integer s = 0; s < slices; s++) {
    REAL *x = xs + s % 2 * DEPTH * TILE_LINE, *y = ys + s % 2 * DEPTH * TILE_LINE;
    rows.store(x, x_next);
    columns.store(y, y_next);
    // One wait is enough: nobody fills a buffer again before all have passed the next wait.
    block_wait();
    if (s + 1 < slices) {
      rows.fetch(x_next, (s + 1) * DEPTH);
      columns.fetch(y_next, (s + 1) * DEPTH);
    }
#pragma unroll
    for (int p = 0; p < DEPTH; p++) {
      REAL left[4], right[4];
      for (int i = 0; i < 4; i++) left[i] = x[p * TILE_LINE + down + i];
      for (int j = 0; j < 4; j++) right[j] = y[p * TILE_LINE + along + j];
      for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) sum[i][j] = fused(left[i], right[j], sum[i][j]);
    }
  }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++)
      target.put(first_row + down + i, first_column + along + j, sum[i][j]);
}

// ---- products of matrices ------------------------------------------------------------------------

#define MATRIX_FACTORS                                                           \
  strided_rows rows{AT(a), a.a_row, a.a_column, a.m, a.k};                 \
  strided_rows columns{AT(b), a.b_column, a.b_row, a.n, a.k};              \
  const product_target target{AT(c), a.c_row, AT(bias), a.m, a.n, a.accumulate, false, false}

KERNEL(matrix_product, 256) {
  MATRIX_FACTORS;
  product_tile(rows, columns, target, a.k);
}

// ---- weights [outputs, inputs], kept as they are or in bfloat16 --------------------------------------

KERNEL(pack_weights, 256) {
  const bool rounds = a.rounded && REAL_IS_FLOAT;
  const integer line = rounds ? rounded_line(a.inputs) : a.inputs;
  ELEMENTS(i, a.outputs * line) {
    const integer row = i / line, column = i % line;
    const REAL w = column < a.inputs ? AT(w)[row * a.inputs + column] : (REAL)0;
    if (rounds)
      ((uint16_t *)a.packed.memory)[i] = rounded_to_bf16(w);
    else
      AT(packed)[i] = w;
  }
}

KERNEL(multiply_packed, 256) {
  strided_rows rows{AT(x), a.x_row, 1, a.rows, a.inputs};
  strided_rows columns{AT(packed), a.inputs, 1, a.outputs, a.inputs};
  const product_target target{AT(y), a.y_row, AT(bias), a.rows, a.outputs, false, false, false};
  product_tile(rows, columns, target, a.inputs);
}

// ---- convolutions as products of windows -----------------------------------------------------------

KERNEL(convolve, 256) {
  const integer depth = a.shape.kernel_height * a.shape.kernel_width * a.shape.channels;
  window_rows rows{AT(x), a.shape, a.pixels, depth};
  strided_rows columns{AT(packed), depth, 1, a.outputs, depth};
  const product_target target{AT(y), a.y_row, AT(bias), a.pixels, a.outputs, false, a.relu, false};
  product_tile(rows, columns, target, depth);
}

/// Blocks of one z compute one branch.
KERNEL(convolve_points, 256) {
  const point_branch &branch = a.branches[blockIdx.z];
  if ((integer)blockIdx.y * TILE >= branch.outputs) return;
  strided_rows rows{AT(x), a.inputs, 1, a.pixels, a.inputs};
  strided_rows columns{(const REAL *)branch.packed.memory, a.inputs, 1, branch.outputs,
                             a.inputs};
  const product_target target{(REAL *)branch.y.memory, branch.y_row,
                              (const REAL *)branch.bias.memory, a.pixels, branch.outputs, false,
                              branch.relu, false};
  product_tile(rows, columns, target, a.inputs);
}

#if REAL_IS_FLOAT
#include "rounded_products.cuh"
#endif
