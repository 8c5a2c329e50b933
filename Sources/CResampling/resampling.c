#include "resampling.h"

#include <stdlib.h>
#include <string.h>

// Compiled once for every processor and once for those with wider integers; chosen when the program
// is loaded.
#if defined(__x86_64__)
#define WIDEST __attribute__((target_clones("default", "avx2")))
#else
#define WIDEST
#endif

enum { block = 16, half = 1 << (resampling_fraction_bits - 1) };

static inline uint8_t clipped(int32_t sum) {
  int32_t value = sum >> resampling_fraction_bits;
  return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

// Sixteen rows side by side, so that neighbours in memory get one weight.
WIDEST static void rows_block(uint8_t *restrict out, const uint8_t *restrict in, int64_t rows,
                              int64_t in_width, int64_t width, int32_t channels,
                              resampling_axis axis, uint8_t *restrict turned) {
  int64_t in_row = in_width * channels;
  for (int64_t r = 0; r < rows; r++) {
    const uint8_t *from = in + r * in_row;
    for (int64_t x = 0; x < in_row; x++) turned[x * block + r] = from[x];
  }
  for (int64_t x = 0; x < width; x++) {
    const int32_t *weights = axis.weights + x * axis.most;
    for (int32_t c = 0; c < channels; c++) {
      int32_t sum[block];
      for (int r = 0; r < block; r++) sum[r] = half;
      const uint8_t *from = turned + ((int64_t)axis.first[x] * channels + c) * block;
      for (int32_t k = 0; k < axis.count[x]; k++) {
        int32_t weight = weights[k];
        for (int r = 0; r < block; r++) sum[r] += weight * from[r];
        from += (int64_t)channels * block;
      }
      uint8_t made[block];
      for (int r = 0; r < block; r++) made[r] = clipped(sum[r]);
      uint8_t *to = out + x * channels + c;
      for (int64_t r = 0; r < rows; r++) to[r * width * channels] = made[r];
    }
  }
}

int resample_rows(uint8_t *out, const uint8_t *in, int64_t rows, int64_t in_width, int64_t width,
                  int32_t channels, resampling_axis axis) {
  uint8_t *turned = calloc((size_t)(in_width * channels), block);
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
