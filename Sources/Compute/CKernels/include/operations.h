// The operations: one row each. A device runs them; a recorded program is an array of them.
//
// X(name, Swift's name, division, element operations per index, numbers moved per index)
//
// The last two are expressions in `a`, the arguments, and in `stored`, which is 1/2 where activations
// are kept in bfloat16 and 1 otherwise. An operation has an extent, a number of indices that are
// independent of each other, and its division says how a device may share them:
//   EACH      any range of indices
//   LINES     ranges that begin at a multiple of 16: columns, of which no two threads write one line
//   WHOLE     the device divides the work by itself; the extent is 1
#pragma once
#include "arguments.h"

#define IMAGE_CELLS (a->shape.kernel_height * a->shape.kernel_width * a->shape.channels)
#define HEAD_SQUARE (a->shape.tokens * a->shape.tokens * a->shape.size)
#define CHUNK_ELEMENTS (a->n < REDUCTION_CHUNK ? a->n : REDUCTION_CHUNK)
#define WEIGHT(is_bf16) ((is_bf16) ? 0.5 : 1)

#define OPERATIONS(X)                                                                              \
  X(fill, fill, EACH, 1, stored)                                                                   \
  X(copy, copy, EACH, 16, 32)                                                                      \
  X(exchange, exchange, WHOLE, 0, 0)                                                               \
  X(copy_block, copyBlock, EACH, a->rows * a->width, 2 * a->rows * a->width)                       \
  X(gather_rows, gatherRows, EACH, a->width, 2 * a->width)                                         \
  X(scatter_add_rows, scatterAddRows, LINES, a->rows, 3 * a->rows)                                 \
  X(reorder_kernel, reorderKernel, EACH, a->outputs, 2 * a->outputs)                               \
  X(move_patches, movePatches, EACH,                                                               \
    a->grid * a->grid * a->patch * a->patch * a->channels,                                         \
    2 * a->grid * a->grid * a->patch * a->patch * a->channels)                                     \
  X(convert, convert, EACH, 2, stored + ELEMENT_BYTES(a->from) / real)                             \
  X(repeat_each, repeatEach, EACH, a->times, a->times)                                             \
  X(reciprocal_rest, reciprocalRest, EACH, 8, 2)                                                   \
  X(philox, philox, EACH, 40 * a->width, a->width)                                                 \
  X(drop_labels, dropLabels, EACH, 40, 1)                                                          \
  X(add, add, EACH, a->width, 3 * stored * a->width)                                               \
  X(combine, combine, EACH, 2 * a->width, 3 * a->width)                                            \
  X(silu, silu, EACH, 8 * a->width, 2 * a->width)                                                  \
  X(silu_gradient, siluGradient, EACH, 8 * a->width, 3 * a->width)                                 \
  X(swiglu, swiglu, EACH, 8 * a->width, 3 * stored * a->width)                                     \
  X(swiglu_gradient, swigluGradient, EACH, 16 * a->width, 5 * stored * a->width)                   \
  X(relu, relu, EACH, a->width, 2 * a->width)                                                      \
  X(relu_gradient, reluGradient, EACH, a->width, 3 * a->width)                                     \
  X(add_repeated, addRepeated, EACH, a->inner, 2 * a->inner)                                       \
  X(sum_repeats, sumRepeats, LINES, a->outer * a->repeats, a->outer * a->repeats)                  \
  X(mean_repeats, meanRepeats, EACH, a->repeats * a->inner, a->repeats * a->inner)                 \
  X(interpolate, interpolate, EACH, 3 * a->rows * a->width, 3 * a->rows * a->width)                \
  X(velocity, velocity, EACH, a->inner, 2 * a->inner)                                              \
  X(scale_rows, scaleRows, EACH, a->width, 2 * a->width)                                           \
  X(gated_add, gatedAdd, EACH, 2 * a->width, 4 * a->width)                                         \
  X(gated_add_gradient, gatedAddGradient, EACH, 3 * a->width, 6 * a->width)                        \
  X(rms_norm, rmsNorm, EACH, 2 * a->width, (1 + stored) * a->width)                                \
  X(rms_norm_gradient, rmsNormGradient, EACH, 4 * a->width, (2 + stored) * a->width)               \
  X(rms_norm_gain_gradient, rmsNormGainGradient, LINES, 2 * a->rows, (1 + stored) * a->rows)       \
  X(layer_norm, layerNorm, EACH, 3 * a->width, (1 + stored) * a->width)                            \
  X(layer_norm_gradient, layerNormGradient, EACH, 4 * a->width, (2 + stored) * a->width)           \
  X(layer_norm_parameter_gradient, layerNormParameterGradient, LINES, 3 * a->rows,                 \
    (1 + stored) * a->rows)                                                                        \
  X(layer_norm_modulated, layerNormModulated, EACH, 5 * a->width, (3 + stored) * a->width)         \
  X(layer_norm_modulated_gradient, layerNormModulatedGradient, EACH, 10 * a->width,                \
    (7 + stored) * a->width)                                                                       \
  X(layer_norm_modulated_parameter_gradient, layerNormModulatedParameterGradient, LINES,           \
    4 * a->rows, (2 + stored) * a->rows)                                                           \
  X(sphere_norm, sphereNorm, EACH, 2 * a->width, 2 * a->width)                                     \
  X(sphere_norm_gradient, sphereNormGradient, EACH, 4 * a->width, 3 * a->width)                    \
  X(patch_normalize, patchNormalize, EACH, 4 * a->width, 2 * a->width)                             \
  X(matrix_product, matrixProduct, WHOLE, 2 * a->m * a->n * a->k,                                  \
    WEIGHT(a->a_bf16) * a->m * a->k + WEIGHT(a->b_bf16) * a->k * a->n +                            \
        WEIGHT(a->c_bf16) * a->m * a->n)                                                           \
  X(pack_weights, packWeights, WHOLE, 0, 2 * a->outputs * a->inputs)                               \
  X(multiply_packed, multiplyPacked, WHOLE, 2 * a->rows * a->outputs * a->inputs,                  \
    a->rows * (a->inputs + a->outputs) + WEIGHT(a->rounded) * a->outputs * a->inputs)              \
  X(attention, attention, EACH, 4 * HEAD_SQUARE, 4 * stored * a->shape.tokens * a->shape.size)     \
  X(attention_gradient, attentionGradient, EACH, 12 * HEAD_SQUARE,                                 \
    7 * stored * a->shape.tokens * a->shape.size)                                                  \
  X(attention_cached, attentionCached, EACH,                                                       \
    4 * a->shape.tokens * (a->position + a->shape.tokens) * a->shape.size,                         \
    2 * WEIGHT(a->shape.rounded) * (a->position + a->shape.tokens) * a->shape.size)                \
  X(column_sums, columnSums, LINES, a->rows, stored * a->rows)                                     \
  X(sum_of_squares, sumOfSquares, EACH, 2 * CHUNK_ELEMENTS, CHUNK_ELEMENTS)                        \
  X(sum_absolute_difference, sumAbsoluteDifference, EACH, CHUNK_ELEMENTS, 2 * CHUNK_ELEMENTS)      \
  X(sum_squared_difference, sumSquaredDifference, EACH, CHUNK_ELEMENTS, 2 * CHUNK_ELEMENTS)        \
  X(sum_in_order, sumInOrder, WHOLE, a->count, 2 * a->count)                                       \
  X(weighted_sum, weightedSum, WHOLE, 2 * a->count, 2 * a->count)                                  \
  X(absolute_difference_gradient, absoluteDifferenceGradient, EACH, a->width, 3 * a->width)        \
  X(squared_difference_gradient, squaredDifferenceGradient, EACH, a->width, 3 * a->width)          \
  X(time_features, timeFeatures, EACH, 16 * a->half, 2 * a->half)                                  \
  X(convolve, convolve, WHOLE, 2 * a->pixels * IMAGE_CELLS * a->outputs,                           \
    a->pixels * (a->shape.channels + a->outputs) + IMAGE_CELLS * a->outputs)                       \
  X(convolve_points, convolvePoints, WHOLE, 2 * a->pixels * a->inputs, a->pixels * a->inputs)      \
  X(max_pool, maxPool, EACH, IMAGE_CELLS, 4 * a->shape.channels)                                   \
  X(max_pool_gradient, maxPoolGradient, EACH, IMAGE_CELLS, 3 * a->shape.channels)                  \
  X(average_pool, averagePool, EACH, IMAGE_CELLS, 2 * a->shape.channels)                           \
  X(feature_distance, featureDistance, EACH, 6 * FEATURE_ROWS * a->width,                          \
    2 * FEATURE_ROWS * a->width)                                                                   \
  X(feature_distance_gradient, featureDistanceGradient, EACH, 8 * a->width, 3 * a->width)          \
  X(clip_step, clipStep, WHOLE, a->count, 2 * a->count)                                            \
  X(adamw, adamw, EACH, 8 * ADAMW_RUN, 9 * ADAMW_RUN)                                              \
  X(move_averages, moveAverages, EACH, 2 * ADAMW_RUN, 3 * ADAMW_RUN)                               \
  X(integrate_states, integrateStates, WHOLE,                                                      \
    2 * a->weights * a->halves * a->count * a->evaluations,                                        \
    WEIGHT(a->rounded) * a->weights * a->evaluations)

/// The number of an operation, which is its row.
enum operation_kind {
#define NUMBER(name, ...) OPERATION_##name,
  OPERATIONS(NUMBER)
#undef NUMBER
  OPERATION_COUNT
};

/// An operation with its arguments inline: 256 bytes of plain data. The type is that of its element
/// numbers, ELEMENT_....
struct SWIFT_NAME("Operation") operation {
  int32_t kind;
  int32_t type;
  integer extent;
  uint64_t arguments[30];
};

#ifndef __cplusplus  // The compiler of a GPU reads the rest.
// Operation.rmsNorm(RMSNormArguments) and so on: the only way to make an operation, so that a number
// and the arguments of another cannot meet.
#define CONSTRUCTOR(name, swift, ...)                                                            \
  static inline SWIFT_NAME("Operation." #swift "(_:)") struct operation name##_operation(        \
      struct name##_arguments a) {                                                               \
    _Static_assert(sizeof(struct name##_arguments) <= sizeof(((struct operation *)0)->arguments), \
                   #name);                                                                       \
    struct operation made = {.kind = OPERATION_##name};                                          \
    __builtin_memcpy(made.arguments, &a, sizeof a);                                              \
    return made;                                                                                 \
  }
OPERATIONS(CONSTRUCTOR)
#undef CONSTRUCTOR
#endif
