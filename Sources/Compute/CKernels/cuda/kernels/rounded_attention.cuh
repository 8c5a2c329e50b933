// Attention on the tensor cores, for activations in bfloat16: products of rounded factors with sums in float, softmax
// in float (Dao 2023, FlashAttention-2). A warp takes 16 rows, a block ROUNDED_ROWS of one (batch row, head).
//
// Rotated queries and keys, weights and their gradients are rounded before they are multiplied. Kernels come in two
// sizes, for heads of at most 64 and 128 numbers; a head's numbers are lengthened by zeros to a multiple of 16.
#pragma once

#define LOG2_OF_E 1.4426950408889634f

/// Numbers of a head in whole products, and halves from one row of a tile to the next.
struct head_line {
  int size, padded, line;
  DEVICE head_line(const attention_shape &s)
      : size((int)s.size), padded((size + 15) / 16 * 16), line(padded + ROUNDED_GAP) {}
};

// ---- tiles in shared memory, by the whole block ---------------------------------------------------------

/// Tokens first..<first + count, rotated by their angles; zeros beyond the last.
DEVICE void rotated_halves(uint16_t *to, const head_line &h, const stored *x, integer stride, const float *cosine,
                           const float *sine, integer first, int count, integer tokens) {
  const int pairs = h.padded / 2, half = h.size / 2;
  for (int i = threadIdx.x; i < count * pairs; i += blockDim.x) {
    const int t = i / pairs, j = i % pairs;
    const integer token = first + t, angle = token * half + j;
    uint32_t two = 0;
    if (token < tokens && j < half) {
      const uint32_t both = *(const uint32_t *)(x + token * stride + 2 * j);
      const float even = bits_as_float(both << 16), odd = bits_as_float(both & 0xffff0000);
      two = pack_bf16(even * cosine[angle] - odd * sine[angle], even * sine[angle] + odd * cosine[angle]);
    }
    *(uint32_t *)(to + t * h.line + 2 * j) = two;
  }
}

/// Tokens first..<first + count as they are, perhaps later: the caller waits for its copies.
DEVICE void plain_halves(uint16_t *to, const head_line &h, const stored *x, integer stride, integer first, int count,
                         integer tokens) {
  if (h.size % 8 == 0 && stride % 8 == 0 && (uint64_t)x % 16 == 0) {
    const int pieces = h.padded / 8;
    for (int i = threadIdx.x; i < count * pieces; i += blockDim.x) {
      const int t = i / pieces, d = i % pieces * 8;
      const bool inside = first + t < tokens && d < h.size;
      copy_async_16(to + t * h.line + d, inside ? x + (first + t) * stride + d : x, inside ? 16 : 0);
    }
  } else {
    const int pairs = h.padded / 2;
    for (int i = threadIdx.x; i < count * pairs; i += blockDim.x) {
      const int t = i / pairs, d = i % pairs * 2;
      const bool inside = first + t < tokens && d < h.size;
      *(uint32_t *)(to + t * h.line + d) =
          inside ? *(const uint32_t *)(x + (first + t) * stride + d) : 0u;
    }
  }
  copy_async_commit();
}

// ---- products of tiles -----------------------------------------------------------------------------------

/// sums[16 rows, 8 N columns] += x y', over the numbers of a head: x are a warp's 16 rows, y 8 N rows.
template <int MOST, int N>
DEVICE void add_products(float (&sums)[N][4], const uint16_t *x, const uint16_t *y, const head_line &h) {
  const int lane = LANE;
#pragma unroll
  for (int p = 0; p < MOST; p += 16) {
    if (p >= h.padded) continue;
    uint32_t left[4];
    load_matrix_x4(left, x + lane % 16 * h.line + p + lane / 16 * 8);
#pragma unroll
    for (int j = 0; j < N; j += 2) {
      uint32_t right[4];
      load_matrix_x4(right, y + (j * 8 + lane % 8 + lane / 16 * 8) * h.line + p + lane / 8 % 2 * 8);
      multiply_16x8x16(sums[j], left, right[0], right[1]);
      multiply_16x8x16(sums[j + 1], left, right[2], right[3]);
    }
  }
}

/// sums[16 rows, size] += weights[16, 8 N] y, y being 8 N rows of a head: weights are rounded.
template <int MOST, int N>
DEVICE void add_weighted(float (&sums)[MOST / 8][4], const float (&weights)[N][4], const uint16_t *y, const head_line &h) {
  const int lane = LANE;
#pragma unroll
  for (int k = 0; k < N; k += 2) {
    const uint32_t left[4] = {
        pack_bf16(weights[k][0], weights[k][1]), pack_bf16(weights[k][2], weights[k][3]),
        pack_bf16(weights[k + 1][0], weights[k + 1][1]), pack_bf16(weights[k + 1][2], weights[k + 1][3])};
#pragma unroll
    for (int d = 0; d < MOST; d += 16) {
      if (d >= h.padded) continue;
      uint32_t right[4];
      load_matrix_x4_turned(right, y + (k * 8 + lane % 16) * h.line + d + lane / 16 * 8);
      multiply_16x8x16(sums[d / 8], left, right[0], right[1]);
      multiply_16x8x16(sums[d / 8 + 1], left, right[2], right[3]);
    }
  }
}

/// Writes a warp's rows first..<first + 16, each times its factor and rotated back if there are angles.
template <int MOST>
DEVICE void write_rows(stored *to, integer stride, const float (&x)[MOST / 8][4], const float (&factor)[2],
                       const float *cosine, const float *sine, integer first, integer tokens, const head_line &h) {
  const int lane = LANE;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const integer token = first + lane / 4 + half * 8;
    if (token >= tokens) continue;
#pragma unroll
    for (int j = 0; j < MOST / 8; j++) {
      const int d = j * 8 + lane % 4 * 2;
      if (d >= h.size) continue;
      float even = x[j][half * 2] * factor[half], odd = x[j][half * 2 + 1] * factor[half];
      if (cosine) {
        const float c = cosine[token * (h.size / 2) + d / 2], s = sine[token * (h.size / 2) + d / 2];
        const float turned = even * c + odd * s;
        odd = odd * c - even * s;
        even = turned;
      }
      *(uint32_t *)(to + token * stride + d) = pack_bf16(even, odd);
    }
  }
}

// ---- forward -----------------------------------------------------------------------------------------------

/// A maximum from which exponentials are taken: 0 where nothing has been seen.
DEVICE float base_of(float most) { return most == -INFINITY ? 0.f : most; }

template <int MOST> DEVICE void attention_rows(const attention_arguments &a) {
  enum { TILE_KEYS = MOST > 64 ? 32 : 64, N = TILE_KEYS / 8 };  // by the registers that are left
  SHARED_ROOM(uint16_t, queries);
  const head_line h(a.shape);
  const head_place head(a.shape, blockIdx.y);
  const int lane = LANE, warp = threadIdx.x / 32;
  uint16_t *keys = queries + ROUNDED_ROWS * h.line, *values = keys + TILE_KEYS * h.line;
  const stored *qkv = ST(qkv) + head.first_of_qkv();
  const integer stride = 3 * head.width, tokens = head.tokens;
  const integer first = (integer)blockIdx.x * ROUNDED_ROWS, mine = first + warp * 16;
  const float factor = LOG2_OF_E / square_root((float)h.size);
  rotated_halves(queries, h, qkv, stride, AT(cosine), AT(sine), first, ROUNDED_ROWS, tokens);
  float out[MOST / 8][4] = {}, most[2] = {-INFINITY, -INFINITY}, sum[2] = {0.f, 0.f};
  const integer end = a.shape.causal && first + ROUNDED_ROWS < tokens ? first + ROUNDED_ROWS : tokens;
#pragma unroll 1
  for (integer from = 0; from < end; from += TILE_KEYS) {
    block_wait();
    plain_halves(values, h, qkv + 2 * head.width, stride, from, TILE_KEYS, tokens);
    rotated_halves(keys, h, qkv + head.width, stride, AT(cosine), AT(sine), from, TILE_KEYS, tokens);
    copy_async_wait<0>();
    block_wait();
    float score[N][4] = {};
    add_products<MOST>(score, queries + warp * 16 * h.line, keys, h);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const integer query = mine + lane / 4 + half * 8;
      float now = most[half];
#pragma unroll
      for (int i = 0; i < 2 * N; i++) {
        const integer key = from + i / 2 * 8 + lane % 4 * 2 + i % 2;
        float &s = score[i / 2][half * 2 + i % 2];
        s = key < tokens && (!a.shape.causal || key <= query) ? s * factor : -INFINITY;
        now = fmaxf(now, s);
      }
      now = quad_most(now);
      const float base = base_of(now), keep = exp2f(most[half] - base);
      most[half] = now;
      sum[half] *= keep;
#pragma unroll
      for (int i = 0; i < 2 * N; i++) {
        float &s = score[i / 2][half * 2 + i % 2];
        s = exp2f(s - base);
        sum[half] += s;
      }
#pragma unroll
      for (int j = 0; j < MOST / 8; j++) out[j][half * 2] *= keep, out[j][half * 2 + 1] *= keep;
    }
    add_weighted<MOST>(out, score, values, h);
  }
  const float inverse[2] = {1 / quad_sum(sum[0]), 1 / quad_sum(sum[1])};
  write_rows<MOST>(ST(out) + head.first_of_row(0), head.width, out, inverse, 0, 0, mine, tokens, h);
}

KERNEL_OF(attention_64, attention, 128) { attention_rows<64>(a); }
KERNEL_OF(attention_128, attention, 128) { attention_rows<128>(a); }

// ---- gradient: first the queries, then the keys ------------------------------------------------------------

/// Numbers of a query that the keys' pass needs, in working memory [pairs, tokens, 3]: the largest score in units of
/// log 2, 1 / the sum of exponentials, and the sum of p dp.
#define QUERY_NUMBERS 3

template <int MOST> DEVICE void attention_query_rows(const attention_gradient_arguments &a, float *kept) {
  enum { TILE_KEYS = 32, N = TILE_KEYS / 8 };
  SHARED_ROOM(uint16_t, queries);
  const head_line h(a.shape);
  const head_place head(a.shape, blockIdx.y);
  const int lane = LANE, warp = threadIdx.x / 32;
  uint16_t *gradients = queries + ROUNDED_ROWS * h.line, *keys = gradients + ROUNDED_ROWS * h.line;
  uint16_t *values = keys + TILE_KEYS * h.line;
  const stored *qkv = ST(qkv) + head.first_of_qkv();
  const integer stride = 3 * head.width, tokens = head.tokens;
  const integer first = (integer)blockIdx.x * ROUNDED_ROWS, mine = first + warp * 16;
  const float root = 1 / square_root((float)h.size), factor = LOG2_OF_E * root;
  plain_halves(gradients, h, ST(dout) + head.first_of_row(0), head.width, first, ROUNDED_ROWS, tokens);
  rotated_halves(queries, h, qkv, stride, AT(cosine), AT(sine), first, ROUNDED_ROWS, tokens);
  float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0.f, 0.f}, dot[2] = {0.f, 0.f};
  float dq[MOST / 8][4] = {};
  const integer end = a.shape.causal && first + ROUNDED_ROWS < tokens ? first + ROUNDED_ROWS : tokens;
#pragma unroll 1
  for (int pass = 0; pass < 2; pass++) {
#pragma unroll 1
    for (integer from = 0; from < end; from += TILE_KEYS) {
      block_wait();
      plain_halves(values, h, qkv + 2 * head.width, stride, from, TILE_KEYS, tokens);
      rotated_halves(keys, h, qkv + head.width, stride, AT(cosine), AT(sine), from, TILE_KEYS, tokens);
      copy_async_wait<0>();
      block_wait();
      float score[N][4] = {}, dp[N][4] = {};
      add_products<MOST>(score, queries + warp * 16 * h.line, keys, h);
      add_products<MOST>(dp, gradients + warp * 16 * h.line, values, h);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const integer query = mine + lane / 4 + half * 8;
        float now = most[half];
#pragma unroll
        for (int i = 0; i < 2 * N; i++) {
          const integer key = from + i / 2 * 8 + lane % 4 * 2 + i % 2;
          const bool visible = key < tokens && query < tokens && (!a.shape.causal || key <= query);
          float &s = score[i / 2][half * 2 + i % 2];
          s = visible ? s * factor : -INFINITY;
          if (pass == 0) now = fmaxf(now, s);
        }
        if (pass == 0) {
          now = quad_most(now);
          const float keep = exp2f(most[half] - base_of(now));
          most[half] = now;
          sum[half] *= keep;
          dot[half] *= keep;
        }
        const float base = base_of(most[half]);
#pragma unroll
        for (int i = 0; i < 2 * N; i++) {
          float &s = score[i / 2][half * 2 + i % 2];
          const float p = exp2f(s - base), slope = dp[i / 2][half * 2 + i % 2];
          if (pass == 0) {
            sum[half] += p;
            dot[half] += p * slope;
          } else {
            s = p * sum[half] * (slope - dot[half]) * root;
          }
        }
      }
      if (pass == 1) add_weighted<MOST>(dq, score, keys, h);
    }
    if (pass == 1) continue;
    // Factors of the second pass; rows beyond the last have seen nothing.
    for (int half = 0; half < 2; half++) {
      const float all = quad_sum(sum[half]), along = quad_sum(dot[half]);
      sum[half] = all > 0 ? 1 / all : 0.f;
      dot[half] = along * sum[half];
    }
  }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const integer query = mine + lane / 4 + half * 8;
    if (lane % 4 != 0 || query >= tokens) continue;
    float *numbers = kept + (head.pair * tokens + query) * QUERY_NUMBERS;
    numbers[0] = most[half];
    numbers[1] = sum[half];
    numbers[2] = dot[half];
  }
  const float ones[2] = {1.f, 1.f};
  write_rows<MOST>(ST(dqkv) + head.first_of_qkv(), stride, dq, ones, AT(cosine), AT(sine), mine, tokens, h);
}

/// dk and dv of 64 keys, over tiles of 32 queries.
template <int MOST> DEVICE void attention_key_rows(const attention_gradient_arguments &a, const float *kept) {
  enum { TILE_QUERIES = 32, N = TILE_QUERIES / 8 };
  SHARED_ROOM(uint16_t, keys);
  SHARED(float, numbers, TILE_QUERIES * QUERY_NUMBERS);
  const head_line h(a.shape);
  const head_place head(a.shape, blockIdx.y);
  const int lane = LANE, warp = threadIdx.x / 32;
  uint16_t *values = keys + ROUNDED_ROWS * h.line, *queries = values + ROUNDED_ROWS * h.line;
  uint16_t *gradients = queries + TILE_QUERIES * h.line;
  const stored *qkv = ST(qkv) + head.first_of_qkv();
  const integer stride = 3 * head.width, tokens = head.tokens;
  const integer first = (integer)blockIdx.x * ROUNDED_ROWS, mine = first + warp * 16;
  const float root = 1 / square_root((float)h.size), factor = LOG2_OF_E * root;
  plain_halves(values, h, qkv + 2 * head.width, stride, first, ROUNDED_ROWS, tokens);
  rotated_halves(keys, h, qkv + head.width, stride, AT(cosine), AT(sine), first, ROUNDED_ROWS, tokens);
  float dk[MOST / 8][4] = {}, dv[MOST / 8][4] = {};
#pragma unroll 1
  for (integer from = a.shape.causal ? first : 0; from < tokens; from += TILE_QUERIES) {
    block_wait();
    plain_halves(gradients, h, ST(dout) + head.first_of_row(0), head.width, from, TILE_QUERIES, tokens);
    rotated_halves(queries, h, qkv, stride, AT(cosine), AT(sine), from, TILE_QUERIES, tokens);
    for (int i = threadIdx.x; i < TILE_QUERIES * QUERY_NUMBERS; i += blockDim.x)
      numbers[i] = from + i / QUERY_NUMBERS < tokens
                       ? kept[(head.pair * tokens + from) * QUERY_NUMBERS + i] : 0.f;
    copy_async_wait<0>();
    block_wait();
    float p[N][4] = {}, slope[N][4] = {};
    add_products<MOST>(p, keys + warp * 16 * h.line, queries, h);
    add_products<MOST>(slope, values + warp * 16 * h.line, gradients, h);
#pragma unroll
    for (int j = 0; j < N; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int column = j * 8 + lane % 4 * 2 + e % 2;
        const integer query = from + column, key = mine + lane / 4 + e / 2 * 8;
        const float *of_query = numbers + column * QUERY_NUMBERS;
        const bool visible = query < tokens && key < tokens && (!a.shape.causal || key <= query);
        p[j][e] = visible ? exp2f(p[j][e] * factor - of_query[0]) * of_query[1] : 0.f;
        slope[j][e] = p[j][e] * (slope[j][e] - of_query[2]) * root;
      }
    add_weighted<MOST>(dv, p, gradients, h);
    add_weighted<MOST>(dk, slope, queries, h);
  }
  const float ones[2] = {1.f, 1.f};
  stored *to = ST(dqkv) + head.first_of_qkv() + head.width;
  write_rows<MOST>(to, stride, dk, ones, AT(cosine), AT(sine), mine, tokens, h);
  write_rows<MOST>(to + head.width, stride, dv, ones, 0, 0, mine, tokens, h);
}

KERNEL_OF(attention_gradient_64, attention_gradient, 128) { attention_query_rows<64>(a, (float *)extra[0]); }
KERNEL_OF(attention_gradient_128, attention_gradient, 128) { attention_query_rows<128>(a, (float *)extra[0]); }
KERNEL_OF(attention_key_gradient_64, attention_gradient, 128) { attention_key_rows<64>(a, (const float *)extra[0]); }
KERNEL_OF(attention_key_gradient_128, attention_gradient, 128) { attention_key_rows<128>(a, (const float *)extra[0]); }
