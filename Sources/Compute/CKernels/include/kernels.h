// The contract of a device: one versioned struct of function pointers.
//
// A table serves one element type (float or double) on one instruction set. Pointers are void so
// that a device with memory of its own can fill the same struct. Every function is pure,
// single-threaded and works on the half-open range [begin, end) of its outermost index, so that the
// caller may split work over threads in any way: the result of a row depends neither on the other
// rows computed with it nor on the split (model.md section 6, "to the bit").
//
// Sizes and strides count elements. Reductions that feed a scalar are written as one double per
// fixed-size chunk (REDUCTION_CHUNK), to be summed in order by the caller.
#pragma once
#include <stdint.h>

#define KERNELS_VERSION 1
#define REDUCTION_CHUNK 4096
/// Rows of features in one partial sum of `feature_distance`.
#define FEATURE_ROWS 64
/// Elements that the optimizer takes at a time: that many weights, moments and averages fit in the
/// L1 cache. A thread's share begins at a multiple of it, so that shares of any size give the same
/// bits.
#define ADAMW_RUN 128

/// AdamW with decoupled decay (Loshchilov & Hutter 2019); all scalars as model.md section 4 (8).
typedef struct adamw_step {
  double gradient_scale;  ///< clipping factor min(1, clip/(g + 1e-6))
  double learning_rate;
  double decay;  ///< 1 - lr * weight decay, or 1
  double beta1, beta2;
  double correction1, correction2;  ///< 1 - beta^(s+1)
  double epsilon;
  double average_decay;  ///< D of a = D a + (1 - D) w
} adamw_step;

/// Layout of the heads: q, k and v of token t of batch row b start at qkv + (b * tokens + t) * 3 *
/// width (thirds of width = heads * size), head m at m * size inside its third.
typedef struct attention_shape {
  int64_t batch, tokens, heads, size;
  int32_t causal;
  /// Whether rotated keys and values are rounded to bfloat16; for inference, without a gradient.
  int32_t rounded;
} attention_shape;

/// Windows of a convolution or a pooling on images [batch, height, width, channels].
typedef struct window_shape {
  int64_t height, width, channels;
  int64_t out_height, out_width;
  int64_t kernel_height, kernel_width, stride_y, stride_x, pad_y, pad_x;
} window_shape;

typedef struct kernels {
  int32_t version;
  int32_t element_size;
  const char *name;

  /// C[m,n] = A[m,k] B[k,n] (+ C when accumulate) (+ bias[n] on every row when not null). Element
  /// (i,j) of A is a[i*a_row + j*a_column]; one of the two strides must be 1, also for B. Each
  /// element is one chain of fused multiply-adds over k, in blocks of fixed size.
  void (*gemm)(void *restrict c, int64_t c_row, const void *restrict a, int64_t a_row,
               int64_t a_column, const void *restrict b, int64_t b_row, int64_t b_column,
               const void *restrict bias, int64_t m, int64_t n, int64_t k, int32_t accumulate);
  /// The same with A and B rounded to bfloat16 and float sums (AVX512_BF16); null if the CPU or the
  /// table has no such instruction.
  void (*gemm_bf16)(void *restrict c, int64_t c_row, const void *restrict a, int64_t a_row,
                    int64_t a_column, const void *restrict b, int64_t b_row, int64_t b_column,
                    const void *restrict bias, int64_t m, int64_t n, int64_t k,
                    int32_t accumulate);

  /// Rounds and packs B[k, n], panels begin..<end of `packed_columns` columns, into
  /// `packed_size_bf16(n, k)` bytes; null if `gemm_bf16` is.
  void (*pack_panels_bf16)(void *restrict out, const void *restrict b, int64_t b_row,
                           int64_t b_column, int64_t n, int64_t k, int64_t begin, int64_t end);
  /// `gemm_bf16` from such panels.
  void (*gemm_panels_bf16)(void *restrict c, int64_t c_row, const void *restrict a,
                           int64_t a_row, int64_t a_column, const void *restrict panels,
                           const void *restrict bias, int64_t m, int64_t n, int64_t k,
                           int32_t accumulate);

  // ---- weights w[n, k] that many products share: C[m,n] = A[m,k] w' (+ bias) --------------------
  /// Number of columns of C per panel of packed weights; work is shared out by panels.
  int32_t (*packed_columns)(void);
  /// Number of bytes of the packed weights.
  int64_t (*packed_size)(int64_t n, int64_t k);
  void (*pack_weights)(void *restrict out, const void *restrict w, int64_t n, int64_t k);
  /// Computes panels in [begin, end); equal to `gemm` bit for bit.
  void (*gemm_packed)(void *restrict c, int64_t c_row, const void *restrict a, int64_t a_row,
                      const void *restrict packed, const void *restrict bias, int64_t m,
                      int64_t n, int64_t k, int64_t begin, int64_t end);
  /// The same for `gemm_bf16`; null if that is.
  int64_t (*packed_size_bf16)(int64_t n, int64_t k);
  void (*pack_weights_bf16)(void *restrict out, const void *restrict w, int64_t n, int64_t k);
  void (*gemm_packed_bf16)(void *restrict c, int64_t c_row, const void *restrict a,
                           int64_t a_row, const void *restrict packed,
                           const void *restrict bias, int64_t m, int64_t n, int64_t k,
                           int64_t begin, int64_t end);

  // ---- moving data -------------------------------------------------------------------------
  void (*fill)(void *out, double value, int64_t begin, int64_t end);
  /// out[o, r, :] (+)= x[o, r, :] for outer rows o in [begin, end), with independent strides.
  void (*copy_block)(void *restrict out, int64_t out_outer, int64_t out_row,
                     const void *restrict x, int64_t x_outer, int64_t x_row, int64_t rows,
                     int64_t width, int32_t accumulate, int64_t begin, int64_t end);
  /// out[r, :] = table[index[r], :]
  void (*gather_rows)(void *restrict out, const void *restrict table,
                      const int32_t *restrict index, int64_t width, int64_t begin, int64_t end);
  /// table[index[r], :] += x[r, :] for all rows, columns in [begin, end).
  void (*scatter_add_rows)(void *restrict table, const void *restrict x,
                           const int32_t *restrict index, int64_t rows, int64_t width,
                           int64_t begin, int64_t end);

  // ---- element-wise, [rows, width] ---------------------------------------------------------
  void (*add)(void *out, const void *a, const void *b, int64_t width, int64_t begin, int64_t end);
  /// out = alpha * x + beta * y
  void (*combine)(void *out, double alpha, const void *x, double beta, const void *y,
                  int64_t width, int64_t begin, int64_t end);
  void (*silu)(void *restrict out, const void *restrict x, int64_t width, int64_t begin,
               int64_t end);
  void (*silu_gradient)(void *restrict dx, const void *restrict dy, const void *restrict x,
                        int64_t width, int64_t begin, int64_t end);
  /// out = SiLU(x + row), with the same row[width] for every row of x.
  void (*silu_of_sum)(void *restrict out, const void *restrict x, const void *restrict row,
                      int64_t width, int64_t begin, int64_t end);
  /// x[rows, 2 width] = [a, b]; out = SiLU(a) * b. Shazeer 2020.
  void (*swiglu)(void *restrict out, const void *restrict x, int64_t width, int64_t begin,
                 int64_t end);
  void (*swiglu_gradient)(void *restrict dx, const void *restrict dy, const void *restrict x,
                          int64_t width, int64_t begin, int64_t end);
  /// Rounds x to bfloat16 and back; SwiGLU of such numbers, with its derivative in
  /// dx[rows, 2 width].
  void (*round_to_bf16)(void *restrict out, const void *restrict x, int64_t begin, int64_t end);
  void (*widen_bf16)(void *restrict out, const void *restrict x, int64_t begin, int64_t end);
  void (*swiglu_bf16)(void *restrict out, const void *restrict x, int64_t width, int64_t begin,
                      int64_t end);
  void (*swiglu_bf16_gradient)(void *restrict dx, const void *restrict dy,
                               const void *restrict x, int64_t width, int64_t begin,
                               int64_t end);

  // ---- broadcasting over repeats: x[outer, repeats, inner], y[outer, inner] --------------------
  /// out = x + y, y repeated; begin..end over outer * repeats.
  void (*add_repeated)(void *restrict out, const void *restrict x, const void *restrict y,
                       int64_t repeats, int64_t inner, int64_t begin, int64_t end);
  /// out[o, :] = sum over r of x[o, r, :]; columns in [begin, end) of inner.
  void (*sum_repeats)(void *restrict out, const void *restrict x, int64_t outer, int64_t repeats,
                      int64_t inner, int64_t begin, int64_t end);
  /// out[o, r, i, :] = (1 - t[o, r, i]) * noise[o, r, i, :] + t[o, r, i] * z[o, i, :];
  /// begin..end over outer * repeats, inner = rows * width.
  void (*interpolate)(void *restrict out, const void *restrict noise, const void *restrict z,
                      const void *restrict t, int64_t repeats, int64_t rows, int64_t width,
                      int64_t begin, int64_t end);
  /// out[o, r, i, :] = z[o, i, :] - noise[o, r, i, :], the velocity of the straight path.
  void (*velocity)(void *restrict out, const void *restrict noise, const void *restrict z,
                   int64_t repeats, int64_t inner, int64_t begin, int64_t end);
  /// out[r, :] = factor[r] * x[r, :]
  void (*scale_rows)(void *restrict out, const void *restrict x, const void *restrict factor,
                     int64_t width, int64_t begin, int64_t end);

  // ---- modulation: scale, shift and gate are columns of m[rows, stride] -------------------------
  /// out = x + gate * y
  void (*gated_add)(void *restrict out, const void *restrict x, const void *restrict y,
                    const void *restrict gate, int64_t stride, int64_t width, int64_t begin,
                    int64_t end);
  void (*gated_add_gradient)(void *restrict dy, void *restrict dgate, const void *restrict dout,
                             const void *restrict y, const void *restrict gate, int64_t stride,
                             int64_t width, int64_t begin, int64_t end);

  // ---- norms, [rows, width] ------------------------------------------------------------------
  /// out = x * rsqrt(mean(x^2) + epsilon) * gain; inverse[rows] keeps the factor.
  /// Zhang & Sennrich 2019, equation 4.
  void (*rms_norm)(void *restrict out, void *restrict inverse, const void *restrict x,
                   const void *restrict gain, int64_t width, double epsilon, int64_t begin,
                   int64_t end);
  void (*rms_norm_gradient)(void *restrict dx, const void *restrict dy, const void *restrict x,
                            const void *restrict gain, const void *restrict inverse,
                            int64_t width, int64_t begin, int64_t end);
  /// dgain[c] = sum over rows of dy * x * inverse; columns in [begin, end).
  void (*rms_norm_gain_gradient)(void *restrict dgain, const void *restrict dy,
                                 const void *restrict x, const void *restrict inverse,
                                 int64_t rows, int64_t width, int64_t begin, int64_t end);
  /// out = (x - mean) * rsqrt(var + epsilon) (* gain + bias when not null); statistics[rows, 2]
  /// keeps (mean, factor). Ba, Kiros & Hinton 2016.
  void (*layer_norm)(void *restrict out, void *restrict statistics, const void *restrict x,
                     const void *restrict gain, const void *restrict bias, int64_t width,
                     double epsilon, int64_t begin, int64_t end);
  void (*layer_norm_gradient)(void *restrict dx, const void *restrict dy,
                              const void *restrict x, const void *restrict gain,
                              const void *restrict statistics, int64_t width, int64_t begin,
                              int64_t end);
  void (*layer_norm_parameter_gradient)(void *restrict dgain, void *restrict dbias,
                                        const void *restrict dy, const void *restrict x,
                                        const void *restrict statistics, int64_t rows,
                                        int64_t width, int64_t begin, int64_t end);
  /// out = layer_norm(x) * (1 + scale) + shift; scale and shift are columns of m[rows, stride]. For
  /// inference statistics may be null, and shift too if there is no gain. Column gradients are
  /// added to.
  void (*layer_norm_modulated)(void *restrict out, void *restrict statistics,
                               const void *restrict x, const void *restrict gain,
                               const void *restrict bias, const void *restrict scale,
                               const void *restrict shift, int64_t stride, int64_t width,
                               double epsilon, int64_t begin, int64_t end);
  void (*layer_norm_modulated_gradient)(void *restrict dx, void *restrict dscale,
                                        void *restrict dshift, const void *restrict dy,
                                        const void *restrict x, const void *restrict gain,
                                        const void *restrict bias, const void *restrict scale,
                                        const void *restrict statistics, int64_t stride,
                                        int64_t width, int64_t begin, int64_t end);
  /// Gradients of columns begin..<end, over all rows.
  void (*layer_norm_modulated_parameter_gradient)(
      void *restrict dgain, void *restrict dbias, const void *restrict dy, const void *restrict x,
      const void *restrict scale, const void *restrict statistics, int64_t rows, int64_t stride,
      int64_t width, int64_t begin, int64_t end);
  /// out = x * sqrt(width) * rsqrt(sum(x^2) + epsilon); inverse[rows] keeps rsqrt(...).
  void (*sphere_norm)(void *restrict out, void *restrict inverse, const void *restrict x,
                      int64_t width, double epsilon, int64_t begin, int64_t end);
  void (*sphere_norm_gradient)(void *restrict dx, const void *restrict dy,
                               const void *restrict x, const void *restrict inverse,
                               int64_t width, int64_t begin, int64_t end);

  // ---- attention -------------------------------------------------------------------------------
  /// Elements of scratch memory per thread for the two functions below.
  int64_t (*attention_scratch)(const attention_shape *shape);
  /// out[b, t, m*size..] = softmax(rope(q) rope(k)^T / sqrt(size)) v for (b, m) pairs in
  /// [begin, end) of batch * heads. cosine, sine: [tokens, size / 2].
  void (*attention)(void *restrict out, const void *restrict qkv, const void *restrict cosine,
                    const void *restrict sine, const attention_shape *shape,
                    void *restrict scratch, int64_t begin, int64_t end);
  void (*attention_gradient)(void *restrict dqkv, const void *restrict dout,
                             const void *restrict qkv, const void *restrict cosine,
                             const void *restrict sine, const attention_shape *shape,
                             void *restrict scratch, int64_t begin, int64_t end);
  /// Elements of scratch memory per thread for the next function.
  int64_t (*attention_cached_scratch)(const attention_shape *shape, int64_t capacity);
  /// Appends `shape->tokens` new tokens at position `position` of the caches and attends causally
  /// over all so far. The caches hold rotated keys [capacity / 16, batch, heads, size, 16] and
  /// values [capacity / 16, batch, heads, 16, size], in bfloat16 if the shape says rounded; the
  /// capacity is a multiple of 16. cosine, sine: rows of the new tokens. Equal to `attention` bit
  /// for bit.
  void (*attention_cached)(void *restrict out, void *restrict key_cache,
                           void *restrict value_cache, const void *restrict qkv,
                           const void *restrict cosine, const void *restrict sine,
                           const attention_shape *shape, int64_t position, int64_t capacity,
                           void *restrict scratch, int64_t begin, int64_t end);

  // ---- reductions ------------------------------------------------------------------------------
  /// out[c] = sum over rows of x[:, c]; columns in [begin, end).
  void (*column_sums)(void *restrict out, const void *restrict x, int64_t rows, int64_t width,
                      int64_t begin, int64_t end);
  /// partial[c] for chunks c in [begin, end) of a vector of n elements.
  void (*sum_of_squares)(double *restrict partial, const void *restrict x, int64_t n,
                         int64_t begin, int64_t end);
  void (*sum_absolute_difference)(double *restrict partial, const void *restrict x,
                                  const void *restrict y, int64_t n, int64_t begin, int64_t end);
  void (*sum_squared_difference)(double *restrict partial, const void *restrict x,
                                 const void *restrict y, int64_t n, int64_t begin, int64_t end);
  /// dx = factor * sign(x - y), sign(0) = 0
  void (*absolute_difference_gradient)(void *restrict dx, const void *restrict x,
                                       const void *restrict y, double factor, int64_t width,
                                       int64_t begin, int64_t end);
  /// dx = factor * (x - y)
  void (*squared_difference_gradient)(void *restrict dx, const void *restrict x,
                                      const void *restrict y, double factor, int64_t width,
                                      int64_t begin, int64_t end);

  // ---- model inputs ----------------------------------------------------------------------------
  /// [cos, sin] of 1000 t frequencies[j], j < half, in float64, rounded once.
  void (*time_features)(void *restrict out, const double *restrict t,
                        const double *restrict frequencies, int64_t half,
                        int64_t begin, int64_t end);
  /// out = (y - mean) / sqrt(var + epsilon), var over width - 1. He et al. 2022 (MAE).
  void (*patch_normalize)(void *restrict out, const void *restrict y, int64_t width,
                          double epsilon, int64_t begin, int64_t end);

  // ---- images [batch, height, width, channels] --------------------------------------------------
  /// out[r - begin, (ky * kernel_width + kx) * channels + c] for output pixels r in [begin, end) of
  /// batch * out_height * out_width; zero outside of the image.
  void (*gather_windows)(void *restrict out, const void *restrict x,
                         const window_shape *restrict shape, int64_t begin, int64_t end);
  /// The largest value of each window, and its position ky * kernel_width + kx there.
  void (*max_pool)(void *restrict out, void *restrict which, const void *restrict x,
                   const window_shape *restrict shape, int64_t begin, int64_t end);
  /// Gradient of input pixels begin..<end.
  void (*max_pool_gradient)(void *restrict dx, const void *restrict dy,
                            const void *restrict which, const window_shape *restrict shape,
                            int64_t begin, int64_t end);
  /// The mean over the pixels of each window that lie in the image.
  void (*average_pool)(void *restrict out, const void *restrict x,
                       const window_shape *restrict shape, int64_t begin, int64_t end);
  /// max(x, 0), element-wise on [rows, width]; out may be x.
  void (*relu)(void *out, const void *x, int64_t width, int64_t begin, int64_t end);
  /// Computed from the result y; the derivative at 0 is 0.
  void (*relu_gradient)(void *restrict dx, const void *restrict dy, const void *restrict y,
                        int64_t width, int64_t begin, int64_t end);
  /// partial[c] = sum over rows of chunk c of sum_i weight[i] (x_i/|x| - y_i/|y|)^2, where |x| is
  /// sqrt(sum x^2 + 1e-20) + 1e-10. Zhang et al. 2018 (LPIPS).
  void (*feature_distance)(double *restrict partial, const void *restrict x,
                           const void *restrict y, const void *restrict weight, int64_t width,
                           int64_t rows, int64_t begin, int64_t end);
  /// factor times the derivative with respect to x; zero where x is zero.
  void (*feature_distance_gradient)(void *restrict dx, const void *restrict x,
                                    const void *restrict y, const void *restrict weight,
                                    double factor, int64_t width, int64_t begin, int64_t end);

  // ---- optimizer -------------------------------------------------------------------------------
  /// Updates weights, moments and, if not null, a moving average of the weights in one pass.
  void (*adamw)(void *restrict w, void *restrict m, void *restrict v, void *restrict average,
                const void *restrict g, const adamw_step *step, int64_t begin, int64_t end);
  /// The same, bit for bit, from other weights, moments and average, which do not change: each
  /// array holds w, m, v and average. No other memory may overlap the written one.
  void (*adamw_from)(void *restrict to[4], const void *restrict from[4], const void *restrict g,
                     const adamw_step *step, int64_t begin, int64_t end);
} kernels;

/// Instruction sets in rising order; 0 runs anywhere the program runs.
enum { KERNELS_BASE = 0, KERNELS_AVX2 = 1, KERNELS_AVX512 = 2 };

/// The highest level that this CPU has.
int32_t kernels_level(void);
/// The float table of a level, which must not be above kernels_level().
const kernels *kernels_float32(int32_t level);
/// The double table: the oracle of gradient checks, written for exactness, not speed.
const kernels *kernels_float64(void);
