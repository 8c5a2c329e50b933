// The float table for AVX2 and FMA.
#include "kernel.h"
#if defined(__x86_64__)
#define REAL float
#define REAL_IS_FLOAT 1
#define VECTOR_BYTES 32
#define TILE_ROWS 6
#define SQUARE_ROOT __builtin_sqrtf
#define TABLE table
#define ROUNDED_TABLE rounded_table
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "families.inc.h"
#include "shares.inc.h"
#pragma clang attribute pop

const struct kernel_table *kernels_avx2_float32(void) { return &table; }
const struct kernel_table *kernels_avx2_bfloat16(void) { return &rounded_table; }
#endif
