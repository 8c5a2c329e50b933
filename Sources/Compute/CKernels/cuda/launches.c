// The start of operations on a GPU.
#include <string.h>

#include "cuda_device.h"

static integer divided(integer count, integer each) { return (count + each - 1) / each; }

/// Threads of a block that goes through a row: whole warps.
static unsigned threads_of_row(integer width, integer most) {
  const integer threads = divided(width, 32) * 32;
  return (unsigned)(threads > most ? most : threads < 32 ? 32 : threads);
}

/// Blocks of a kernel that goes through its work in strides: more would not run at the same time.
static integer bounded(const struct cuda *cuda, integer blocks) {
  const integer most = 16 * (integer)cuda->multiprocessors;
  return blocks < most ? blocks : most;
}
#define strided(blocks) bounded(cuda, blocks)

void cuda_launch(struct cuda *cuda, enum cuda_kernel kernel, const struct operation *operation,
                 struct cuda_grid grid) {
  if (grid.x <= 0 || grid.y <= 0) return;
  cuda->last = operation->kind;
  void *parameters[] = {(void *)operation};
  const cu_handle function = cuda_function(cuda, kernel, operation->type);
  if (grid.shared > 48 << 10) {
    enum { MAX_DYNAMIC_SHARED_SIZE_BYTES = 8 };
    cuda_check(cuda, cuda->driver->function_set(function, MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)grid.shared),
               "its shared memory");
  }
  cuda_check(cuda,
             cuda->driver->launch(function, (unsigned)grid.x, (unsigned)grid.y, (unsigned)grid.z,
                                  grid.threads, 1, 1, (unsigned)grid.shared, cuda->stream, parameters,
                                  NULL),
             "its start");
  if (cuda->blocking && !cuda->capturing) cuda_wait(cuda);
}

// ---- operations of one kernel --------------------------------------------------------------------

#define SINGLE(name, family, threads_, ...)                                              \
  static void start_##name(struct cuda *cuda, const struct operation *op) {              \
    const struct name##_arguments *a = (const struct name##_arguments *)op->arguments;   \
    const integer extent = op->extent;                                                   \
    (void)a, (void)extent;                                                               \
    cuda_launch(cuda, KERNEL_##name, op,                                                 \
                (struct cuda_grid){.x = __VA_ARGS__, .y = 1, .z = 1, .threads = threads_}); \
  }
#define SINGLE_OF(...) SINGLE(__VA_ARGS__)
CUDA_SINGLE_KERNELS(SINGLE_OF)

// ---- products ------------------------------------------------------------------------------------

#define ARGUMENTS_OF(name) \
  const struct name##_arguments *a = (const struct name##_arguments *)op->arguments

enum { TILE = 64, LARGE_TILE = 128 };

static struct cuda_grid tiles(integer m, integer n, integer tile, unsigned threads) {
  return (struct cuda_grid){divided(m, tile), divided(n, tile), 1, threads, 0};
}

/// Starts one of two kernels of a product on tensor cores: the one of large tiles, which reads less, if
/// there are enough of them for the multiprocessors. Their bits are the same.
static void start_rounded(struct cuda *cuda, const struct operation *op, integer m, integer n,
                          enum cuda_kernel small, enum cuda_kernel large) {
  const struct cuda_grid grid = tiles(m, n, LARGE_TILE, 2 * LARGE_TILE);
  if (grid.x * grid.y >= cuda->multiprocessors)
    cuda_launch(cuda, large, op, grid);
  else
    cuda_launch(cuda, small, op, tiles(m, n, TILE, 2 * TILE));
}

static void start_matrix_product(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(matrix_product);
  if (a->rounded && op->type == ELEMENT_FLOAT32)
    start_rounded(cuda, op, a->m, a->n, KERNEL_matrix_product_rounded,
                  KERNEL_matrix_product_rounded_large);
  else
    cuda_launch(cuda, KERNEL_matrix_product, op, tiles(a->m, a->n, TILE, 256));
}

integer cuda_packed_bytes(int32_t type, integer outputs, integer inputs, bool rounded) {
  if (rounded && type == ELEMENT_FLOAT32) return outputs * divided(inputs, 8) * 8 * 2;
  return outputs * inputs * (type == ELEMENT_FLOAT32 ? 4 : 8);
}

static void start_multiply_packed(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(multiply_packed);
  if (a->rounded && op->type == ELEMENT_FLOAT32)
    start_rounded(cuda, op, a->rows, a->outputs, KERNEL_multiply_packed_rounded,
                  KERNEL_multiply_packed_rounded_large);
  else
    cuda_launch(cuda, KERNEL_multiply_packed, op, tiles(a->rows, a->outputs, TILE, 256));
}

static void start_convolve(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(convolve);
  cuda_launch(cuda, KERNEL_convolve, op, tiles(a->pixels, a->outputs, TILE, 256));
}

static void start_convolve_points(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(convolve_points);
  integer most = 0;
  for (integer b = 0; b < a->count; b++)
    if (a->branches[b].outputs > most) most = a->branches[b].outputs;
  struct cuda_grid grid = tiles(a->pixels, most, TILE, 256);
  grid.z = a->count;
  cuda_launch(cuda, KERNEL_convolve_points, op, grid);
}

// ---- attention -----------------------------------------------------------------------------------

enum { KEYS = 32, BLOCK_QUERIES = 16 };

/// `tiles` tiles of keys in lines of size + 1, `rows` rows of a head and `weights` rows of weights.
static size_t attention_room(const struct attention_shape *s, int32_t type, integer tiles,
                             integer rows, integer weights) {
  if (s->size > ATTENTION_MOST_SIZE)
    device_fail(DEVICE_MISTAKE,
                "attention heads of %td numbers: a GPU takes heads of at most %d; set trunk.heads, "
                "encoder.head_dim or decoder.head_dim so that heads are smaller",
                s->size, ATTENTION_MOST_SIZE);
  const integer numbers = tiles * KEYS * (s->size + 1) + rows * s->size + weights * KEYS;
  return (size_t)numbers * (type == ELEMENT_FLOAT64 ? 8 : 4);
}

static void start_attention(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(attention);
  cuda_launch(cuda, KERNEL_attention, op,
              (struct cuda_grid){divided(a->shape.tokens, BLOCK_QUERIES), op->extent, 1, 128,
                                 attention_room(&a->shape, op->type, 2, BLOCK_QUERIES, BLOCK_QUERIES)});
}

static void start_attention_gradient(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(attention_gradient);
  enum { QUERY_NUMBERS = 3 };
  struct operation with_room = *op;
  const size_t numbers = (size_t)(op->extent * a->shape.tokens * QUERY_NUMBERS);
  with_room.arguments[EXTRA_WORD] =
      (uint64_t)cuda_workspace(cuda, numbers * (op->type == ELEMENT_FLOAT64 ? 8 : 4));
  struct cuda_grid grid = {divided(a->shape.tokens, BLOCK_QUERIES), op->extent, 1, 128,
                           attention_room(&a->shape, op->type, 2, 2 * BLOCK_QUERIES, BLOCK_QUERIES)};
  cuda_launch(cuda, KERNEL_attention_gradient, &with_room, grid);
  grid.shared = attention_room(&a->shape, op->type, 2, 2 * BLOCK_QUERIES, 2 * BLOCK_QUERIES);
  cuda_launch(cuda, KERNEL_attention_key_gradient, &with_room, grid);
}

static void start_attention_cached(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(attention_cached);
  const integer numbers = op->extent * a->shape.tokens * a->shape.size;
  cuda_launch(cuda, KERNEL_attention_append, op,
              (struct cuda_grid){strided(divided(numbers, 128)), 1, 1, 128, 0});
  cuda_launch(cuda, KERNEL_attention_cached, op,
              (struct cuda_grid){a->shape.tokens, op->extent, 1, 32,
                                 attention_room(&a->shape, op->type, 2, 1, 1)});
}

static void start_integrate_states(struct cuda *cuda, const struct operation *op) {
  cuda_integrate(cuda, op);
}

// ---- all -----------------------------------------------------------------------------------------

void cuda_start(struct cuda *cuda, const struct operation *operation) {
  static void (*const starts[OPERATION_COUNT])(struct cuda *, const struct operation *) = {
#define START(name, ...) [OPERATION_##name] = start_##name,
      OPERATIONS(START)
#undef START
  };
  starts[operation->kind](cuda, operation);
}
