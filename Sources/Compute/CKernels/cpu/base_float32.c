// The float table for any processor.
#include "kernel.h"

#define REAL float
#define REAL_IS_FLOAT 1
#define VECTOR_BYTES 16
#define TILE_ROWS 4
#define SQUARE_ROOT __builtin_sqrtf
#define TABLE table
#define ROUNDED_TABLE rounded_table
#include "families.inc.h"
#include "shares.inc.h"

const struct kernel_table *kernels_base_float32(void) { return &table; }
const struct kernel_table *kernels_base_bfloat16(void) { return &rounded_table; }

