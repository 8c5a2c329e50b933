// Headers and words of the files of kernels.
#pragma once
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "exchange.h"
#include "operations.h"
#include "philox.h"
#include "../numbers.h"
#include "../workspace.h"
#include "tables.h"

/// A function of one operation. It is never inlined: how a compiler contracts and associates a sum
/// depends on what it knows of the arguments, and all callers shall have the same bits.
#define KERNEL static __attribute__((noinline))

/// Unpacks the arguments of an operation for its kernel.
#define UNPACK(name, ...)                                                    \
  static void share_of_##name(const void *op_, integer begin, integer end) { \
    const struct name##_arguments *op = op_;                                 \
    name(__VA_ARGS__, begin, end);                                           \
  }
/// The same for a kernel that reads the struct by itself.
#define PASS(name)                                                          \
  static void share_of_##name(const void *op, integer begin, integer end) { \
    name(op, begin, end);                                                   \
  }
/// Working memory of the calling thread, in elements.
#define SCRATCH(elements) \
  thread_workspace(WORKSPACE_OF_OPERATION, (size_t)(elements) * sizeof(REAL))
