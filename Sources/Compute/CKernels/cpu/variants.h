// The compiled tables, each in its own translation unit.
#pragma once
#include "kernels.h"

const kernels *kernels_base_float32(void);
const kernels *kernels_base_float64(void);
#if defined(__x86_64__)
const kernels *kernels_avx2_float32(void);
const kernels *kernels_avx512_float32(void);
const kernels *kernels_avx512_bf16_float32(void);
#endif
