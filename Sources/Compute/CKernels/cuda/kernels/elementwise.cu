// Element-wise kernels.

KERNEL(add, 256) {
  const stored *x = ST(a), *y = ST(b);
  stored *out = ST(out);
  ELEMENTS(i, extent * a.width) out[i] = (REAL)x[i] + (REAL)y[i];
}

KERNEL(combine, 256) {
  const REAL alpha = (REAL)a.alpha, beta = (REAL)a.beta, *x = AT(x), *y = AT(y);
  REAL *out = AT(out);
  ELEMENTS(i, extent * a.width) out[i] = alpha * x[i] + beta * y[i];
}

KERNEL(silu, 256) {
  const REAL *x = AT(x);
  REAL *out = AT(out);
  ELEMENTS(i, extent * a.width) {
    const REAL value = x[i];
    out[i] = value * sigmoid(value);
  }
}

KERNEL(silu_gradient, 256) {
  const REAL *x = AT(x), *dy = AT(dy);
  REAL *dx = AT(dx);
  ELEMENTS(i, extent * a.width) {
    const REAL s = sigmoid(x[i]);
    dx[i] = dy[i] * s * (1 + x[i] * (1 - s));
  }
}

KERNEL(swiglu, 256) {
  const integer width = a.width;
  ROWS(r) {
    const stored *first = ST(x) + r * 2 * width, *second = first + width;
    stored *out = ST(out) + r * width;
    COLUMNS(c) {
      const REAL value = first[c];
      out[c] = value * sigmoid(value) * (REAL)second[c];
    }
  }
}

KERNEL(swiglu_gradient, 256) {
  const integer width = a.width;
  ROWS(r) {
    const stored *first = ST(x) + r * 2 * width, *second = first + width, *dy = ST(dy) + r * width;
    stored *da = ST(dx) + r * 2 * width, *db = da + width;
    COLUMNS(c) {
      const REAL value = first[c], other = second[c], slope = dy[c], s = sigmoid(value);
      db[c] = slope * value * s;
      da[c] = slope * other * s * (1 + value * (1 - s));
    }
  }
}

KERNEL(relu, 256) {
  const integer width = a.width;
  ROWS(r) {
    const REAL *x = AT(x) + r * a.x_row;
    REAL *out = AT(out) + r * a.out_row;
    // A NaN is kept, since comparing it gives false.
    COLUMNS(c) out[c] = x[c] <= 0 ? (REAL)0 : x[c];
  }
}

KERNEL(relu_gradient, 256) {
  const REAL *y = AT(y), *dy = AT(dy);
  REAL *dx = AT(dx);
  ELEMENTS(i, extent * a.width) dx[i] = y[i] > 0 ? dy[i] : (REAL)0;
}

KERNEL(absolute_difference_gradient, 256) {
  const REAL factor = (REAL)a.factor, *x = AT(x), *y = AT(y);
  REAL *dx = AT(dx);
  ELEMENTS(i, extent * a.width) dx[i] = x[i] > y[i] ? factor : x[i] < y[i] ? -factor : (REAL)0;
}

KERNEL(squared_difference_gradient, 256) {
  const REAL factor = (REAL)a.factor, *x = AT(x), *y = AT(y);
  REAL *dx = AT(dx);
  ELEMENTS(i, extent * a.width) dx[i] = factor * (x[i] - y[i]);
}

// ---- broadcasting over repeats -------------------------------------------------------------------

KERNEL(add_repeated, 256) {
  const integer width = a.inner;
  ROWS(r) {
    const REAL *x = AT(x) + r * width, *y = AT(y) + r / a.repeats * width;
    REAL *out = AT(out) + r * width;
    COLUMNS(c) out[c] = x[c] + y[c];
  }
}

/// Columns are the extent; each element of the result is one chain of additions.
KERNEL(sum_repeats, 256) {
  ELEMENTS(i, a.outer * extent) {
    const integer o = i / extent, c = i % extent;
    const REAL *x = AT(x) + o * a.repeats * a.inner + c;
    REAL sum = 0;
    for (integer r = 0; r < a.repeats; r++) sum += x[r * a.inner];
    AT(out)[o * a.inner + c] = sum;
  }
}

KERNEL(mean_repeats, 256) {
  const integer width = a.inner;
  ROWS(o) {
    const REAL *x = AT(x) + o * a.repeats * width;
    COLUMNS(c) {
      REAL sum = 0;
      for (integer r = 0; r < a.repeats; r++) sum += x[r * width + c];
      AT(out)[o * a.out_row + c] = sum / (REAL)a.repeats;
    }
  }
}

KERNEL(interpolate, 256) {
  const integer width = a.width, rows = a.rows;
  ELEMENTS(i, extent * rows * width) {
    const integer row = i / width, c = i % width, o = row / rows;
    const REAL t = AT(t)[row];
    const REAL z = AT(z)[(o / a.repeats * rows + row % rows) * width + c];
    AT(out)[i] = (1 - t) * AT(noise)[i] + t * z;
  }
}

KERNEL(velocity, 256) {
  const integer width = a.inner;
  ROWS(r) {
    const REAL *noise = AT(noise) + r * width, *z = AT(z) + r / a.repeats * width;
    REAL *out = AT(out) + r * width;
    COLUMNS(c) out[c] = z[c] - noise[c];
  }
}

KERNEL(scale_rows, 256) {
  const integer width = a.width;
  ROWS(r) {
    const REAL factor = AT(factor)[r], *x = AT(x) + r * width;
    REAL *out = AT(out) + r * width;
    COLUMNS(c) out[c] = factor * x[c];
  }
}

KERNEL(gated_add, 256) {
  const integer width = a.width;
  ROWS(r) {
    const REAL *x = AT(x) + r * width, *y = AT(y) + r * width, *gate = AT(gate) + r * a.stride;
    REAL *out = AT(out) + r * width;
    COLUMNS(c) out[c] = x[c] + gate[c] * y[c];
  }
}

KERNEL(gated_add_gradient, 256) {
  const integer width = a.width;
  ROWS(r) {
    const REAL *dout = AT(dout) + r * width, *y = AT(y) + r * width;
    const REAL *gate = AT(gate) + r * a.stride;
    REAL *dy = AT(dy) + r * width, *dgate = AT(dgate) + r * a.stride;
    COLUMNS(c) {
      dy[c] = dout[c] * gate[c];
      dgate[c] += dout[c] * y[c];
    }
  }
}
