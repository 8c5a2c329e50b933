#include "kernels.h"
#include "variants.h"

int32_t kernels_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
    return KERNELS_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return KERNELS_AVX2;
#endif
  return KERNELS_BASE;
}

const kernels *kernels_float32(int32_t level) {
#if defined(__x86_64__)
  if (level >= KERNELS_AVX512) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16") ? kernels_avx512_bf16_float32()
                                                : kernels_avx512_float32();
  }
  if (level >= KERNELS_AVX2) return kernels_avx2_float32();
#endif
  (void)level;
  return kernels_base_float32();
}

const kernels *kernels_float64(void) { return kernels_base_float64(); }
