// AdamW and moving averages of all tensors of a model in one operation. A block of 128 threads takes a
// run of ADAMW_RUN elements.

/// The tensor to which a run of all tensors belongs.
template <class T> DEVICE const T *tensor_of_run(const T *tensors, integer count, integer run) {
  integer low = 0, high = count - 1;
  while (low < high) {
    const integer middle = (low + high + 1) / 2;
    if (tensors[middle].first_run <= run)
      low = middle;
    else
      high = middle - 1;
  }
  return tensors + low;
}

KERNEL(adamw, 128) {
  const step_scalars *step = (const step_scalars *)a.scalars.memory;
  const double average_decay = a.average_decay.memory ? *(const double *)a.average_decay.memory : 0;
  const REAL scale = (REAL)step->gradient_scale, beta1 = (REAL)step->beta1, beta2 = (REAL)step->beta2;
  const REAL rest1 = (REAL)(1 - step->beta1), rest2 = (REAL)(1 - step->beta2);
  const REAL rate = (REAL)(step->learning_rate / step->correction1);
  const REAL correction2 = (REAL)(1 / step->correction2), epsilon = (REAL)step->epsilon;
  const REAL kept = (REAL)average_decay, taken = (REAL)(1 - average_decay);
  const bool moves = step->finite != 0;
  for (integer run = blockIdx.x; run < extent; run += gridDim.x) {
    const adamw_tensor *t = tensor_of_run((const adamw_tensor *)a.tensors.memory, a.count, run);
    const integer i = (run - t->first_run) * ADAMW_RUN + threadIdx.x;
    if (i >= t->count) continue;
    REAL *const w = (REAL *)t->w.memory, *const m = (REAL *)t->m.memory, *const v = (REAL *)t->v.memory;
    REAL *const average = (REAL *)t->average.memory;
    const REAL w0 = ((const REAL *)t->from_w.memory)[i], m0 = ((const REAL *)t->from_m.memory)[i];
    const REAL v0 = ((const REAL *)t->from_v.memory)[i];
    const REAL average0 = average ? ((const REAL *)t->from_average.memory)[i] : (REAL)0;
    if (!moves) {
      w[i] = w0;
      m[i] = m0;
      v[i] = v0;
      if (average) average[i] = average0;
      continue;
    }
    const REAL decay = (REAL)(1 - step->learning_rate * t->weight_decay);
    const REAL gradient = ((const REAL *)t->gradient.memory)[i] * scale;
    const REAL mean = beta1 * m0 + rest1 * gradient;
    const REAL square = beta2 * v0 + rest2 * gradient * gradient;
    const REAL weight = w0 * decay - rate * mean / (square_root(square * correction2) + epsilon);
    m[i] = mean;
    v[i] = square;
    w[i] = weight;
    if (average) average[i] = kept * average0 + taken * weight;
  }
}

KERNEL(move_averages, 128) {
  const step_scalars *step = (const step_scalars *)a.scalars.memory;
  if (step->finite == 0) return;
  const double decay = *(const double *)a.decay.memory;
  const REAL kept = (REAL)decay, taken = (REAL)(1 - decay);
  for (integer run = blockIdx.x; run < extent; run += gridDim.x) {
    const averaged_tensor *t = tensor_of_run((const averaged_tensor *)a.tensors.memory, a.count, run);
    const integer i = (run - t->first_run) * ADAMW_RUN + threadIdx.x;
    if (i >= t->count) continue;
    REAL *average = (REAL *)t->average.memory;
    average[i] = kept * average[i] + taken * ((const REAL *)t->w.memory)[i];
  }
}
