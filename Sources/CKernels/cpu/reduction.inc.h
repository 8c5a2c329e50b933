// Sums over rows and over whole tensors, model inputs and the optimizer.

static void column_sums(void *restrict out_, const void *restrict x_, int64_t rows,
                        int64_t width, int64_t begin, int64_t end) {
  REAL *restrict out = out_;
  for (int64_t c = begin; c < end; c++) out[c] = 0;
  for (int64_t r = 0; r < rows; r++) {
    const REAL *restrict x = (const REAL *)x_ + r * width;
    for (int64_t c = begin; c < end; c++) out[c] += x[c];
  }
}

#define CHUNKS(chunk)                                                                     \
  for (int64_t chunk = begin; chunk < end; chunk++)                                       \
    for (int64_t first = chunk * REDUCTION_CHUNK,                                         \
                 last = first + REDUCTION_CHUNK < n ? first + REDUCTION_CHUNK : n, once = 1; \
         once; once = 0)

static void sum_of_squares(double *restrict partial, const void *restrict x_, int64_t n,
                           int64_t begin, int64_t end) {
  const REAL *restrict x = x_;
  CHUNKS(chunk) {
    double sum = 0;
    for (int64_t i = first; i < last; i++) sum += (double)x[i] * (double)x[i];
    partial[chunk] = sum;
  }
}

static void sum_absolute_difference(double *restrict partial, const void *restrict x_,
                                    const void *restrict y_, int64_t n, int64_t begin,
                                    int64_t end) {
  const REAL *restrict x = x_, *restrict y = y_;
  CHUNKS(chunk) {
    double sum = 0;
    for (int64_t i = first; i < last; i++) sum += __builtin_fabs((double)x[i] - (double)y[i]);
    partial[chunk] = sum;
  }
}

static void sum_squared_difference(double *restrict partial, const void *restrict x_,
                                   const void *restrict y_, int64_t n, int64_t begin,
                                   int64_t end) {
  const REAL *restrict x = x_, *restrict y = y_;
  CHUNKS(chunk) {
    double sum = 0;
    for (int64_t i = first; i < last; i++) {
      const double difference = (double)x[i] - (double)y[i];
      sum += difference * difference;
    }
    partial[chunk] = sum;
  }
}

static void absolute_difference_gradient(void *restrict dx_, const void *restrict x_,
                                         const void *restrict y_, double factor_, int64_t width,
                                         int64_t begin, int64_t end) {
  REAL *restrict dx = dx_;
  const REAL *restrict x = x_, *restrict y = y_;
  const REAL factor = (REAL)factor_;
  for (int64_t i = begin * width; i < end * width; i++)
    dx[i] = x[i] > y[i] ? factor : x[i] < y[i] ? -factor : 0;
}

static void squared_difference_gradient(void *restrict dx_, const void *restrict x_,
                                        const void *restrict y_, double factor_, int64_t width,
                                        int64_t begin, int64_t end) {
  REAL *restrict dx = dx_;
  const REAL *restrict x = x_, *restrict y = y_;
  const REAL factor = (REAL)factor_;
  for (int64_t i = begin * width; i < end * width; i++) dx[i] = factor * (x[i] - y[i]);
}

static void time_features(void *restrict out_, const double *restrict t, int64_t half,
                          int64_t begin, int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * 2 * half;
    for (int64_t j = 0; j < half; j++) {
      const double angle = 1000 * t[r] * exp(-log(10000.0) * (double)j / (double)half);
      out[j] = (REAL)cos(angle);
      out[half + j] = (REAL)sin(angle);
    }
  }
}

static void adamw(void *restrict w_, void *restrict m_, void *restrict v_,
                  const void *restrict g_, const adamw_step *step, int64_t begin, int64_t end) {
  REAL *restrict w = w_, *restrict m = m_, *restrict v = v_;
  const REAL *restrict g = g_;
  const REAL scale = (REAL)step->gradient_scale, decay = (REAL)step->decay;
  const REAL beta1 = (REAL)step->beta1, beta2 = (REAL)step->beta2;
  const REAL rest1 = (REAL)(1 - step->beta1), rest2 = (REAL)(1 - step->beta2);
  const REAL rate = (REAL)(step->learning_rate / step->correction1);
  const REAL correction2 = (REAL)(1 / step->correction2), epsilon = (REAL)step->epsilon;
  for (int64_t i = begin; i < end; i++) {
    const REAL gradient = g[i] * scale;
    m[i] = beta1 * m[i] + rest1 * gradient;
    v[i] = beta2 * v[i] + rest2 * gradient * gradient;
    w[i] = w[i] * decay - rate * m[i] / (SQUARE_ROOT(v[i] * correction2) + epsilon);
  }
}
