// Exchanges between memory of GPUs that belong to several processes, by NCCL, which is opened at run time where it is.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arguments.h"
#include "device_memory.h"

/// The processes of an exchange, each with a GPU of its own. One thread at a time may use it.
typedef struct device_ranks device_ranks;

enum { DEVICE_RANKS_ID = 128 };
/// Results of the calls.
enum {
  DEVICE_RANKS_DONE = 0,
  DEVICE_RANKS_PARTED = 1,    // another process is gone
  DEVICE_RANKS_FAILED = 2,    // a fault of NCCL or of this machine
};

/// A question that is asked while others are waited for, by the thread that waits.
struct device_ranks_watch {
  void *context;
  /// Whether another process is gone, so that nobody waits for it any longer.
  bool (*is_parted)(void *context);
};

/// Place of a GPU on the bus of its host, as 0000:3b:00.0; empty for memory of a CPU.
void device_bus(const memory *memory, char *text, size_t n);
/// Version of NCCL, as 22703; 0 with a reason in `why`, of `n` bytes, if it is missing.
int32_t device_ranks_version(char *why, size_t n);
/// Makes the id that one process gives to all. False with a reason in `why`, of `n` bytes.
bool device_ranks_make_id(uint8_t id[DEVICE_RANKS_ID], char *why, size_t n);
/// Connects the GPU whose memory it is with those of all other ranks; `*made` is NULL unless that is done.
int32_t device_ranks_open(const memory *memory, const uint8_t id[DEVICE_RANKS_ID], int32_t rank, int32_t size,
                          struct device_ranks_watch watch, device_ranks **made, char *why, size_t n);
/// Sends the r-th `bytes` of `from` to rank r; those from rank r become the r-th of `to`. Operations on both memories must be
/// done before; the exchange is done when this returns.
int32_t device_ranks_all_to_all(device_ranks *ranks, address from, address to, size_t bytes, char *why, size_t n);
/// Sends `bytes` of `from` to all; those of rank r become the r-th of `to`. As device_ranks_all_to_all.
int32_t device_ranks_all_gather(device_ranks *ranks, address from, address to, size_t bytes, char *why, size_t n);
/// Frees it. All other ranks must have made their last call, or be gone.
void device_ranks_close(device_ranks *ranks);
