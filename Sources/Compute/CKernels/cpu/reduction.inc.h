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

/// Updates at most ADAMW_RUN elements of w, m, v and average; the average comes last, while the new
/// weights are in the cache. Outputs may be the inputs or lie elsewhere. Both cases share one
/// function, as a compiler may contract and associate two of them differently.
static __attribute__((noinline)) void adamw_run(REAL *const to[4], const REAL *const from[4],
                                                const REAL *g, const adamw_factors *factors,
                                                int64_t n) {
  const adamw_factors f = *factors;
  REAL *const w = to[0], *const m = to[1], *const v = to[2], *const average = to[3];
  const REAL *const w0 = from[0], *const m0 = from[1], *const v0 = from[2], *const average0 = from[3];
#pragma clang loop vectorize(assume_safety)
  for (int64_t i = 0; i < n; i++) {
    const REAL gradient = g[i] * f.scale;
    const REAL mean = f.beta1 * m0[i] + f.rest1 * gradient;
    const REAL square = f.beta2 * v0[i] + f.rest2 * gradient * gradient;
    m[i] = mean;
    v[i] = square;
    w[i] = w0[i] * f.decay - f.rate * mean / (SQUARE_ROOT(square * f.correction2) + f.epsilon);
  }
  if (!average) return;
#pragma clang loop vectorize(assume_safety)
  for (int64_t i = 0; i < n; i++) average[i] = f.kept * average0[i] + f.taken * w[i];
}

static void adamw(void *restrict w, void *restrict m, void *restrict v, void *restrict average,
                  const void *restrict g, const adamw_step *step, int64_t begin, int64_t end) {
  REAL *const all[4] = {w, m, v, average};
  const adamw_factors factors = adamw_rounded(step);
  for (int64_t i = begin; i < end; i += ADAMW_RUN) {
    REAL *at[4];
    const REAL *from[4];
    for (int k = 0; k < 4; k++) from[k] = at[k] = all[k] ? all[k] + i : 0;
    adamw_run(at, from, (const REAL *)g + i, &factors, end - i < ADAMW_RUN ? end - i : ADAMW_RUN);
  }
}

/// Writes whole cache lines past the caches: nobody reads them soon, and a line written as a whole
/// is not fetched first.
static inline void write_past_caches(REAL *restrict to, const REAL *restrict from, int64_t n,
                                     const REAL *next, const REAL *also_next) {
  typedef REAL line __attribute__((vector_size(64)));
  const int64_t lines = n * (int64_t)sizeof(REAL) / 64;
  if ((uintptr_t)to % 64 != 0 || lines * 64 != n * (int64_t)sizeof(REAL)) {
    __builtin_memcpy(to, from, (size_t)n * sizeof(REAL));
    return;
  }
  for (int64_t i = 0; i < lines; i++) {
    // Prefetches the next input: its pages are new, and the CPU does not prefetch beyond a page.
    __builtin_prefetch((const line *)next + i, 0, 2);
    if (also_next) __builtin_prefetch((const line *)also_next + i, 0, 2);
    __builtin_nontemporal_store(((const line *)from)[i], (line *)to + i);
  }
}

static void adamw_from(void *restrict to[4], const void *restrict from[4], const void *restrict g,
                       const adamw_step *step, int64_t begin, int64_t end) {
  _Alignas(64) REAL held[4][ADAMW_RUN];
  REAL *const new[4] = {held[0], held[1], held[2], to[3] ? held[3] : 0};
  const adamw_factors factors = adamw_rounded(step);
  for (int64_t i = begin; i < end; i += ADAMW_RUN) {
    const int64_t n = end - i < ADAMW_RUN ? end - i : ADAMW_RUN;
    const REAL *old[4];
    for (int k = 0; k < 4; k++) old[k] = from[k] ? (const REAL *)from[k] + i : 0;
    adamw_run(new, old, (const REAL *)g + i, &factors, n);
    for (int k = 0; k < 4; k++)
      if (new[k])
        write_past_caches((REAL *)to[k] + i, new[k], n, old[k] + n,
                          k == 0 ? (const REAL *)g + i + n : 0);
  }
#ifdef __SSE2__
  // Orders the writes past the caches before the signal that this share is done.
  __builtin_ia32_sfence();
#endif
}
