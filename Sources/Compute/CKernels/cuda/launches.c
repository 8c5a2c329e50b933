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
  struct cuda_grid grid = tiles(m, n, LARGE_TILE, 2 * LARGE_TILE);
  const bool is_large = grid.x * grid.y >= cuda->multiprocessors;
  if (!is_large) grid = tiles(m, n, TILE, 2 * TILE);
  grid.shared = (is_large ? LARGE_TILE : TILE) * ROUNDED_LINE * ROUNDED_STAGES * 2 * sizeof(uint16_t);
  cuda_launch(cuda, is_large ? large : small, op, grid);
}

/// Whether a matrix can be copied in units of 16 bytes.
static bool is_in_units(address x, bool is_bf16, integer stride) {
  return is_bf16 && stride % 8 == 0 && (uint64_t)x.memory % 16 == 0;
}

/// Starts the rounding of one factor into working memory.
static void round_factor(struct cuda *cuda, const struct operation *op, char *to, bool is_right,
                         integer lines, integer length) {
  struct operation made = *op;
  made.extent = lines;
  made.arguments[EXTRA_WORD] = (uint64_t)to;
  made.arguments[EXTRA_WORD + 1] = is_right;
  cuda_launch(cuda, KERNEL_round_factor, &made,
              (struct cuda_grid){strided(lines), 1, 1, threads_of_row(length / 2 + 1, 256), 0});
}

static integer in_units(integer length) { return divided(length, 8) * 8; }

void cuda_round_factors(struct cuda *cuda, struct operation *op) {
  struct matrix_product_arguments *a = (struct matrix_product_arguments *)op->arguments;
  const bool a_along_k = a->a_column == 1, b_along_k = a->b_row == 1;
  integer *a_stride = a_along_k ? &a->a_row : &a->a_column;
  integer *b_stride = b_along_k ? &a->b_column : &a->b_row;
  const integer a_lines = a_along_k ? a->m : a->k, a_length = a_along_k ? a->k : a->m;
  const integer b_lines = b_along_k ? a->n : a->k, b_length = b_along_k ? a->k : a->n;
  const bool takes_a = is_in_units(a->a, a->a_bf16, *a_stride);
  const bool takes_b = is_in_units(a->b, a->b_bf16, *b_stride);
  const integer a_bytes = takes_a ? 0 : a_lines * in_units(a_length) * 2;
  const integer b_bytes = takes_b ? 0 : b_lines * in_units(b_length) * 2;
  if (a_bytes + b_bytes == 0) return;
  char *room = cuda_workspace(cuda, (size_t)(a_bytes + b_bytes));
  if (!takes_a) round_factor(cuda, op, room, false, a_lines, a_length);
  if (!takes_b) round_factor(cuda, op, room + a_bytes, true, b_lines, b_length);
  if (!takes_a) {
    a->a.memory = room;
    a->a_bf16 = true;
    *a_stride = in_units(a_length);
  }
  if (!takes_b) {
    a->b.memory = room + a_bytes;
    a->b_bf16 = true;
    *b_stride = in_units(b_length);
  }
}

static void start_matrix_product(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(matrix_product);
  if (!a->rounded || op->type != ELEMENT_FLOAT32) {
    cuda_launch(cuda, KERNEL_matrix_product, op, tiles(a->m, a->n, TILE, 256));
    return;
  }
  static const enum cuda_kernel kernels[2][2][2] = {
      {{KERNEL_matrix_product_columns_columns, KERNEL_matrix_product_columns_columns_large},
       {KERNEL_matrix_product_columns_rows, KERNEL_matrix_product_columns_rows_large}},
      {{KERNEL_matrix_product_rows_columns, KERNEL_matrix_product_rows_columns_large},
       {KERNEL_matrix_product_rows_rows, KERNEL_matrix_product_rows_rows_large}}};
  struct operation rounded = *op;
  cuda_round_factors(cuda, &rounded);
  if (a->any_order && cuda_multiply(cuda, &rounded)) return;
  const enum cuda_kernel *both = kernels[a->a_column == 1][a->b_row == 1];
  start_rounded(cuda, &rounded, a->m, a->n, both[0], both[1]);
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
  if (a->rounded && op->type == ELEMENT_FLOAT32)
    start_rounded(cuda, op, a->pixels, a->outputs, KERNEL_convolve_rounded, KERNEL_convolve_rounded_large);
  else
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

static void check_head(const struct attention_shape *s) {
  if (s->size > ATTENTION_MOST_SIZE)
    device_fail(DEVICE_MISTAKE,
                "attention heads of %td numbers: a GPU takes heads of at most %d; set trunk.heads, "
                "encoder.head_dim or decoder.head_dim so that heads are smaller",
                s->size, ATTENTION_MOST_SIZE);
}

/// `tiles` tiles of keys in lines of size + 1, `rows` rows of a head and `weights` rows of weights.
static size_t attention_room(const struct attention_shape *s, int32_t type, integer tiles,
                             integer rows, integer weights) {
  check_head(s);
  const integer numbers = tiles * KEYS * (s->size + 1) + rows * s->size + weights * KEYS;
  return (size_t)numbers * (type == ELEMENT_FLOAT64 ? 8 : 4);
}

/// Whether a head needs the larger of two kernels on the tensor cores.
static bool is_long(const struct attention_shape *s) { return s->size > 64; }

/// The grid of a kernel on the tensor cores, which keeps `rows` rows of a head in bfloat16.
static struct cuda_grid rounded_grid(const struct attention_shape *s, integer pairs, integer rows) {
  check_head(s);
  const integer line = divided(s->size, 16) * 16 + ROUNDED_GAP;
  return (struct cuda_grid){divided(s->tokens, ROUNDED_ROWS), pairs, 1, 128,
                            (size_t)(rows * line) * sizeof(uint16_t)};
}

static void start_attention(struct cuda *cuda, const struct operation *op) {
  ARGUMENTS_OF(attention);
  if (op->type == ELEMENT_BFLOAT16) {
    enum { TILE_ROWS = 2 * 64 };
    cuda_launch(cuda, is_long(&a->shape) ? KERNEL_attention_128 : KERNEL_attention_64, op,
                rounded_grid(&a->shape, op->extent, ROUNDED_ROWS + TILE_ROWS));
    return;
  }
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
  if (op->type == ELEMENT_BFLOAT16) {
    enum { TILE_ROWS = 2 * 32 };
    const struct cuda_grid rounded = rounded_grid(&a->shape, op->extent, 2 * ROUNDED_ROWS + TILE_ROWS);
    const bool large = is_long(&a->shape);
    cuda_launch(cuda, large ? KERNEL_attention_gradient_128 : KERNEL_attention_gradient_64, &with_room,
                rounded);
    cuda_launch(cuda, large ? KERNEL_attention_key_gradient_128 : KERNEL_attention_key_gradient_64,
                &with_room, rounded);
    return;
  }
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
