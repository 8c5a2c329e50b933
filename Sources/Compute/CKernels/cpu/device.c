#define _GNU_SOURCE
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "../cuda/cuda_device.h"
#include "../thread_pool.h"
#include "tables.h"

/// Loops with fewer element operations than this run on the calling thread: handing a share to
/// another thread costs about a microsecond.
enum { WORTH_SHARING = 8192 };

int32_t kernels_level(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
    return KERNELS_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return KERNELS_AVX2;
#endif
  return KERNELS_BASE;
}

static void set_tables(device *device, int32_t level) {
  device->tables[ELEMENT_FLOAT32] = kernels_base_float32();
  device->tables[ELEMENT_BFLOAT16] = kernels_base_bfloat16();
  // The oracle of gradient checks, written for exactness, not speed.
  device->tables[ELEMENT_FLOAT64] = kernels_base_float64();
#if defined(__x86_64__)
  if (level >= KERNELS_AVX512) {
    device->tables[ELEMENT_FLOAT32] = kernels_avx512_float32();
    device->tables[ELEMENT_BFLOAT16] = kernels_avx512_bfloat16();
  } else if (level >= KERNELS_AVX2) {
    device->tables[ELEMENT_FLOAT32] = kernels_avx2_float32();
    device->tables[ELEMENT_BFLOAT16] = kernels_avx2_bfloat16();
  }
#endif
}

device *device_create(int32_t threads, int32_t level, memory *memory) {
  device *made = calloc(1, sizeof *made);
  if (!made) return NULL;
  made->pool = thread_pool_create(threads);
  if (!made->pool) {
    free(made);
    return NULL;
  }
  made->threads = threads;
  set_tables(made, level);
#if defined(__x86_64__)
  made->multiplies_bf16 = level >= KERNELS_AVX512 && __builtin_cpu_supports("avx512bf16");
#endif
  made->memory = memory;
  made->cuda = memory_cuda(memory);
  // Tensor cores multiply in bfloat16.
  if (made->cuda) made->multiplies_bf16 = true;
  return made;
}

void device_destroy(device *device) {
  thread_pool_destroy(device->pool);
  if (device->workspace) munmap(device->workspace, device->workspace_bytes);
  free(device);
}

bool device_multiplies_bf16(const device *device) { return device->multiplies_bf16; }

integer device_packed_bytes(const device *device, int32_t type, integer outputs, integer inputs,
                            bool rounded) {
  if (device->cuda) return cuda_packed_bytes(type, outputs, inputs, rounded);
  return device->tables[type]->packed_bytes(device, outputs, inputs, rounded);
}

void *device_workspace(device *device, size_t bytes) {
  if (device->workspace_bytes >= bytes) return device->workspace;
  if (device->workspace) munmap(device->workspace, device->workspace_bytes);
  const size_t huge = (size_t)2 << 20, size = (bytes + huge - 1) / huge * huge;
  device->workspace =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (device->workspace == MAP_FAILED) memory_lacking(bytes);
  madvise(device->workspace, size, MADV_HUGEPAGE);
  device->workspace_bytes = size;
  return device->workspace;
}

// ---- shares --------------------------------------------------------------------------------------

typedef struct {
  share_function *body;
  const void *context;
} shared_work;

static void run_share(void *work_, int64_t begin, int64_t end, int32_t thread) {
  const shared_work *work = work_;
  (void)thread;
  work->body(work->context, begin, end);
}

void device_share(device *device, integer count, integer cost, share_function *body,
                  const void *context) {
  if (count <= 0) return;
  if (device->threads == 1 || count == 1 || count * cost < WORTH_SHARING) {
    body(context, 0, count);
    return;
  }
  shared_work work = {body, context};
  thread_pool_run(device->pool, count, run_share, &work);
}

void device_run_on_host(device *device, integer count, integer cost, void *context,
                        void (*body)(const void *context, integer begin, integer end)) {
  device_share(device, count, cost, body, context);
}

typedef struct {
  const struct kernel *kernel;
  const void *arguments;
  integer extent;
} operation_share;

static void run_units(const void *context, integer begin, integer end) {
  const operation_share *s = context;
  const integer unit = s->kernel->unit, last = end * unit;
  s->kernel->share(s->arguments, begin * unit, last < s->extent ? last : s->extent);
}

// ---- operations ----------------------------------------------------------------------------------

/// Element operations and numbers moved per index.
static void cost_of_index(const struct operation *operation, integer *operations,
                          double *numbers) {
  const double real = operation->type == ELEMENT_FLOAT64 ? 8 : 4;
  const double stored = operation->type == ELEMENT_BFLOAT16 ? 0.5 : 1;
  (void)real, (void)stored;
  switch (operation->kind) {
#define COST(name, swift, division, cost, moved)                               \
  case OPERATION_##name: {                                                     \
    const struct name##_arguments *a = (const void *)operation->arguments;     \
    (void)a;                                                                   \
    *operations = cost;                                                        \
    *numbers = (double)(moved);                                                \
    return;                                                                    \
  }
    OPERATIONS(COST)
#undef COST
    default: *operations = 0, *numbers = 0;
  }
}

void device_run_part(device *device, const struct operation *operation) {
  const struct kernel *kernel = &device->tables[operation->type]->kernels[operation->kind];
  if (kernel->whole) {
    kernel->whole(device, operation->arguments);
    return;
  }
  if (!kernel->share) {
    fprintf(stderr, "%s: no kernel for elements of %d bytes\n", operation_name(operation->kind),
            ELEMENT_BYTES(operation->type));
    abort();
  }
  integer cost;
  double moved;
  cost_of_index(operation, &cost, &moved);
  if (kernel->unit == 1) {
    device_share(device, operation->extent, cost, kernel->share, operation->arguments);
    return;
  }
  const operation_share s = {kernel, operation->arguments, operation->extent};
  device_share(device, (operation->extent + kernel->unit - 1) / kernel->unit, cost * kernel->unit,
               run_units, &s);
}

static void run_operation(device *device, const struct operation *operation) {
  if (device->cuda)
    cuda_start(device->cuda, operation);
  else
    device_run_part(device, operation);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void run_profiled(device *device, const struct operation *operation) {
  struct operation_profile *row = &device->profile[operation->kind];
  double operations, bytes;
  operation_cost(operation, &operations, &bytes);
  const double begin = now();
  run_operation(device, operation);
  if (device->cuda) cuda_wait(device->cuda);
  row->seconds += now() - begin;
  row->count++;
  row->operations += operations;
  row->bytes += bytes;
}

void device_run(device *device, const struct operation *operations, integer count) {
  if (device->cuda) cuda_begin(device->cuda);
  memory_open(device->memory);
  for (integer i = 0; i < count; i++)
    if (device->profile)
      run_profiled(device, &operations[i]);
    else
      run_operation(device, &operations[i]);
  memory_close(device->memory);
}

void device_run_program(device *device, const struct operation *operations, integer count,
                        void **graph) {
  if (device->cuda && !device->profile)
    cuda_start_program(device->cuda, operations, count, graph);
  else
    device_run(device, operations, count);
}

void device_forget_program(device *device, void *graph) {
  if (device->cuda) cuda_forget_program(device->cuda, graph);
}

void device_wait(device *device) {
  if (device->cuda) cuda_wait(device->cuda);
}

void device_profile(device *device, struct operation_profile *rows) { device->profile = rows; }

const char *operation_name(int32_t kind) {
  static const char *const names[OPERATION_COUNT] = {
#define NAME(name, ...) [OPERATION_##name] = #name,
      OPERATIONS(NAME)
#undef NAME
  };
  return names[kind];
}

void operation_cost(const struct operation *operation, double *operations, double *bytes) {
  integer cost;
  double moved;
  cost_of_index(operation, &cost, &moved);
  *operations = (double)cost * (double)operation->extent;
  *bytes = moved * (double)operation->extent * (operation->type == ELEMENT_FLOAT64 ? 8 : 4);
}
