// Recorded programs as graphs: captured at their first repetition, replayed after it.
#include "cuda_device.h"

cu_handle cuda_capture(struct cuda *cuda, void (*work)(struct cuda *, const void *),
                       const void *context) {
  enum { THREAD_LOCAL = 1 };
  cu_handle graph = NULL, run = NULL;
  // A read of another thread must not become a part of the graph.
  pthread_mutex_lock(&cuda->lock);
  cuda->capturing = true;
  cuda_check(cuda, cuda->driver->capture_begin(cuda->stream, THREAD_LOCAL), "a capture");
  work(cuda, context);
  cuda_check(cuda, cuda->driver->capture_end(cuda->stream, &graph), "a capture");
  cuda->capturing = false;
  pthread_mutex_unlock(&cuda->lock);
  cuda_check(cuda, cuda->driver->graph_instantiate(&run, graph, 0), "a graph");
  cuda_check(cuda, cuda->driver->graph_destroy(graph), "a graph");
  return run;
}

typedef struct {
  const struct operation *operations;
  integer count;
} program;

static void start_all(struct cuda *cuda, const void *context) {
  const program *p = context;
  for (integer i = 0; i < p->count; i++) cuda_start(cuda, &p->operations[i]);
}

/// The integration reads device memory between its launches, and keeps a graph of its own.
static bool can_be_captured(const program *p) {
  for (integer i = 0; i < p->count; i++)
    if (p->operations[i].kind == OPERATION_integrate_states) return false;
  return true;
}

void cuda_start_program(struct cuda *cuda, const struct operation *operations, integer count,
                        void **graph) {
  const program p = {operations, count};
  cuda_begin(cuda);
  if (cuda->blocking || !can_be_captured(&p)) {
    start_all(cuda, &p);
    return;
  }
  // Operations have run once while they were recorded: kernels are loaded, working memory is there.
  if (!*graph) *graph = cuda_capture(cuda, start_all, &p);
  if (count > 0) cuda->last = operations[count - 1].kind;
  cuda_check(cuda, cuda->driver->graph_launch(*graph, cuda->stream), "the start of a recorded program");
}

void cuda_forget_program(struct cuda *cuda, void *graph) {
  if (!graph) return;
  cuda->driver->context_set(cuda->context);
  cuda->driver->stream_wait(cuda->stream);
  cuda->driver->graph_run_destroy(graph);
}
