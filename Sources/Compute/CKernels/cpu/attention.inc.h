// Attention of one (batch row, head) at a time, on gathered and rotated heads. The scores of one
// head exist only in scratch memory; the backward pass computes them again.
//
// Rows of scores are padded to whole tiles of columns, and keys and values are stored densely both
// ways, so that the products read them in place.

static inline int64_t padded_tokens(int64_t tokens) {
  return (tokens + TILE_COLUMNS - 1) / TILE_COLUMNS * TILE_COLUMNS;
}

/// Elements of working memory for one thread.
static int64_t attention_scratch(const attention_shape *shape) {
  const int64_t t = shape->tokens, d = shape->size, s = padded_tokens(t);
  return 8 * s * d + 2 * t * s + 64;
}

/// Rotates pairs (2j, 2j+1) of each token by (cosine, sine)[token, j]; direction -1 rotates back.
static void rotate(REAL *restrict out, int64_t out_row, const REAL *restrict x, int64_t x_row,
                   const REAL *restrict cosine, const REAL *restrict sine, int64_t tokens,
                   int64_t size, REAL direction) {
  for (int64_t t = 0; t < tokens; t++) {
    const REAL *restrict cs = cosine + t * (size / 2), *restrict sn = sine + t * (size / 2);
    for (int64_t j = 0; j < size / 2; j++) {
      const REAL a = x[t * x_row + 2 * j], b = x[t * x_row + 2 * j + 1], s = direction * sn[j];
      out[t * out_row + 2 * j] = a * cs[j] - b * s;
      out[t * out_row + 2 * j + 1] = a * s + b * cs[j];
    }
  }
}

/// Softmax of factor * row[0, n); the rest of the row, up to width, is set to zero.
static void softmax_row(REAL *restrict row, int64_t n, int64_t width, REAL factor) {
  REAL top = row[0];
  for (int64_t j = 1; j < n; j++) top = row[j] > top ? row[j] : top;
  REAL sum = 0;
  for (int64_t j = 0; j < n; j++) {
    row[j] = exponential((row[j] - top) * factor);
    sum += row[j];
  }
  const REAL inverse = 1 / sum;
  for (int64_t j = 0; j < n; j++) row[j] *= inverse;
  for (int64_t j = n; j < width; j++) row[j] = 0;
}

/// out[d][t] = x[t][d], with zeros from `tokens` up to `padded`.
static void transpose_head(REAL *restrict out, const REAL *restrict x, int64_t x_row,
                           int64_t tokens, int64_t padded, int64_t size) {
  int64_t t = 0;
  for (; t + 4 <= tokens; t += 4) {
    int64_t d = 0;
    for (; d + 4 <= size; d += 4) transpose4(out + d * padded + t, padded, x + t * x_row + d, x_row);
    for (; d < size; d++)
      for (int64_t r = 0; r < 4; r++) out[d * padded + t + r] = x[(t + r) * x_row + d];
  }
  for (; t < padded; t++)
    for (int64_t d = 0; d < size; d++) out[d * padded + t] = t < tokens ? x[t * x_row + d] : 0;
}

static void copy_head(REAL *restrict out, const REAL *restrict x, int64_t x_row, int64_t tokens,
                      int64_t size) {
  for (int64_t t = 0; t < tokens; t++)
    __builtin_memcpy(out + t * size, x + t * x_row, (size_t)size * sizeof(REAL));
}

/// Blocks of tokens [first, last). Under a causal mask they see `last` tokens, and tokens from
/// `first` on see them: products omit terms that the mask makes zero, which changes no sum.
enum { TOKEN_BLOCK = 4 * TILE_ROWS };
#define TOKEN_BLOCKS(T)                                                                   \
  for (int64_t first = 0, last; last = first + TOKEN_BLOCK < T ? first + TOKEN_BLOCK : T, \
               first < T;                                                                 \
       first = last)

/// Probabilities p[T][S] of q[T][D] and the transposed keys [D][S]; zero where masked.
static void probabilities(REAL *p, const REAL *q, const REAL *keys, const attention_shape *shape) {
  const int64_t T = shape->tokens, D = shape->size, S = padded_tokens(T);
  const REAL factor = 1 / SQUARE_ROOT((REAL)D);
  TOKEN_BLOCKS(T) {
    const int64_t seen = shape->causal ? padded_tokens(last) : S;
    gemm(p + first * S, S, q + first * D, D, 1, keys, S, 1, 0, last - first, seen, D, 0);
    for (int64_t t = first; t < last; t++)
      softmax_row(p + t * S, shape->causal ? t + 1 : T, seen, factor);
  }
}

KERNEL void attention(void *restrict out_, const void *restrict qkv_, const void *restrict cosine,
                      const void *restrict sine, const attention_shape *shape,
                      void *restrict scratch, int64_t begin, int64_t end) {
  const int64_t T = shape->tokens, H = shape->heads, D = shape->size, W = H * D;
  const int64_t S = padded_tokens(T);
  REAL *q = scratch, *k = q + S * D, *v = k + S * D, *keys = v + S * D, *p = keys + S * D;
  ROWS(pair) {
    const int64_t b = pair / H, h = pair % H;
    const REAL *x = (const REAL *)qkv_ + b * T * 3 * W + h * D;
    rotate(q, D, x, 3 * W, cosine, sine, T, D, 1);
    rotate(k, D, x + W, 3 * W, cosine, sine, T, D, 1);
    copy_head(v, x + 2 * W, 3 * W, T, D);
    if (shape->rounded)
      for (int64_t i = 0; i < T * D; i++) {
        k[i] = widened_bf16(rounded_to_bf16(k[i]));
        v[i] = widened_bf16(rounded_to_bf16(v[i]));
      }
    transpose_head(keys, k, D, T, S, D);
    probabilities(p, q, keys, shape);
    TOKEN_BLOCKS(T)
    gemm((REAL *)out_ + (b * T + first) * W + h * D, W, p + first * S, S, 1, v, D, 1, 0,
         last - first, D, shape->causal ? last : T, 0);
  }
}
UNPACK(attention, op->out.memory, op->qkv.memory, op->cosine.memory, op->sine.memory, &op->shape,
       SCRATCH(attention_scratch(&op->shape)))

KERNEL void attention_gradient(void *restrict dqkv_, const void *restrict dout_,
                               const void *restrict qkv_, const void *restrict cosine,
                               const void *restrict sine, const attention_shape *shape,
                               void *restrict scratch, int64_t begin, int64_t end) {
  const int64_t T = shape->tokens, H = shape->heads, D = shape->size, W = H * D;
  const int64_t S = padded_tokens(T);
  const REAL factor = 1 / SQUARE_ROOT((REAL)D);
  REAL *q = scratch, *k = q + S * D, *keys = k + S * D, *values = keys + S * D;
  REAL *dout = values + S * D, *dq = dout + S * D, *dk = dq + S * D;
  REAL *p = dk + S * D, *dp = p + T * S;
  ROWS(pair) {
    const int64_t b = pair / H, h = pair % H;
    const REAL *x = (const REAL *)qkv_ + b * T * 3 * W + h * D;
    REAL *dx = (REAL *)dqkv_ + b * T * 3 * W + h * D;
    rotate(q, D, x, 3 * W, cosine, sine, T, D, 1);
    rotate(k, D, x + W, 3 * W, cosine, sine, T, D, 1);
    transpose_head(keys, k, D, T, S, D);
    transpose_head(values, x + 2 * W, 3 * W, T, S, D);
    copy_head(dout, (const REAL *)dout_ + b * T * W + h * D, W, T, D);
    probabilities(p, q, keys, shape);
    TOKEN_BLOCKS(T) {
      const int64_t seen = shape->causal ? last : T;
      gemm(dp + first * S, S, dout + first * D, D, 1, values, S, 1, 0, last - first,
           padded_tokens(seen), D, 0);
      // ds = p * (dp - sum(p * dp)) / sqrt(D), in place of dp.
      for (int64_t t = first; t < last; t++) {
        REAL *restrict row = dp + t * S;
        const REAL *restrict weight = p + t * S;
        REAL dot = 0;
        for (int64_t j = 0; j < seen; j++) dot += row[j] * weight[j];
        for (int64_t j = 0; j < seen; j++) row[j] = weight[j] * (row[j] - dot) * factor;
      }
      gemm(dq + first * D, D, dp + first * S, S, 1, k, D, 1, 0, last - first, D, seen, 0);
    }
    TOKEN_BLOCKS(T) {
      const int64_t from = shape->causal ? first : 0, count = T - from;
      gemm(dx + 2 * W + first * 3 * W, 3 * W, p + from * S + first, 1, S, dout + from * D, D, 1, 0,
           last - first, D, count, 0);
      gemm(dk + first * D, D, dp + from * S + first, 1, S, q + from * D, D, 1, 0, last - first, D,
           count, 0);
    }
    rotate(dx, 3 * W, dq, D, cosine, sine, T, D, -1);
    rotate(dx + W, 3 * W, dk, D, cosine, sine, T, D, -1);
  }
}
UNPACK(attention_gradient, op->dqkv.memory, op->dout.memory, op->qkv.memory, op->cosine.memory,
       op->sine.memory, &op->shape,
       SCRATCH(attention_scratch(&op->shape)))

// ---- one token after the other ------------------------------------------------------------------

enum {
  CACHE_BLOCK = 16,  // tokens; a multiple of every LANES, and a divisor of K_BLOCK
  CACHE_PAIRS = 64,  // pairs whose scores, over some hundred tokens, fit in the L2 cache
};
_Static_assert(CACHE_BLOCK % LANES == 0, "a vector of keys lies in one block");
_Static_assert(K_BLOCK % CACHE_BLOCK == 0, "a sum ends with a block");

/// Elements of working memory for one thread.
static int64_t attention_cached_scratch(const attention_shape *shape, int64_t capacity) {
  return CACHE_PAIRS * (2 * shape->size + capacity) + shape->size;
}

static inline vector widened_vector(const uint16_t *x) {
  typedef uint16_t halves
      __attribute__((vector_size(2 * LANES), aligned(sizeof(uint16_t)), may_alias));
  typedef uint32_t words __attribute__((vector_size(4 * LANES)));
  typedef float floats __attribute__((vector_size(4 * LANES)));
  const words bits = __builtin_convertvector(*(const halves *)x, words) << 16;
  return __builtin_convertvector((floats)bits, vector);
}

#define STORED REAL
#define NAMED(function) full_##function
#define VECTOR_AT(address) (*(const vector *)(address))
#define READ(x) (x)
#define STORE(x) (x)
#include "attention_cached.inc.h"

#define STORED uint16_t
#define NAMED(function) rounded_##function
#define VECTOR_AT(address) widened_vector(address)
#define READ(x) widened_bf16(x)
#define STORE(x) rounded_to_bf16(x)
#include "attention_cached.inc.h"

KERNEL void attention_cached(void *restrict out, void *restrict key_cache,
                             void *restrict value_cache, const void *restrict qkv,
                             const void *restrict cosine, const void *restrict sine,
                             const attention_shape *shape, int64_t position, int64_t capacity,
                             void *restrict scratch, int64_t begin, int64_t end) {
  if (shape->rounded)
    rounded_attention(out, key_cache, value_cache, qkv, cosine, sine, shape, position, capacity,
                      scratch, begin, end);
  else
    full_attention(out, key_cache, value_cache, qkv, cosine, sine, shape, position, capacity,
                   scratch, begin, end);
}
UNPACK(attention_cached, op->out.memory, op->keys.memory, op->values.memory, op->qkv.memory,
       op->cosine.memory, op->sine.memory, &op->shape, op->position, op->capacity,
       SCRATCH(attention_cached_scratch(&op->shape, op->capacity)))
