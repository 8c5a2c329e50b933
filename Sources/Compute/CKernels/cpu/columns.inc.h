// Sums over rows for each column, of numbers kept as STORED: READ makes them REAL.

#define UNPACK_COLUMNS(name, ...)                                                     \
  static void NAMED(share_of_##name)(const void *op_, integer begin, integer end) {   \
    const struct name##_arguments *op = op_;                                          \
    NAMED(name)(__VA_ARGS__, begin, end);                                             \
  }

KERNEL void NAMED(column_sums)(void *restrict out_, const void *restrict x_, int64_t rows,
                               int64_t width, int64_t begin, int64_t end) {
  REAL *restrict out = out_;
  for (int64_t c = begin; c < end; c++) out[c] = 0;
  for (int64_t r = 0; r < rows; r++) {
    const STORED *restrict x = (const STORED *)x_ + r * width;
    for (int64_t c = begin; c < end; c++) out[c] += READ(x[c]);
  }
}
UNPACK_COLUMNS(column_sums, op->out.memory, op->x.memory, op->rows, op->width)

KERNEL void NAMED(rms_norm_gain_gradient)(void *restrict dgain_, const void *restrict dy_,
                                          const void *restrict x_, const void *restrict inverse_,
                                          int64_t rows, int64_t width, int64_t begin, int64_t end) {
  REAL *restrict dgain = dgain_;
  for (int64_t c = begin; c < end; c++) dgain[c] = 0;
  for (int64_t r = 0; r < rows; r++) {
    const STORED *restrict dy = (const STORED *)dy_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    const REAL inverse = ((const REAL *)inverse_)[r];
    for (int64_t c = begin; c < end; c++) dgain[c] += READ(dy[c]) * x[c] * inverse;
  }
}
UNPACK_COLUMNS(rms_norm_gain_gradient, op->dgain.memory, op->dy.memory, op->x.memory,
               op->inverse.memory, op->rows, op->width)

KERNEL void NAMED(layer_norm_parameter_gradient)(
    void *restrict dgain_, void *restrict dbias_, const void *restrict dy_,
    const void *restrict x_, const void *restrict statistics_, int64_t rows, int64_t width,
    int64_t begin, int64_t end) {
  REAL *restrict dgain = dgain_, *restrict dbias = dbias_;
  for (int64_t c = begin; c < end; c++) dgain[c] = dbias[c] = 0;
  for (int64_t r = 0; r < rows; r++) {
    const STORED *restrict dy = (const STORED *)dy_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    const REAL mean = ((const REAL *)statistics_)[2 * r];
    const REAL inverse = ((const REAL *)statistics_)[2 * r + 1];
    for (int64_t c = begin; c < end; c++) {
      dgain[c] += READ(dy[c]) * (x[c] - mean) * inverse;
      dbias[c] += READ(dy[c]);
    }
  }
}
UNPACK_COLUMNS(layer_norm_parameter_gradient, op->dgain.memory, op->dbias.memory, op->dy.memory,
               op->x.memory, op->statistics.memory, op->rows, op->width)

KERNEL void NAMED(layer_norm_modulated_parameter_gradient)(
    void *restrict dgain_, void *restrict dbias_, const void *restrict dy_,
    const void *restrict x_, const void *restrict scale_, const void *restrict statistics_,
    int64_t rows, int64_t stride, int64_t width, int64_t begin, int64_t end) {
  REAL *restrict dgain = dgain_, *restrict dbias = dbias_;
  for (int64_t c = begin; c < end; c++) dgain[c] = dbias[c] = 0;
  for (int64_t r = 0; r < rows; r++) {
    const STORED *restrict dy = (const STORED *)dy_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    const REAL *restrict scale = (const REAL *)scale_ + r * stride;
    const REAL mean = ((const REAL *)statistics_)[2 * r];
    const REAL inverse = ((const REAL *)statistics_)[2 * r + 1];
    for (int64_t c = begin; c < end; c++) {
      const REAL g = READ(dy[c]) * (1 + scale[c]);
      dgain[c] += g * (x[c] - mean) * inverse;
      dbias[c] += g;
    }
  }
}
UNPACK_COLUMNS(layer_norm_modulated_parameter_gradient, op->dgain.memory, op->dbias.memory,
               op->dy.memory, op->x.memory, op->scale.memory, op->statistics.memory, op->rows,
               op->stride, op->width)

#undef UNPACK_COLUMNS
#undef STORED
#undef READ
#undef NAMED
