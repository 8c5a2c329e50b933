// Exchanges between GPUs by NCCL. It moves bytes and adds nothing: the order of its sums is its own.
#include "device_ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda_device.h"

enum { NCCL_REMOTE_ERROR = 6, NCCL_IN_PROGRESS = 7, NCCL_UINT8 = 1 };

struct device_ranks {
  struct cuda *cuda;
  const struct cuda_nccl *nccl;
  /// The stream of the exchanges, beside those of the operations.
  cu_handle stream;
  /// NULL when it has been given up.
  cu_handle communicator;
  int32_t size;
  struct device_ranks_watch watch;
};

void device_bus(const memory *memory, char *text, size_t n) {
  const struct cuda *cuda = memory_cuda(memory);
  if (n > 0) text[0] = 0;
  if (cuda) cuda_check(cuda, cuda->driver->device_bus(text, (int)n, cuda->device), "its place on the bus");
}

int32_t device_ranks_version(char *why, size_t n) {
  char path[4096];
  return cuda_nccl_version(path, sizeof path, why, n);
}

bool device_ranks_make_id(uint8_t id[DEVICE_RANKS_ID], char *why, size_t n) {
  const struct cuda_nccl *nccl = cuda_nccl_open(why, n);
  if (!nccl) return false;
  struct nccl_id made = {0};
  const int error = nccl->make_id(&made);
  if (error) snprintf(why, n, "NCCL: %s", nccl->error_text(error));
  memcpy(id, made.bytes, DEVICE_RANKS_ID);
  return !error;
}

/// Gives the communicator up, so that nothing waits on the GPU any longer.
static void give_up(device_ranks *ranks) {
  if (ranks->communicator) ranks->nccl->abort(ranks->communicator);
  ranks->communicator = NULL;
}

static int32_t parted(device_ranks *ranks, char *why, size_t n) {
  snprintf(why, n, "the exchange between GPUs was given up");
  give_up(ranks);
  return DEVICE_RANKS_PARTED;
}

static int32_t failed(device_ranks *ranks, int error, char *why, size_t n) {
  const char *last = ranks->communicator ? ranks->nccl->last_error(ranks->communicator) : NULL;
  snprintf(why, n, "NCCL: %s%s%.300s", ranks->nccl->error_text(error), last && *last ? ": " : "", last ? last : "");
  give_up(ranks);
  return error == NCCL_REMOTE_ERROR ? DEVICE_RANKS_PARTED : DEVICE_RANKS_FAILED;
}

/// Waits until NCCL has done a call, and its stream what the call has started if `on_stream`. A kernel that waits for a process
/// which is gone ends with its communicator alone, so nothing here waits without asking.
static int32_t await(device_ranks *ranks, int error, bool on_stream, char *why, size_t n) {
  // An exchange within one machine takes less time than a thread that sleeps.
  enum { SPINS = 1000, PAUSE = 50, TURNS = 100 };
  const struct cuda_driver *driver = ranks->cuda->driver;
  for (long turn = 1;; turn++) {
    int state = error && error != NCCL_IN_PROGRESS ? error : 0;
    if (!state) {
      error = ranks->nccl->state(ranks->communicator, &state);
      if (error) state = error;
    }
    if (state && state != NCCL_IN_PROGRESS) return failed(ranks, state, why, n);
    if (!state) {
      const int found = on_stream ? driver->stream_query(ranks->stream) : 0;
      if (!found) return DEVICE_RANKS_DONE;
      if (found != CUDA_NOT_READY) cuda_check(ranks->cuda, found, "an exchange between GPUs");
    }
    if (turn < SPINS) continue;
    usleep(PAUSE);
    if (turn % TURNS == 0 && ranks->watch.is_parted(ranks->watch.context)) return parted(ranks, why, n);
  }
}

int32_t device_ranks_open(const memory *memory, const uint8_t id[DEVICE_RANKS_ID], int32_t rank, int32_t size,
                          struct device_ranks_watch watch, device_ranks **made, char *why, size_t n) {
  enum { NON_BLOCKING = 1, MAGIC = 0xcafebeef, VERSION = 21400 };
  *made = NULL;
  const struct cuda_nccl *nccl = cuda_nccl_open(why, n);
  if (!nccl) return DEVICE_RANKS_FAILED;
  device_ranks *ranks = calloc(1, sizeof *ranks);
  if (!ranks) memory_lacking(sizeof *ranks);
  *ranks = (device_ranks){.cuda = memory_cuda(memory), .nccl = nccl, .size = size, .watch = watch};
  cuda_begin(ranks->cuda);
  cuda_check(ranks->cuda, ranks->cuda->driver->stream_create(&ranks->stream, NON_BLOCKING), "its stream of exchanges");
  struct nccl_config config = {sizeof config, MAGIC, VERSION, 0};
  struct nccl_id given;
  memcpy(given.bytes, id, DEVICE_RANKS_ID);
  const int error = nccl->open(&ranks->communicator, size, given, rank, &config);
  const int32_t result = await(ranks, error, false, why, n);
  if (result == DEVICE_RANKS_DONE)
    *made = ranks;
  else
    device_ranks_close(ranks);
  return result;
}

/// Sends and receives in one group: NCCL then waits for none before it has begun with all.
int32_t device_ranks_all_to_all(device_ranks *ranks, address from, address to, size_t bytes, char *why, size_t n) {
  if (!ranks->communicator) return parted(ranks, why, n);
  const struct cuda_nccl *nccl = ranks->nccl;
  cuda_begin(ranks->cuda);
  int error = nccl->group_begin();
  for (int32_t r = 0; r < ranks->size && !error; r++) {
    const cu_address out = (cu_address)from.memory + (size_t)r * bytes, in = (cu_address)to.memory + (size_t)r * bytes;
    error = nccl->send(out, bytes, NCCL_UINT8, r, ranks->communicator, ranks->stream);
    if (!error || error == NCCL_IN_PROGRESS)
      error = nccl->receive(in, bytes, NCCL_UINT8, r, ranks->communicator, ranks->stream);
    if (error == NCCL_IN_PROGRESS) error = 0;
  }
  const int end = nccl->group_end();
  return await(ranks, error ? error : end, true, why, n);
}

int32_t device_ranks_all_gather(device_ranks *ranks, address from, address to, size_t bytes, char *why, size_t n) {
  if (!ranks->communicator) return parted(ranks, why, n);
  cuda_begin(ranks->cuda);
  const int error = ranks->nccl->all_gather((cu_address)from.memory, (cu_address)to.memory, bytes, NCCL_UINT8,
                                            ranks->communicator, ranks->stream);
  return await(ranks, error, true, why, n);
}

void device_ranks_close(device_ranks *ranks) {
  cuda_begin(ranks->cuda);
  give_up(ranks);
  ranks->cuda->driver->stream_destroy(ranks->stream);
  free(ranks);
}
