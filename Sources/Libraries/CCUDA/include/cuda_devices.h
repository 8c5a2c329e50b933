// The NVIDIA GPUs of this machine, their driver and their compiler.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A GPU as its driver names it.
struct cuda_device_info {
  char name[128];
  int32_t major, minor, multiprocessors;
  size_t memory;
};

/// Number of GPUs; 0 with a reason in `why` (of `n` bytes) if the driver is missing or reports an error.
int32_t cuda_device_count(char *why, size_t n);
/// Whether GPU `ordinal` exists and answers.
bool cuda_device_describe(int32_t ordinal, struct cuda_device_info *info);
/// Version of the driver, as 13000; 0 without one.
int32_t cuda_driver_version(void);
/// Version of NVRTC, as 13000, and its file; 0 with a reason in `why` if it is missing.
int32_t cuda_compiler_version(char *path, size_t path_size, char *why, size_t n);
/// Whether cuBLASLt is there, and its file; otherwise a reason in `why`.
bool cuda_blas_describe(char *path, size_t path_size, char *why, size_t n);
/// Version of NCCL, as 22703, and its file; 0 with a reason in `why` if it is missing.
int32_t cuda_nccl_version(char *path, size_t path_size, char *why, size_t n);
