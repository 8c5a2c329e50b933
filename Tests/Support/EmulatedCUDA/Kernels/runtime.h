// The interface between the emulated driver and the kernels that were compiled for it.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct emulated_dim { unsigned x, y, z; };

/// 64 bytes that a lane gives to a collective of its warp and gets back from it.
union emulated_slot { uint32_t u[16]; float f[16]; double d[8]; uint64_t q[8]; const void *p[8]; };

enum emulated_collective : int {
  EMULATED_WAIT, EMULATED_SUM_32, EMULATED_SUM_64, EMULATED_MOST_32, EMULATED_MOST_64,
  EMULATED_QUAD_SUM, EMULATED_QUAD_MOST, EMULATED_MATRICES, EMULATED_MULTIPLY,
};

typedef void (*emulated_copy)(void *to, const void *from, int bytes);

struct emulated_state {
  emulated_dim thread, block, threads, blocks;
  size_t room;
  /// All threads of the block.
  void (*barrier)(emulated_state *, const char *file, int line);
  /// All lanes of a warp; the last that comes runs `work` on the slots of all.
  emulated_slot *(*collective)(emulated_state *, emulated_collective kind, const emulated_slot *mine,
                               void (*work)(emulated_slot (&)[32]), const char *file, int line);
  /// Memory of the block under a key, the same for all its threads.
  void *(*shared)(emulated_state *, const void *key, size_t bytes);
  /// 16 bytes to shared memory, of which the last 16 - `bytes` are zeros, by `copy` of the module: at
  /// once, or as late as a wait for their group allows.
  void (*copy_async)(emulated_state *, void *to, const void *from, int bytes, emulated_copy copy,
                     const char *file, int line);
  /// Ends the group of the thread's copies so far.
  void (*copy_commit)(emulated_state *);
  /// Waits for all of the thread's groups but the last `but`.
  void (*copy_wait)(emulated_state *, int but);
  /// Ends the program: a kernel has trapped.
  void (*trap)(emulated_state *, const char *file, int line);
};
