// Operations on activations that are kept in bfloat16: the same kernels, on a few rows or one head at
// a time that are widened in a cache. Included once more than the kernels, by the float tables.

/// A field whose rows are kept in bfloat16.
typedef struct {
  size_t field;
  integer width;
  bool is_read, is_written;
} rounded_field;

#define READ_ROWS(name, field, width) {offsetof(struct name##_arguments, field), width, true, false}
#define WRITTEN_ROWS(name, field, width) \
  {offsetof(struct name##_arguments, field), width, false, true}

enum { ROUNDED_ELEMENTS = 8192 };  // widened at a time: 32 KiB

/// Runs a kernel on rows begin..<end. It is given addresses at which its rows lie in working memory.
static void run_rounded_rows(const void *given, size_t bytes, share_function *kernel,
                             const rounded_field *fields, integer count, integer begin,
                             integer end) {
  integer width = 0;
  for (integer i = 0; i < count; i++) width += fields[i].width;
  const integer most = width < ROUNDED_ELEMENTS ? ROUNDED_ELEMENTS / width : 1;
  REAL *room = thread_workspace(WORKSPACE_OF_ROUNDING, (size_t)(most * width) * sizeof(REAL));
  uint64_t arguments[sizeof(((struct operation *)0)->arguments) / sizeof(uint64_t)];
  __builtin_memcpy(arguments, given, bytes);
  for (integer first = begin, last; first < end; first = last) {
    last = first + most < end ? first + most : end;
    for (integer pass = 0; pass < 2; pass++) {
      REAL *part = room;
      for (integer i = 0; i < count; i++) {
        const rounded_field *f = &fields[i];
        const address *stored = (const void *)((const char *)given + f->field);
        uint16_t *rows = (uint16_t *)stored->memory + first * f->width;
        if (pass == 0) {
          if (f->is_read) widen_numbers(part, rows, (last - first) * f->width);
          address *place = (void *)((char *)arguments + f->field);
          place->memory = (void *)((uintptr_t)part - (uintptr_t)(first * f->width) * sizeof(REAL));
        } else if (f->is_written) {
          round_numbers(rows, part, (last - first) * f->width);
        }
        part += (last - first) * f->width;
      }
      if (pass == 0) kernel(arguments, first, last);
    }
  }
}

#define ROUNDED_ROWS(name, ...)                                                          \
  static void rounded_share_of_##name(const void *op_, integer begin, integer end) {     \
    const struct name##_arguments *op = op_;                                             \
    const rounded_field fields[] = {__VA_ARGS__};                                        \
    run_rounded_rows(op, sizeof *op, share_of_##name, fields,                            \
                     sizeof fields / sizeof *fields, begin, end);                        \
  }

ROUNDED_ROWS(add, READ_ROWS(add, a, op->width), READ_ROWS(add, b, op->width),
             WRITTEN_ROWS(add, out, op->width))
ROUNDED_ROWS(swiglu, READ_ROWS(swiglu, x, 2 * op->width), WRITTEN_ROWS(swiglu, out, op->width))
ROUNDED_ROWS(swiglu_gradient, READ_ROWS(swiglu_gradient, dy, op->width),
             READ_ROWS(swiglu_gradient, x, 2 * op->width),
             WRITTEN_ROWS(swiglu_gradient, dx, 2 * op->width))
ROUNDED_ROWS(rms_norm, WRITTEN_ROWS(rms_norm, out, op->width))
ROUNDED_ROWS(rms_norm_gradient, READ_ROWS(rms_norm_gradient, dy, op->width))
ROUNDED_ROWS(layer_norm, WRITTEN_ROWS(layer_norm, out, op->width))
ROUNDED_ROWS(layer_norm_gradient, READ_ROWS(layer_norm_gradient, dy, op->width))
ROUNDED_ROWS(layer_norm_modulated, WRITTEN_ROWS(layer_norm_modulated, out, op->width))
ROUNDED_ROWS(layer_norm_modulated_gradient,
             READ_ROWS(layer_norm_modulated_gradient, dy, op->width))

static void rounded_share_of_fill(const void *op_, integer begin, integer end) {
  const struct fill_arguments *op = op_;
  const uint16_t value = rounded_to_bf16((REAL)op->value);
  for (integer i = begin; i < end; i++) ((uint16_t *)op->out.memory)[i] = value;
}

static void rounded_share_of_convert(const void *op_, integer begin, integer end) {
  const struct convert_arguments *op = op_;
  round_numbers((uint16_t *)op->out.memory + begin, AT(x) + begin, end - begin);
}

// ---- attention, one head at a time as a sequence of its own ---------------------------------------

/// Heads [tokens][count * size] of rows that hold `count` thirds, `third` apart.
static void widen_head(REAL *out, const uint16_t *x, integer row, integer third, integer count,
                       const attention_shape *shape) {
  for (integer t = 0; t < shape->tokens; t++)
    for (integer i = 0; i < count; i++, out += shape->size)
      widen_numbers(out, x + t * row + i * third, shape->size);
}

static void round_head(uint16_t *out, integer row, integer third, const REAL *x, integer count,
                       const attention_shape *shape) {
  for (integer t = 0; t < shape->tokens; t++)
    for (integer i = 0; i < count; i++, x += shape->size)
      round_numbers(out + t * row + i * third, x, shape->size);
}

#define HEADS(pair)                                                                       \
  attention_shape one = op->shape;                                                        \
  one.batch = one.heads = 1;                                                              \
  const integer T = one.tokens, D = one.size, W = op->shape.heads * D;                    \
  REAL *qkv = thread_workspace(WORKSPACE_OF_ROUNDING, (size_t)(8 * T * D) * sizeof(REAL)); \
  REAL *out = qkv + 3 * T * D;                                                            \
  for (integer pair = begin, b, first; b = pair / op->shape.heads * T,                    \
               first = pair % op->shape.heads * D, pair < end;                            \
       pair++)

static void rounded_share_of_attention(const void *op_, integer begin, integer end) {
  const struct attention_arguments *op = op_;
  HEADS(pair) {
    widen_head(qkv, (const uint16_t *)op->qkv.memory + b * 3 * W + first, 3 * W, W, 3, &one);
    attention(out, qkv, op->cosine.memory, op->sine.memory, &one, SCRATCH(attention_scratch(&one)),
              0, 1);
    round_head((uint16_t *)op->out.memory + b * W + first, W, W, out, 1, &one);
  }
}

static void rounded_share_of_attention_gradient(const void *op_, integer begin, integer end) {
  const struct attention_gradient_arguments *op = op_;
  HEADS(pair) {
    REAL *dqkv = out + T * D;
    widen_head(qkv, (const uint16_t *)op->qkv.memory + b * 3 * W + first, 3 * W, W, 3, &one);
    widen_head(out, (const uint16_t *)op->dout.memory + b * W + first, W, W, 1, &one);
    attention_gradient(dqkv, out, qkv, op->cosine.memory, op->sine.memory, &one,
                       SCRATCH(attention_scratch(&one)), 0, 1);
    round_head((uint16_t *)op->dqkv.memory + b * 3 * W + first, 3 * W, W, dqkv, 3, &one);
  }
}

// ---- the table ------------------------------------------------------------------------------------

#define ROUNDED(name, indices) \
  [OPERATION_##name] = {.share = rounded_share_of_##name, .unit = indices}
static const struct kernel_table ROUNDED_TABLE = {
    .packed_bytes = packed_bytes,
    .kernels = {
        ROUNDED(fill, 1), ROUNDED(convert, 1), ROUNDED(add, 1), ROUNDED(swiglu, 1),
        ROUNDED(swiglu_gradient, 1), ROUNDED(rms_norm, 1), ROUNDED(rms_norm_gradient, 1),
        ROUNDED(rms_norm_gain_gradient, 16), ROUNDED(layer_norm, 1),
        ROUNDED(layer_norm_gradient, 1), ROUNDED(layer_norm_parameter_gradient, 16),
        ROUNDED(layer_norm_modulated, 1), ROUNDED(layer_norm_modulated_gradient, 1),
        ROUNDED(layer_norm_modulated_parameter_gradient, 16), ROUNDED(attention, 1),
        ROUNDED(attention_gradient, 1), ROUNDED(column_sums, 16)},
};
