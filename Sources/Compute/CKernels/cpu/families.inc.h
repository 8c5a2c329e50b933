// Kernels of one thread in one translation unit; the including file has set REAL, VECTOR_BYTES,
// TILE_ROWS, SQUARE_ROOT, TABLE, TABLE_NAME and the instruction set.
#include "elementwise.inc.h"
#include "moving.inc.h"
#include "gemm.inc.h"
#include "norm.inc.h"
#include "attention.inc.h"
#include "reduction.inc.h"
#include "convolution.inc.h"
#include "optimizer.inc.h"
