#define _GNU_SOURCE
#include "thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// About 20 microseconds: longer than the gap between two loops of a step, too short for other
// programs to notice.
enum { SPINS = 4000 };
// The caller then yields its CPU this many times before it sleeps, for about a tenth of a
// millisecond. A thread that takes longer has lost its CPU to another program, which may then have
// ours.
enum { YIELDS = 200 };

struct thread_pool {
  int32_t threads;
  pthread_t *handles;
  _Atomic uint32_t generation;  // futex: a new loop, or the end
  _Atomic uint32_t *claimed;    // the last loop in which each share was taken
  _Atomic int32_t remaining;    // futex: shares that are not done
  _Atomic int32_t caller_sleeps;
  _Atomic int32_t sleepers;
  _Atomic int32_t stopping;
  int64_t count;
  thread_pool_body body;
  void *context;
};

typedef struct {
  thread_pool *pool;
  int32_t thread;
} seat;

static void pause_cpu(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// The first free thread takes a share: usually the share's own thread, whose caches have its data;
// another if that one sleeps or has lost its CPU to another program. In loop g every share goes
// from g - 1 to g once, so a thread that is late for loop g finds nothing to take.
static void try_share(thread_pool *pool, uint32_t loop, int32_t share, int32_t thread) {
  uint32_t before = loop - 1;
  if (!atomic_compare_exchange_strong(&pool->claimed[share], &before, loop)) return;
  int64_t begin = pool->count * share / pool->threads;
  int64_t end = pool->count * (share + 1) / pool->threads;
  if (begin < end) pool->body(pool->context, begin, end, thread);
  // Sequentially consistent on both sides, as in announce.
  if (atomic_fetch_sub(&pool->remaining, 1) == 1 && atomic_load(&pool->caller_sleeps))
    syscall(SYS_futex, &pool->remaining, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void run_shares(thread_pool *pool, uint32_t loop, int32_t thread) {
  for (int32_t i = 0; i < pool->threads; i++)
    try_share(pool, loop, (thread + i) % pool->threads, thread);
}

static void *work(void *argument) {
  seat place = *(seat *)argument;
  free(argument);
  thread_pool *pool = place.pool;
  uint32_t seen = 0, loop;
  for (;;) {
    int spins = 0;
    while ((loop = atomic_load_explicit(&pool->generation, memory_order_acquire)) == seen) {
      if (spins++ < SPINS) {
        pause_cpu();
        continue;
      }
      atomic_fetch_add(&pool->sleepers, 1);
      syscall(SYS_futex, &pool->generation, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
      atomic_fetch_sub(&pool->sleepers, 1);
    }
    seen = loop;
    if (atomic_load(&pool->stopping)) return NULL;
    run_shares(pool, loop, place.thread);
  }
}

static void announce(thread_pool *pool) {
  // Sequentially consistent on both sides: a worker either sees the new generation before it
  // sleeps (the futex compares) or is counted among the sleepers here.
  atomic_fetch_add(&pool->generation, 1);
  if (atomic_load(&pool->sleepers) > 0)
    syscall(SYS_futex, &pool->generation, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

thread_pool *thread_pool_create(int32_t threads) {
  thread_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  pool->threads = 1;
  pool->handles = calloc((size_t)threads, sizeof *pool->handles);
  pool->claimed = calloc((size_t)threads, sizeof *pool->claimed);
  for (int32_t t = 1; pool->handles && pool->claimed && t < threads; t++) {
    seat *place = malloc(sizeof *place);
    if (!place) break;
    *place = (seat){pool, t};
    if (pthread_create(&pool->handles[t], NULL, work, place)) {
      free(place);
      break;
    }
    pool->threads++;
  }
  if (pool->claimed && pool->threads == threads) return pool;
  thread_pool_destroy(pool);
  return NULL;
}

int32_t thread_pool_threads(const thread_pool *pool) { return pool->threads; }

void thread_pool_run(thread_pool *pool, int64_t count, thread_pool_body body, void *context) {
  pool->count = count;
  pool->body = body;
  pool->context = context;
  if (pool->threads == 1 || count < 2) {
    if (count > 0) body(context, 0, count, 0);
    return;
  }
  atomic_store(&pool->remaining, pool->threads);
  announce(pool);
  run_shares(pool, atomic_load(&pool->generation), 0);
  // Another thread may be in the middle of a share.
  int spins = 0;
  int32_t rest;
  while ((rest = atomic_load(&pool->remaining)) > 0) {
    if (spins++ < SPINS) {
      pause_cpu();
    } else if (spins < SPINS + YIELDS) {
      sched_yield();
    } else {
      atomic_store(&pool->caller_sleeps, 1);
      syscall(SYS_futex, &pool->remaining, FUTEX_WAIT_PRIVATE, rest, NULL, NULL, 0);
    }
  }
  if (spins > SPINS + YIELDS) atomic_store(&pool->caller_sleeps, 0);
}

void thread_pool_destroy(thread_pool *pool) {
  atomic_store(&pool->stopping, 1);
  announce(pool);
  for (int32_t t = 1; t < pool->threads; t++) pthread_join(pool->handles[t], NULL);
  free(pool->handles);
  free(pool->claimed);
  free(pool);
}
