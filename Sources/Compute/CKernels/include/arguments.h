// Arguments of the operations: plain data, read by Swift, by the kernels of a CPU, and later by the
// compiler of a GPU. One struct for each row of operations.h.
//
// REAL is the element type that an operation runs with: float or double. Operations that have a
// bfloat16 form run with ELEMENT_BFLOAT16 as well: then the fields that it names hold activations in
// bfloat16, and all other numbers and all sums are float. Sizes and strides count elements; a matrix [rows, width] is contiguous unless a stride says otherwise. An address that
// may be absent says so. Sums that become one number are written as one double per chunk of
// REDUCTION_CHUNK elements or FEATURE_ROWS rows, so that any division of the work gives the same
// bits (model.md section 6).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__swift__) || defined(__clang__)
#define SWIFT_NAME(name) __attribute__((swift_name(name)))
#define SWIFT_PRIVATE __attribute__((swift_private))
#else
#define SWIFT_NAME(name)
#define SWIFT_PRIVATE
#endif
#define ARGUMENTS(c_name, SwiftName) \
  struct SWIFT_NAME(#SwiftName "Arguments") c_name##_arguments

#define REDUCTION_CHUNK 4096
/// Rows of features in one partial sum of `feature_distance`.
#define FEATURE_ROWS 64
/// Elements that the optimizer takes at a time: that many weights, moments and averages fit in the
/// L1 cache. A thread's share begins at a multiple of it.
#define ADAMW_RUN 128
/// Most branches of `convolve_points`.
#define POINT_BRANCHES 4
/// Most terms of `weighted_sum`.
#define WEIGHTED_TERMS 8

enum { ELEMENT_FLOAT32 = 0, ELEMENT_FLOAT64 = 1, ELEMENT_BFLOAT16 = 2 };
#define ELEMENT_BYTES(type) ((type) == ELEMENT_FLOAT64 ? 8 : (type) == ELEMENT_FLOAT32 ? 4 : 2)

typedef ptrdiff_t integer;

/// A place in a device's memory, which only operations read and write.
struct SWIFT_NAME("DeviceAddress") device_address {
  void *memory SWIFT_PRIVATE;
};
typedef struct device_address address;
typedef struct attention_shape attention_shape;
typedef struct window_shape window_shape;

// ---- moving data --------------------------------------------------------------------------------
/// bfloat16: out.
ARGUMENTS(fill, Fill) { address out; double value; };
/// Units of 64 bytes, the last one cut at `bytes`.
ARGUMENTS(copy, Copy) { address out, x; integer bytes; };
/// Exchanges two blocks of whole pages, or of any bytes.
ARGUMENTS(exchange, Exchange) { address a, b; integer bytes; };
/// out[o, r, :] (+)= x[o, r, :] for outer rows o, with independent strides.
ARGUMENTS(copy_block, CopyBlock) {
  address out; integer out_outer, out_row;
  address x; integer x_outer, x_row;
  integer rows, width; bool accumulate;
};
/// out[r, :] = table[index[r], :], index int32 below `rows`.
ARGUMENTS(gather_rows, GatherRows) { address out, table, index; integer rows, width; };
/// table[index[r], :] += x[r, :] for all rows r; columns of the table.
ARGUMENTS(scatter_add_rows, ScatterAddRows) { address table, x, index; integer rows, width; };
/// Weights [out, in, places] as [out, places, in]; turned: as [in, places from the last, out].
ARGUMENTS(reorder_kernel, ReorderKernel) { address out, x; integer outputs, inputs, places; bool turned; };
/// Patches [grid * grid, patch, patch, channels] of an image as the image
/// [grid * patch, grid * patch, channels], or back; images.
ARGUMENTS(move_patches, MovePatches) {
  address images, patches; integer grid, patch, channels; bool to_images;
};
/// Numbers of the element type `from`: double or bfloat16 to REAL, or float to bfloat16, to the
/// nearest and ties to even.
ARGUMENTS(convert, Convert) { address out, x; int32_t from; };
/// out[i, :] = x[i], `times` times.
ARGUMENTS(repeat_each, RepeatEach) { address out, x; integer times; };
/// out = 1 / max(1 - x, least)
ARGUMENTS(reciprocal_rest, ReciprocalRest) { address out, x; double least; };

// ---- random numbers (model.md section 6) ---------------------------------------------------------
enum { PHILOX_UNIFORM = 0, PHILOX_NORMAL = 1 };
enum { PHILOX_PLAIN = 0, PHILOX_AFFINE = 1, PHILOX_SIGMOID = 2 };
/// Row r of out[rows, width] holds elements 0..<width of counter (.., a, b, stream): with
/// `place` = r % together, a = first_a + (step[0] if present) + place * stride_a; with
/// `image` = r / together, b = numbers[image] if present, otherwise first_b + image. Each number u is
/// mapped: plain; affine, offset + factor u; sigmoid. Step and numbers are uint32.
ARGUMENTS(philox, Philox) {
  address out, step, numbers;
  uint64_t key; uint32_t stream, first_a, stride_a, first_b;
  integer together, width;
  int32_t kind, map; double offset, factor;
};
/// out[r] = null_class where the first uniform of counter (.., step, first_b + r, stream) is below
/// `share`, otherwise labels[r]; int32.
ARGUMENTS(drop_labels, DropLabels) {
  address out, labels, step;
  uint64_t key; uint32_t stream, first_b; int32_t null_class; double share;
};

// ---- element-wise, [rows, width] -----------------------------------------------------------------
/// bfloat16: all.
ARGUMENTS(add, Add) { address out, a, b; integer width; };
/// out = alpha * x + beta * y
ARGUMENTS(combine, Combine) { address out; double alpha; address x; double beta; address y; integer width; };
ARGUMENTS(silu, SiLU) { address out, x; integer width; };
ARGUMENTS(silu_gradient, SiLUGradient) { address dx, dy, x; integer width; };
/// x[rows, 2 width] = [a, b]; out = SiLU(a) * b. Shazeer 2020. bfloat16: all.
ARGUMENTS(swiglu, SwiGLU) { address out, x; integer width; };
/// bfloat16: all.
ARGUMENTS(swiglu_gradient, SwiGLUGradient) { address dx, dy, x; integer width; };
/// max(x, 0) into rows that are out_row and x_row apart; out may be x.
ARGUMENTS(relu, ReLU) { address out; integer out_row; address x; integer x_row, width; };
/// Computed from the result y; the derivative at 0 is 0.
ARGUMENTS(relu_gradient, ReLUGradient) { address dx, dy, y; integer width; };

// ---- broadcasting over repeats: x[outer, repeats, inner], y[outer, inner] --------------------------
/// out = x + y, y repeated; rows of outer * repeats.
ARGUMENTS(add_repeated, AddRepeated) { address out, x, y; integer repeats, inner; };
/// out[o, :] = sum over r of x[o, r, :]; columns of inner.
ARGUMENTS(sum_repeats, SumRepeats) { address out, x; integer outer, repeats, inner; };
/// The same sums divided by `repeats`, in rows of out that are out_row apart; rows o.
ARGUMENTS(mean_repeats, MeanRepeats) { address out; integer out_row; address x; integer repeats, inner; };
/// out[o, r, i, :] = (1 - t[o, r, i]) * noise[o, r, i, :] + t[o, r, i] * z[o, i, :], i < rows; rows of
/// outer * repeats. Liu et al. 2023.
ARGUMENTS(interpolate, Interpolate) { address out, noise, z, t; integer repeats, rows, width; };
/// out[o, r, :] = z[o, :] - noise[o, r, :], the velocity of the straight path.
ARGUMENTS(velocity, Velocity) { address out, noise, z; integer repeats, inner; };
/// out[r, :] = factor[r] * x[r, :]
ARGUMENTS(scale_rows, ScaleRows) { address out, x, factor; integer width; };

// ---- modulation: scale, shift and gate are columns of m[rows, stride] ------------------------------
/// out = x + gate * y
ARGUMENTS(gated_add, GatedAdd) { address out, x, y, gate; integer stride, width; };
/// dgate is added to.
ARGUMENTS(gated_add_gradient, GatedAddGradient) { address dy, dgate, dout, y, gate; integer stride, width; };

// ---- norms, [rows, width] ------------------------------------------------------------------------
/// out = x * rsqrt(mean(x^2) + epsilon) * gain; inverse[rows] keeps the factor.
/// Zhang & Sennrich 2019, equation 4. bfloat16: out.
ARGUMENTS(rms_norm, RMSNorm) { address out, inverse, x, gain; integer width; double epsilon; };
/// bfloat16: dy.
ARGUMENTS(rms_norm_gradient, RMSNormGradient) { address dx, dy, x, gain, inverse; integer width; };
/// dgain[c] = sum over rows of dy * x * inverse; columns. bfloat16: dy.
ARGUMENTS(rms_norm_gain_gradient, RMSNormGainGradient) { address dgain, dy, x, inverse; integer rows, width; };
/// out = (x - mean) * rsqrt(var + epsilon) (* gain + bias if present); statistics[rows, 2] keeps
/// (mean, factor). Ba, Kiros & Hinton 2016. bfloat16: out.
ARGUMENTS(layer_norm, LayerNorm) { address out, statistics, x, gain, bias; integer width; double epsilon; };
/// bfloat16: dy.
ARGUMENTS(layer_norm_gradient, LayerNormGradient) { address dx, dy, x, gain, statistics; integer width; };
/// bfloat16: dy.
ARGUMENTS(layer_norm_parameter_gradient, LayerNormParameterGradient) {
  address dgain, dbias, dy, x, statistics; integer rows, width;
};
/// out = layer_norm(x) * (1 + scale) + shift. For inference statistics may be absent, and shift too
/// if there is no gain. bfloat16: out.
ARGUMENTS(layer_norm_modulated, LayerNormModulated) {
  address out, statistics, x, gain, bias, scale, shift; integer stride, width; double epsilon;
};
/// dscale and dshift are added to. bfloat16: dy.
ARGUMENTS(layer_norm_modulated_gradient, LayerNormModulatedGradient) {
  address dx, dscale, dshift, dy, x, gain, bias, scale, statistics; integer stride, width;
};
/// bfloat16: dy.
ARGUMENTS(layer_norm_modulated_parameter_gradient, LayerNormModulatedParameterGradient) {
  address dgain, dbias, dy, x, scale, statistics; integer rows, stride, width;
};
/// out = x * sqrt(width) * rsqrt(sum(x^2) + epsilon); inverse[rows] keeps rsqrt(...).
ARGUMENTS(sphere_norm, SphereNorm) { address out, inverse, x; integer width; double epsilon; };
ARGUMENTS(sphere_norm_gradient, SphereNormGradient) { address dx, dy, x, inverse; integer width; };
/// out = (y - mean) / sqrt(var + epsilon), var over width - 1. He et al. 2022 (MAE).
ARGUMENTS(patch_normalize, PatchNormalize) { address out, y; integer width; double epsilon; };

// ---- products ------------------------------------------------------------------------------------
/// C[m, n] = A[m, k] B[k, n] (+ C) (+ bias[n] on every row, if present). Element (i, j) of A is
/// a[i * a_row + j * a_column]; one of the two strides is 1, also for B. Each element is one chain of
/// multiply-adds over k. `rounded`: factors in bfloat16, where the CPU multiplies them. `a_bf16` and
/// its like: that matrix is kept in bfloat16; then the operation runs with float, and `rounded`.
/// `any_order`: the order of additions may depend on m and n, for products that no image is drawn by.
ARGUMENTS(matrix_product, MatrixProduct) {
  address c; integer c_row;
  address a; integer a_row, a_column;
  address b; integer b_row, b_column;
  address bias; integer m, n, k; bool accumulate, rounded;
  bool a_bf16, b_bf16, c_bf16, any_order;
};
/// Weights w[outputs, inputs] in the order in which products read them, in
/// `device_packed_bytes(outputs, inputs, rounded)` bytes.
ARGUMENTS(pack_weights, PackWeights) { address packed, w; integer outputs, inputs; bool rounded; };
/// Y[rows, outputs] = X[rows, inputs] w' (+ bias, if present), equal to `matrix_product` bit for bit.
ARGUMENTS(multiply_packed, MultiplyPacked) {
  address y; integer y_row; address x; integer x_row;
  address packed, bias; integer rows, outputs, inputs; bool rounded;
};

// ---- attention -----------------------------------------------------------------------------------
/// Layout of the heads: q, k and v of token t of batch row b start at qkv + (b * tokens + t) * 3 *
/// width (thirds of width = heads * size), head m at m * size inside its third.
struct SWIFT_NAME("AttentionShape") attention_shape {
  integer batch, tokens, heads, size;
  bool causal;
  /// Whether rotated keys and values are rounded to bfloat16; for inference, without a gradient.
  bool rounded;
};
/// out[b, t, m*size..] = softmax(rope(q) rope(k)^T / sqrt(size)) v for pairs (b, m) of batch * heads.
/// cosine, sine: [tokens, size / 2]. bfloat16: out, qkv.
ARGUMENTS(attention, Attention) { address out, qkv, cosine, sine; struct attention_shape shape; };
/// bfloat16: dqkv, dout, qkv.
ARGUMENTS(attention_gradient, AttentionGradient) {
  address dqkv, dout, qkv, cosine, sine; struct attention_shape shape;
};
/// Appends `shape.tokens` new tokens at `position` of the caches and attends causally over all so
/// far. The caches hold rotated keys [capacity / 16, batch, heads, size, 16] and values
/// [capacity / 16, batch, heads, 16, size], in bfloat16 if the shape says rounded; the capacity is a
/// multiple of 16. cosine, sine: rows of the new tokens. Equal to `attention` bit for bit.
ARGUMENTS(attention_cached, AttentionCached) {
  address out, keys, values, qkv, cosine, sine;
  struct attention_shape shape; integer position, capacity;
};

// ---- sums ----------------------------------------------------------------------------------------
/// out[c] = sum over rows of x[:, c]; columns. bfloat16: x.
ARGUMENTS(column_sums, ColumnSums) { address out, x; integer rows, width; };
/// partial[c] for chunks c of n elements, in double.
ARGUMENTS(sum_of_squares, SumOfSquares) { address partial, x; integer n; };
ARGUMENTS(sum_absolute_difference, SumAbsoluteDifference) { address partial, x, y; integer n; };
ARGUMENTS(sum_squared_difference, SumSquaredDifference) { address partial, x, y; integer n; };
/// out[0] = factor * ((partial[0] + partial[1] + ...) / divisor), in double.
ARGUMENTS(sum_in_order, SumInOrder) { address out, partial; integer count; double divisor, factor; };
struct SWIFT_NAME("WeightedNumber") weighted_number { address x; double weight; };
/// out[0] = weight x[0] of the first `count` terms, added in order, in double.
ARGUMENTS(weighted_sum, WeightedSum) {
  address out; integer count; struct weighted_number terms[WEIGHTED_TERMS];
};
/// dx = factor * sign(x - y), sign(0) = 0
ARGUMENTS(absolute_difference_gradient, AbsoluteDifferenceGradient) {
  address dx, x, y; double factor; integer width;
};
/// dx = factor * (x - y)
ARGUMENTS(squared_difference_gradient, SquaredDifferenceGradient) {
  address dx, x, y; double factor; integer width;
};
/// [cos, sin] of 1000 t frequencies[j], j < half, in double, rounded once; t and frequencies double.
ARGUMENTS(time_features, TimeFeatures) { address out, t, frequencies; integer half; };

// ---- images [batch, height, width, channels] -----------------------------------------------------
/// Windows of a convolution or a pooling.
struct SWIFT_NAME("WindowShape") window_shape {
  integer height, width, channels, out_height, out_width;
  integer kernel_height, kernel_width, stride_y, stride_x, pad_y, pad_x;
};
/// y[pixels, outputs] = windows of x times packed weights (+ bias), with max(_, 0) if `relu`; rows of
/// y are y_row apart. `rounded`: weights were packed in bfloat16, and x is rounded; on a GPU alone.
ARGUMENTS(convolve, Convolve) {
  address y; integer y_row; address x, packed, bias;
  struct window_shape shape; integer pixels, outputs; bool relu, rounded;
};
struct SWIFT_NAME("PointBranch") point_branch {
  address y; integer y_row; address packed, bias; integer outputs; bool relu;
};
/// `count` 1x1 convolutions of the same x[pixels, inputs], which is read only once.
ARGUMENTS(convolve_points, ConvolvePoints) {
  address x; integer count, pixels, inputs; struct point_branch branches[POINT_BRANCHES];
};
/// The largest value of each window, and its position ky * kernel_width + kx there.
ARGUMENTS(max_pool, MaxPool) { address out, which, x; struct window_shape shape; };
ARGUMENTS(max_pool_gradient, MaxPoolGradient) { address dx, dy, which; struct window_shape shape; };
/// The mean over the pixels of each window that lie in the image.
ARGUMENTS(average_pool, AveragePool) { address out, x; struct window_shape shape; };
/// partial[c] = sum over rows of chunk c of sum_i weight[i] (x_i/|x| - y_i/|y|)^2, where |x| is
/// sqrt(sum x^2 + 1e-20) + 1e-10. Zhang et al. 2018 (LPIPS).
ARGUMENTS(feature_distance, FeatureDistance) { address partial, x, y, weight; integer width, rows; };
/// factor times the derivative with respect to x; zero where x is zero.
ARGUMENTS(feature_distance_gradient, FeatureDistanceGradient) {
  address dx, x, y, weight; double factor; integer width;
};

// ---- optimizer -----------------------------------------------------------------------------------
/// Scalars of a training step in device memory (model.md section 4, 8), in double. The host writes
/// those of the step before it runs; `clip_step` writes the rest.
struct SWIFT_NAME("StepScalars") step_scalars {
  double learning_rate, beta1, beta2;
  /// 1 - beta^(s+1)
  double correction1, correction2;
  double epsilon;
  /// Largest norm of all gradients.
  double clip;
  /// Norm of all gradients, and the factor min(1, clip/(norm + 1e-6)).
  double norm, gradient_scale;
  /// L, and whether loss and norm are finite (1) or the weights shall not change (0).
  double loss, finite;
};
/// One tensor that AdamW updates: w, m, v, the average and the gradient; from_...: where the old
/// numbers lie. An average may be absent. All tensors follow each other in runs of ADAMW_RUN.
struct SWIFT_NAME("AdamWTensor") adamw_tensor {
  address w, m, v, average, gradient, from_w, from_m, from_v, from_average;
  integer count, first_run; double weight_decay;
};
/// Sets norm, gradient_scale, loss and finite of the scalars from the sums of squares of all
/// gradients, added in order, and from loss[0].
ARGUMENTS(clip_step, ClipStep) { address scalars, squares; integer count; address loss; };
/// AdamW with decoupled decay (Loshchilov & Hutter 2019) of a list of tensors, and a moving average
/// a = D a + (1 - D) w, in one pass; runs of all tensors. The scalars are step_scalars, the decay D
/// lies in average_decay[0]. If the step is not finite, the numbers stay.
ARGUMENTS(adamw, AdamW) { address tensors; integer count; address scalars, average_decay; };
struct SWIFT_NAME("AveragedTensor") averaged_tensor { address average, w; integer count, first_run; };
/// average = D average + (1 - D) w for a list of tensors; runs of all tensors.
ARGUMENTS(move_averages, MoveAverages) { address tensors; integer count; address scalars, decay; };

// ---- sampling ------------------------------------------------------------------------------------
struct SWIFT_NAME("HeadBlock") head_block { address gain, bias, up, up_bias, down, down_bias; };
/// A modulated residual MLP with packed weights (model.md section 3.2). Modulations of a condition
/// lie side by side: (scale, shift, gate) of each group, the final scale, and the final shift, or
/// its part of the output if `shifts_output`.
struct SWIFT_NAME("HeadWeights") head_weights {
  integer inputs, width, outputs, blocks, groups, modulation_width; bool shifts_output, rounded;
  address input, input_bias, modulation, modulation_bias, output, output_bias;
  /// head_block of each block.
  address block_list;
};
enum {
  FLOW_VELOCITY = 0,   // v at the state
  FLOW_AHEAD = 1,      // v at the point ahead
  FLOW_LOOK = 2,       // ahead = state + alpha v
  FLOW_MOVE = 3,       // state = alpha state + beta v
  FLOW_NOISE = 4,      // state += alpha * draw `time` of the noise
  FLOW_FINISH = 5,     // state += alpha v, or state = the output if the head predicts it
};
/// One action of an integration. `time`: index of the time of an evaluation, or number of a draw.
/// `rest`: 1 - t, not below its bound, by which a predicted end of the path is turned into v.
struct SWIFT_NAME("FlowStep") flow_step {
  int32_t action, time; double alpha, beta, rest;
};
/// Integrates states z[count, inputs] from noise (model.md section 5). condition[halves * count,
/// width]: the null half follows the conditional one. times[time_count, width]: embedded times.
/// Draw d of image i is the normals of counter (.., first_a + d, numbers[i], stream).
ARGUMENTS(integrate_states, IntegrateStates) {
  address z, condition, times, steps, numbers;
  integer count, halves, time_count, step_count;
  double scale; bool predicts_x;
  uint64_t key; uint32_t stream, first_a;
  /// head_weights, with the number of its weights, whether they are rounded, and its evaluations.
  address head; integer weights, evaluations; bool rounded;
};
