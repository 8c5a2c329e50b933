// A device: a CPU that runs operations on its threads, or the GPU whose memory it is given.
#pragma once
#include "device_memory.h"
#include "operations.h"

typedef struct device device;

/// Instruction sets in rising order; 0 runs anywhere the program runs.
enum { KERNELS_BASE = 0, KERNELS_AVX2 = 1, KERNELS_AVX512 = 2 };
/// The highest level that this CPU has.
int32_t kernels_level(void);

/// A device of `threads` threads, including the caller's, on an instruction set of at most
/// kernels_level(). Null if a thread cannot start. The memory must outlive it.
device *device_create(int32_t threads, int32_t level, struct memory *memory);
void device_destroy(device *device);
/// Whether `rounded` changes a product.
bool device_multiplies_bf16(const device *device);
/// Number of bytes of packed weights [outputs, inputs] of an element type.
integer device_packed_bytes(const device *device, int32_t type, integer outputs, integer inputs,
                            bool rounded);

/// Runs operations one after the other. One thread at a time may use a device. A GPU has started them
/// when this returns.
void device_run(device *device, const struct operation *operations, integer count);
/// Runs operations that have run before with the same arguments, and will again. `*graph` is NULL before
/// the first time, and belongs to the device until `device_forget_program`.
void device_run_program(device *device, const struct operation *operations, integer count,
                        void **graph);
void device_forget_program(device *device, void *graph);
/// Returns when all operations are done.
void device_wait(device *device);
/// Runs work of the host on all threads: body over [0, count), one contiguous range per thread.
void device_run_on_host(device *device, integer count, integer cost, void *context,
                        void (*body)(const void *context, integer begin, integer end));

/// Cost of the operations of one kind since `device_profile`.
struct SWIFT_NAME("OperationProfile") operation_profile {
  integer count;
  double seconds, operations, bytes;
};
/// Adds the cost of operations to `rows`, one for each kind, from now on; null ends it.
void device_profile(device *device, struct operation_profile *rows);
/// The row's name: as `rms_norm`.
const char *operation_name(int32_t kind);
/// Element operations and bytes moved, each number counted once, of an operation.
void operation_cost(const struct operation *operation, double *operations, double *bytes);
