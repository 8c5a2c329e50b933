// Sums over rows and over whole tensors, and model inputs.

#define CHUNKS(chunk)                                                                     \
  for (int64_t chunk = begin; chunk < end; chunk++)                                       \
    for (int64_t first = chunk * REDUCTION_CHUNK,                                         \
                 last = first + REDUCTION_CHUNK < n ? first + REDUCTION_CHUNK : n, once = 1; \
         once; once = 0)

KERNEL void sum_of_squares(double *restrict partial, const void *restrict x_, int64_t n,
                           int64_t begin, int64_t end) {
  const REAL *restrict x = x_;
  CHUNKS(chunk) {
    double sum = 0;
    for (int64_t i = first; i < last; i++) sum += (double)x[i] * (double)x[i];
    partial[chunk] = sum;
  }
}
UNPACK(sum_of_squares, op->partial.memory, op->x.memory, op->n)

KERNEL void sum_absolute_difference(double *restrict partial, const void *restrict x_,
                                    const void *restrict y_, int64_t n, int64_t begin,
                                    int64_t end) {
  const REAL *restrict x = x_, *restrict y = y_;
  CHUNKS(chunk) {
    double sum = 0;
    for (int64_t i = first; i < last; i++) sum += __builtin_fabs((double)x[i] - (double)y[i]);
    partial[chunk] = sum;
  }
}
UNPACK(sum_absolute_difference, op->partial.memory, op->x.memory, op->y.memory, op->n)

KERNEL void sum_squared_difference(double *restrict partial, const void *restrict x_,
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
UNPACK(sum_squared_difference, op->partial.memory, op->x.memory, op->y.memory, op->n)

static void sum_in_order(struct device *device, const struct sum_in_order_arguments *op) {
  (void)device;
  *(double *)op->out.memory =
      number_sum(op->partial.memory, op->count) / op->divisor * op->factor;
}

static void weighted_sum(struct device *device, const struct weighted_sum_arguments *op) {
  (void)device;
  *(double *)op->out.memory = number_weighted_sum(op->terms, op->count);
}

static void clip_step(struct device *device, const struct clip_step_arguments *op) {
  (void)device;
  step_clip(op->scalars.memory, op->squares.memory, op->count, op->loss.memory);
}

KERNEL void absolute_difference_gradient(void *restrict dx_, const void *restrict x_,
                                         const void *restrict y_, double factor_, int64_t width,
                                         int64_t begin, int64_t end) {
  REAL *restrict dx = dx_;
  const REAL *restrict x = x_, *restrict y = y_;
  const REAL factor = (REAL)factor_;
  for (int64_t i = begin * width; i < end * width; i++)
    dx[i] = x[i] > y[i] ? factor : x[i] < y[i] ? -factor : 0;
}
UNPACK(absolute_difference_gradient, op->dx.memory, op->x.memory, op->y.memory, op->factor,
       op->width)

KERNEL void squared_difference_gradient(void *restrict dx_, const void *restrict x_,
                                        const void *restrict y_, double factor_, int64_t width,
                                        int64_t begin, int64_t end) {
  REAL *restrict dx = dx_;
  const REAL *restrict x = x_, *restrict y = y_;
  const REAL factor = (REAL)factor_;
  for (int64_t i = begin * width; i < end * width; i++) dx[i] = factor * (x[i] - y[i]);
}
UNPACK(squared_difference_gradient, op->dx.memory, op->x.memory, op->y.memory, op->factor,
       op->width)

#if REAL_IS_FLOAT
/// sin x and cos x for |x| up to some thousands, within one or two ulp of double, without branches,
/// so that the surrounding loop is vectorized. Reduction and polynomials of fdlibm (k_sin.c,
/// k_cos.c).
static inline __attribute__((always_inline)) void sine_cosine(double *sine, double *cosine,
                                                              double x) {
#pragma clang fp reassociate(off)
  const double n = __builtin_rint(x * 6.36619772367581382433e-01);
  // pi/2 in two parts, so that n times the first is exact.
  const double r = (x - n * 1.57079632673412561417e+00) - n * 6.07710050650619224932e-11;
  const double z = r * r;
  double s = 1.58969099521155010221e-10;
  s = s * z - 2.50507602534068634195e-08;
  s = s * z + 2.75573137070700676789e-06;
  s = s * z - 1.98412698298579493134e-04;
  s = s * z + 8.33333333332248946124e-03;
  s = s * z - 1.66666666666666324348e-01;
  s = r + r * z * s;
  double c = -1.13596475577881948265e-11;
  c = c * z + 2.08757232129817482790e-09;
  c = c * z - 2.75573143513906633035e-07;
  c = c * z + 2.48015872894767294178e-05;
  c = c * z - 1.38888888888741095749e-03;
  c = c * z + 4.16666666666666019037e-02;
  c = 1 - (0.5 * z - z * z * c);
  const int64_t quadrant = (int64_t)n;
  const double first = quadrant & 1 ? c : s, second = quadrant & 1 ? s : c;
  *sine = quadrant & 2 ? -first : first;
  *cosine = (quadrant + 1) & 2 ? -second : second;
}
#else
static inline void sine_cosine(double *sine, double *cosine, double x) {
  *sine = sin(x);
  *cosine = cos(x);
}
#endif

KERNEL void time_features(void *restrict out_, const double *restrict t,
                          const double *restrict frequencies, int64_t half, int64_t begin,
                          int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * 2 * half;
    const double time = 1000 * t[r];
    for (int64_t j = 0; j < half; j++) {
      double sine, cosine;
      sine_cosine(&sine, &cosine, time * frequencies[j]);
      out[j] = (REAL)cosine;
      out[half + j] = (REAL)sine;
    }
  }
}
UNPACK(time_features, op->out.memory, op->t.memory, op->frequencies.memory, op->half)
