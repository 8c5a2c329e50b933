// The parts of the integration from noise to states that are no operations of their own.

/// out[times, rows, width] = SiLU(condition[rows, width] + times[time + .., width]); the extent is the
/// rows of all times. extra: out, and the first time.
KERNEL_OF(silu_of_sums, integrate_states, 256) {
  const integer rows = a.halves * a.count;
  const integer width = ((const head_weights *)a.head.memory)->width;
  ROWS(r) {
    const REAL *condition = AT(condition) + r % rows * width;
    const REAL *time = AT(times) + ((integer)extra[1] + r / rows) * width;
    REAL *out = (REAL *)extra[0] + r * width;
    COLUMNS(c) {
      const REAL sum = condition[c] + time[c];
      out[c] = sum * sigmoid(sum);
    }
  }
}

/// The guided output: x = scale x + (1 - scale) y over the extent, where the null half y follows x.
/// extra: x, and the scale in device memory.
KERNEL_OF(guide, integrate_states, 256) {
  const double exact = *(const double *)extra[1];
  const REAL scale = (REAL)exact, rest = (REAL)(1 - exact);
  REAL *x = (REAL *)extra[0];
  ELEMENTS(i, extent) x[i] = scale * x[i] + rest * x[extent + i];
}
