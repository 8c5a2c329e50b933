#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda_device.h"

// ---- a device ------------------------------------------------------------------------------------

/// The context, the streams and the event that orders them.
static void open_context(struct cuda *cuda) {
  const struct cuda_driver *driver = cuda->driver;
  enum { NON_BLOCKING = 1, NO_TIMING = 2 };
  cuda_check(cuda, driver->device_get(&cuda->device, cuda->ordinal), "its opening");
  cuda_check(cuda, driver->context_retain(&cuda->context, cuda->device), "its context");
  cuda_check(cuda, driver->context_set(cuda->context), "its context");
  cuda_check(cuda, driver->stream_create(&cuda->stream, NON_BLOCKING), "its stream");
  cuda_check(cuda, driver->stream_create(&cuda->copies, NON_BLOCKING), "its stream of copies");
  cuda_check(cuda, driver->event_create(&cuda->done, NO_TIMING), "its event");
}

struct cuda *cuda_create(int32_t ordinal) {
  char why[2048] = "";
  const int32_t count = cuda_device_count(why, sizeof why);
  if (count == 0) device_fail(DEVICE_LOST, "PRA_DEVICE: no GPU here: %s", why);
  struct cuda_device_info info;
  if (!cuda_device_describe(ordinal, &info))
    device_fail(DEVICE_LOST, "PRA_DEVICE: found 'cuda:%d', expected at most cuda:%d on this machine",
                ordinal, count - 1);
  struct cuda *cuda = calloc(1, sizeof *cuda);
  if (!cuda) device_fail(DEVICE_LOST, "out of memory: a device");
  cuda->driver = cuda_driver_open(why, sizeof why);
  // Kernels that were compiled before need no compiler.
  cuda->compiler = cuda_compiler_open(why, sizeof why);
  cuda->ordinal = ordinal;
  cuda->last = -1;
  cuda->multiprocessors = info.multiprocessors;
  snprintf(cuda->name, sizeof cuda->name, "%s", info.name);
  snprintf(cuda->architecture, sizeof cuda->architecture, "sm_%d%d%s", info.major, info.minor,
           info.major >= 9 ? "a" : "");
  const char *blocking = getenv("PRA_CUDA_BLOCKING");
  cuda->blocking = blocking && strcmp(blocking, "1") == 0;
  pthread_mutex_init(&cuda->lock, NULL);
  open_context(cuda);
  return cuda;
}

void cuda_destroy(struct cuda *cuda) {
  const struct cuda_driver *driver = cuda->driver;
  driver->context_set(cuda->context);
  driver->stream_wait(cuda->stream);
  cuda_forget_integration(cuda);
  cuda_forget_products(cuda);
  for (struct retired_memory *old = cuda->retired, *next; old; old = next) {
    next = old->next;
    driver->memory_free(old->address);
    free(old);
  }
  if (cuda->workspace) driver->memory_free(cuda->workspace);
  for (int family = 0; family < FAMILY_COUNT; family++)
    for (int type = 0; type < 3; type++)
      if (cuda->modules[family][type]) driver->module_unload(cuda->modules[family][type]);
  driver->event_destroy(cuda->done);
  driver->stream_destroy(cuda->copies);
  driver->stream_destroy(cuda->stream);
  driver->context_release(cuda->device);
  pthread_mutex_destroy(&cuda->lock);
  free(cuda);
}

void cuda_begin(struct cuda *cuda) {
  cuda_check(cuda, cuda->driver->context_set(cuda->context), "its context");
}

// ---- memory --------------------------------------------------------------------------------------

static cu_address take(struct cuda *cuda, size_t bytes) {
  cuda_begin(cuda);
  cu_address address = 0;
  const int error = cuda->driver->memory_take(&address, bytes);
  if (error == CUDA_OUT_OF_MEMORY) {
    size_t available = 0, total = 0;
    cuda->driver->memory_info(&available, &total);
    device_fail(DEVICE_LOST,
                "cuda:%d (%s) is out of memory: %.1f MiB were needed, %.1f of %.1f MiB are free; %s",
                cuda->ordinal, cuda->name, (double)bytes / 0x1p20, (double)available / 0x1p20,
                (double)total / 0x1p20, device_memory_advice());
  }
  cuda_check(cuda, error, "a request for memory");
  return address;
}

void *cuda_take(struct cuda *cuda, size_t bytes) { return (void *)take(cuda, bytes); }

void cuda_release(struct cuda *cuda, void *block) {
  cuda_begin(cuda);
  cuda_check(cuda, cuda->driver->memory_free((cu_address)block), "the return of memory");
}

/// Lets the stream of copies go on once the operations so far are done.
static void follow_operations(struct cuda *cuda) {
  const struct cuda_driver *driver = cuda->driver;
  pthread_mutex_lock(&cuda->lock);
  cuda_begin(cuda);
  cuda_check(cuda, driver->event_record(cuda->done, cuda->stream), "an event");
  cuda_check(cuda, driver->stream_wait_event(cuda->copies, cuda->done, 0), "an event");
  pthread_mutex_unlock(&cuda->lock);
}

void cuda_read(struct cuda *cuda, void *to, const void *from, size_t bytes) {
  if (bytes == 0) return;
  follow_operations(cuda);
  cuda_check(cuda, cuda->driver->to_host(to, (cu_address)from, bytes, cuda->copies), "a download");
  cuda_check(cuda, cuda->driver->stream_wait(cuda->copies), "a download");
}

void cuda_write(struct cuda *cuda, void *to, const void *from, size_t bytes) {
  if (bytes == 0) return;
  // In order with the operations before and after it; the driver holds a copy of memory of the host. An upload of
  // another thread must not become a part of a graph.
  pthread_mutex_lock(&cuda->lock);
  cuda_begin(cuda);
  cuda_check(cuda, cuda->driver->to_device((cu_address)to, from, bytes, cuda->stream), "an upload");
  pthread_mutex_unlock(&cuda->lock);
}

void cuda_wait(struct cuda *cuda) {
  cuda_begin(cuda);
  cuda_check(cuda, cuda->driver->stream_wait(cuda->stream), "the work");
}

void *cuda_workspace(struct cuda *cuda, size_t bytes) {
  if (cuda->workspace_bytes >= bytes) return (void *)cuda->workspace;
  if (cuda->workspace) {
    struct retired_memory *old = malloc(sizeof *old);
    if (!old) device_fail(DEVICE_LOST, "out of memory: working memory of a device");
    *old = (struct retired_memory){cuda->workspace, cuda->retired};
    cuda->retired = old;
  }
  // Twice as much as asked for, so that few are retired.
  const size_t size = 2 * bytes;
  cuda->workspace = take(cuda, size);
  cuda->workspace_bytes = size;
  return (void *)cuda->workspace;
}
