#include "memory.h"

#include <stdlib.h>
#include <sys/mman.h>

#include <map>
#include <mutex>

static const size_t ROOM = (size_t)1 << 38, PAGE = 4096;
static char *arena;
static size_t arena_used, given;
static int key = -1, openings;
static std::map<uintptr_t, size_t> blocks;
static std::mutex mutex;
static thread_local bool on_device;

void set_unseen(void *to, int value, size_t n) {
  asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

static size_t body_of(size_t bytes) { return (bytes + 15) / 16 * 16; }
static char *base_of(uintptr_t at) { return (char *)(at / PAGE * PAGE); }
static void protect(uintptr_t at, size_t bytes, int how) {
  mprotect(base_of(at), (size_t)((char *)at + body_of(bytes) - base_of(at)), how);
}

bool memory_begin() {
  if (arena) return true;
  arena = (char *)mmap(nullptr, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (arena == MAP_FAILED) return false;
  key = getenv("EMULATION_NO_KEYS") ? -1 : pkey_alloc(0, PKEY_DISABLE_ACCESS);
  return true;
}

size_t memory_total() {
  static const char *said = getenv("EMULATION_MEMORY");
  return said ? strtoull(said, nullptr, 10) : (size_t)16 << 30;
}
size_t memory_available() { return memory_total() - given; }
bool is_device_memory(const void *at) {
  return arena && (const char *)at >= arena && (const char *)at < arena + ROOM;
}

Access::Access() : was(on_device) {
  on_device = true;
  if (key >= 0) {
    pkey_set(key, 0);
    return;
  }
  std::lock_guard<std::mutex> lock(mutex);
  if (openings++ == 0)
    for (auto &[at, n] : blocks) protect(at, n, PROT_READ | PROT_WRITE);
}

Access::~Access() {
  on_device = was;
  if (key >= 0) {
    if (!was) pkey_set(key, PKEY_DISABLE_ACCESS);
    return;
  }
  std::lock_guard<std::mutex> lock(mutex);
  if (--openings == 0)
    for (auto &[at, n] : blocks) protect(at, n, PROT_NONE);
}

void *device_take(size_t bytes) {
  char *at;
  {
    std::lock_guard<std::mutex> lock(mutex);
    // The end of the block, to 16 bytes, is the end of its last page.
    const size_t body = body_of(bytes), pages = (body + PAGE - 1) / PAGE * PAGE;
    char *base = arena + arena_used;
    if (given + bytes > memory_total() || arena_used + pages + PAGE > ROOM) return nullptr;
    const int how = key >= 0 || openings ? PROT_READ | PROT_WRITE : PROT_NONE;
    if (key >= 0 ? pkey_mprotect(base, pages, how, key) : mprotect(base, pages, how)) return nullptr;
    arena_used += pages + PAGE;
    given += bytes;
    at = base + pages - body;
    blocks[(uintptr_t)at] = bytes;
  }
  Access access;
  set_unseen(at, 0xff, body_of(bytes));
  return at;
}

bool device_give(void *at) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = blocks.find((uintptr_t)at);
  if (found == blocks.end()) return false;
  char *base = base_of((uintptr_t)at), *end = (char *)at + body_of(found->second);
  madvise(base, (size_t)(end - base), MADV_DONTNEED);
  // Without its key it joins the memory around it: a process has only so many mappings.
  if (key >= 0)
    pkey_mprotect(base, (size_t)(end - base), PROT_NONE, 0);
  else
    mprotect(base, (size_t)(end - base), PROT_NONE);
  given -= found->second;
  blocks.erase(found);
  return true;
}
