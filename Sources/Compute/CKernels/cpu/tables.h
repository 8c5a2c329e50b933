// The compiled tables, each in its own translation unit, and the device that runs them.
#pragma once
#include "device.h"
#include "operations.h"

typedef void share_function(const void *context, integer begin, integer end);

/// One operation of a table: either a function of a range of indices, shared out in multiples of
/// `unit`, or one that shares its work out by itself.
struct kernel {
  share_function *share;
  integer unit;
  void (*whole)(struct device *device, const void *arguments);
};

struct kernel_table {
  integer (*packed_bytes)(const struct device *device, integer outputs, integer inputs,
                          bool rounded);
  struct kernel kernels[OPERATION_COUNT];
};

const struct kernel_table *kernels_base_float32(void);
const struct kernel_table *kernels_base_bfloat16(void);
const struct kernel_table *kernels_base_float64(void);
#if defined(__x86_64__)
const struct kernel_table *kernels_avx2_float32(void);
const struct kernel_table *kernels_avx2_bfloat16(void);
const struct kernel_table *kernels_avx512_float32(void);
const struct kernel_table *kernels_avx512_bfloat16(void);
#endif

struct device {
  struct thread_pool *pool;
  integer threads;
  /// By element type. Some operations have no form in bfloat16.
  const struct kernel_table *tables[3];
  bool multiplies_bf16;
  struct memory *memory;
  /// The GPU that runs operations instead of the threads, or NULL.
  struct cuda *cuda;
  void *workspace;
  size_t workspace_bytes;
  struct operation_profile *profile;
};

/// Runs `body` over [0, count) in one contiguous share per thread, or here if that does not pay.
/// - cost: element operations per index
void device_share(struct device *device, integer count, integer cost, share_function *body,
                  const void *context);
/// Runs an operation that is part of another one.
void device_run_part(struct device *device, const struct operation *operation);
/// At least `bytes` that all threads of an operation share, until its end.
void *device_workspace(struct device *device, size_t bytes);
