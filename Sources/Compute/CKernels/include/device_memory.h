// Memory of a device.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Memory for tensors; safe for many threads. Guarded memory is closed to the host: a read or write
/// outside of memory_open and memory_close ends the program with SIGSEGV.
typedef struct memory memory;

/// Null if guarded memory cannot be reserved.
memory *memory_create(bool guarded);
void memory_destroy(memory *memory);

/// A block in whole cache lines; one of at least 1 MiB is of whole pages, aligned to what a page
/// table maps if it is as large, and the kernel may use huge pages for it. Null if there is none.
void *memory_take(memory *memory, size_t bytes);
void memory_release(memory *memory, void *block, size_t bytes);

/// Between the two, the memory may be used; they nest, over all threads.
void memory_open(memory *memory);
void memory_close(memory *memory);
