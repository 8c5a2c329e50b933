// Errors of devices, and the compilation of the kernels of NVIDIA GPUs.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Errors by which a device ends the program.
enum {
  DEVICE_LOST = 0,       // a fault of the machine: no memory, no driver, a GPU that has failed
  DEVICE_MISTAKE = 1,    // a fault of the program
};
/// Sets the function that ends the program after an error of a device, with a sentence. It does not
/// return. Without it, the sentence goes to standard error and the exit code is 71 or 70.
void device_on_failure(void (*end)(int32_t fault, const char *sentence));
/// The words that end the sentence about memory that a device lacks: what a user may lower.
void device_set_memory_advice(const char *advice);

/// Compiles every kernel for an architecture, as "sm_90a", without a GPU, writes each image to `folder`,
/// where PRA_CUDA_CACHE may point on another machine, and reports the compiler's log of each. False, with
/// the log in `why`, if one does not compile.
bool cuda_compile_all(const char *architecture, const char *folder,
                      void (*report)(void *context, const char *family, const char *type,
                                     const char *log),
                      void *context, char *why, size_t n);
