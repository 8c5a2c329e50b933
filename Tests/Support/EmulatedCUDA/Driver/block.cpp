// Work starts at the latest moment that is allowed, shared memory begins as NaN, and the order of threads
// between two waits is chosen by EMULATION_ORDER: forward, reverse, or a number that seeds a random one.
// Asynchronous copies happen when they are waited for, or at once with EMULATION_COPIES=early.
#include "block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "memory.h"

// With -DRACES=1 kernels are compiled with ThreadSanitizer, to which every thread of a block is a thread.
#if RACES
extern "C" void *__tsan_get_current_fiber();
extern "C" void *__tsan_create_fiber(unsigned);
extern "C" void __tsan_destroy_fiber(void *);
extern "C" void __tsan_switch_to_fiber(void *, unsigned);
extern "C" void __tsan_acquire(void *);
extern "C" void __tsan_release(void *);
#else
static inline void __tsan_acquire(void *) {}
static inline void __tsan_release(void *) {}
#endif

extern "C" void emulated_switch(void **from, void *to);
#if defined(__x86_64__)
asm(R"(
.globl emulated_switch
emulated_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
enum { SAVED_REGISTERS = 6 };
#elif defined(__aarch64__)
asm(R"(
.globl emulated_switch
emulated_switch:
  sub sp, sp, #176
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x2, sp
  str x2, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #176
  ret
)");
#endif

namespace {

const size_t STACK = RACES ? 32 << 10 : 64 << 10, MOST_SHARED = 227 << 10;
const int MOST = 1024;

struct Copy { void *to; const void *from; int bytes; emulated_copy copy; };

struct Fiber {
  void *saved = nullptr;
  void *race = nullptr;
  enum { NEW, READY, AT_BARRIER, IN_WARP, DONE } state = DONE;
  int stack = -1;
  unsigned turn = 0;      // collectives that it took part in
  unsigned barriers = 0;
  const char *file = nullptr;
  int line = 0;
  std::vector<Copy> copies;    // that have not happened, the oldest first
  std::vector<size_t> groups;  // numbers of copies in the groups that were ended
};

struct Warp {
  emulated_slot slots[2][32];
  uint32_t arrived = 0;
  int kind = 0;
};

struct Shared { const void *key; size_t at, bytes; };

struct Block {
  emulated_state state;  // the first member: kernels know the block by it
  Fiber fibers[MOST];
  Warp warps[MOST / 32];
  void *scheduler = nullptr;
  void *scheduler_race = nullptr;
  int current = 0, alive = 0, waiting = 0, count = 0;
  const char *barrier_file = nullptr;  // at which threads wait
  int barrier_line = 0;
  char *stacks = nullptr, *memory = nullptr;
  std::vector<int> free_stacks;
  size_t memory_used = 0;
  std::vector<Shared> shared;
  Launch *launch = nullptr;
  // Places by which a barrier, and each warp, orders its threads: by turns, since who comes late from one must not learn what
  // led to the next; and other places in each block, since blocks do not wait for each other.
  int *sync = nullptr;
  std::vector<int> order;
};

thread_local Block *running;

const char *order_name() {
  static const char *said = getenv("EMULATION_ORDER");
  return said ? said : "forward";
}

std::string place_in(const Block *b) {
  char text[512];
  const emulated_state &s = b->state;
  snprintf(text, sizeof text, "%s, block (%u, %u, %u), thread %u", b->launch->name, s.block.x, s.block.y,
           s.block.z, s.thread.x);
  return text;
}

[[noreturn]] void fail(Block *b, const char *what) {
  fprintf(stderr, "emulated GPU: %s: %s\n", place_in(b).c_str(), what);
  int shown = 0;
  for (int i = 0; i < b->count && shown < 6; i++) {
    const Fiber &f = b->fibers[i];
    if (f.state == Fiber::DONE) continue;
    fprintf(stderr, "  thread %d waits at %s:%d %s\n", i, f.file ? f.file : "?", f.line,
            f.state == Fiber::IN_WARP ? "for its warp" : "at a barrier");
    shown++;
  }
  _exit(134);
}

// ---- switches --------------------------------------------------------------------------------------

emulated_dim thread_of(const Block *b, int i) {
  const emulated_dim n = b->launch->threads;
  return {(unsigned)i % n.x, (unsigned)i / n.x % n.y, (unsigned)i / n.x / n.y};
}

void leave(Block *b) {
  const int mine = b->current;
#if RACES
  __tsan_switch_to_fiber(b->scheduler_race, 1);
#endif
  emulated_switch(&b->fibers[mine].saved, b->scheduler);
  b->state.thread = thread_of(b, mine);
}

void fiber_main() {
  Block *b = running;
  __tsan_acquire(&b->launch->begin);
  b->launch->body(b->launch->arguments.data());
  b = running;
  __tsan_release(&b->launch->end);
  if (!b->fibers[b->current].copies.empty()) fail(b, "it ended with copies that it has not waited for");
  if (b->waiting > 0) fail(b, "it ended while others wait at a barrier of the block");
  b->fibers[b->current].state = Fiber::DONE;
  b->alive--;
  leave(b);
  abort();
}

/// A thread takes a stack when it begins: most kernels never wait, and one warm stack serves them all.
void begin_fiber(Block *b, int i) {
  Fiber &f = b->fibers[i];
  if (RACES) {
    f.stack = i;
  } else {
    f.stack = b->free_stacks.back();
    b->free_stacks.pop_back();
  }
  void **top = (void **)(b->stacks + (size_t)(f.stack + 1) * STACK - 64);
#if defined(__x86_64__)
  *--top = nullptr;
  *--top = (void *)fiber_main;
  top -= SAVED_REGISTERS;
  for (int r = 0; r < SAVED_REGISTERS; r++) top[r] = nullptr;
#elif defined(__aarch64__)
  top -= 22;
  for (int r = 0; r < 22; r++) top[r] = nullptr;
  top[11] = (void *)fiber_main;
#endif
  f.saved = top;
  f.state = Fiber::READY;
#if RACES
  f.race = __tsan_create_fiber(0);
#endif
}

void enter(Block *b, int i) {
  Fiber &f = b->fibers[i];
  if (f.state == Fiber::NEW) begin_fiber(b, i);
  b->current = i;
  b->state.thread = thread_of(b, i);
#if RACES
  __tsan_switch_to_fiber(f.race, 1);
#endif
  emulated_switch(&b->scheduler, f.saved);
  if (f.state == Fiber::DONE && !RACES) b->free_stacks.push_back(f.stack);
}

// ---- what kernels call -------------------------------------------------------------------------------

void barrier(emulated_state *s, const char *file, int line) {
  Block *b = (Block *)s;
  Fiber &f = b->fibers[b->current];
  f.file = file;
  f.line = line;
  f.state = Fiber::AT_BARRIER;
  int *const sync = b->sync + f.barriers++ % 2;
  __tsan_release(sync);
  // A GPU counts threads and does not look where they are, until the count is wrong.
  if (b->alive < b->count) fail(b, "it waits at a barrier of the block after others have ended");
  if (b->waiting > 0 && (b->barrier_line != line || strcmp(b->barrier_file, file) != 0))
    fail(b, "threads of a block wait at different barriers");
  b->barrier_file = file;
  b->barrier_line = line;
  if (++b->waiting == b->alive) {
    b->waiting = 0;
    for (int i = 0; i < b->count; i++)
      if (b->fibers[i].state == Fiber::AT_BARRIER) b->fibers[i].state = Fiber::READY;
  }
  leave(b);
  __tsan_acquire(sync);
}

emulated_slot *collective(emulated_state *s, emulated_collective kind, const emulated_slot *mine,
                          void (*work)(emulated_slot (&)[32]), const char *file, int line) {
  Block *b = (Block *)s;
  Fiber &f = b->fibers[b->current];
  const int warp = b->current / 32, lane = b->current % 32;
  Warp &w = b->warps[warp];
  f.file = file;
  f.line = line;
  int *const sync = b->sync + 2 + 2 * warp + f.turn % 2;
  emulated_slot(&slots)[32] = w.slots[f.turn++ % 2];
  if (w.arrived && w.kind != kind) fail(b, "lanes of a warp are at different collectives");
  w.kind = kind;
  if (mine) slots[lane] = *mine;
  w.arrived |= 1u << lane;
  // Only a wait orders memory; the lanes of a sum or of a product pass on their numbers alone.
  if (kind == EMULATED_WAIT) __tsan_release(sync);
  if (w.arrived == 0xffffffffu) {
    if (work) work(slots);
    w.arrived = 0;
    for (int l = 0; l < 32 && warp * 32 + l < b->count; l++) {
      Fiber &other = b->fibers[warp * 32 + l];
      if (other.state == Fiber::IN_WARP) other.state = Fiber::READY;
    }
  } else {
    f.state = Fiber::IN_WARP;
    leave(b);
  }
  if (kind == EMULATED_WAIT) __tsan_acquire(sync);
  return slots;
}

void *shared(emulated_state *s, const void *key, size_t bytes) {
  Block *b = (Block *)s;
  for (const Shared &known : b->shared)
    if (known.key == key) return b->memory + known.at;
  const size_t at = (b->memory_used + 127) / 128 * 128;
  if (at + bytes > MOST_SHARED) fail(b, "more than 227 KiB of shared memory");
  b->memory_used = at + bytes;
  b->shared.push_back({key, at, bytes});
  set_unseen(b->memory + at, 0xff, bytes);
  return b->memory + at;
}

bool copies_are_early() {
  static const char *said = getenv("EMULATION_COPIES");
  return said && !strcmp(said, "early");
}

void copy_async(emulated_state *s, void *to, const void *from, int bytes, emulated_copy copy,
                const char *file, int line) {
  Block *b = (Block *)s;
  Fiber &f = b->fibers[b->current];
  f.file = file;
  f.line = line;
  if ((uintptr_t)to % 16 || (uintptr_t)from % 16)
    fail(b, "an asynchronous copy of 16 bytes whose addresses are no multiples of 16");
  if ((char *)to < b->memory || (char *)to + 16 > b->memory + b->memory_used)
    fail(b, "an asynchronous copy to what is no shared memory");
  if (copies_are_early())
    copy(to, from, bytes);
  else
    f.copies.push_back({to, from, bytes, copy});
}

void copy_commit(emulated_state *s) {
  Fiber &f = ((Block *)s)->fibers[((Block *)s)->current];
  size_t grouped = 0;
  for (size_t n : f.groups) grouped += n;
  f.groups.push_back(f.copies.size() - grouped);
}

void copy_wait(emulated_state *s, int but) {
  Fiber &f = ((Block *)s)->fibers[((Block *)s)->current];
  while ((int)f.groups.size() > but) {
    const auto end = f.copies.begin() + (long)f.groups.front();
    for (auto c = f.copies.begin(); c != end; c++) c->copy(c->to, c->from, c->bytes);
    f.copies.erase(f.copies.begin(), end);
    f.groups.erase(f.groups.begin());
  }
}

void trap(emulated_state *s, const char *file, int line) {
  char text[512];
  snprintf(text, sizeof text, "a trap at %s:%d", file, line);
  fail((Block *)s, text);
}

// ---- a block -----------------------------------------------------------------------------------------

/// Stacks and shared memory. Mapped anew they have no history, for who watches for races.
void map_room(Block *b) {
  const size_t stacks = (size_t)MOST * STACK, all = stacks + MOST_SHARED + 4096;
  if (!b->stacks) {
    b->stacks = (char *)mmap(nullptr, all, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (int i = MOST; i-- > 0;) b->free_stacks.push_back(i);
  } else if (RACES) {
    mmap(b->stacks, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE,
         -1, 0);
  }
  if (b->stacks == MAP_FAILED) abort();
  b->memory = b->stacks + stacks;
}

void schedule(Block *b, emulated_dim at) {
  const char *order = order_name();
  const bool mixes = order[0] >= '0' && order[0] <= '9';
  std::minstd_rand random((unsigned)atoi(order) * 7919u + at.x * 31 + at.y * 17 + 1);
  b->order.resize((size_t)b->count);
  for (int i = 0; i < b->count; i++) b->order[(size_t)i] = i;
  if (!strcmp(order, "reverse")) std::reverse(b->order.begin(), b->order.end());
  while (b->alive > 0) {
    bool moved = false;
    if (mixes) std::shuffle(b->order.begin(), b->order.end(), random);
    // One group of threads until it waits for others, then the next.
    for (int first = 0; first < b->count; first += 32)
      for (bool again = true; again;) {
        again = false;
        for (int k = first; k < std::min(first + 32, b->count); k++) {
          const int i = b->order[(size_t)k];
          if (b->fibers[i].state != Fiber::READY && b->fibers[i].state != Fiber::NEW) continue;
          enter(b, i);
          again = moved = true;
        }
      }
    if (!moved) fail(b, "threads wait for others that never come");
  }
}

void run_block(Block *b, Launch &launch, emulated_dim at, void (*enter_module)(emulated_state *)) {
  const emulated_dim n = launch.threads;
  static int places[1 << 20];
  static std::atomic<unsigned> serial(0);
  b->count = b->alive = (int)(n.x * n.y * n.z);
  b->waiting = 0;
  b->state = {{0, 0, 0}, at, n, launch.grid, launch.room, barrier, collective, shared, copy_async,
              copy_commit, copy_wait, trap};
  b->launch = &launch;
  b->shared.clear();
  b->memory_used = 0;
  b->sync = places + serial++ % (sizeof places / sizeof *places / 66) * 66;
  map_room(b);
  for (int i = 0; i < b->count; i++) {
    b->fibers[i].state = Fiber::NEW;
    b->fibers[i].turn = b->fibers[i].barriers = 0;
    b->fibers[i].groups.clear();
  }
  for (int w = 0; w <= (b->count - 1) / 32; w++) b->warps[w].arrived = 0;
#if RACES
  b->scheduler_race = __tsan_get_current_fiber();
#endif
  enter_module(&b->state);
  running = b;
  schedule(b, at);
#if RACES
  for (int i = 0; i < b->count; i++) __tsan_destroy_fiber(b->fibers[i].race);
#endif
  running = nullptr;
}

Block *own_block() {
  static thread_local Block *mine;  // kept: its stacks are warm
  if (!mine) mine = new Block;
  return mine;
}

}  // namespace

std::string place_of_running_thread() { return running ? place_in(running) : ""; }

void run_launch(Launch &launch, void (*enter)(emulated_state *)) {
  __tsan_release(&launch.begin);
  const emulated_dim grid = launch.grid;
  const long count = (long)grid.x * grid.y * grid.z;
  std::atomic<long> next(0);
  auto work = [&] {
    Access access;
    for (long i; (i = next++) < count;)
      run_block(own_block(), launch,
                {(unsigned)(i % grid.x), (unsigned)(i / grid.x % grid.y), (unsigned)(i / grid.x / grid.y)},
                enter);
  };
  static const char *said = getenv("EMULATION_THREADS");
  const long threads = std::min<long>(said ? atol(said) : sysconf(_SC_NPROCESSORS_ONLN), count);
  std::vector<std::thread> others;
  if ((long)launch.threads.x * count >= 8192)
    for (long t = 1; t < threads; t++) others.emplace_back(work);
  work();
  for (auto &t : others) t.join();
  __tsan_acquire(&launch.end);
}
