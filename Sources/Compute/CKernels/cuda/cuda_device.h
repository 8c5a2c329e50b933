// One GPU: its context, streams, memory and kernels.
#pragma once
#include <pthread.h>

#include "../cpu/tables.h"
#include "cuda.h"
#include "cuda_devices.h"
#include "cuda_driver.h"
#include "limits.h"
#include "launches.h"

/// A workspace that was too small. Recorded graphs may still use it.
struct retired_memory {
  cu_address address;
  struct retired_memory *next;
};

/// The graph of the sampler's integration that ran last: graph.c.
struct kept_integration;

/// cuBLASLt and its plans: blas.c.
struct blas;

struct cuda {
  const struct cuda_driver *driver;
  const struct cuda_compiler *compiler;  // NULL where kernels were compiled before
  int ordinal, device, multiprocessors;
  char name[128], architecture[16];
  cu_handle context, stream, copies, done;
  /// By element type; some kernels have no form in one of them.
  cu_handle functions[KERNEL_COUNT][3];
  cu_handle modules[FAMILY_COUNT][3];
  /// Whether every operation is waited for, so that an error names it (PRA_CUDA_BLOCKING=1).
  bool blocking;
  bool capturing;
  /// The operation that was started last.
  int32_t last;
  cu_address workspace;
  size_t workspace_bytes;
  struct retired_memory *retired;
  struct kept_integration *integration;
  struct blas *blas;
  /// Held while other threads must not use the stream.
  pthread_mutex_t lock;
};

// ---- errors: device_failure.c --------------------------------------------------------------------

/// Ends the program by the handler of `device_on_failure`.
__attribute__((noreturn, format(printf, 2, 3))) void device_fail(int32_t fault, const char *format,
                                                                 ...);
const char *device_memory_advice(void);
/// Ends the program if `error` is none of the driver's successes; `what` failed.
void cuda_check(const struct cuda *cuda, int error, const char *what);

// ---- cuda_device.c -------------------------------------------------------------------------------

struct cuda *cuda_create(int32_t ordinal);
void cuda_destroy(struct cuda *cuda);
void *cuda_take(struct cuda *cuda, size_t bytes);
void cuda_release(struct cuda *cuda, void *block);
/// Copies memory of the device once all operations so far are done; any thread may call it.
void cuda_read(struct cuda *cuda, void *to, const void *from, size_t bytes);
void cuda_write(struct cuda *cuda, void *to, const void *from, size_t bytes);
/// Makes the GPU that of the calling thread.
void cuda_begin(struct cuda *cuda);
/// Waits for all operations.
void cuda_wait(struct cuda *cuda);
/// At least `bytes` of working memory, until the next operation.
void *cuda_workspace(struct cuda *cuda, size_t bytes);

/// The GPU whose memory it is, or NULL: device_memory.c.
struct cuda *memory_cuda(const struct memory *memory);

// ---- modules.c -----------------------------------------------------------------------------------

/// A kernel, compiled or loaded at its first use.
cu_handle cuda_function(struct cuda *cuda, enum cuda_kernel kernel, int32_t type);

// ---- launches.c ----------------------------------------------------------------------------------

struct cuda_grid { integer x, y, z; unsigned threads; size_t shared; };
/// Starts a kernel with an operation as its parameter.
void cuda_launch(struct cuda *cuda, enum cuda_kernel kernel, const struct operation *operation,
                 struct cuda_grid grid);
/// Starts an operation.
void cuda_start(struct cuda *cuda, const struct operation *operation);
/// Makes both factors of a rounded product matrices of bfloat16 in whole units of 16 bytes: those that are none are
/// rounded into working memory.
void cuda_round_factors(struct cuda *cuda, struct operation *product);
integer cuda_packed_bytes(int32_t type, integer outputs, integer inputs, bool rounded);

// ---- blas.c --------------------------------------------------------------------------------------

/// Starts a product whose factors are matrices of bfloat16 in whole units of 16 bytes, in an order of additions that may
/// depend on the sizes. False where it cannot.
bool cuda_multiply(struct cuda *cuda, const struct operation *product);
void cuda_forget_products(struct cuda *cuda);

// ---- graphs.c ------------------------------------------------------------------------------------

/// The kernels that `work` starts, as a graph that can be launched.
cu_handle cuda_capture(struct cuda *cuda, void (*work)(struct cuda *, const void *),
                       const void *context);
/// Starts operations that will be repeated with the same arguments; `*graph` is NULL at first.
void cuda_start_program(struct cuda *cuda, const struct operation *operations, integer count,
                        void **graph);
void cuda_forget_program(struct cuda *cuda, void *graph);

// ---- integrator.c --------------------------------------------------------------------------------

/// Frees the graph that was kept.
void cuda_forget_integration(struct cuda *cuda);
void cuda_integrate(struct cuda *cuda, const struct operation *operation);
