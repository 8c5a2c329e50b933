// Resampling of 8-bit pixels with weights of 22 fraction bits: Pillow, src/libImaging/Resample.c.
// Integers only, so that every CPU gives the same bytes.
#pragma once
#include <stdint.h>

enum { resampling_fraction_bits = 22 };

/// Weights of one axis: output i is the sum over k < count[i] of weights[i * most + k] times the
/// input at first[i] + k.
typedef struct {
  const int32_t *first, *count, *weights;
  int32_t most;
} resampling_axis;

/// out[rows, width, channels] from in[rows, in_width, channels]. `channels` is 1 or 3. Returns 0
/// when out of memory.
int resample_rows(uint8_t *out, const uint8_t *in, int64_t rows, int64_t in_width, int64_t width,
                  int32_t channels, resampling_axis axis);

/// out[height, row] from in[in_height, row]; `row` counts bytes.
void resample_columns(uint8_t *out, const uint8_t *in, int64_t row, int64_t height,
                      resampling_axis axis);

/// Makes malloc keep freed memory: pictures of half a megabyte come and go, and the system would
/// clear new pages for each. It affects the whole process, so only a main program calls it.
void keep_freed_memory(void);

/// Sum of the squared differences of `count` bytes, here because this target is as fast in debug builds.
int64_t squared_differences(const uint8_t *left, const uint8_t *right, int64_t count);
