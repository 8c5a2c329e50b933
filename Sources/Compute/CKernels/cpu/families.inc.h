// Kernels of one thread in one translation unit; the including file has set REAL, VECTOR_BYTES,
// TILE_ROWS, SQUARE_ROOT, TABLE and the instruction set.
#include "elementwise.inc.h"
#include "moving.inc.h"
#include "gemm.inc.h"
#include "norm.inc.h"
#include "attention.inc.h"
#include "reduction.inc.h"
#define STORED REAL
#define READ(x) (x)
#define NAMED(function) function
#include "columns.inc.h"
#if REAL_IS_FLOAT
#define STORED uint16_t
#define READ(x) widened_bf16(x)
#define NAMED(function) rounded_##function
#include "columns.inc.h"
#endif
#include "convolution.inc.h"
#include "optimizer.inc.h"
