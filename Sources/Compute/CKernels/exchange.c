#define _GNU_SOURCE
#include "exchange.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/// Smaller blocks are copied faster than remapped.
#define LEAST (256 << 10)
/// Memory mapped by one page table; between blocks with equal offsets in it, whole tables move.
#define TABLE ((size_t)2 << 20)

/// The old range stays mapped but empty: another thread's mapping could take a hole.
static int move(void *to, void *from, size_t bytes) {
  return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to ? 0 : -1;
}

static void must_move(void *to, void *from, size_t bytes) {
  if (move(to, from, bytes)) {
    perror("mremap: memory cannot be put back");
    abort();
  }
}

/// Returns 0, or -1 if nothing has changed.
static int exchange_pages(char *a, char *b, size_t bytes) {
  char *reserved = mmap(NULL, bytes + TABLE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return -1;
  char *between = reserved + ((uintptr_t)a - (uintptr_t)reserved) % TABLE;
  int failed = move(between, a, bytes);
  if (!failed && move(a, b, bytes)) {
    must_move(a, between, bytes);
    failed = -1;
  } else if (!failed && move(b, between, bytes)) {
    must_move(b, a, bytes);
    must_move(a, between, bytes);
    failed = -1;
  }
  munmap(reserved, bytes + TABLE);
  return failed;
}

static void exchange_bytes(char *a, char *b, size_t bytes) {
  char held[4096];
  for (size_t done = 0; done < bytes; done += sizeof held) {
    const size_t n = bytes - done < sizeof held ? bytes - done : sizeof held;
    memcpy(held, a + done, n);
    memcpy(a + done, b + done, n);
    memcpy(b + done, held, n);
  }
}

void blocks_exchange(void *a, void *b, size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const int are_pages = ((uintptr_t)a | (uintptr_t)b | bytes) % page == 0;
  if (bytes < LEAST || !are_pages || exchange_pages(a, b, bytes)) exchange_bytes(a, b, bytes);
}

void block_touch(void *address, size_t bytes) {
  // In pieces, since mappings of other threads wait while one is populated.
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), piece = 16 * page;
  char *from = (char *)(((uintptr_t)address + page - 1) / page * page);
  char *const end = (char *)(((uintptr_t)address + bytes) / page * page);
  for (; from < end; from += piece) {
    const size_t rest = (size_t)(end - from);
    if (madvise(from, rest < piece ? rest : piece, MADV_POPULATE_WRITE)) return;
  }
}

void block_write(void *address, size_t bytes) {
  // Volatile, so that the compiler cannot remove the addition of zero.
  static volatile char nothing = 0;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (size_t at = 0; at < bytes; at += page)
    __atomic_fetch_add((char *)address + at, nothing, __ATOMIC_RELAXED);
}
