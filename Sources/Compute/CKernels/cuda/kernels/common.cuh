// Definitions that the kernels of all families share.
#pragma once

#define AT(field) ((REAL *)a.field.memory)
#define ST(field) ((stored *)a.field.memory)
/// Rows of a kernel that gives each row a block, and columns within one.
#define ROWS(r) for (integer r = blockIdx.x; r < extent; r += gridDim.x)
#define COLUMNS(c) for (integer c = threadIdx.x; c < width; c += blockDim.x)
/// Elements, each by one thread.
#define ELEMENTS(i, count)                                                                      \
  for (integer i = (integer)blockIdx.x * blockDim.x + threadIdx.x, i##_end = (count); i < i##_end; \
       i += (integer)gridDim.x * blockDim.x)
/// Rows of a kernel that gives each row a warp, and columns within one. All lanes of a warp are at
/// the same row.
#define WARP_ROWS(r)                                                                          \
  for (integer r = ((integer)blockIdx.x * blockDim.x + threadIdx.x) / 32; r < extent;         \
       r += (integer)gridDim.x * blockDim.x / 32)
#define LANE (threadIdx.x % 32)
#define LANE_COLUMNS(c) for (integer c = LANE; c < width; c += 32)

DEVICE float exponential(float x) { return expf(x); }
DEVICE double exponential(double x) { return exp(x); }
DEVICE float square_root(float x) { return sqrtf(x); }
DEVICE double square_root(double x) { return sqrt(x); }
/// x y + z, rounded once. Nothing else is contracted, so that equal text has equal bits everywhere.
DEVICE float fused(float x, float y, float z) { return fmaf(x, y, z); }
DEVICE double fused(double x, double y, double z) { return fma(x, y, z); }
DEVICE REAL sigmoid(REAL x) { return 1 / (1 + exponential(-x)); }

/// The nearest bfloat16, ties to even; a NaN stays a NaN.
DEVICE uint16_t rounded_to_bf16(REAL x) {
  const uint32_t bits = float_as_bits((float)x);
  const uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : nearest);
}
DEVICE REAL widened_bf16(uint16_t x) { return (REAL)bits_as_float((uint32_t)x << 16); }

#if STORED_IS_BFLOAT16
/// An activation in memory: rounded when it is written.
struct stored {
  uint16_t bits;
  DEVICE operator float() const { return widened_bf16(bits); }
  DEVICE stored &operator=(float x) {
    bits = rounded_to_bf16(x);
    return *this;
  }
};
#else
typedef REAL stored;
#endif
