// Resampling of 8-bit pixels with weights of 22 fraction bits: Pillow, src/libImaging/Resample.c.
// Integers alone, so that every processor gives the same bytes.
#pragma once
#include <stdint.h>

enum { resampling_fraction_bits = 22 };

/// Weights of one axis: output i is the sum over k < count[i] of weights[i * most + k] times the input
/// at first[i] + k.
typedef struct {
  const int32_t *first, *count, *weights;
  int32_t most;
} resampling_axis;

/// out[rows, width, channels] from in[rows, in_width, channels]. `channels` is 1 or 3. Returns 0 where
/// memory ends.
int resample_rows(uint8_t *out, const uint8_t *in, int64_t rows, int64_t in_width, int64_t width,
                  int32_t channels, resampling_axis axis);

/// out[height, row] from in[in_height, row], where `row` counts bytes.
void resample_columns(uint8_t *out, const uint8_t *in, int64_t row, int64_t height,
                      resampling_axis axis);

/// Has malloc keep what is freed. Pictures of half a megabyte come and go, and the system would clear
/// fresh pages for each of them. For the whole process, so its main program decides.
void keep_freed_memory(void);
