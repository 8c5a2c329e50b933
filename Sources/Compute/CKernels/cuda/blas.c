// Products of training by cuBLASLt, where it is: opened at the first one. Its order of additions depends on the sizes,
// so nothing that an image is drawn by goes through it. On one device equal sizes have equal bits: a plan is chosen by
// sizes alone, with working memory of one size, and without sums whose order varies.
#include <stdlib.h>
#include <string.h>

#include "cuda_device.h"

enum { BLAS_WORKSPACE = 32 << 20 };

/// The sizes on which the choice of an algorithm depends.
struct blas_key {
  integer m, n, k, a_stride, b_stride, c_stride;
  bool a_along_k, b_along_k, c_is_bf16, accumulate, has_bias;
  /// Whether results begin at a multiple of 16 bytes.
  bool aligned;
};

struct blas_plan {
  struct blas_key key;
  cu_handle product, left, right, result;
  struct cuda_blas_algorithm algorithm;
  /// False where the library has no algorithm: an own kernel does it.
  bool usable;
  struct blas_plan *next;
};

struct blas {
  const struct cuda_blas *table;  // NULL without the library
  cu_handle handle;
  cu_address workspace;
  struct blas_plan *plans;
};

static void check(const struct cuda *cuda, int status, const char *what) {
  if (status) device_fail(DEVICE_MISTAKE, "cuda:%d (%s): cuBLASLt's %s failed with status %d; PRA_CUDA_BLAS=0 multiplies without it",
                          cuda->ordinal, cuda->name, what, status);
}

static struct blas *blas_of(struct cuda *cuda) {
  if (cuda->blas) return cuda->blas;
  char why[2048];
  struct blas *blas = calloc(1, sizeof *blas);
  if (!blas) device_fail(DEVICE_LOST, "out of memory: products of a device");
  blas->table = cuda_blas_open(why, sizeof why);
  if (blas->table) {
    check(cuda, blas->table->create(&blas->handle), "beginning");
    blas->workspace = (cu_address)cuda_take(cuda, BLAS_WORKSPACE);
  }
  return cuda->blas = blas;
}

void cuda_forget_products(struct cuda *cuda) {
  struct blas *blas = cuda->blas;
  if (!blas) return;
  for (struct blas_plan *plan = blas->plans, *next; plan; plan = next) {
    next = plan->next;
    blas->table->product_destroy(plan->product);
    blas->table->matrix_destroy(plan->left);
    blas->table->matrix_destroy(plan->right);
    blas->table->matrix_destroy(plan->result);
    free(plan);
  }
  if (blas->table) {
    blas->table->destroy(blas->handle);
    cuda->driver->memory_free(blas->workspace);
  }
  free(blas);
  cuda->blas = NULL;
}

// The library's matrices lie by columns: it computes C' = B' A', and to it a matrix that lies along k is one that is
// to be turned, if it is its first, and one that is not, if it is its second.

static void describe(const struct cuda *cuda, struct blas *blas, struct blas_plan *plan, const void *bias) {
  enum { COMPUTE_32F = 68, TYPE_32F = 0, TYPE_BF16 = 14 };
  enum { TURNS_FIRST = 3, TURNS_SECOND = 4, EPILOGUE = 7, BIAS_POINTER = 8, EPILOGUE_BIAS = 4 };
  const struct cuda_blas *table = blas->table;
  const struct blas_key *key = &plan->key;
  const int32_t first = key->b_along_k, second = !key->a_along_k;
  check(cuda, table->product_create(&plan->product, COMPUTE_32F, TYPE_32F), "description");
  check(cuda, table->product_set(plan->product, TURNS_FIRST, &first, sizeof first), "description");
  check(cuda, table->product_set(plan->product, TURNS_SECOND, &second, sizeof second), "description");
  if (bias) {
    const uint32_t epilogue = EPILOGUE_BIAS;
    check(cuda, table->product_set(plan->product, EPILOGUE, &epilogue, sizeof epilogue), "description");
    check(cuda, table->product_set(plan->product, BIAS_POINTER, &bias, sizeof bias), "description");
  }
  const uint64_t m = (uint64_t)key->m, n = (uint64_t)key->n, k = (uint64_t)key->k;
  check(cuda, table->matrix_create(&plan->left, TYPE_BF16, first ? k : n, first ? n : k, key->b_stride), "description");
  check(cuda, table->matrix_create(&plan->right, TYPE_BF16, second ? m : k, second ? k : m, key->a_stride), "description");
  check(cuda, table->matrix_create(&plan->result, key->c_is_bf16 ? TYPE_BF16 : TYPE_32F, n, m, key->c_stride), "description");
}

static void choose(const struct cuda *cuda, struct blas *blas, struct blas_plan *plan) {
  enum { MOST_WORKSPACE = 1, REDUCTIONS = 3, ALIGNMENT_C = 7, ALIGNMENT_D = 8, COMPUTE_TYPE = 2, OUTPUT_TYPE = 4 };
  const struct cuda_blas *table = blas->table;
  const uint64_t workspace = BLAS_WORKSPACE;
  // Sums in place would be in the order in which blocks come.
  const uint32_t reductions = COMPUTE_TYPE | OUTPUT_TYPE, alignment = plan->key.aligned ? 16 : 4;
  cu_handle wishes;
  check(cuda, table->wishes_create(&wishes), "choice");
  check(cuda, table->wishes_set(wishes, MOST_WORKSPACE, &workspace, sizeof workspace), "choice");
  check(cuda, table->wishes_set(wishes, REDUCTIONS, &reductions, sizeof reductions), "choice");
  check(cuda, table->wishes_set(wishes, ALIGNMENT_C, &alignment, sizeof alignment), "choice");
  check(cuda, table->wishes_set(wishes, ALIGNMENT_D, &alignment, sizeof alignment), "choice");
  struct cuda_blas_choice choice;
  int count = 0;
  const int status = table->choose(blas->handle, plan->product, plan->left, plan->right, plan->result, plan->result,
                                   wishes, 1, &choice, &count);
  table->wishes_destroy(wishes);
  plan->usable = status == 0 && count == 1 && choice.state == 0;
  plan->algorithm = choice.algorithm;
}

static struct blas_plan *plan_of(const struct cuda *cuda, struct blas *blas, const struct blas_key *key,
                                 const void *bias) {
  for (struct blas_plan *plan = blas->plans; plan; plan = plan->next)
    if (memcmp(&plan->key, key, sizeof *key) == 0) return plan;
  struct blas_plan *plan = calloc(1, sizeof *plan);
  if (!plan) device_fail(DEVICE_LOST, "out of memory: products of a device");
  plan->key = *key;
  describe(cuda, blas, plan, bias);
  choose(cuda, blas, plan);
  plan->next = blas->plans;
  blas->plans = plan;
  return plan;
}

bool cuda_multiply(struct cuda *cuda, const struct operation *product) {
  const struct matrix_product_arguments *a = (const struct matrix_product_arguments *)product->arguments;
  struct blas *blas = blas_of(cuda);
  // To the library a bias has the type of the result.
  if (!blas->table || (a->bias.memory && a->c_bf16) || (uint64_t)a->bias.memory % 16 != 0) return false;
  struct blas_key key;
  memset(&key, 0, sizeof key);  // keys are compared as bytes
  key.a_along_k = a->a_column == 1;
  key.b_along_k = a->b_row == 1;
  key.m = a->m, key.n = a->n, key.k = a->k;
  key.a_stride = key.a_along_k ? a->a_row : a->a_column;
  key.b_stride = key.b_along_k ? a->b_column : a->b_row;
  key.c_stride = a->c_row;
  key.c_is_bf16 = a->c_bf16, key.accumulate = a->accumulate, key.has_bias = a->bias.memory != NULL;
  key.aligned = (uint64_t)a->c.memory % 16 == 0 && a->c_row * (a->c_bf16 ? 2 : 4) % 16 == 0;
  const struct blas_plan *plan = plan_of(cuda, blas, &key, a->bias.memory);
  if (!plan->usable) return false;
  cuda->last = product->kind;
  if (key.has_bias) {
    enum { BIAS_POINTER = 8 };
    const void *bias = a->bias.memory;
    check(cuda, blas->table->product_set(plan->product, BIAS_POINTER, &bias, sizeof bias), "description");
  }
  const float alpha = 1, beta = a->accumulate ? 1 : 0;
  const cu_address c = (cu_address)a->c.memory;
  check(cuda,
        blas->table->multiply(blas->handle, plan->product, &alpha, (cu_address)a->b.memory, plan->left,
                              (cu_address)a->a.memory, plan->right, &beta, c, plan->result, c, plan->result,
                              &plan->algorithm, blas->workspace, BLAS_WORKSPACE, cuda->stream),
        "product");
  if (cuda->blocking && !cuda->capturing) cuda_wait(cuda);
  return true;
}
