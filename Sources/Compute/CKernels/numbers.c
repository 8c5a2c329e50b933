#include "numbers.h"

#include <math.h>

// In this order and without contraction, whatever the flags of the other kernels: the numbers are
// those of model.md on any processor.
#pragma clang fp reassociate(off) contract(off)

double number_sum(const double *x, integer count) {
#pragma clang fp reassociate(off) contract(off)
  double sum = 0;
  for (integer i = 0; i < count; i++) sum += x[i];
  return sum;
}

double number_weighted_sum(const struct weighted_number *terms, integer count) {
#pragma clang fp reassociate(off) contract(off)
  double sum = 0;
  for (integer i = 0; i < count; i++)
    sum += terms[i].weight * *(const double *)terms[i].x.memory;
  return sum;
}

void step_clip(struct step_scalars *step, const double *squares, integer count,
               const double *loss) {
  step->norm = sqrt(number_sum(squares, count));
  const double factor = step->clip / (step->norm + 1e-6);
  step->gradient_scale = factor < 1 ? factor : 1;
  step->loss = loss[0];
  step->finite = isfinite(step->loss) && isfinite(step->norm) ? 1 : 0;
}
