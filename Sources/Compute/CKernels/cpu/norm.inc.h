// Norms over the last dimension. Statistics are sums in REAL over one row, in the order of its
// columns' vector lanes, so they depend on the row alone.

KERNEL void rms_norm(void *restrict out_, void *restrict inverse_, const void *restrict x_,
                     const void *restrict gain_, int64_t width, double epsilon, int64_t begin,
                     int64_t end) {
  const REAL *restrict gain = gain_;
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    REAL sum = 0;
    COLUMNS(c) sum += x[c] * x[c];
    const REAL inverse = 1 / SQUARE_ROOT(sum / (REAL)width + (REAL)epsilon);
    ((REAL *)inverse_)[r] = inverse;
    COLUMNS(c) out[c] = x[c] * inverse * gain[c];
  }
}
UNPACK(rms_norm, op->out.memory, op->inverse.memory, op->x.memory, op->gain.memory, op->width,
       op->epsilon)

KERNEL void rms_norm_gradient(void *restrict dx_, const void *restrict dy_,
                              const void *restrict x_, const void *restrict gain_,
                              const void *restrict inverse_, int64_t width, int64_t begin,
                              int64_t end) {
  const REAL *restrict gain = gain_;
  ROWS(r) {
    REAL *restrict dx = (REAL *)dx_ + r * width;
    const REAL *restrict dy = (const REAL *)dy_ + r * width, *restrict x = (const REAL *)x_ + r * width;
    const REAL inverse = ((const REAL *)inverse_)[r];
    REAL dot = 0;
    COLUMNS(c) dot += dy[c] * gain[c] * x[c];
    const REAL pull = dot * inverse * inverse * inverse / (REAL)width;
    COLUMNS(c) dx[c] = dy[c] * gain[c] * inverse - x[c] * pull;
  }
}
UNPACK(rms_norm_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->gain.memory,
       op->inverse.memory, op->width)

KERNEL void layer_norm(void *restrict out_, void *restrict statistics_, const void *restrict x_,
                       const void *restrict gain_, const void *restrict bias_, int64_t width,
                       double epsilon, int64_t begin, int64_t end) {
  const REAL *restrict gain = gain_, *restrict bias = bias_;
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    REAL sum = 0, squares = 0;
    COLUMNS(c) sum += x[c];
    const REAL mean = sum / (REAL)width;
    COLUMNS(c) squares += (x[c] - mean) * (x[c] - mean);
    const REAL inverse = 1 / SQUARE_ROOT(squares / (REAL)width + (REAL)epsilon);
    ((REAL *)statistics_)[2 * r] = mean;
    ((REAL *)statistics_)[2 * r + 1] = inverse;
    if (gain)
      COLUMNS(c) out[c] = (x[c] - mean) * inverse * gain[c] + bias[c];
    else
      COLUMNS(c) out[c] = (x[c] - mean) * inverse;
  }
}
UNPACK(layer_norm, op->out.memory, op->statistics.memory, op->x.memory, op->gain.memory,
       op->bias.memory, op->width, op->epsilon)

KERNEL void layer_norm_modulated(void *restrict out_, void *restrict statistics_,
                                 const void *restrict x_, const void *restrict gain_,
                                 const void *restrict bias_, const void *restrict scale_,
                                 const void *restrict shift_, int64_t stride, int64_t width,
                                 double epsilon, int64_t begin, int64_t end) {
  const REAL *restrict gain = gain_, *restrict bias = bias_;
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    const REAL *restrict scale = (const REAL *)scale_ + r * stride;
    const REAL *restrict shift = shift_ ? (const REAL *)shift_ + r * stride : 0;
    REAL sum = 0, squares = 0;
    COLUMNS(c) sum += x[c];
    const REAL mean = sum / (REAL)width;
    COLUMNS(c) squares += (x[c] - mean) * (x[c] - mean);
    const REAL inverse = 1 / SQUARE_ROOT(squares / (REAL)width + (REAL)epsilon);
    if (statistics_) {
      ((REAL *)statistics_)[2 * r] = mean;
      ((REAL *)statistics_)[2 * r + 1] = inverse;
    }
    if (gain)
      COLUMNS(c) out[c] = ((x[c] - mean) * inverse * gain[c] + bias[c]) * (1 + scale[c]) + shift[c];
    else if (shift_)
      COLUMNS(c) out[c] = (x[c] - mean) * inverse * (1 + scale[c]) + shift[c];
    else
      COLUMNS(c) out[c] = (x[c] - mean) * inverse * (1 + scale[c]);
  }
}
UNPACK(layer_norm_modulated, op->out.memory, op->statistics.memory, op->x.memory, op->gain.memory,
       op->bias.memory, op->scale.memory, op->shift.memory, op->stride, op->width, op->epsilon)

KERNEL void layer_norm_modulated_gradient(void *restrict dx_, void *restrict dscale_,
                                          void *restrict dshift_, const void *restrict dy_,
                                          const void *restrict x_, const void *restrict gain_,
                                          const void *restrict bias_, const void *restrict scale_,
                                          const void *restrict statistics_, int64_t stride,
                                          int64_t width, int64_t begin, int64_t end) {
  const REAL *restrict gain = gain_, *restrict bias = bias_;
  ROWS(r) {
    REAL *restrict dx = (REAL *)dx_ + r * width;
    REAL *restrict dscale = (REAL *)dscale_ + r * stride;
    REAL *restrict dshift = (REAL *)dshift_ + r * stride;
    const REAL *restrict dy = (const REAL *)dy_ + r * width, *restrict x = (const REAL *)x_ + r * width;
    const REAL *restrict scale = (const REAL *)scale_ + r * stride;
    const REAL mean = ((const REAL *)statistics_)[2 * r];
    const REAL inverse = ((const REAL *)statistics_)[2 * r + 1];
    REAL sum = 0, dot = 0;
    COLUMNS(c) {
      const REAL centred = x[c] - mean, normal = centred * inverse;
      const REAL g = gain ? dy[c] * (1 + scale[c]) * gain[c] : dy[c] * (1 + scale[c]);
      dscale[c] += dy[c] * (gain ? normal * gain[c] + bias[c] : normal);
      dshift[c] += dy[c];
      sum += g;
      dot += g * centred;
    }
    const REAL shift = sum / (REAL)width, pull = dot * inverse * inverse / (REAL)width;
    COLUMNS(c) {
      const REAL g = gain ? dy[c] * (1 + scale[c]) * gain[c] : dy[c] * (1 + scale[c]);
      dx[c] = (g - shift - (x[c] - mean) * pull) * inverse;
    }
  }
}
UNPACK(layer_norm_modulated_gradient, op->dx.memory, op->dscale.memory, op->dshift.memory,
       op->dy.memory, op->x.memory, op->gain.memory, op->bias.memory, op->scale.memory,
       op->statistics.memory, op->stride, op->width)

KERNEL void layer_norm_gradient(void *restrict dx_, const void *restrict dy_,
                                const void *restrict x_, const void *restrict gain_,
                                const void *restrict statistics_, int64_t width, int64_t begin,
                                int64_t end) {
  const REAL *restrict gain = gain_;
  ROWS(r) {
    REAL *restrict dx = (REAL *)dx_ + r * width;
    const REAL *restrict dy = (const REAL *)dy_ + r * width, *restrict x = (const REAL *)x_ + r * width;
    const REAL mean = ((const REAL *)statistics_)[2 * r];
    const REAL inverse = ((const REAL *)statistics_)[2 * r + 1];
    REAL sum = 0, dot = 0;
    COLUMNS(c) {
      const REAL g = gain ? dy[c] * gain[c] : dy[c];
      sum += g;
      dot += g * (x[c] - mean);
    }
    const REAL shift = sum / (REAL)width, pull = dot * inverse * inverse / (REAL)width;
    COLUMNS(c) {
      const REAL g = gain ? dy[c] * gain[c] : dy[c];
      dx[c] = (g - shift - (x[c] - mean) * pull) * inverse;
    }
  }
}
UNPACK(layer_norm_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->gain.memory,
       op->statistics.memory, op->width)

KERNEL void sphere_norm(void *restrict out_, void *restrict inverse_, const void *restrict x_,
                        int64_t width, double epsilon, int64_t begin, int64_t end) {
  const REAL radius = SQUARE_ROOT((REAL)width);
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    REAL sum = 0;
    COLUMNS(c) sum += x[c] * x[c];
    const REAL inverse = 1 / SQUARE_ROOT(sum + (REAL)epsilon);
    ((REAL *)inverse_)[r] = inverse;
    COLUMNS(c) out[c] = x[c] * radius * inverse;
  }
}
UNPACK(sphere_norm, op->out.memory, op->inverse.memory, op->x.memory, op->width, op->epsilon)

KERNEL void sphere_norm_gradient(void *restrict dx_, const void *restrict dy_,
                                 const void *restrict x_, const void *restrict inverse_,
                                 int64_t width, int64_t begin, int64_t end) {
  const REAL radius = SQUARE_ROOT((REAL)width);
  ROWS(r) {
    REAL *restrict dx = (REAL *)dx_ + r * width;
    const REAL *restrict dy = (const REAL *)dy_ + r * width, *restrict x = (const REAL *)x_ + r * width;
    const REAL inverse = ((const REAL *)inverse_)[r];
    REAL dot = 0;
    COLUMNS(c) dot += dy[c] * x[c];
    const REAL pull = dot * inverse * inverse;
    COLUMNS(c) dx[c] = (dy[c] - x[c] * pull) * inverse * radius;
  }
}
UNPACK(sphere_norm_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->inverse.memory,
       op->width)

KERNEL void patch_normalize(void *restrict out_, const void *restrict y_, int64_t width,
                            double epsilon, int64_t begin, int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict y = (const REAL *)y_ + r * width;
    REAL sum = 0, squares = 0;
    COLUMNS(c) sum += y[c];
    const REAL mean = sum / (REAL)width;
    COLUMNS(c) squares += (y[c] - mean) * (y[c] - mean);
    const REAL inverse = 1 / SQUARE_ROOT(squares / (REAL)(width - 1) + (REAL)epsilon);
    COLUMNS(c) out[c] = (y[c] - mean) * inverse;
  }
}
UNPACK(patch_normalize, op->out.memory, op->y.memory, op->width, op->epsilon)
