// The page that kernels use, for the emulator: the same names as Sources/Compute/CKernels/cuda/kernels/
// device.cuh.
#pragma once
#include <math.h>
#include <string.h>

#include "runtime.h"
#include "limits.h"
#include "operations.h"

extern "C" thread_local emulated_state *emulated_me;
__attribute__((tls_model("initial-exec"))) thread_local emulated_state *emulated_me;
extern "C" __attribute__((no_sanitize("thread"))) void emulated_enter(emulated_state *s) { emulated_me = s; }

#define DEVICE __attribute__((unused)) inline
#define KERNEL(name, most)                                                                       \
  DEVICE void name##_body(const name##_arguments &a, integer extent, const uint64_t *extra);     \
  extern "C" const unsigned name##_kernel_most_threads = most;                                   \
  extern "C" const size_t name##_kernel_argument_bytes = sizeof(operation);                      \
  extern "C" void name##_kernel(const void *given) {                                             \
    const operation &op = *(const operation *)given;                                             \
    name##_body(*(const name##_arguments *)op.arguments, op.extent, op.arguments + EXTRA_WORD);  \
  }                                                                                              \
  DEVICE void name##_body(const name##_arguments &a, integer extent, const uint64_t *extra)
#define KERNEL_OF(name, operation_name, threads)       \
  typedef operation_name##_arguments name##_arguments; \
  KERNEL(name, threads)
#define SHARED(type, name, count)    \
  static const char name##_key = 0; \
  type(&name)[count] =               \
      *(type(*)[count])emulated_me->shared(emulated_me, &name##_key, sizeof(type) * (count))
static const char emulated_room_key = 0;
#define SHARED_ROOM(type, name) \
  type *const name = (type *)emulated_me->shared(emulated_me, &emulated_room_key, emulated_me->room)

#define threadIdx (emulated_me->thread)
#define blockIdx (emulated_me->block)
#define blockDim (emulated_me->threads)
#define gridDim (emulated_me->blocks)

#define fail() emulated_me->trap(emulated_me, __FILE__, __LINE__)
#define block_wait() emulated_me->barrier(emulated_me, __FILE__, __LINE__)
#define warp_wait() \
  ((void)emulated_me->collective(emulated_me, EMULATED_WAIT, nullptr, nullptr, __FILE__, __LINE__))

DEVICE float bits_as_float(uint32_t x) { float f; memcpy(&f, &x, 4); return f; }
DEVICE uint32_t float_as_bits(float x) { uint32_t u; memcpy(&u, &x, 4); return u; }

/// Slots of lanes are no memory of the kernel: ThreadSanitizer shall not look at them.
#define UNWATCHED __attribute__((no_sanitize("thread")))

// ---- collectives of a warp -------------------------------------------------------------------------

DEVICE unsigned emulated_lane() { return threadIdx.x % 32; }

/// In the order in which shuffles by halves add: lane l gets x[l] + x[l ^ first] and so on.
#define EMULATED_REDUCTION(name, field, first, combined)                \
  UNWATCHED static void name(emulated_slot (&s)[32]) {                  \
    for (int o = first; o > 0; o >>= 1) {                               \
      emulated_slot was[32];                                            \
      memcpy(was, s, sizeof was);                                       \
      for (int l = 0; l < 32; l++) {                                    \
        const auto x = was[l].field[0], y = was[l ^ o].field[0];        \
        s[l].field[0] = combined;                                       \
      }                                                                 \
    }                                                                   \
  }
EMULATED_REDUCTION(emulated_sum_32, f, 16, x + y)
EMULATED_REDUCTION(emulated_sum_64, d, 16, x + y)
EMULATED_REDUCTION(emulated_most_32, f, 16, fmaxf(x, y))
EMULATED_REDUCTION(emulated_most_64, d, 16, fmax(x, y))
EMULATED_REDUCTION(emulated_quad_sum, f, 2, x + y)
EMULATED_REDUCTION(emulated_quad_most, f, 2, fmaxf(x, y))

#define EMULATED_REDUCE(kind, field, work, x)                                                        \
  emulated_slot mine;                                                                                \
  mine.field[0] = x;                                                                                 \
  return emulated_me->collective(emulated_me, kind, &mine, work, file, line)[emulated_lane()].field[0]
DEVICE float emulated_sum(float x, const char *file, int line) { EMULATED_REDUCE(EMULATED_SUM_32, f, emulated_sum_32, x); }
DEVICE double emulated_sum(double x, const char *file, int line) { EMULATED_REDUCE(EMULATED_SUM_64, d, emulated_sum_64, x); }
DEVICE float emulated_most(float x, const char *file, int line) { EMULATED_REDUCE(EMULATED_MOST_32, f, emulated_most_32, x); }
DEVICE double emulated_most(double x, const char *file, int line) { EMULATED_REDUCE(EMULATED_MOST_64, d, emulated_most_64, x); }
DEVICE float emulated_sum_of_quad(float x, const char *file, int line) { EMULATED_REDUCE(EMULATED_QUAD_SUM, f, emulated_quad_sum, x); }
DEVICE float emulated_most_of_quad(float x, const char *file, int line) { EMULATED_REDUCE(EMULATED_QUAD_MOST, f, emulated_quad_most, x); }
#define quad_sum(x) emulated_sum_of_quad(x, __FILE__, __LINE__)
#define quad_most(x) emulated_most_of_quad(x, __FILE__, __LINE__)
#define warp_sum(x) emulated_sum(x, __FILE__, __LINE__)
#define warp_most(x) emulated_most(x, __FILE__, __LINE__)

// ---- asynchronous copies ----------------------------------------------------------------------------

static void emulated_copy_16(void *to, const void *from, int bytes) {
  for (int i = 0; i < 16; i++) ((char *)to)[i] = i < bytes ? ((const char *)from)[i] : (char)0;
}
#define copy_async_16(to, from, bytes) \
  emulated_me->copy_async(emulated_me, to, from, bytes, emulated_copy_16, __FILE__, __LINE__)
#define copy_async_commit() emulated_me->copy_commit(emulated_me)
template <int BUT> DEVICE void copy_async_wait() { emulated_me->copy_wait(emulated_me, BUT); }

// ---- tensor cores ----------------------------------------------------------------------------------

DEVICE float emulated_wide(uint16_t x) { return bits_as_float((uint32_t)x << 16); }
DEVICE uint32_t emulated_bf16(float x) {
  const uint32_t u = float_as_bits(x);
  return x != x ? 0x7fff : (u + 0x7fff + (u >> 16 & 1)) >> 16;
}
DEVICE uint32_t pack_bf16(float low, float high) { return emulated_bf16(low) | emulated_bf16(high) << 16; }

template <bool TURNED>
DEVICE void emulated_load_matrices(uint32_t (&r)[4], const void *row, const char *file, int line) {
  if ((uintptr_t)row % 16) emulated_me->trap(emulated_me, file, line);
  emulated_slot mine;
  mine.p[0] = row;
  emulated_slot *all = emulated_me->collective(emulated_me, EMULATED_MATRICES, &mine, nullptr, file, line);
  const unsigned lane = emulated_lane(), major = lane / 4, minor = lane % 4 * 2;
  for (int m = 0; m < 4; m++) {
    if (TURNED) {
      r[m] = ((const uint16_t *)all[m * 8 + minor].p[0])[major] |
             (uint32_t)((const uint16_t *)all[m * 8 + minor + 1].p[0])[major] << 16;
    } else {
      const uint16_t *at = (const uint16_t *)all[m * 8 + major].p[0] + minor;
      r[m] = at[0] | (uint32_t)at[1] << 16;
    }
  }
}
#define load_matrix_x4(r, row) emulated_load_matrices<false>(r, row, __FILE__, __LINE__)
#define load_matrix_x4_turned(r, row) emulated_load_matrices<true>(r, row, __FILE__, __LINE__)

/// Slots hold a[4], b0, b1, d[4]; the result takes the place of d.
UNWATCHED static void emulated_multiply(emulated_slot (&s)[32]) {
  float a[16][16], b[16][8], d[16][8];
  for (int l = 0; l < 32; l++) {
    const int g = l / 4, t = l % 4 * 2;
    for (int i = 0; i < 4; i++)
      for (int e = 0; e < 2; e++) a[g + i % 2 * 8][t + i / 2 * 8 + e] = emulated_wide((uint16_t)(s[l].u[i] >> 16 * e));
    for (int i = 0; i < 2; i++)
      for (int e = 0; e < 2; e++) b[t + i * 8 + e][g] = emulated_wide((uint16_t)(s[l].u[4 + i] >> 16 * e));
    for (int e = 0; e < 4; e++) d[g + e / 2 * 8][t + e % 2] = s[l].f[6 + e];
  }
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 16; k++)
      for (int j = 0; j < 8; j++) d[i][j] += a[i][k] * b[k][j];
  for (int l = 0; l < 32; l++)
    for (int e = 0; e < 4; e++) s[l].f[6 + e] = d[l / 4 + e / 2 * 8][l % 4 * 2 + e % 2];
}
DEVICE void emulated_multiply_at(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, const char *file, int line) {
  emulated_slot mine;
  memcpy(mine.u, a, 16);
  mine.u[4] = b0;
  mine.u[5] = b1;
  memcpy(mine.f + 6, d, 16);
  emulated_slot *all = emulated_me->collective(emulated_me, EMULATED_MULTIPLY, &mine, emulated_multiply, file, line);
  memcpy(d, all[emulated_lane()].f + 6, 16);
}
#define multiply_16x8x16(d, a, b0, b1) emulated_multiply_at(d, a, b0, b1, __FILE__, __LINE__)
