// Norms over the last dimension. A warp takes a row: its sums have an order that depends on the width
// alone, so a row has the same bits in any batch.

/// The factor of a norm by the mean of squares, and a pass over the numbers.
KERNEL(rms_norm, 128) {
  const integer width = a.width;
  const REAL *gain = AT(gain);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width;
    stored *out = ST(out) + r * width;
    REAL sum = 0;
    LANE_COLUMNS(c) sum += x[c] * x[c];
    const REAL inverse = 1 / square_root(warp_sum(sum) / (REAL)width + (REAL)a.epsilon);
    if (LANE == 0) AT(inverse)[r] = inverse;
    LANE_COLUMNS(c) out[c] = x[c] * inverse * gain[c];
  }
}

KERNEL(rms_norm_gradient, 128) {
  const integer width = a.width;
  const REAL *gain = AT(gain);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width, inverse = AT(inverse)[r];
    const stored *dy = ST(dy) + r * width;
    REAL *dx = AT(dx) + r * width;
    REAL dot = 0;
    LANE_COLUMNS(c) dot += (REAL)dy[c] * gain[c] * x[c];
    const REAL pull = warp_sum(dot) * inverse * inverse * inverse / (REAL)width;
    LANE_COLUMNS(c) dx[c] = (REAL)dy[c] * gain[c] * inverse - x[c] * pull;
  }
}

struct row_statistics { REAL mean, inverse; };

/// Mean and 1 / deviation of a row, in every lane. The squares are of the centred numbers.
DEVICE row_statistics statistics_of(const REAL *x, integer width, double epsilon) {
  REAL sum = 0, squares = 0;
  LANE_COLUMNS(c) sum += x[c];
  const REAL mean = warp_sum(sum) / (REAL)width;
  LANE_COLUMNS(c) squares += (x[c] - mean) * (x[c] - mean);
  const REAL variance = warp_sum(squares) / (REAL)width;
  return {mean, 1 / square_root(variance + (REAL)epsilon)};
}

DEVICE void keep_statistics(REAL *kept, integer r, row_statistics s) {
  if (!kept || LANE != 0) return;
  kept[2 * r] = s.mean;
  kept[2 * r + 1] = s.inverse;
}

KERNEL(layer_norm, 128) {
  const integer width = a.width;
  const REAL *gain = AT(gain), *bias = AT(bias);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width;
    stored *out = ST(out) + r * width;
    const row_statistics s = statistics_of(x, width, a.epsilon);
    keep_statistics(AT(statistics), r, s);
    if (gain)
      LANE_COLUMNS(c) out[c] = (x[c] - s.mean) * s.inverse * gain[c] + bias[c];
    else
      LANE_COLUMNS(c) out[c] = (x[c] - s.mean) * s.inverse;
  }
}

KERNEL(layer_norm_gradient, 128) {
  const integer width = a.width;
  const REAL *gain = AT(gain);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width;
    const REAL mean = AT(statistics)[2 * r], inverse = AT(statistics)[2 * r + 1];
    const stored *dy = ST(dy) + r * width;
    REAL *dx = AT(dx) + r * width;
    REAL sum = 0, dot = 0;
    LANE_COLUMNS(c) {
      const REAL g = gain ? (REAL)dy[c] * gain[c] : (REAL)dy[c];
      sum += g;
      dot += g * (x[c] - mean);
    }
    const REAL shift = warp_sum(sum) / (REAL)width;
    const REAL pull = warp_sum(dot) * inverse * inverse / (REAL)width;
    LANE_COLUMNS(c) {
      const REAL g = gain ? (REAL)dy[c] * gain[c] : (REAL)dy[c];
      dx[c] = (g - shift - (x[c] - mean) * pull) * inverse;
    }
  }
}

KERNEL(layer_norm_modulated, 128) {
  const integer width = a.width;
  const REAL *gain = AT(gain), *bias = AT(bias);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width, *scale = AT(scale) + r * a.stride;
    const REAL *shift = a.shift.memory ? AT(shift) + r * a.stride : 0;
    stored *out = ST(out) + r * width;
    const row_statistics s = statistics_of(x, width, a.epsilon);
    keep_statistics(AT(statistics), r, s);
    LANE_COLUMNS(c) {
      const REAL normal = (x[c] - s.mean) * s.inverse;
      const REAL scaled = (gain ? normal * gain[c] + bias[c] : normal) * (1 + scale[c]);
      out[c] = shift ? scaled + shift[c] : scaled;
    }
  }
}

KERNEL(layer_norm_modulated_gradient, 128) {
  const integer width = a.width;
  const REAL *gain = AT(gain), *bias = AT(bias);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width, *scale = AT(scale) + r * a.stride;
    const REAL mean = AT(statistics)[2 * r], inverse = AT(statistics)[2 * r + 1];
    REAL *dscale = AT(dscale) + r * a.stride, *dshift = AT(dshift) + r * a.stride;
    const stored *dy = ST(dy) + r * width;
    REAL *dx = AT(dx) + r * width;
    REAL sum = 0, dot = 0;
    LANE_COLUMNS(c) {
      const REAL centred = x[c] - mean, normal = centred * inverse;
      const REAL g = gain ? (REAL)dy[c] * (1 + scale[c]) * gain[c] : (REAL)dy[c] * (1 + scale[c]);
      dscale[c] += (REAL)dy[c] * (gain ? normal * gain[c] + bias[c] : normal);
      dshift[c] += (REAL)dy[c];
      sum += g;
      dot += g * centred;
    }
    const REAL mean_g = warp_sum(sum) / (REAL)width;
    const REAL pull = warp_sum(dot) * inverse * inverse / (REAL)width;
    LANE_COLUMNS(c) {
      const REAL g = gain ? (REAL)dy[c] * (1 + scale[c]) * gain[c] : (REAL)dy[c] * (1 + scale[c]);
      dx[c] = (g - mean_g - (x[c] - mean) * pull) * inverse;
    }
  }
}

KERNEL(sphere_norm, 128) {
  const integer width = a.width;
  const REAL radius = square_root((REAL)width);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width;
    REAL *out = AT(out) + r * width;
    REAL sum = 0;
    LANE_COLUMNS(c) sum += x[c] * x[c];
    const REAL inverse = 1 / square_root(warp_sum(sum) + (REAL)a.epsilon);
    if (LANE == 0) AT(inverse)[r] = inverse;
    LANE_COLUMNS(c) out[c] = x[c] * radius * inverse;
  }
}

KERNEL(sphere_norm_gradient, 128) {
  const integer width = a.width;
  const REAL radius = square_root((REAL)width);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width, *dy = AT(dy) + r * width, inverse = AT(inverse)[r];
    REAL *dx = AT(dx) + r * width;
    REAL dot = 0;
    LANE_COLUMNS(c) dot += dy[c] * x[c];
    const REAL pull = warp_sum(dot) * inverse * inverse;
    LANE_COLUMNS(c) dx[c] = (dy[c] - x[c] * pull) * inverse * radius;
  }
}

KERNEL(patch_normalize, 128) {
  const integer width = a.width;
  WARP_ROWS(r) {
    const REAL *y = AT(y) + r * width;
    REAL *out = AT(out) + r * width;
    REAL sum = 0, squares = 0;
    LANE_COLUMNS(c) sum += y[c];
    const REAL mean = warp_sum(sum) / (REAL)width;
    LANE_COLUMNS(c) squares += (y[c] - mean) * (y[c] - mean);
    const REAL variance = warp_sum(squares) / (REAL)(width - 1);
    const REAL inverse = 1 / square_root(variance + (REAL)a.epsilon);
    LANE_COLUMNS(c) out[c] = (y[c] - mean) * inverse;
  }
}
