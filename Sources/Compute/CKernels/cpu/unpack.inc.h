// The arguments of operations, unpacked for the kernels.
//
// Kernels are never inlined: how a compiler contracts and associates a sum depends on what it knows
// of the arguments, and all callers shall have the same bits.

#define UNPACK(name, ...)                                                        \
  static void share_of_##name(const void *op_, integer begin, integer end) {     \
    const struct name##_arguments *op = op_;                                     \
    name(__VA_ARGS__, begin, end);                                               \
  }
/// Working memory of the calling thread, in elements.
#define SCRATCH(elements) \
  thread_workspace(WORKSPACE_OF_OPERATION, (size_t)(elements) * sizeof(REAL))
// Kernels that read the struct by themselves.
#define PASS(name)                                                               \
  static void share_of_##name(const void *op, integer begin, integer end) {      \
    name(op, begin, end);                                                        \
  }

UNPACK(add, op->out.memory, op->a.memory, op->b.memory, op->width)
UNPACK(combine, op->out.memory, op->alpha, op->x.memory, op->beta, op->y.memory, op->width)
UNPACK(silu, op->out.memory, op->x.memory, op->width)
UNPACK(silu_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->width)
UNPACK(swiglu, op->out.memory, op->x.memory, op->width)
UNPACK(swiglu_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->width)
UNPACK(round_to_bf16, op->out.memory, op->x.memory)
UNPACK(widen_bf16, op->out.memory, op->x.memory)
UNPACK(swiglu_bf16, op->out.memory, op->x.memory, op->width)
UNPACK(swiglu_bf16_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->width)
UNPACK(add_repeated, op->out.memory, op->x.memory, op->y.memory, op->repeats, op->inner)
UNPACK(sum_repeats, op->out.memory, op->x.memory, op->outer, op->repeats, op->inner)
UNPACK(interpolate, op->out.memory, op->noise.memory, op->z.memory, op->t.memory, op->repeats,
       op->rows, op->width)
UNPACK(velocity, op->out.memory, op->noise.memory, op->z.memory, op->repeats, op->inner)
UNPACK(scale_rows, op->out.memory, op->x.memory, op->factor.memory, op->width)
UNPACK(gated_add, op->out.memory, op->x.memory, op->y.memory, op->gate.memory, op->stride,
       op->width)
UNPACK(gated_add_gradient, op->dy.memory, op->dgate.memory, op->dout.memory, op->y.memory,
       op->gate.memory, op->stride, op->width)
UNPACK(rms_norm, op->out.memory, op->inverse.memory, op->x.memory, op->gain.memory, op->width,
       op->epsilon)
UNPACK(rms_norm_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->gain.memory,
       op->inverse.memory, op->width)
UNPACK(rms_norm_gain_gradient, op->dgain.memory, op->dy.memory, op->x.memory, op->inverse.memory,
       op->rows, op->width)
UNPACK(layer_norm, op->out.memory, op->statistics.memory, op->x.memory, op->gain.memory,
       op->bias.memory, op->width, op->epsilon)
UNPACK(layer_norm_modulated, op->out.memory, op->statistics.memory, op->x.memory, op->gain.memory,
       op->bias.memory, op->scale.memory, op->shift.memory, op->stride, op->width, op->epsilon)
UNPACK(layer_norm_modulated_gradient, op->dx.memory, op->dscale.memory, op->dshift.memory,
       op->dy.memory, op->x.memory, op->gain.memory, op->bias.memory, op->scale.memory,
       op->statistics.memory, op->stride, op->width)
UNPACK(layer_norm_modulated_parameter_gradient, op->dgain.memory, op->dbias.memory, op->dy.memory,
       op->x.memory, op->scale.memory, op->statistics.memory, op->rows, op->stride, op->width)
UNPACK(layer_norm_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->gain.memory,
       op->statistics.memory, op->width)
UNPACK(layer_norm_parameter_gradient, op->dgain.memory, op->dbias.memory, op->dy.memory,
       op->x.memory, op->statistics.memory, op->rows, op->width)
UNPACK(sphere_norm, op->out.memory, op->inverse.memory, op->x.memory, op->width, op->epsilon)
UNPACK(sphere_norm_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->inverse.memory,
       op->width)
UNPACK(patch_normalize, op->out.memory, op->y.memory, op->width, op->epsilon)
UNPACK(column_sums, op->out.memory, op->x.memory, op->rows, op->width)
UNPACK(sum_of_squares, op->partial.memory, op->x.memory, op->n)
UNPACK(sum_absolute_difference, op->partial.memory, op->x.memory, op->y.memory, op->n)
UNPACK(sum_squared_difference, op->partial.memory, op->x.memory, op->y.memory, op->n)
UNPACK(absolute_difference_gradient, op->dx.memory, op->x.memory, op->y.memory, op->factor,
       op->width)
UNPACK(squared_difference_gradient, op->dx.memory, op->x.memory, op->y.memory, op->factor,
       op->width)
UNPACK(time_features, op->out.memory, op->t.memory, op->frequencies.memory, op->half)
UNPACK(max_pool, op->out.memory, op->which.memory, op->x.memory, &op->shape)
UNPACK(max_pool_gradient, op->dx.memory, op->dy.memory, op->which.memory, &op->shape)
UNPACK(average_pool, op->out.memory, op->x.memory, &op->shape)
UNPACK(relu_gradient, op->dx.memory, op->dy.memory, op->y.memory, op->width)
UNPACK(feature_distance, op->partial.memory, op->x.memory, op->y.memory, op->weight.memory,
       op->width, op->rows)
UNPACK(feature_distance_gradient, op->dx.memory, op->x.memory, op->y.memory, op->weight.memory,
       op->factor, op->width)
UNPACK(attention, op->out.memory, op->qkv.memory, op->cosine.memory, op->sine.memory, &op->shape,
       SCRATCH(attention_scratch(&op->shape)))
UNPACK(attention_gradient, op->dqkv.memory, op->dout.memory, op->qkv.memory, op->cosine.memory,
       op->sine.memory, &op->shape,
       SCRATCH(attention_scratch(&op->shape)))
UNPACK(attention_cached, op->out.memory, op->keys.memory, op->values.memory, op->qkv.memory,
       op->cosine.memory, op->sine.memory, &op->shape, op->position, op->capacity,
       SCRATCH(attention_cached_scratch(&op->shape, op->capacity)))
PASS(fill)
PASS(copy)
PASS(copy_block)
PASS(gather_rows)
PASS(scatter_add_rows)
PASS(reorder_kernel)
PASS(move_patches)
PASS(convert)
PASS(repeat_each)
PASS(reciprocal_rest)
PASS(philox)
PASS(drop_labels)
PASS(relu)
PASS(mean_repeats)
PASS(adamw)
PASS(move_averages)
