// Attention of new tokens over the keys and values of all earlier ones. Included once for each way
// of storing them; the including file sets STORED, NAMED(function), VECTOR_AT(address), READ(x),
// STORE(x).
//
// A step reads both caches once, at the speed of memory, so they are stored in reading order:
// blocks of CACHE_BLOCK tokens; in each block all (batch row, head) pairs, keys as
// [size][CACHE_BLOCK] and values as [CACHE_BLOCK][size]. Several pairs go through the blocks
// together. Sums are the same chains of additions as in `gemm`, however numbers are stored.

/// scores[i * row + j] = sum over d of q[i, d] keys[i, d, j]: one block, `count` pairs.
static void NAMED(scores)(REAL *restrict scores, int64_t row, const REAL *restrict q,
                          const STORED *restrict keys, int64_t count, int64_t size) {
#pragma clang fp reassociate(off)
  enum { RUN = 4 };  // chains of additions at once
  const int64_t each = CACHE_BLOCK * size;
  for (int64_t j = 0; j < CACHE_BLOCK; j += LANES) {
    int64_t i = 0;
    for (; i + RUN <= count; i += RUN) {
      vector sum[RUN] = {{0}};
      for (int64_t d = 0; d < size; d++)
#pragma clang loop unroll(full)
        for (int r = 0; r < RUN; r++)
          sum[r] += VECTOR_AT(keys + (i + r) * each + d * CACHE_BLOCK + j) * q[(i + r) * size + d];
      for (int r = 0; r < RUN; r++) *(vector *)(scores + (i + r) * row + j) = sum[r];
    }
    for (; i < count; i++) {
      vector sum = {0};
      for (int64_t d = 0; d < size; d++)
        sum += VECTOR_AT(keys + i * each + d * CACHE_BLOCK + j) * q[i * size + d];
      *(vector *)(scores + i * row + j) = sum;
    }
  }
}

/// sum[d] += sum over t < tokens of p[t] values[t, d].
static void NAMED(mixture)(REAL *restrict sum, const REAL *restrict p,
                           const STORED *restrict values, int64_t tokens, int64_t size) {
#pragma clang fp reassociate(off)
  enum { RUN = 4 };
  int64_t d = 0;
  for (; d + RUN * LANES <= size; d += RUN * LANES) {
    vector part[RUN];
    for (int r = 0; r < RUN; r++) part[r] = *(const vector *)(sum + d + r * LANES);
    for (int64_t t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
      for (int r = 0; r < RUN; r++)
        part[r] += VECTOR_AT(values + t * size + d + r * LANES) * p[t];
    for (int r = 0; r < RUN; r++) *(vector *)(sum + d + r * LANES) = part[r];
  }
  for (; d < size; d++)
    for (int64_t t = 0; t < tokens; t++) sum[d] += READ(values[t * size + d]) * p[t];
}

/// Attention of one new token at position `token`, for pairs begin..<end, at most CACHE_PAIRS.
static void NAMED(attend)(REAL *restrict out, STORED *restrict key_cache,
                          STORED *restrict value_cache, const REAL *restrict qkv,
                          const REAL *restrict cosine, const REAL *restrict sine,
                          const attention_shape *shape, int64_t t, int64_t token,
                          int64_t capacity, REAL *restrict scratch, int64_t begin, int64_t end) {
  const int64_t T = shape->tokens, H = shape->heads, D = shape->size, W = H * D;
  const int64_t count = end - begin, seen = token + 1, each = CACHE_BLOCK * D;
  const int64_t block = shape->batch * H * each;
  REAL *q = scratch, *turned = q + CACHE_PAIRS * D, *sum = turned + D, *p = sum + CACHE_PAIRS * D;
  STORED *keys = key_cache + begin * each, *values = value_cache + begin * each;
  const int64_t last = token / CACHE_BLOCK * block, place = token % CACHE_BLOCK;
  for (int64_t i = 0; i < count; i++) {
    const int64_t b = (begin + i) / H, h = (begin + i) % H;
    const REAL *x = qkv + (b * T + t) * 3 * W + h * D;
    rotate(q + i * D, D, x, 3 * W, cosine, sine, 1, D, 1);
    rotate(turned, D, x + W, 3 * W, cosine, sine, 1, D, 1);
    STORED *key = keys + last + i * each + place, *value = values + last + i * each + place * D;
    for (int64_t d = 0; d < D; d++) key[d * CACHE_BLOCK] = STORE(turned[d]);
    for (int64_t d = 0; d < D; d++) value[d] = STORE(x[2 * W + d]);
  }
  const REAL factor = 1 / SQUARE_ROOT((REAL)D);
  for (int64_t from = 0; from < seen; from += CACHE_BLOCK)
    NAMED(scores)(p + from, capacity, q, keys + from / CACHE_BLOCK * block, count, D);
  for (int64_t i = 0; i < count; i++) softmax_row(p + i * capacity, seen, seen, factor);
  for (int64_t first = 0; first < seen; first += K_BLOCK) {
    const int64_t end_of_sum = seen - first < K_BLOCK ? seen : first + K_BLOCK;
    __builtin_memset(sum, 0, (size_t)(count * D) * sizeof(REAL));
    for (int64_t from = first; from < end_of_sum; from += CACHE_BLOCK)
      for (int64_t i = 0; i < count; i++)
        NAMED(mixture)(sum + i * D, p + i * capacity + from,
                       values + from / CACHE_BLOCK * block + i * each,
                       end_of_sum - from < CACHE_BLOCK ? end_of_sum - from : CACHE_BLOCK, D);
    for (int64_t i = 0; i < count; i++) {
      const int64_t b = (begin + i) / H, h = (begin + i) % H;
      REAL *to = out + (b * T + t) * W + h * D;
      for (int64_t d = 0; d < D; d++) to[d] = first ? sum[i * D + d] + to[d] : sum[i * D + d];
    }
  }
}

static void NAMED(attention)(REAL *restrict out, STORED *restrict key_cache,
                             STORED *restrict value_cache, const REAL *restrict qkv,
                             const REAL *restrict cosine, const REAL *restrict sine,
                             const attention_shape *shape, int64_t position, int64_t capacity,
                             REAL *restrict scratch, int64_t begin, int64_t end) {
  const int64_t half = shape->size / 2;
  for (int64_t pair = begin; pair < end; pair += CACHE_PAIRS)
    for (int64_t t = 0; t < shape->tokens; t++)
      NAMED(attend)(out, key_cache, value_cache, qkv, cosine + t * half, sine + t * half, shape, t,
                    position + t, capacity, scratch, pair,
                    end - pair < CACHE_PAIRS ? end : pair + CACHE_PAIRS);
}

#undef STORED
#undef NAMED
#undef VECTOR_AT
#undef READ
#undef STORE
