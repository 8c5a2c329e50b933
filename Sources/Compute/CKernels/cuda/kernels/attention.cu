// Attention without atomics. A warp takes four queries (or keys) of one (batch row, head); tiles of 32
// keys lie in shared memory, a lane for each. A query's tiles begin at key 0 and have one size, so its
// bits do not depend on the other tokens of the call.
#include "attention_tiles.cuh"

#if STORED_IS_BFLOAT16
#include "rounded_attention.cuh"
#else

/// out of 16 queries: the grid is [tiles of queries, pairs].
KERNEL(attention, 128) {
  SHARED_ROOM(REAL, keys);
  const int size = (int)a.shape.size, warp = threadIdx.x / 32;
  REAL *values = keys + KEYS * (size + 1), *queries = values + KEYS * (size + 1);
  REAL *weights = queries + BLOCK_QUERIES * size;
  const head_place head(a.shape, blockIdx.y);
  const stored *qkv = ST(qkv) + head.first_of_qkv();
  const integer first = (integer)blockIdx.x * BLOCK_QUERIES, mine = first + warp * QUERIES;
  rotated_tile(queries, size, qkv, 3 * head.width, AT(cosine), AT(sine), first, BLOCK_QUERIES, head,
               false);
  mixture<QUERIES> mixed;
  const integer seen = a.shape.causal ? first + BLOCK_QUERIES : head.tokens;
#pragma unroll 1
  for (integer from = 0; from < seen && from < head.tokens; from += KEYS) {
    block_wait();
    rotated_tile(keys, size + 1, qkv + head.width, 3 * head.width, AT(cosine), AT(sine), from, KEYS,
                 head, a.shape.rounded);
    plain_tile(values, size + 1, qkv + 2 * head.width, 3 * head.width, from, KEYS, head,
               a.shape.rounded);
    block_wait();
    mixed.add_keys(queries + warp * QUERIES * size, keys, values, size,
                   weights + warp * QUERIES * KEYS,
                   (a.shape.causal ? mine + 1 : head.tokens) - from, a.shape.causal ? 1 : 0);
  }
#pragma unroll
  for (int i = 0; i < QUERIES; i++)
    if (mine + i < head.tokens) mixed.write(i, ST(out) + head.first_of_row(mine + i), size);
}

// ---- gradient: first the queries, then the keys ----------------------------------------------------

/// Numbers of a query that the keys' pass needs, in working memory [pairs, tokens, 3]: the largest score, 1 / the
/// sum of exponentials, and the sum of p dp.
#define QUERY_NUMBERS 3

/// The numbers of a warp's queries, found in a first pass over the keys.
struct query_numbers {
  REAL most[QUERIES], sum[QUERIES], dot[QUERIES];

  DEVICE query_numbers() {
#pragma unroll
    for (int i = 0; i < QUERIES; i++) {
      most[i] = -INFINITY;
      sum[i] = dot[i] = 0;
    }
  }
  DEVICE void add(int i, REAL score, REAL dp, bool visible) {
    const REAL top = warp_most(visible ? score : -INFINITY), now = top > most[i] ? top : most[i];
    const REAL keep = exponential(most[i] - now), p = visible ? exponential(score - now) : (REAL)0;
    most[i] = now;
    sum[i] = sum[i] * keep + warp_sum(p);
    dot[i] = dot[i] * keep + warp_sum(visible ? p * dp : (REAL)0);
  }
  /// Turns the sums into what the second pass multiplies by.
  DEVICE void finish() {
#pragma unroll
    for (int i = 0; i < QUERIES; i++) {
      sum[i] = 1 / sum[i];
      dot[i] *= sum[i];
    }
  }
};

/// Writes N rows of a lane's numbers, rotated back by way of shared memory.
template <int N, class T>
DEVICE void write_rotated(T *to, integer stride, REAL *room, const REAL (&x)[N][LANE_SIZE],
                          const REAL *cosine, const REAL *sine, integer first, integer tokens, int size) {
  warp_wait();
#pragma unroll
  for (int i = 0; i < N; i++)
#pragma unroll
    for (int e = 0; e < LANE_SIZE; e++)
      if ((int)LANE + 32 * e < size) room[i * size + LANE + 32 * e] = x[i][e];
  warp_wait();
#pragma unroll 1
  for (int i = 0; i < N; i++)
    if (first + i < tokens)
      rotated_back(to + (first + i) * stride, room + i * size, size, cosine + (first + i) * (size / 2),
                   sine + (first + i) * (size / 2));
}

/// dq of 16 queries, and their numbers.
KERNEL(attention_gradient, 128) {
  SHARED_ROOM(REAL, keys);
  const int size = (int)a.shape.size, warp = threadIdx.x / 32;
  REAL *values = keys + KEYS * (size + 1), *queries = values + KEYS * (size + 1);
  REAL *gradients = queries + BLOCK_QUERIES * size, *weights = gradients + BLOCK_QUERIES * size;
  const head_place head(a.shape, blockIdx.y);
  const stored *qkv = ST(qkv) + head.first_of_qkv();
  const integer first = (integer)blockIdx.x * BLOCK_QUERIES, mine = first + warp * QUERIES;
  const REAL factor = 1 / square_root((REAL)size);
  rotated_tile(queries, size, qkv, 3 * head.width, AT(cosine), AT(sine), first, BLOCK_QUERIES, head,
               false);
  plain_tile(gradients, size, ST(dout) + head.first_of_row(0), head.width, first, BLOCK_QUERIES, head,
             false);
  REAL *my_queries = queries + warp * QUERIES * size, *my_weights = weights + warp * QUERIES * KEYS;
  const REAL *my_gradients = gradients + warp * QUERIES * size;
  const integer seen = a.shape.causal ? first + BLOCK_QUERIES : head.tokens;
  query_numbers numbers;
  REAL dq[QUERIES][LANE_SIZE] = {};
#pragma unroll 1
  for (int pass = 0; pass < 2; pass++) {
#pragma unroll 1
    for (integer from = 0; from < seen && from < head.tokens; from += KEYS) {
      block_wait();
      rotated_tile(keys, size + 1, qkv + head.width, 3 * head.width, AT(cosine), AT(sine), from,
                   KEYS, head, false);
      plain_tile(values, size + 1, qkv + 2 * head.width, 3 * head.width, from, KEYS, head, false);
      block_wait();
      REAL scores[QUERIES], dp[QUERIES];
      products_of_rows<QUERIES>(scores, my_queries, size, keys + LANE * (size + 1), size);
      products_of_rows<QUERIES>(dp, my_gradients, size, values + LANE * (size + 1), size);
      warp_wait();
#pragma unroll
      for (int i = 0; i < QUERIES; i++) {
        const integer last = a.shape.causal ? mine + i + 1 : head.tokens;
        const bool visible = from + LANE < last && mine + i < head.tokens && from + LANE < head.tokens;
        const REAL score = scores[i] * factor;
        if (pass == 0) {
          numbers.add(i, score, dp[i], visible);
        } else {
          const REAL p = exponential(score - numbers.most[i]) * numbers.sum[i];
          my_weights[i * KEYS + LANE] = visible ? p * (dp[i] - numbers.dot[i]) * factor : (REAL)0;
        }
      }
      warp_wait();
      if (pass == 1) add_weighted_rows<QUERIES>(dq, my_weights, keys, size + 1, size);
    }
    if (pass == 0) numbers.finish();
  }
  REAL *kept = (REAL *)extra[0] + (head.pair * head.tokens + mine) * QUERY_NUMBERS;
#pragma unroll
  for (int i = 0; i < QUERIES; i++)
    if (LANE == 0 && mine + i < head.tokens) {
      kept[i * QUERY_NUMBERS] = numbers.most[i];
      kept[i * QUERY_NUMBERS + 1] = numbers.sum[i];
      kept[i * QUERY_NUMBERS + 2] = numbers.dot[i];
    }
  write_rotated<QUERIES>(ST(dqkv) + head.first_of_qkv(), 3 * head.width, my_queries, dq, AT(cosine),
                         AT(sine), mine, head.tokens, size);
}

/// dk and dv of 16 keys, over tiles of 32 queries.
KERNEL_OF(attention_key_gradient, attention_gradient, 128) {
  SHARED_ROOM(REAL, queries);
  const int size = (int)a.shape.size, warp = threadIdx.x / 32;
  REAL *gradients = queries + KEYS * (size + 1), *keys = gradients + KEYS * (size + 1);
  REAL *values = keys + BLOCK_QUERIES * size, *weights = values + BLOCK_QUERIES * size;
  const head_place head(a.shape, blockIdx.y);
  const stored *qkv = ST(qkv) + head.first_of_qkv();
  const REAL *numbers = (const REAL *)extra[0] + head.pair * head.tokens * QUERY_NUMBERS;
  const integer first = (integer)blockIdx.x * BLOCK_QUERIES, mine = first + warp * QUERIES;
  const REAL factor = 1 / square_root((REAL)size);
  rotated_tile(keys, size, qkv + head.width, 3 * head.width, AT(cosine), AT(sine), first,
               BLOCK_QUERIES, head, false);
  plain_tile(values, size, qkv + 2 * head.width, 3 * head.width, first, BLOCK_QUERIES, head, false);
  REAL *my_keys = keys + warp * QUERIES * size;
  const REAL *my_values = values + warp * QUERIES * size;
  REAL *my_weights = weights + 2 * warp * QUERIES * KEYS, *my_slopes = my_weights + QUERIES * KEYS;
  REAL dk[QUERIES][LANE_SIZE] = {}, dv[QUERIES][LANE_SIZE] = {};
#pragma unroll 1
  for (integer from = a.shape.causal ? first / KEYS * KEYS : 0; from < head.tokens; from += KEYS) {
    block_wait();
    rotated_tile(queries, size + 1, qkv, 3 * head.width, AT(cosine), AT(sine), from, KEYS, head, false);
    plain_tile(gradients, size + 1, ST(dout) + head.first_of_row(0), head.width, from, KEYS, head,
               false);
    block_wait();
    REAL scores[QUERIES], dp[QUERIES];
    products_of_rows<QUERIES>(scores, my_keys, size, queries + LANE * (size + 1), size);
    products_of_rows<QUERIES>(dp, my_values, size, gradients + LANE * (size + 1), size);
    const integer query = from + LANE;
    const REAL *of_query = numbers + (query < head.tokens ? query : 0) * QUERY_NUMBERS;
    const REAL most = of_query[0], inverse = of_query[1], dot = of_query[2];
    warp_wait();
#pragma unroll
    for (int i = 0; i < QUERIES; i++) {
      const bool visible = query < head.tokens && (!a.shape.causal || mine + i <= query);
      const REAL p = visible ? exponential(scores[i] * factor - most) * inverse : (REAL)0;
      my_weights[i * KEYS + LANE] = p;
      my_slopes[i * KEYS + LANE] = visible ? p * (dp[i] - dot) * factor : (REAL)0;
    }
    warp_wait();
    add_weighted_rows<QUERIES>(dv, my_weights, gradients, size + 1, size);
    add_weighted_rows<QUERIES>(dk, my_slopes, queries, size + 1, size);
  }
  stored *to = ST(dqkv) + head.first_of_qkv();
#pragma unroll
  for (int i = 0; i < QUERIES; i++)
#pragma unroll
    for (int e = 0; e < LANE_SIZE; e++)
      if ((int)LANE + 32 * e < size && mine + i < head.tokens)
        to[(mine + i) * 3 * head.width + 2 * head.width + LANE + 32 * e] = dv[i][e];
  write_rotated<QUERIES>(to + head.width, 3 * head.width, my_keys, dk, AT(cosine), AT(sine), mine,
                         head.tokens, size);
}

// ---- one token after the other, with a cache ---------------------------------------------------------

DEVICE REAL cached(const void *cache, integer at, bool rounded) {
  return rounded ? widened_bf16(((const uint16_t *)cache)[at]) : ((const REAL *)cache)[at];
}
DEVICE void keep(void *cache, integer at, REAL x, bool rounded) {
  if (rounded)
    ((uint16_t *)cache)[at] = rounded_to_bf16(x);
  else
    ((REAL *)cache)[at] = x;
}

enum { CACHE_BLOCK = 16 };

/// Where the cache's block of a token begins, for one pair.
DEVICE integer cache_block(const attention_shape &s, integer pair, integer token) {
  return (token / CACHE_BLOCK * s.batch * s.heads + pair) * CACHE_BLOCK * s.size;
}

/// Puts rotated keys, and values, of the new tokens into the caches; an element a thread.
KERNEL_OF(attention_append, attention_cached, 128) {
  const attention_shape &s = a.shape;
  const integer width = s.heads * s.size;
  ELEMENTS(i, s.batch * s.heads * s.tokens * s.size) {
    const integer d = i % s.size, t = i / s.size % s.tokens, pair = i / s.size / s.tokens;
    const integer token = a.position + t, place = token % CACHE_BLOCK;
    const REAL *x = AT(qkv) + (pair / s.heads * s.tokens + t) * 3 * width + pair % s.heads * s.size;
    const REAL *angles = AT(cosine) + t * (s.size / 2), *sines = AT(sine) + t * (s.size / 2);
    const integer block = cache_block(s, pair, token);
    keep(a.keys.memory, block + d * CACHE_BLOCK + place, rotated(x + width, (int)d, angles, sines, 1),
         s.rounded);
    keep(a.values.memory, block + place * s.size + d, x[2 * width + d], s.rounded);
  }
}

/// A block of one warp takes a new token of a pair: the grid is [new tokens, pairs].
KERNEL(attention_cached, 32) {
  SHARED_ROOM(REAL, keys);
  const attention_shape &s = a.shape;
  const int size = (int)s.size;
  REAL *values = keys + KEYS * (size + 1), *queries = values + KEYS * (size + 1);
  REAL *weights = queries + size;
  const head_place head(s, blockIdx.y);
  const integer t = blockIdx.x, seen = a.position + t + 1;
  const REAL *x = AT(qkv) + head.first_of_qkv() + t * 3 * head.width;
  for (int d = LANE; d < size; d += 32)
    queries[d] = rotated(x, d, AT(cosine) + t * (size / 2), AT(sine) + t * (size / 2), 1);
  mixture<1> mixed;
#pragma unroll 1
  for (integer from = 0; from < seen; from += KEYS) {
    const integer count = seen - from;
    warp_wait();
    for (int i = LANE; i < KEYS * size; i += 32) {
      // Keys are read token by token, values number by number, as they lie.
      const int j = i % CACHE_BLOCK + i / (CACHE_BLOCK * size) * CACHE_BLOCK;
      const int d = i / CACHE_BLOCK % size, k = i / size, e = i % size;
      const integer key = cache_block(s, head.pair, from + j) + d * CACHE_BLOCK + j % CACHE_BLOCK;
      const integer value = cache_block(s, head.pair, from + k) + k % CACHE_BLOCK * size + e;
      keys[j * (size + 1) + d] = j < count ? cached(a.keys.memory, key, s.rounded) : (REAL)0;
      values[k * (size + 1) + e] = k < count ? cached(a.values.memory, value, s.rounded) : (REAL)0;
    }
    warp_wait();
    mixed.add_keys(queries, keys, values, size, weights, count, 0);
  }
  mixed.write(0, AT(out) + head.first_of_row(t), size);
}
#endif
