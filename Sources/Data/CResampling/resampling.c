#include "resampling.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

// Compiled once for every CPU and once for those with wider integers; chosen when the program is
// loaded, which is before ThreadSanitizer is there for the function that chooses.
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define WIDEST __attribute__((target_clones("default", "avx2")))
#else
#define WIDEST
#endif
#define INLINE static inline __attribute__((always_inline))

enum { block = 16, half = 1 << (resampling_fraction_bits - 1) };

INLINE uint8_t clipped(int32_t sum) {
  int32_t value = sum >> resampling_fraction_bits;
  return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

typedef uint8_t bytes16 __attribute__((vector_size(block)));

// Turns columns into rows by four rounds of interleaving the first half with the second.
INLINE void transpose(bytes16 tile[block]) {
  bytes16 other[block];
  for (int round = 0; round < 4; round++) {
    bytes16 *from = round % 2 ? other : tile, *to = round % 2 ? tile : other;
    for (int i = 0; i < block / 2; i++) {
      bytes16 a = from[i], b = from[i + block / 2];
      to[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      to[2 * i + 1] =
          __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
  }
}

// Sixteen rows side by side, so that neighbours in memory share a weight. `turned` has room for the
// rows' bytes and fifteen more columns.
WIDEST static void rows_block(uint8_t *restrict out, const uint8_t *restrict in, int64_t rows,
                              int64_t in_width, int64_t width, int32_t channels,
                              resampling_axis axis, uint8_t *restrict turned) {
  int64_t in_row = in_width * channels, out_row = width * channels;
  bytes16 tile[block] = {{0}};
  for (int64_t x = 0; x < in_row; x += block) {
    size_t count = in_row - x < block ? (size_t)(in_row - x) : block;
    for (int64_t r = 0; r < rows; r++) memcpy(&tile[r], in + r * in_row + x, count);
    transpose(tile);
    memcpy(turned + x * block, tile, sizeof tile);
  }
  for (int64_t i = 0; i < out_row; i++) {
    int64_t x = i / channels, c = i % channels;
    const int32_t *weights = axis.weights + x * axis.most;
    int32_t sum[block];
    for (int r = 0; r < block; r++) sum[r] = half;
    const uint8_t *from = turned + ((int64_t)axis.first[x] * channels + c) * block;
    for (int32_t k = 0; k < axis.count[x]; k++) {
      int32_t weight = weights[k];
      for (int r = 0; r < block; r++) sum[r] += weight * from[r];
      from += (int64_t)channels * block;
    }
    uint8_t *made = (uint8_t *)&tile[i % block];
    for (int r = 0; r < block; r++) made[r] = clipped(sum[r]);
    if (i % block == block - 1 || i == out_row - 1) {
      size_t count = (size_t)(i % block + 1);
      transpose(tile);
      for (int64_t r = 0; r < rows; r++) memcpy(out + r * out_row + i + 1 - count, &tile[r], count);
    }
  }
}

int resample_rows(uint8_t *out, const uint8_t *in, int64_t rows, int64_t in_width, int64_t width,
                  int32_t channels, resampling_axis axis) {
  uint8_t *turned = calloc((size_t)(in_width * channels + block), block);
  if (!turned) return 0;
  for (int64_t r = 0; r < rows; r += block) {
    int64_t count = rows - r < block ? rows - r : block;
    rows_block(out + r * width * channels, in + r * in_width * channels, count, in_width, width,
               channels, axis, turned);
  }
  free(turned);
  return 1;
}

WIDEST void resample_columns(uint8_t *restrict out, const uint8_t *restrict in, int64_t row,
                             int64_t height, resampling_axis axis) {
  enum { width = 64 };
  for (int64_t y = 0; y < height; y++) {
    const int32_t *weights = axis.weights + y * axis.most;
    const uint8_t *top = in + axis.first[y] * row;
    int64_t x = 0;
    for (; x + width <= row; x += width) {
      int32_t sum[width];
      for (int i = 0; i < width; i++) sum[i] = half;
      for (int32_t k = 0; k < axis.count[y]; k++) {
        const uint8_t *from = top + k * row + x;
        int32_t weight = weights[k];
        for (int i = 0; i < width; i++) sum[i] += weight * from[i];
      }
      for (int i = 0; i < width; i++) out[y * row + x + i] = clipped(sum[i]);
    }
    for (; x < row; x++) {
      int32_t sum = half;
      for (int32_t k = 0; k < axis.count[y]; k++) sum += weights[k] * top[k * row + x];
      out[y * row + x] = clipped(sum);
    }
  }
}

void keep_freed_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}
