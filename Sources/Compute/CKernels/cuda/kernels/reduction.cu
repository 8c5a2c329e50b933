// Sums over rows and over whole tensors. Each has one order, which depends on the sizes alone.

enum { COLUMN_LANES = 32, ROW_LANES = 16 };

/// The sum of values over the block's rows of lanes, for each of its columns, in row lane 0.
template <class T> DEVICE T sum_of_row_lanes(T x, T (&held)[ROW_LANES * COLUMN_LANES]) {
  const int column = threadIdx.x % COLUMN_LANES, row = threadIdx.x / COLUMN_LANES;
  block_wait();
  held[row * COLUMN_LANES + column] = x;
  block_wait();
  T sum = held[column];
  for (int r = 1; r < ROW_LANES; r++) sum += held[r * COLUMN_LANES + column];
  return sum;
}

/// A block takes 32 columns; 16 lanes share the rows of each.
#define BLOCK_COLUMN ((integer)blockIdx.x * COLUMN_LANES + threadIdx.x % COLUMN_LANES)
#define ROW_LANE (threadIdx.x / COLUMN_LANES)
#define LANE_ROWS(r) for (integer r = ROW_LANE; r < a.rows; r += ROW_LANES)

KERNEL(column_sums, 512) {
  SHARED(REAL, held, ROW_LANES * COLUMN_LANES);
  const integer c = BLOCK_COLUMN;
  REAL sum = 0;
  if (c < extent) LANE_ROWS(r) sum += (REAL)ST(x)[r * a.width + c];
  sum = sum_of_row_lanes(sum, held);
  if (c < extent && ROW_LANE == 0) AT(out)[c] = sum;
}

KERNEL(rms_norm_gain_gradient, 512) {
  SHARED(REAL, held, ROW_LANES * COLUMN_LANES);
  const integer c = BLOCK_COLUMN;
  REAL sum = 0;
  if (c < extent)
    LANE_ROWS(r) sum += (REAL)ST(dy)[r * a.width + c] * AT(x)[r * a.width + c] * AT(inverse)[r];
  sum = sum_of_row_lanes(sum, held);
  if (c < extent && ROW_LANE == 0) AT(dgain)[c] = sum;
}

KERNEL(layer_norm_parameter_gradient, 512) {
  SHARED(REAL, held, ROW_LANES * COLUMN_LANES);
  const integer c = BLOCK_COLUMN;
  REAL gain = 0, bias = 0;
  if (c < extent)
    LANE_ROWS(r) {
      const REAL dy = (REAL)ST(dy)[r * a.width + c];
      gain += dy * (AT(x)[r * a.width + c] - AT(statistics)[2 * r]) * AT(statistics)[2 * r + 1];
      bias += dy;
    }
  gain = sum_of_row_lanes(gain, held);
  bias = sum_of_row_lanes(bias, held);
  if (c >= extent || ROW_LANE != 0) return;
  AT(dgain)[c] = gain;
  AT(dbias)[c] = bias;
}

KERNEL(layer_norm_modulated_parameter_gradient, 512) {
  SHARED(REAL, held, ROW_LANES * COLUMN_LANES);
  const integer c = BLOCK_COLUMN;
  REAL gain = 0, bias = 0;
  if (c < extent)
    LANE_ROWS(r) {
      const REAL g = (REAL)ST(dy)[r * a.width + c] * (1 + AT(scale)[r * a.stride + c]);
      gain += g * (AT(x)[r * a.width + c] - AT(statistics)[2 * r]) * AT(statistics)[2 * r + 1];
      bias += g;
    }
  gain = sum_of_row_lanes(gain, held);
  bias = sum_of_row_lanes(bias, held);
  if (c >= extent || ROW_LANE != 0) return;
  AT(dgain)[c] = gain;
  AT(dbias)[c] = bias;
}

// ---- one number of a chunk or of all, in double ----------------------------------------------------

/// The sum over a block of 128 threads, in thread 0.
DEVICE double block_sum(double x) {
  SHARED(double, warps, 4);
  x = warp_sum(x);
  block_wait();
  if (LANE == 0) warps[threadIdx.x / 32] = x;
  block_wait();
  return warps[0] + warps[1] + warps[2] + warps[3];
}

#define CHUNK_ELEMENTS(i)                                                     \
  for (integer i = chunk * REDUCTION_CHUNK + threadIdx.x,                     \
               i##_end = min_of(a.n, (chunk + 1) * (integer)REDUCTION_CHUNK); \
       i < i##_end; i += blockDim.x)
DEVICE integer min_of(integer x, integer y) { return x < y ? x : y; }

KERNEL(sum_of_squares, 128) {
  for (integer chunk = blockIdx.x; chunk < extent; chunk += gridDim.x) {
    double sum = 0;
    CHUNK_ELEMENTS(i) {
      const double x = AT(x)[i];
      sum += x * x;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) ((double *)a.partial.memory)[chunk] = sum;
  }
}

KERNEL(sum_absolute_difference, 128) {
  for (integer chunk = blockIdx.x; chunk < extent; chunk += gridDim.x) {
    double sum = 0;
    CHUNK_ELEMENTS(i) sum += fabs((double)AT(x)[i] - (double)AT(y)[i]);
    sum = block_sum(sum);
    if (threadIdx.x == 0) ((double *)a.partial.memory)[chunk] = sum;
  }
}

KERNEL(sum_squared_difference, 128) {
  for (integer chunk = blockIdx.x; chunk < extent; chunk += gridDim.x) {
    double sum = 0;
    CHUNK_ELEMENTS(i) {
      const double difference = (double)AT(x)[i] - (double)AT(y)[i];
      sum += difference * difference;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) ((double *)a.partial.memory)[chunk] = sum;
  }
}

/// One block adds all partial sums: a thread every 128th, then the block.
DEVICE double sum_of_all(const double *x, integer count) {
  double sum = 0;
  for (integer i = threadIdx.x; i < count; i += blockDim.x) sum += x[i];
  return block_sum(sum);
}

KERNEL(sum_in_order, 128) {
  const double sum = sum_of_all((const double *)a.partial.memory, a.count);
  if (threadIdx.x == 0) *(double *)a.out.memory = sum / a.divisor * a.factor;
}

KERNEL(weighted_sum, 32) {
  if (threadIdx.x != 0) return;
  double sum = 0;
  for (integer i = 0; i < a.count; i++)
    sum += a.terms[i].weight * *(const double *)a.terms[i].x.memory;
  *(double *)a.out.memory = sum;
}

DEVICE bool is_finite(double x) { return x - x == 0; }

KERNEL(clip_step, 128) {
  const double sum = sum_of_all((const double *)a.squares.memory, a.count);
  if (threadIdx.x != 0) return;
  step_scalars *step = (step_scalars *)a.scalars.memory;
  const double norm = sqrt(sum), factor = step->clip / (norm + 1e-6);
  const double loss = *(const double *)a.loss.memory;
  step->norm = norm;
  step->gradient_scale = factor < 1 ? factor : 1;
  step->loss = loss;
  step->finite = is_finite(loss) && is_finite(norm) ? 1 : 0;
}
