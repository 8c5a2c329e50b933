// AdamW and moving averages of all tensors of a model in one operation.

typedef struct {
  REAL scale, decay, beta1, beta2, rest1, rest2, rate, correction2, epsilon, kept, taken;
} adamw_factors;

static adamw_factors adamw_rounded(const struct step_scalars *step, double weight_decay,
                                   double average_decay) {
// The same on every instruction set.
#pragma clang fp reassociate(off) contract(off)
  return (adamw_factors){
      .scale = (REAL)step->gradient_scale,
      .decay = (REAL)(1 - step->learning_rate * weight_decay),
      .beta1 = (REAL)step->beta1,
      .beta2 = (REAL)step->beta2,
      .rest1 = (REAL)(1 - step->beta1),
      .rest2 = (REAL)(1 - step->beta2),
      .rate = (REAL)(step->learning_rate / step->correction1),
      .correction2 = (REAL)(1 / step->correction2),
      .epsilon = (REAL)step->epsilon,
      .kept = (REAL)average_decay,
      .taken = (REAL)(1 - average_decay),
  };
}

/// Updates at most ADAMW_RUN elements of w, m, v and average; the average comes last, while the new
/// weights are in the cache. Outputs may be the inputs or lie elsewhere. Both cases share one
/// function, as a compiler may contract and associate two of them differently.
static __attribute__((noinline)) void adamw_run(REAL *const to[4], const REAL *const from[4],
                                                const REAL *g, const adamw_factors *factors,
                                                integer n) {
  const adamw_factors f = *factors;
  REAL *const w = to[0], *const m = to[1], *const v = to[2], *const average = to[3];
  const REAL *const w0 = from[0], *const m0 = from[1], *const v0 = from[2];
  const REAL *const average0 = from[3];
#pragma clang loop vectorize(assume_safety)
  for (integer i = 0; i < n; i++) {
    const REAL gradient = g[i] * f.scale;
    const REAL mean = f.beta1 * m0[i] + f.rest1 * gradient;
    const REAL square = f.beta2 * v0[i] + f.rest2 * gradient * gradient;
    m[i] = mean;
    v[i] = square;
    w[i] = w0[i] * f.decay - f.rate * mean / (SQUARE_ROOT(square * f.correction2) + f.epsilon);
  }
  if (!average) return;
#pragma clang loop vectorize(assume_safety)
  for (integer i = 0; i < n; i++) average[i] = f.kept * average0[i] + f.taken * w[i];
}

/// Writes whole cache lines past the caches: nobody reads them soon, and a line written as a whole
/// is not fetched first.
static inline void write_past_caches(REAL *restrict to, const REAL *restrict from, integer n,
                                     const REAL *next, const REAL *also_next) {
  typedef REAL line __attribute__((vector_size(64)));
  const integer lines = n * (integer)sizeof(REAL) / 64;
  if ((uintptr_t)to % 64 != 0 || lines * 64 != n * (integer)sizeof(REAL)) {
    __builtin_memcpy(to, from, (size_t)n * sizeof(REAL));
    return;
  }
  for (integer i = 0; i < lines; i++) {
    // Prefetches the next input: its pages are new, and the CPU does not prefetch beyond a page.
    __builtin_prefetch((const line *)next + i, 0, 2);
    if (also_next) __builtin_prefetch((const line *)also_next + i, 0, 2);
    __builtin_nontemporal_store(((const line *)from)[i], (line *)to + i);
  }
}

/// One run from other memory, whose numbers do not change.
static void adamw_run_from(REAL *const to[4], const REAL *const from[4], const REAL *g,
                           const adamw_factors *factors, integer n) {
  _Alignas(64) REAL held[4][ADAMW_RUN];
  REAL *const made[4] = {held[0], held[1], held[2], to[3] ? held[3] : 0};
  adamw_run(made, from, g, factors, n);
  for (int k = 0; k < 4; k++)
    if (made[k]) write_past_caches(to[k], made[k], n, from[k] + n, k == 0 ? g + n : 0);
}

/// Number of the tensor to which a run of all tensors belongs.
#define TENSOR_OF_RUN(tensors, count, run) \
  integer number = 0;                      \
  while (number + 1 < (count) && (tensors)[number + 1].first_run <= (run)) number++

static void adamw(const struct adamw_arguments *op, integer begin, integer end) {
  const struct adamw_tensor *tensors = op->tensors.memory;
  const struct step_scalars *step = op->scalars.memory;
  const double *decay = op->average_decay.memory;
  TENSOR_OF_RUN(tensors, op->count, begin);
  for (integer run = begin; run < end; number++) {
    const struct adamw_tensor *t = &tensors[number];
    const adamw_factors factors = adamw_rounded(step, t->weight_decay, decay ? decay[0] : 0);
    const address to[4] = {t->w, t->m, t->v, t->average};
    const address from[4] = {t->from_w, t->from_m, t->from_v, t->from_average};
    const integer runs = (t->count + ADAMW_RUN - 1) / ADAMW_RUN;
    for (; run < end && run < t->first_run + runs; run++) {
      const integer i = (run - t->first_run) * ADAMW_RUN;
      const integer n = t->count - i < ADAMW_RUN ? t->count - i : ADAMW_RUN;
      REAL *new[4];
      const REAL *old[4];
      for (int k = 0; k < 4; k++) {
        new[k] = to[k].memory ? (REAL *)to[k].memory + i : 0;
        old[k] = from[k].memory ? (const REAL *)from[k].memory + i : 0;
      }
      const REAL *g = (const REAL *)t->gradient.memory + i;
      if (step->finite == 0) {
        for (int k = 0; k < 4; k++)
          if (new[k] && new[k] != old[k]) __builtin_memcpy(new[k], old[k], (size_t)n * sizeof(REAL));
      } else if (new[0] == old[0]) {
        adamw_run(new, old, g, &factors, n);
      } else {
        adamw_run_from(new, old, g, &factors, n);
      }
    }
  }
#ifdef __SSE2__
  // Orders the writes past the caches before the signal that this share is done.
  __builtin_ia32_sfence();
#endif
}
PASS(adamw)

static void move_averages(const struct move_averages_arguments *op, integer begin, integer end) {
  const struct averaged_tensor *tensors = op->tensors.memory;
  const struct step_scalars *step = op->scalars.memory;
  if (step->finite == 0) return;
  const double decay = *(const double *)op->decay.memory;
  TENSOR_OF_RUN(tensors, op->count, begin);
  for (integer run = begin; run < end; number++) {
    const struct averaged_tensor *t = &tensors[number];
    const integer runs = (t->count + ADAMW_RUN - 1) / ADAMW_RUN;
    const integer last = end < t->first_run + runs ? end : t->first_run + runs;
    const integer from = (run - t->first_run) * ADAMW_RUN;
    const integer to = last == t->first_run + runs ? t->count : (last - t->first_run) * ADAMW_RUN;
    REAL *average = (REAL *)t->average.memory + from;
    const REAL *w = (const REAL *)t->w.memory + from;
    if (to > from) combine(average, decay, average, 1 - decay, w, to - from, 0, 1);
    run = last;
  }
}
PASS(move_averages)
