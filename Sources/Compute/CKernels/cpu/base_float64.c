// The double table: gradient checks and oracles.
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels.h"
#include "variants.h"
#include "../workspace.h"

#define REAL double
#define REAL_IS_FLOAT 0
#define VECTOR_BYTES 16
#define TILE_ROWS 4
#define SQUARE_ROOT __builtin_sqrt
#define TABLE_NAME "base_float64"
#define TABLE table
#include "families.inc.h"

const kernels *kernels_base_float64(void) { return &table; }

