// A pool of threads for data-parallel loops: workers spin briefly, then sleep on a futex, because
// a training step of a small model consists of thousands of loops of some ten microseconds.
#pragma once
#include <stdint.h>

typedef struct thread_pool thread_pool;
typedef void (*thread_pool_body)(void *context, int64_t begin, int64_t end, int32_t thread);

/// `threads` includes the caller, which takes part in every loop. Null if a thread cannot start.
thread_pool *thread_pool_create(int32_t threads);
int32_t thread_pool_threads(const thread_pool *pool);
/// Runs body over [0, count) in one contiguous range per thread, and returns when all are done.
/// Not reentrant: one loop at a time, from one thread.
void thread_pool_run(thread_pool *pool, int64_t count, thread_pool_body body, void *context);
void thread_pool_destroy(thread_pool *pool);
