// The C library's allocation functions, with a count. An executable's own definitions take
// precedence over the library's for everything that is loaded with it (ld.so(8)).
#include "allocation_count.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

// A sanitizer replaces the same functions and needs its own.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

bool allocations_are_counted(void) { return false; }
uint64_t allocations_of_process(void) { return 0; }
uint64_t allocations_of_thread(void) { return 0; }

#else

static _Atomic uint64_t all;
static _Thread_local uint64_t mine;

static void count(void) {
  atomic_fetch_add_explicit(&all, 1, memory_order_relaxed);
  mine++;
}

bool allocations_are_counted(void) { return true; }
uint64_t allocations_of_process(void) { return atomic_load(&all); }
uint64_t allocations_of_thread(void) { return mine; }

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  count();
  return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
  count();
  return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
  void *address = memalign(alignment, size);
  if (!address) return ENOMEM;
  *out = address;
  return 0;
}

#endif
