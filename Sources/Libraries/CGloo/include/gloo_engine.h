// Collectives of several processes over TCP, by Gloo, which is opened at run time: whoever works alone needs none of it.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Where processes tell one another their addresses. Both functions return whether they succeeded.
struct gloo_meeting {
  void *context;
  /// Tells all others some bytes under a key.
  bool (*put)(void *context, const char *key, const void *bytes, size_t count);
  /// Waits for the bytes of a key, which are copied to `bytes`, of `room`; `count` becomes their number.
  bool (*get)(void *context, const char *key, void *bytes, size_t room, size_t *count);
};

struct gloo_place {
  int32_t rank, size;
  /// An address of this host, in numbers.
  const char *address;
  /// Ports at which it listens, one for each other rank; 0 and 0 for any that are free.
  int32_t first_port, last_port;
  /// Seconds within which all must be connected.
  double connect_seconds;
};

/// Connects all ranks; NULL with a reason in `why` (of `n` bytes).
void *gloo_engine_open(const struct gloo_place *place, const struct gloo_meeting *meeting, char *why, size_t n);
/// Sends the r-th `bytes` of `from` to rank r; those from rank r become the r-th of `to`. False with a reason.
bool gloo_engine_all_to_all(void *engine, const void *from, void *to, size_t bytes, char *why, size_t n);
/// Sends `bytes` of `from` to all; those of rank r become the r-th of `to`. False with a reason.
bool gloo_engine_all_gather(void *engine, const void *from, void *to, size_t bytes, char *why, size_t n);
/// Bytes that have come, and those that others are known to have: while all ranks wait for one another they grow, or a link
/// is cut. May be called by any thread.
uint64_t gloo_engine_moved(void *engine);
/// The least rank whose connection is gone; -1 while all stand. May be called by any thread.
int32_t gloo_engine_gone(void *engine);
/// Closes all connections: the others' calls fail at once, and so do all later ones of this process.
void gloo_engine_abort(void *engine);

/// Opens Gloo and the library beside this program that calls it; NULL where both are there, otherwise a sentence with the
/// remedy. The functions above may be called afterwards.
const char *gloo_engine_load(const char *folder);
