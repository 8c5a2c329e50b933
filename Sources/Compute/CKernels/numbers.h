// Sums of doubles in their order, and what a step decides by them.
#pragma once
#include "include/arguments.h"

double number_sum(const double *x, integer count);
double number_weighted_sum(const struct weighted_number *terms, integer count);
void step_clip(struct step_scalars *step, const double *squares, integer count,
               const double *loss);
