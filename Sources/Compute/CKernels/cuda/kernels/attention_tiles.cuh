// Tiles of heads in shared memory, and the softmax over tiles of keys (Dao et al. 2022).
#pragma once

/// Tiles, and the largest size of a head.
enum { KEYS = 32, QUERIES = 4, BLOCK_QUERIES = 16, MOST_SIZE = ATTENTION_MOST_SIZE };
/// Numbers of a head that a lane holds.
enum { LANE_SIZE = MOST_SIZE / 32 };

/// One (batch row, head).
struct head_place {
  integer pair, row, number, tokens, width, size;
  DEVICE head_place(const attention_shape &s, integer pair)
      : pair(pair), row(pair / s.heads), number(pair % s.heads), tokens(s.tokens),
        width(s.heads * s.size), size(s.size) {}
  /// The head's part of token 0 of its row, in qkv and in rows of one width.
  DEVICE integer first_of_qkv() const { return row * tokens * 3 * width + number * size; }
  DEVICE integer first_of_row(integer token) const {
    return (row * tokens + token) * width + number * size;
  }
};

/// Element d of a token whose pairs (2j, 2j + 1) are rotated by its angles; direction -1 rotates back.
template <class T> DEVICE REAL rotated(const T *x, int d, const REAL *cosine, const REAL *sine, REAL direction) {
  const int j = d / 2;
  const REAL first = x[2 * j], second = x[2 * j + 1], s = direction * sine[j];
  return d % 2 == 0 ? first * cosine[j] - second * s : first * s + second * cosine[j];
}

/// Rotates a row of one warp back.
template <class T> DEVICE void rotated_back(T *to, const REAL *x, int size, const REAL *cosine, const REAL *sine) {
  for (int d = LANE; d < size; d += 32) to[d] = rotated(x, d, cosine, sine, -1);
}

DEVICE REAL kept(REAL x, bool rounded) { return rounded ? widened_bf16(rounded_to_bf16(x)) : x; }

/// Tokens first..<first + count of a head, by the whole block; zeros beyond the last.
template <class T>
DEVICE void plain_tile(REAL *to, int line, const T *x, integer stride, integer first, int count,
                       const head_place &head, bool rounded) {
  const int size = (int)head.size;
  for (int i = threadIdx.x; i < count * size; i += blockDim.x) {
    const int t = i / size, d = i % size;
    to[t * line + d] = first + t < head.tokens ? kept((REAL)x[(first + t) * stride + d], rounded) : (REAL)0;
  }
}

/// The same, rotated by the tokens' angles.
template <class T>
DEVICE void rotated_tile(REAL *to, int line, const T *x, integer stride, const REAL *cosine,
                         const REAL *sine, integer first, int count, const head_place &head,
                         bool rounded) {
  const int size = (int)head.size;
  for (int i = threadIdx.x; i < count * size; i += blockDim.x) {
    const int t = i / size, d = i % size;
    const integer token = first + t;
    to[t * line + d] =
        token < head.tokens
            ? kept(rotated(x + token * stride, d, cosine + token * (size / 2),
                           sine + token * (size / 2), 1), rounded)
            : (REAL)0;
  }
}

/// products[i] = sum over d of x[i, d] y[d], for N rows x that are `line` apart.
template <int N>
DEVICE void products_of_rows(REAL (&products)[N], const REAL *x, int line, const REAL *y, int size) {
#pragma unroll
  for (int i = 0; i < N; i++) products[i] = 0;
#pragma unroll 4
  for (int d = 0; d < size; d++) {
    const REAL number = y[d];
#pragma unroll
    for (int i = 0; i < N; i++) products[i] = fused(x[i * line + d], number, products[i]);
  }
}

/// sums[i] += sum over rows j of a tile of weights[i, j] x[j], for a warp's N rows of weights. Lane l holds
/// columns l, l + 32, ...
template <int N>
DEVICE void add_weighted_rows(REAL (&sums)[N][LANE_SIZE], const REAL *weights, const REAL *x, int line,
                              int size) {
#pragma unroll
  for (int e = 0; e < LANE_SIZE; e++) {
    const int d = LANE + 32 * e;
    if (d >= size) continue;
#pragma unroll 4
    for (int j = 0; j < KEYS; j++) {
      const REAL number = x[j * line + d];
#pragma unroll
      for (int i = 0; i < N; i++) sums[i][e] = fused(weights[i * KEYS + j], number, sums[i][e]);
    }
  }
}

/// The results of N queries of a warp: softmax(q k') v over the keys so far. A lane holds numbers of the result
/// as `add_weighted_rows` does.
template <int N> struct mixture {
  REAL most[N], sum[N], out[N][LANE_SIZE];

  DEVICE mixture() {
#pragma unroll
    for (int i = 0; i < N; i++) {
      most[i] = -INFINITY;
      sum[i] = 0;
#pragma unroll
      for (int e = 0; e < LANE_SIZE; e++) out[i][e] = 0;
    }
  }

  /// Adds a tile, of which query i sees the first `seen + i * more` keys. `weights` has room for the
  /// tile's weights of each query.
  DEVICE void add_keys(const REAL *queries, const REAL *keys, const REAL *values, int size,
                       REAL *weights, integer seen, int more) {
    const REAL factor = 1 / square_root((REAL)size);
    REAL scores[N];
    products_of_rows<N>(scores, queries, size, keys + LANE * (size + 1), size);
    warp_wait();
#pragma unroll
    for (int i = 0; i < N; i++) {
      const bool visible = (integer)LANE < seen + i * more;
      const REAL score = scores[i] * factor, top = warp_most(visible ? score : -INFINITY);
      const REAL now = top > most[i] ? top : most[i];
      const REAL keep = exponential(most[i] - now), p = visible ? exponential(score - now) : (REAL)0;
      most[i] = now;
      sum[i] = sum[i] * keep + warp_sum(p);
      weights[i * KEYS + LANE] = p;
#pragma unroll
      for (int e = 0; e < LANE_SIZE; e++) out[i][e] *= keep;
    }
    warp_wait();
    add_weighted_rows<N>(out, weights, values, size + 1, size);
  }

  template <class T> DEVICE void write(int i, T *to, int size) const {
    const REAL inverse = 1 / sum[i];
#pragma unroll
    for (int e = 0; e < LANE_SIZE; e++)
      if ((int)LANE + 32 * e < size) to[LANE + 32 * e] = out[i][e] * inverse;
  }
};
