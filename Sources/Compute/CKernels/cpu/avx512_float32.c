// The float table for AVX-512.
#include "kernel.h"
#if defined(__x86_64__)
#define REAL float
#define REAL_IS_FLOAT 1
#define VECTOR_BYTES 64
#define TILE_ROWS 12
#define SQUARE_ROOT __builtin_sqrtf
#define TABLE table
#define ROUNDED_TABLE rounded_table
#define AVX512 "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"
#pragma clang attribute push(__attribute__((target(AVX512))), apply_to = function)
#include "families.inc.h"
#pragma clang attribute pop

// Products in bfloat16, for processors that have them.
#define HAS_BF16 1
#include "gemm_bf16.inc.h"

#pragma clang attribute push(__attribute__((target(AVX512))), apply_to = function)
#include "shares.inc.h"
#pragma clang attribute pop

const struct kernel_table *kernels_avx512_float32(void) { return &table; }
const struct kernel_table *kernels_avx512_bfloat16(void) { return &rounded_table; }
#endif
