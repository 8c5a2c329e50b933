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

#if REAL_IS_FLOAT
/// sin x and cos x for |x| up to some thousands, within an ulp or two of double, without a branch, so
/// that the loop around it is vectorised. Reduction and polynomials of fdlibm (k_sin.c, k_cos.c).
static inline __attribute__((always_inline)) void sine_cosine(double *sine, double *cosine,
                                                              double x) {
#pragma clang fp reassociate(off)
  const double n = __builtin_rint(x * 6.36619772367581382433e-01);
  // pi/2 in two parts: n times the first is exact.
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

static void time_features(void *restrict out_, const double *restrict t,
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

typedef struct {
  REAL scale, decay, beta1, beta2, rest1, rest2, rate, correction2, epsilon, kept, taken;
} adamw_factors;

static adamw_factors adamw_rounded(const adamw_step *step) {
  return (adamw_factors){
      .scale = (REAL)step->gradient_scale,
      .decay = (REAL)step->decay,
      .beta1 = (REAL)step->beta1,
      .beta2 = (REAL)step->beta2,
      .rest1 = (REAL)(1 - step->beta1),
      .rest2 = (REAL)(1 - step->beta2),
      .rate = (REAL)(step->learning_rate / step->correction1),
      .correction2 = (REAL)(1 / step->correction2),
      .epsilon = (REAL)step->epsilon,
      .kept = (REAL)step->average_decay,
      .taken = (REAL)(1 - step->average_decay),
  };
}

/// At most ADAMW_RUN elements: the average follows while the new weights are in the cache. One body for all
/// its callers, since two may be contracted and associated in two ways.
static __attribute__((noinline)) void adamw_run(REAL *restrict w, REAL *restrict m,
                                                REAL *restrict v, REAL *restrict average,
                                                const REAL *restrict g,
                                                const adamw_factors *factors, int64_t n) {
  const adamw_factors f = *factors;
  for (int64_t i = 0; i < n; i++) {
    const REAL gradient = g[i] * f.scale;
    m[i] = f.beta1 * m[i] + f.rest1 * gradient;
    v[i] = f.beta2 * v[i] + f.rest2 * gradient * gradient;
    w[i] = w[i] * f.decay - f.rate * m[i] / (SQUARE_ROOT(v[i] * f.correction2) + f.epsilon);
  }
  if (average)
    for (int64_t i = 0; i < n; i++) average[i] = f.kept * average[i] + f.taken * w[i];
}

static void adamw(void *restrict w_, void *restrict m_, void *restrict v_,
                  void *restrict average_, const void *restrict g_, const adamw_step *step,
                  int64_t begin, int64_t end) {
  REAL *restrict w = w_, *restrict m = m_, *restrict v = v_, *restrict average = average_;
  const REAL *restrict g = g_;
  const adamw_factors factors = adamw_rounded(step);
  for (int64_t i = begin; i < end; i += ADAMW_RUN)
    adamw_run(w + i, m + i, v + i, average ? average + i : 0, g + i, &factors,
              end - i < ADAMW_RUN ? end - i : ADAMW_RUN);
}

/// Past the caches where whole lines are written: nobody reads them soon, and a line that is written in
/// full is not fetched first.
static inline void write_past_caches(REAL *restrict to, const REAL *restrict from, int64_t n) {
  typedef REAL line __attribute__((vector_size(64)));
  const int64_t lines = n * (int64_t)sizeof(REAL) / 64;
  if ((uintptr_t)to % 64 != 0 || lines * 64 != n * (int64_t)sizeof(REAL)) {
    __builtin_memcpy(to, from, (size_t)n * sizeof(REAL));
    return;
  }
  for (int64_t i = 0; i < lines; i++)
    __builtin_nontemporal_store(((const line *)from)[i], (line *)to + i);
}

static void adamw_from(void *restrict to_[4], const void *restrict from_[4], const void *restrict g_,
                       const adamw_step *step, int64_t begin, int64_t end) {
  _Alignas(64) REAL held[4][ADAMW_RUN];
  const int count = to_[3] ? 4 : 3;
  const adamw_factors factors = adamw_rounded(step);
  for (int64_t i = begin; i < end; i += ADAMW_RUN) {
    const int64_t n = end - i < ADAMW_RUN ? end - i : ADAMW_RUN;
    for (int k = 0; k < count; k++)
      __builtin_memcpy(held[k], (const REAL *)from_[k] + i, (size_t)n * sizeof(REAL));
    adamw_run(held[0], held[1], held[2], count == 4 ? held[3] : 0, (const REAL *)g_ + i, &factors, n);
    for (int k = 0; k < count; k++) write_past_caches((REAL *)to_[k] + i, held[k], n);
  }
#ifdef __SSE2__
  // Whoever is told that this is done must find what was written past the caches.
  __builtin_ia32_sfence();
#endif
}
