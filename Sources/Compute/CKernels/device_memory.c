#define _GNU_SOURCE
#include "device_memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "cuda/cuda_device.h"

/// Blocks of at least this size are mappings of their own, whose pages can be exchanged.
enum { MAPPED = 1 << 20 };
/// Size that one page table maps.
enum { TABLE = 2 << 20 };
enum { PAGE = 4096 };
/// Addresses of one guarded memory. A block that is given back keeps its addresses.
static const size_t RESERVED = (size_t)32 << 30;

struct memory {
  bool guarded;
  pthread_mutex_t lock;
  // Guarded memory is one range, so that one system call opens or closes it.
  char *start;
  size_t used;
  int open;
  struct cuda *cuda;
};

memory *memory_create(int32_t kind, int32_t ordinal) {
  memory *made = calloc(1, sizeof *made);
  if (!made) return NULL;
  made->guarded = kind == MEMORY_GUARDED;
  if (kind == MEMORY_CUDA) made->cuda = cuda_create(ordinal);
  pthread_mutex_init(&made->lock, NULL);
  if (!made->guarded) return made;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  made->start = mmap(NULL, RESERVED, PROT_NONE, flags, -1, 0);
  if (made->start != MAP_FAILED) return made;
  free(made);
  return NULL;
}

void memory_destroy(memory *memory) {
  if (memory->guarded) munmap(memory->start, RESERVED);
  if (memory->cuda) cuda_destroy(memory->cuda);
  pthread_mutex_destroy(&memory->lock);
  free(memory);
}

static void *take_pages(size_t bytes) {
  const size_t slack = bytes >= TABLE ? TABLE : 0;
  char *start =
      mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return NULL;
  const size_t before = slack ? -(uintptr_t)start & (slack - 1) : 0;
  if (before > 0) munmap(start, before);
  if (slack > before) munmap(start + before + bytes, slack - before);
  if (slack > 0) madvise(start + before, bytes, MADV_HUGEPAGE);
  return start + before;
}

static void protect(char *start, size_t bytes, int protection) {
  if (bytes > 0 && mprotect(start, bytes, protection)) {
    perror("guarded memory cannot be opened or closed");
    abort();
  }
}

static void *take_guarded(memory *memory, size_t bytes) {
  const size_t size = (bytes + PAGE - 1) / PAGE * PAGE;
  pthread_mutex_lock(&memory->lock);
  char *block = NULL;
  if (RESERVED - memory->used >= size) {
    block = memory->start + memory->used;
    memory->used += size;
    if (memory->open) protect(block, size, PROT_READ | PROT_WRITE);
  }
  pthread_mutex_unlock(&memory->lock);
  return block;
}

struct cuda *memory_cuda(const memory *memory) { return memory->cuda; }

bool memory_opens(const memory *memory) { return !memory->cuda; }

void memory_read(memory *memory, void *to, const void *from, size_t bytes) {
  cuda_read(memory->cuda, to, from, bytes);
}

void memory_write(memory *memory, void *to, const void *from, size_t bytes) {
  cuda_write(memory->cuda, to, from, bytes);
}

void *memory_take(memory *memory, size_t bytes) {
  if (memory->cuda) return cuda_take(memory->cuda, bytes);
  if (memory->guarded) return take_guarded(memory, bytes);
  if (bytes >= MAPPED) return take_pages(bytes);
  void *block = NULL;
  return posix_memalign(&block, 64, bytes) == 0 ? block : NULL;
}

_Noreturn void memory_lacking(size_t bytes) {
  char words[200], limit[60] = "";
  struct rlimit most;
  if (getrlimit(RLIMIT_AS, &most) == 0 && most.rlim_cur != RLIM_INFINITY)
    snprintf(limit, sizeof limit, ", where ulimit -v allows %zu MiB in all", (size_t)most.rlim_cur >> 20);
  const int count = snprintf(words, sizeof words, "error: out of memory: %zu bytes more are needed%s\n", bytes, limit);
  // In one write, past the buffers of stdio, which other threads may hold.
  if (write(STDERR_FILENO, words, (size_t)count) < 0) abort();
  _exit(EX_OSERR);
}

void memory_release(memory *memory, void *block, size_t bytes) {
  if (memory->cuda)
    cuda_release(memory->cuda, block);
  else if (memory->guarded)
    madvise(block, (bytes + PAGE - 1) / PAGE * PAGE, MADV_DONTNEED);
  else if (bytes >= MAPPED)
    munmap(block, bytes);
  else
    free(block);
}

void memory_open(memory *memory) {
  if (!memory->guarded) return;
  pthread_mutex_lock(&memory->lock);
  if (memory->open++ == 0) protect(memory->start, memory->used, PROT_READ | PROT_WRITE);
  pthread_mutex_unlock(&memory->lock);
}

void memory_close(memory *memory) {
  if (!memory->guarded) return;
  pthread_mutex_lock(&memory->lock);
  if (--memory->open == 0) protect(memory->start, memory->used, PROT_NONE);
  pthread_mutex_unlock(&memory->lock);
}

void memory_describe(const memory *memory, char *text, size_t n) {
  const struct cuda *cuda = memory_cuda(memory);
  if (n > 0) text[0] = 0;
  if (cuda) snprintf(text, n, "cuda:%d (%s)", cuda->ordinal, cuda->name);
}
