// The float table for AVX-512.
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels.h"
#include "variants.h"
#include "../workspace.h"
#if defined(__x86_64__)
#define REAL float
#define REAL_IS_FLOAT 1
#define VECTOR_BYTES 64
#define TILE_ROWS 12
#define SQUARE_ROOT __builtin_sqrtf
#define TABLE_NAME "avx512_float32"
#define TABLE table
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)
#include "families.inc.h"
#pragma clang attribute pop

const kernels *kernels_avx512_float32(void) { return &table; }

// The same table with bfloat16 products.
#include "gemm_bf16.inc.h"
#undef TABLE
#define TABLE table_bf16
#undef TABLE_NAME
#define TABLE_NAME "avx512_bf16_float32"
#define TABLE_HAS_BF16 1
#include "table.inc.h"

const kernels *kernels_avx512_bf16_float32(void) { return &table_bf16; }
#endif
