// Products on the tensor cores: factors rounded to bfloat16, sums in float, one order of k.
#pragma once
#include "rounded_sources.cuh"

/// 16 rows and 16 of k of a tile, as the first factor of a product: its four registers.
template <int SIDE, bool TURNED> DEVICE void load_left(uint32_t (&r)[4], const uint16_t *tile, int row, int p) {
  const int lane = LANE;
  if (TURNED)
    load_matrix_x4_turned(r, tile + (p + lane / 16 * 8 + lane % 8) * (SIDE + 8) + row + lane / 8 % 2 * 8);
  else
    load_matrix_x4(r, tile + (row + lane % 16) * HALF_LINE + p + lane / 16 * 8);
}
/// The same of the second factor: two registers for each 8 rows.
template <int SIDE, bool TURNED> DEVICE void load_right(uint32_t (&r)[4], const uint16_t *tile, int row, int p) {
  const int lane = LANE;
  if (TURNED)
    load_matrix_x4_turned(r, tile + (p + lane % 16) * (SIDE + 8) + row + lane / 16 * 8);
  else
    load_matrix_x4(r, tile + (row + lane % 8 + lane / 16 * 8) * HALF_LINE + p + lane / 8 % 2 * 8);
}

/// A block of 2 SIDE threads computes a tile of SIDE x SIDE, 64 or 128; each warp SIDE / 2 x 32. Both sides add
/// in the same order of k. The launch gives ROUNDED_STAGES tiles of each factor of shared memory.
template <int SIDE, class Rows, class Columns>
DEVICE void rounded_tile(Rows &rows, Columns &columns, const product_target &target, integer k) {
  SHARED_ROOM(uint16_t, tiles);
  enum { GROUPS = SIDE / 32, TILE_HALVES = SIDE * HALF_LINE };  // groups of 16 rows in a warp
  uint16_t *const xs = tiles, *const ys = tiles + ROUNDED_STAGES * TILE_HALVES;
  const integer first_row = (integer)blockIdx.x * SIDE, first_column = (integer)blockIdx.y * SIDE;
  const int lane = LANE, warp = threadIdx.x / 32;
  const int down = warp / (SIDE / 32) * (SIDE / 2), along = warp % (SIDE / 32) * 32;
  const int slices = (int)((k + HALF_DEPTH - 1) / HALF_DEPTH);
  float sum[GROUPS][4][4] = {};
  rows.template begin<SIDE>(first_row);
  columns.template begin<SIDE>(first_column);
#pragma unroll
  for (int s = 0; s < ROUNDED_STAGES - 1; s++) {
    if (s < slices) {
      rows.template copy<SIDE>(xs + s * TILE_HALVES, s * HALF_DEPTH);
      columns.template copy<SIDE>(ys + s * TILE_HALVES, s * HALF_DEPTH);
    }
    copy_async_commit();
  }
  rows.template fetch<SIDE>(0);
  columns.template fetch<SIDE>(0);
#pragma unroll 1
  for (int s = 0; s < slices; s++) {
    uint16_t *x = xs + s % ROUNDED_STAGES * TILE_HALVES, *y = ys + s % ROUNDED_STAGES * TILE_HALVES;
    rows.template store<SIDE>(x);
    columns.template store<SIDE>(y);
    copy_async_wait<ROUNDED_STAGES - 2>();
    // One wait is enough: the buffers that are filled below were read before it.
    block_wait();
    const int next = s + ROUNDED_STAGES - 1;
    if (next < slices) {
      rows.template copy<SIDE>(xs + next % ROUNDED_STAGES * TILE_HALVES, next * HALF_DEPTH);
      columns.template copy<SIDE>(ys + next % ROUNDED_STAGES * TILE_HALVES, next * HALF_DEPTH);
    }
    copy_async_commit();
    if (s + 1 < slices) {
      rows.template fetch<SIDE>((s + 1) * HALF_DEPTH);
      columns.template fetch<SIDE>((s + 1) * HALF_DEPTH);
    }
#pragma unroll
    for (int p = 0; p < HALF_DEPTH; p += 16) {
      uint32_t left[GROUPS][4], right[2][4];
#pragma unroll
      for (int i = 0; i < GROUPS; i++) load_left<SIDE, Rows::TURNED>(left[i], x, down + i * 16, p);
#pragma unroll
      for (int j = 0; j < 2; j++) load_right<SIDE, Columns::TURNED>(right[j], y, along + j * 16, p);
#pragma unroll
      for (int i = 0; i < GROUPS; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
          multiply_16x8x16(sum[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
    }
  }
#pragma unroll
  for (int i = 0; i < GROUPS; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int half = 0; half < 2; half++)
        target.put_two(first_row + down + i * 16 + lane / 4 + half * 8,
                       first_column + along + j * 8 + lane % 4 * 2, sum[i][j][2 * half],
                       sum[i][j][2 * half + 1]);
}

// ---- products of matrices ------------------------------------------------------------------------

/// Rounds the lines of one factor, and lengthens them to whole units of 16 bytes by zeros. extra[0] is where they go,
/// extra[1] is 0 for the first factor.
KERNEL_OF(round_factor, matrix_product, 256) {
  const bool is_left = extra[1] == 0, is_bf16 = is_left ? a.a_bf16 : a.b_bf16;
  const bool lies_along_k = is_left ? a.a_column == 1 : a.b_row == 1;
  const void *x = is_left ? a.a.memory : a.b.memory;
  const integer others = is_left ? a.m : a.n;
  const integer stride = is_left ? (lies_along_k ? a.a_row : a.a_column)
                                 : (lies_along_k ? a.b_column : a.b_row);
  const integer length = lies_along_k ? a.k : others, line = rounded_line(length);
  ROWS(r) {
    uint32_t *to = (uint32_t *)((uint16_t *)extra[0] + r * line);
    for (integer two = threadIdx.x; two < line / 2; two += blockDim.x) {
      const integer c = 2 * two, at = r * stride + c;
      if (is_bf16) {
        const uint16_t *from = (const uint16_t *)x + at;
        to[two] = (c < length ? from[0] : 0u) | (c + 1 < length ? (uint32_t)from[1] << 16 : 0u);
      } else {
        const float *from = (const float *)x + at;
        to[two] = pack_bf16(c < length ? from[0] : 0.f, c + 1 < length ? from[1] : 0.f);
      }
    }
  }
}

#define LEFT_rows copied_rows rows(a.a.memory, a.a_row, a.m, a.k)
#define LEFT_columns copied_columns rows(a.a.memory, a.a_column, a.m, a.k)
#define RIGHT_rows copied_rows columns(a.b.memory, a.b_column, a.n, a.k)
#define RIGHT_columns copied_columns columns(a.b.memory, a.b_row, a.n, a.k)

/// Factors in bfloat16 whose lines are whole units of 16 bytes.
#define ROUNDED_PRODUCT(name, left, right, side, threads)                                          \
  KERNEL_OF(name, matrix_product, threads) {                                                       \
    LEFT_##left;                                                                                   \
    RIGHT_##right;                                                                                 \
    const product_target target{a.c.memory, a.c_row, AT(bias), a.m, a.n,                           \
                                a.accumulate, false, a.c_bf16};                                    \
    rounded_tile<side>(rows, columns, target, a.k);                                                \
  }
#define ROUNDED_PRODUCTS(left, right)                                                              \
  ROUNDED_PRODUCT(matrix_product_##left##_##right, left, right, 64, 128)                           \
  ROUNDED_PRODUCT(matrix_product_##left##_##right##_large, left, right, 128, 256)
ROUNDED_PRODUCTS(rows, rows)
ROUNDED_PRODUCTS(rows, columns)
ROUNDED_PRODUCTS(columns, rows)
ROUNDED_PRODUCTS(columns, columns)

// ---- products with packed weights ------------------------------------------------------------------

#define PACKED_FACTORS                                                                             \
  fetched_rows rows((const float *)a.x.memory, a.x_row, a.rows, a.inputs);                         \
  copied_rows columns(a.packed.memory, rounded_line(a.inputs), a.outputs, a.inputs);               \
  const product_target target{a.y.memory, a.y_row, AT(bias), a.rows, a.outputs, false, false, false}

KERNEL_OF(multiply_packed_rounded, multiply_packed, 128) {
  PACKED_FACTORS;
  rounded_tile<64>(rows, columns, target, a.inputs);
}

KERNEL_OF(multiply_packed_rounded_large, multiply_packed, 256) {
  PACKED_FACTORS;
  rounded_tile<128>(rows, columns, target, a.inputs);
}

#define WINDOW_FACTORS                                                                             \
  const integer depth = a.shape.kernel_height * a.shape.kernel_width * a.shape.channels;           \
  fetched_windows rows((const float *)a.x.memory, a.shape, a.pixels, depth);                       \
  copied_rows columns(a.packed.memory, rounded_line(depth), a.outputs, depth);                     \
  const product_target target{a.y.memory, a.y_row, AT(bias), a.pixels, a.outputs, false, a.relu, false}

KERNEL_OF(convolve_rounded, convolve, 128) {
  WINDOW_FACTORS;
  rounded_tile<64>(rows, columns, target, depth);
}

KERNEL_OF(convolve_rounded_large, convolve, 256) {
  WINDOW_FACTORS;
  rounded_tile<128>(rows, columns, target, depth);
}
