// Philox4x32-10, a counter-based generator. Salmon et al. 2011; the use of key and counter is
// model.md section 6.
#pragma once
#include <stdint.h>

/// The four words for counter (block, a, b, stream) with a 64-bit key.
void philox4x32_10(uint32_t out[4], const uint32_t counter[4], uint64_t key);
/// Uniforms (u32 >> 8) * 2^-24 + 2^-25 for elements [first, first + count) of a stream.
void philox_uniform(double *out, int64_t first, int64_t count, uint64_t key, uint32_t a,
                    uint32_t b, uint32_t stream);
/// Normals by Box-Muller in float64 for elements [first, first + count) of a stream.
void philox_normal(double *out, int64_t first, int64_t count, uint64_t key, uint32_t a,
                   uint32_t b, uint32_t stream);
/// Maps numbers in place: PHILOX_PLAIN, PHILOX_AFFINE, PHILOX_SIGMOID of arguments.h.
void philox_map(double *x, int64_t count, int32_t map, double offset, double factor);
