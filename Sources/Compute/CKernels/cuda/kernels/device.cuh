// The page of all that kernels use beyond plain C++, for a GPU. The emulator of the tests has the same
// names in a page of its own (Tests/Support/EmulatedCUDA/Kernels/device.cuh).
//
// REAL is the element type, float or double. Each file is compiled for both, and those whose operations
// have a bfloat16 form once more with STORED_IS_BFLOAT16, where fields that ST names hold bfloat16.
#pragma once
#include "limits.h"
#include "operations.h"

/// A kernel takes an operation by value: `a` are its arguments, `extent` its number of indices, and
/// `extra` two words of the launch, such as working memory.
#define KERNEL(name, threads)                                                                    \
  DEVICE void name##_body(const name##_arguments &a, integer extent, const uint64_t *extra);     \
  extern "C" __global__ void __launch_bounds__(threads)                                          \
      name##_kernel(const __grid_constant__ operation op) {                                      \
    name##_body(*(const name##_arguments *)op.arguments, op.extent, op.arguments + EXTRA_WORD);  \
  }                                                                                              \
  DEVICE void name##_body(const name##_arguments &a, integer extent, const uint64_t *extra)
/// A further kernel of the same operation.
#define KERNEL_OF(name, operation_name, threads)       \
  typedef operation_name##_arguments name##_arguments; \
  KERNEL(name, threads)
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
#define DEVICE __device__ __forceinline__
/// Shared memory of the size that the launch gives.
#define SHARED_ROOM(type, name)                          \
  extern __shared__ __align__(16) unsigned char room[]; \
  type *const name = (type *)room
#define ALL 0xffffffffu
#define INFINITY __int_as_float(0x7f800000)

/// Ends the kernel with an error of the driver.
DEVICE void fail() { __trap(); }

DEVICE float bits_as_float(uint32_t x) { return __uint_as_float(x); }
DEVICE uint32_t float_as_bits(float x) { return __float_as_uint(x); }

/// The sum over a warp, by halves, in every lane.
template <class T> DEVICE T warp_sum(T x) {
  for (int o = 16; o > 0; o >>= 1) x += __shfl_xor_sync(ALL, x, o);
  return x;
}
DEVICE float warp_most(float x) {
  for (int o = 16; o > 0; o >>= 1) x = fmaxf(x, __shfl_xor_sync(ALL, x, o));
  return x;
}
DEVICE double warp_most(double x) {
  for (int o = 16; o > 0; o >>= 1) x = fmax(x, __shfl_xor_sync(ALL, x, o));
  return x;
}
/// The sum, and the largest number, of four neighbouring lanes, which hold one row of a product.
DEVICE float quad_sum(float x) {
  for (int o = 2; o > 0; o >>= 1) x += __shfl_xor_sync(ALL, x, o);
  return x;
}
DEVICE float quad_most(float x) {
  for (int o = 2; o > 0; o >>= 1) x = fmaxf(x, __shfl_xor_sync(ALL, x, o));
  return x;
}
DEVICE void warp_wait() { __syncwarp(); }
DEVICE void block_wait() { __syncthreads(); }

DEVICE uint32_t shared_address(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }

// 16 bytes from global to shared memory, later; those after the first `bytes` become zeros. A thread waits for
// all groups of copies that it has ended but the last BUT.
DEVICE void copy_async_16(void *to, const void *from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes)
               : "memory");
}
DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int BUT> DEVICE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(BUT) : "memory");
}

// Four 8x8 matrices of bfloat16; lane l gives the address of row l % 8 of matrix l / 8.
DEVICE void load_matrix_x4(uint32_t (&r)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
/// The same, each matrix turned.
DEVICE void load_matrix_x4_turned(uint32_t (&r)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
/// d[16, 8] += a[16, 16] b[16, 8] in bfloat16 with sums in float.
DEVICE void multiply_16x8x16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// Two floats rounded to bfloat16, ties to even.
DEVICE uint32_t pack_bf16(float low, float high) {
  uint32_t r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
