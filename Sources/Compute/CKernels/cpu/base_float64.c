// The double table: gradient checks and oracles.
#include "kernel.h"

#define REAL double
#define REAL_IS_FLOAT 0
#define VECTOR_BYTES 16
#define TILE_ROWS 4
#define SQUARE_ROOT __builtin_sqrt
#define TABLE table
#include "families.inc.h"
#include "shares.inc.h"

const struct kernel_table *kernels_base_float64(void) { return &table; }

