// The kernels: one row each, with its file, its threads a block and its number of blocks.
//
// X(name, family, threads, blocks). The last two are expressions in `a`, the arguments, and `extent`.
// Kernels that go through their work in strides say `strided`; their number of blocks is bounded.
#pragma once

/// Files of kernels.
#define CUDA_FAMILIES(X) \
  X(elementwise) X(moving) X(norm) X(reduction) X(optimizer) X(convolution) X(products) X(attention) \
  X(integrator)

#define PER_THREAD(count) 256, strided(divided(count, 256))
#define PER_DRAW(count) 128, strided(divided(count, 128))
#define PER_ROW(count, width) threads_of_row(width, 256), strided(count)
#define PER_WINDOW(count, width) threads_of_row(width, 128), strided(count)
#define PER_WARP(count) 128, strided(divided(count, 4))
#define PER_32_COLUMNS 512, divided(extent, 32)
#define PER_CHUNK 128, strided(extent)

/// Operations of one kernel.
#define CUDA_SINGLE_KERNELS(X)                                                                    \
  X(fill, moving, PER_THREAD(extent))                                                             \
  X(copy, moving, PER_THREAD(extent * 4))                                                         \
  X(exchange, moving, PER_THREAD(a->bytes / 16))                                                  \
  X(copy_block, moving, PER_ROW(extent *a->rows, a->width))                                       \
  X(gather_rows, moving, PER_ROW(extent, a->width))                                               \
  X(scatter_add_rows, moving, 64, divided(extent, 64))                                            \
  X(reorder_kernel, moving, PER_THREAD(extent *(a->turned ? a->outputs : a->inputs)))             \
  X(move_patches, moving, PER_ROW(extent *a->grid *a->grid *a->patch, a->patch *a->channels))     \
  X(convert, moving, PER_THREAD(extent))                                                          \
  X(repeat_each, moving, PER_THREAD(extent *a->times))                                            \
  X(reciprocal_rest, moving, PER_THREAD(extent))                                                  \
  X(philox, moving, PER_DRAW(extent *((a->width + 3) / 4)))                                       \
  X(drop_labels, moving, PER_DRAW(extent))                                                        \
  X(time_features, moving, PER_DRAW(extent *a->half))                                             \
  X(add, elementwise, PER_THREAD(extent *a->width))                                               \
  X(combine, elementwise, PER_THREAD(extent *a->width))                                           \
  X(silu, elementwise, PER_THREAD(extent *a->width))                                              \
  X(silu_gradient, elementwise, PER_THREAD(extent *a->width))                                     \
  X(swiglu, elementwise, PER_ROW(extent, a->width))                                               \
  X(swiglu_gradient, elementwise, PER_ROW(extent, a->width))                                      \
  X(relu, elementwise, PER_ROW(extent, a->width))                                                 \
  X(relu_gradient, elementwise, PER_THREAD(extent *a->width))                                     \
  X(absolute_difference_gradient, elementwise, PER_THREAD(extent *a->width))                      \
  X(squared_difference_gradient, elementwise, PER_THREAD(extent *a->width))                       \
  X(add_repeated, elementwise, PER_ROW(extent, a->inner))                                         \
  X(sum_repeats, elementwise, PER_THREAD(extent *a->outer))                                       \
  X(mean_repeats, elementwise, PER_ROW(extent, a->inner))                                         \
  X(interpolate, elementwise, PER_THREAD(extent *a->rows *a->width))                              \
  X(velocity, elementwise, PER_ROW(extent, a->inner))                                             \
  X(scale_rows, elementwise, PER_ROW(extent, a->width))                                           \
  X(gated_add, elementwise, PER_ROW(extent, a->width))                                            \
  X(gated_add_gradient, elementwise, PER_ROW(extent, a->width))                                   \
  X(rms_norm, norm, PER_WARP(extent))                                                             \
  X(rms_norm_gradient, norm, PER_WARP(extent))                                                    \
  X(layer_norm, norm, PER_WARP(extent))                                                           \
  X(layer_norm_gradient, norm, PER_WARP(extent))                                                  \
  X(layer_norm_modulated, norm, PER_WARP(extent))                                                 \
  X(layer_norm_modulated_gradient, norm, PER_WARP(extent))                                        \
  X(sphere_norm, norm, PER_WARP(extent))                                                          \
  X(sphere_norm_gradient, norm, PER_WARP(extent))                                                 \
  X(patch_normalize, norm, PER_WARP(extent))                                                      \
  X(column_sums, reduction, PER_32_COLUMNS)                                                       \
  X(rms_norm_gain_gradient, reduction, PER_32_COLUMNS)                                            \
  X(layer_norm_parameter_gradient, reduction, PER_32_COLUMNS)                                     \
  X(layer_norm_modulated_parameter_gradient, reduction, PER_32_COLUMNS)                           \
  X(sum_of_squares, reduction, PER_CHUNK)                                                         \
  X(sum_absolute_difference, reduction, PER_CHUNK)                                                \
  X(sum_squared_difference, reduction, PER_CHUNK)                                                 \
  X(sum_in_order, reduction, 128, 1)                                                              \
  X(weighted_sum, reduction, 32, 1)                                                               \
  X(clip_step, reduction, 128, 1)                                                                 \
  X(adamw, optimizer, 128, strided(extent))                                                       \
  X(move_averages, optimizer, 128, strided(extent))                                               \
  X(max_pool, convolution, PER_WINDOW(extent, a->shape.channels))                                 \
  X(max_pool_gradient, convolution, PER_WINDOW(extent, a->shape.channels))                        \
  X(average_pool, convolution, PER_WINDOW(extent, a->shape.channels))                             \
  X(feature_distance, convolution, PER_CHUNK)                                                     \
  X(feature_distance_gradient, convolution, PER_WARP(extent))                                     \
  X(pack_weights, products, PER_THREAD(a->outputs *(a->inputs + 8)))

/// Kernels of operations that have several, or that choose among them: launches.c, integrator.c.
#define CUDA_OTHER_KERNELS(X)                                                                     \
  X(matrix_product, products)                                                                     \
  X(round_factor, products)                                                                       \
  X(matrix_product_rows_rows, products)                                                           \
  X(matrix_product_rows_rows_large, products)                                                     \
  X(matrix_product_rows_columns, products)                                                        \
  X(matrix_product_rows_columns_large, products)                                                  \
  X(matrix_product_columns_rows, products)                                                        \
  X(matrix_product_columns_rows_large, products)                                                  \
  X(matrix_product_columns_columns, products)                                                     \
  X(matrix_product_columns_columns_large, products)                                               \
  X(multiply_packed, products)                                                                    \
  X(multiply_packed_rounded, products)                                                            \
  X(multiply_packed_rounded_large, products)                                                      \
  X(convolve, products)                                                                           \
  X(convolve_rounded, products)                                                                   \
  X(convolve_rounded_large, products)                                                             \
  X(convolve_points, products)                                                                    \
  X(attention, attention)                                                                         \
  X(attention_gradient, attention)                                                                \
  X(attention_key_gradient, attention)                                                            \
  X(attention_64, attention)                                                                      \
  X(attention_128, attention)                                                                     \
  X(attention_gradient_64, attention)                                                             \
  X(attention_gradient_128, attention)                                                            \
  X(attention_key_gradient_64, attention)                                                         \
  X(attention_key_gradient_128, attention)                                                        \
  X(attention_append, attention)                                                                  \
  X(attention_cached, attention)                                                                  \
  X(silu_of_sums, integrator)                                                                     \
  X(guide, integrator)

enum cuda_family {
#define NUMBER(family) FAMILY_##family,
  CUDA_FAMILIES(NUMBER)
#undef NUMBER
  FAMILY_COUNT
};

enum cuda_kernel {
#define NUMBER(name, ...) KERNEL_##name,
  CUDA_SINGLE_KERNELS(NUMBER) CUDA_OTHER_KERNELS(NUMBER)
#undef NUMBER
  KERNEL_COUNT
};
