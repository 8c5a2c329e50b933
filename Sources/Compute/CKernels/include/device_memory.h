// Memory of a device.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Memory for tensors; safe for many threads. Guarded memory is closed to the host: a read or write
/// outside of memory_open and memory_close ends the program with SIGSEGV. Memory of a GPU is never
/// open.
typedef struct memory memory;

enum { MEMORY_PLAIN = 0, MEMORY_GUARDED = 1, MEMORY_CUDA = 2 };
/// Null if guarded memory cannot be reserved; for a GPU, the one of number `ordinal`, which ends the
/// program if there is none (cuda.h).
memory *memory_create(int32_t kind, int32_t ordinal);
/// Whether the host can use the memory between memory_open and memory_close. Otherwise it copies.
bool memory_opens(const memory *memory);
/// Copies to or from memory that does not open, after all operations so far. Any thread may call it.
void memory_read(memory *memory, void *to, const void *from, size_t bytes);
void memory_write(memory *memory, void *to, const void *from, size_t bytes);
void memory_destroy(memory *memory);
/// A GPU's number and name, as cuda:0 (NVIDIA H200); empty for memory of a CPU.
void memory_describe(const memory *memory, char *text, size_t n);

/// A block in whole cache lines; one of at least 1 MiB is of whole pages, aligned to what a page
/// table maps if it is as large, and the kernel may use huge pages for it. Null if there is none.
void *memory_take(memory *memory, size_t bytes);

/// Ends the process, which the system has refused so many bytes: says so on standard error, in a sentence that
/// begins with "error: ", and exits with EX_OSERR of sysexits.h, which to whoever started it is a lack of the host.
_Noreturn void memory_lacking(size_t bytes);
void memory_release(memory *memory, void *block, size_t bytes);

/// Between the two, the memory may be used; they nest, over all threads.
void memory_open(memory *memory);
void memory_close(memory *memory);
