// NCCL for the emulated driver, in the same library: processes of one host move bytes through shared memory. It is strict
// where NCCL is merely unlucky: a send ends when all of it was received, so that sends without a group wait for ever; a
// group is on its stream when the communicator has been asked for its state; nobody notices that another process is gone.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "memory.h"
#include "stream.h"

namespace {

enum { SUCCESS, SYSTEM_ERROR = 2, INVALID_ARGUMENT = 4, INVALID_USAGE = 5, IN_PROGRESS = 7 };
const int MOST = 8;
const size_t PIECE = 64 << 10;

struct Id { char bytes[128]; };
struct Config { size_t size; unsigned magic, version; int blocking; };

/// Bytes on their way from one rank to another, a piece at a time.
struct Channel {
  std::atomic<uint64_t> written, read;
  /// Bytes of the message to which the piece belongs.
  uint64_t bytes;
  char piece[PIECE];
};

/// The shared memory of all ranks, which begins as zeros.
struct Meeting {
  std::atomic<int> arrived;
  /// The GPU of each rank, from 1 on.
  std::atomic<int> gpus[MOST];
  Channel channels[MOST][MOST];
};

struct Transfer {
  bool sends;
  int peer;
  char *at;
  size_t bytes, moved = 0;
};

struct Ranks {
  std::string name;
  Meeting *meeting = nullptr;
  int rank = 0, size = 0;
  bool is_aborted = false, is_connected = false;
  int fault = 0;
  ~Ranks() { if (meeting) munmap(meeting, sizeof *meeting); }
};
typedef std::shared_ptr<Ranks> Shared;

/// The calls of one group to one communicator.
struct Group { Shared ranks; void *stream; std::vector<Transfer> transfers; };
/// A communicator as the caller holds it, and groups that are not on their stream yet.
struct Communicator { Shared ranks; std::vector<Group> begun; bool was_asked = false; };

thread_local int depth;
thread_local std::vector<std::pair<Communicator *, Group>> calls;

[[noreturn]] void fail(const Ranks &ranks, const Transfer &t, uint64_t bytes) {
  fprintf(stderr, "emulated NCCL: rank %d receives %zu bytes from rank %d, which sends %llu\n", ranks.rank, t.bytes,
          t.peer, (unsigned long long)bytes);
  _exit(134);
}

/// Moves what can be moved; whether all of it has been.
bool move(Ranks &ranks, Transfer &t) {
  Channel &channel = t.sends ? ranks.meeting->channels[ranks.rank][t.peer] : ranks.meeting->channels[t.peer][ranks.rank];
  while (t.moved < t.bytes) {
    const size_t n = std::min(PIECE, t.bytes - t.moved);
    const bool is_free = channel.written == channel.read;
    if (is_free != t.sends) return false;
    if (t.sends) {
      channel.bytes = t.bytes;
      memcpy(channel.piece, t.at + t.moved, n);
      channel.written++;
    } else {
      if (channel.bytes != t.bytes) fail(ranks, t, channel.bytes);
      memcpy(t.at + t.moved, channel.piece, n);
      channel.read++;
    }
    t.moved += n;
  }
  return !t.sends || channel.written == channel.read;
}

/// Puts a group on its stream.
int start(const Group &group) {
  auto kept = std::make_shared<Group>(group);
  return emulated_put_waiting(group.stream, [kept] {
    if (kept->ranks->is_aborted) return true;
    // All of a group go on at once.
    bool is_done = true, is_moving = true;
    while (is_moving) {
      is_moving = false;
      is_done = true;
      for (Transfer &t : kept->transfers) {
        const size_t before = t.moved;
        is_done = move(*kept->ranks, t) && is_done;
        is_moving = is_moving || t.moved != before;
      }
    }
    return is_done;
  }) ? SYSTEM_ERROR : SUCCESS;
}

int end_group() {
  if (--depth > 0) return SUCCESS;
  for (auto &[communicator, group] : calls) {
    auto &begun = communicator->begun;
    if (begun.empty() || begun.back().stream != group.stream) begun.push_back({group.ranks, group.stream, {}});
    for (Transfer &t : group.transfers) begun.back().transfers.push_back(t);
    communicator->was_asked = false;
  }
  calls.clear();
  return IN_PROGRESS;
}

int add(Communicator *communicator, void *stream, std::vector<Transfer> transfers) {
  if (!communicator || !communicator->ranks->is_connected || communicator->ranks->is_aborted) return INVALID_USAGE;
  for (const Transfer &t : transfers)
    if (t.peer < 0 || t.peer >= communicator->ranks->size || (t.bytes && !is_device_memory(t.at))) return INVALID_ARGUMENT;
  depth++;
  calls.push_back({communicator, {communicator->ranks, stream, std::move(transfers)}});
  const int ended = end_group();
  return depth > 0 ? SUCCESS : ended;
}

size_t bytes_of(size_t count, int type) { return count * (type <= 1 ? 1 : 4); }

}  // namespace

#define API extern "C" __attribute__((visibility("default"))) int

API ncclGetVersion(int *version) { *version = 22703; return SUCCESS; }

API ncclGetUniqueId(Id *id) {
  memset(id->bytes, 0, sizeof id->bytes);
  uint64_t number[2];
  if (getentropy(number, sizeof number)) return SYSTEM_ERROR;
  snprintf(id->bytes, sizeof id->bytes, "/emulated-nccl-%016llx%016llx", (unsigned long long)number[0],
           (unsigned long long)number[1]);
  return SUCCESS;
}

/// Communicators here are those that block nobody.
API ncclCommInitRankConfig(Communicator **made, int size, Id id, int rank, const Config *config) {
  if (!config || config->size < 20 || config->magic != 0xcafebeef || config->blocking != 0 || size < 1 || size > MOST ||
      rank < 0 || rank >= size || strncmp(id.bytes, "/emulated-nccl-", 15))
    return INVALID_ARGUMENT;
  const int gpu = emulated_current();
  if (gpu < 0) return INVALID_USAGE;
  auto ranks = std::make_shared<Ranks>();
  ranks->name = id.bytes;
  const int file = shm_open(id.bytes, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return SYSTEM_ERROR;
  void *at = ftruncate(file, sizeof(Meeting)) ? MAP_FAILED
                                              : mmap(nullptr, sizeof(Meeting), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (at == MAP_FAILED) return SYSTEM_ERROR;
  ranks->meeting = (Meeting *)at;
  ranks->rank = rank;
  ranks->size = size;
  ranks->meeting->gpus[rank] = gpu + 1;
  ranks->meeting->arrived++;
  *made = new Communicator{ranks, {}};
  return IN_PROGRESS;
}

API ncclCommGetAsyncError(Communicator *communicator, int *state) {
  Ranks &ranks = *communicator->ranks;
  *state = ranks.fault;
  if (ranks.fault) return SUCCESS;
  if (!ranks.is_connected) {
    *state = IN_PROGRESS;
    if (ranks.meeting->arrived < ranks.size) return SUCCESS;
    shm_unlink(ranks.name.c_str());
    for (int r = 0; r < ranks.size; r++)
      if (r != ranks.rank && ranks.meeting->gpus[r] == ranks.meeting->gpus[ranks.rank]) ranks.fault = INVALID_USAGE;
    ranks.is_connected = !ranks.fault;
    return SUCCESS;
  }
  // A thread of NCCL's own starts what was called, which takes a moment.
  if (!communicator->begun.empty() && !communicator->was_asked) {
    communicator->was_asked = true;
    *state = IN_PROGRESS;
    return SUCCESS;
  }
  for (const Group &group : communicator->begun)
    if (const int error = start(group)) *state = ranks.fault = error;
  communicator->begun.clear();
  return SUCCESS;
}

API ncclCommAbort(Communicator *communicator) {
  communicator->ranks->is_aborted = true;
  shm_unlink(communicator->ranks->name.c_str());
  delete communicator;
  return SUCCESS;
}

API ncclGroupStart() { depth++; return SUCCESS; }
API ncclGroupEnd() { return depth < 1 ? (int)INVALID_USAGE : end_group(); }

API ncclSend(char *from, size_t count, int type, int peer, Communicator *communicator, void *stream) {
  return add(communicator, stream, {{true, peer, from, bytes_of(count, type)}});
}
API ncclRecv(char *to, size_t count, int type, int peer, Communicator *communicator, void *stream) {
  return add(communicator, stream, {{false, peer, to, bytes_of(count, type)}});
}
API ncclAllGather(char *from, char *to, size_t count, int type, Communicator *communicator, void *stream) {
  const size_t bytes = bytes_of(count, type);
  std::vector<Transfer> all;
  for (int r = 0; communicator && r < communicator->ranks->size; r++) {
    all.push_back({true, r, from, bytes});
    all.push_back({false, r, to + (size_t)r * bytes, bytes});
  }
  return add(communicator, stream, std::move(all));
}

extern "C" __attribute__((visibility("default"))) const char *ncclGetErrorString(int error) {
  return error == INVALID_USAGE ? "invalid usage" : error == INVALID_ARGUMENT ? "invalid argument" : "system error";
}
extern "C" __attribute__((visibility("default"))) const char *ncclGetLastError(Communicator *communicator) {
  return communicator && communicator->ranks->fault == INVALID_USAGE ? "Duplicate GPU detected" : "";
}
