// Windows of images for convolutions and pooling, and the distance of LPIPS.
//
// Images are [batch, height, width, channels]: a pixel's channels are contiguous, so that a row of
// a window is one run of memory, and a product with [out, kernel, channels] weights needs no
// transposing.

static void gather_windows(void *restrict out_, const void *restrict x_,
                           const window_shape *restrict s, int64_t begin, int64_t end) {
  REAL *restrict out = out_;
  const REAL *restrict x = x_;
  const int64_t channels = s->channels, run = s->kernel_width * channels;
  for (int64_t r = begin; r < end; r++) {
    const int64_t column = r % s->out_width, row = r / s->out_width % s->out_height;
    const REAL *restrict image =
        x + r / (s->out_width * s->out_height) * s->height * s->width * channels;
    const int64_t top = row * s->stride_y - s->pad_y, left = column * s->stride_x - s->pad_x;
    const int inside = left >= 0 && left + s->kernel_width <= s->width;
    for (int64_t ky = 0; ky < s->kernel_height; ky++, out += run) {
      const int64_t y = top + ky;
      if (y < 0 || y >= s->height) {
        __builtin_memset(out, 0, (size_t)run * sizeof(REAL));
      } else if (inside) {
        __builtin_memcpy(out, image + (y * s->width + left) * channels,
                         (size_t)run * sizeof(REAL));
      } else {
        for (int64_t kx = 0; kx < s->kernel_width; kx++) {
          const int64_t at = left + kx;
          if (at < 0 || at >= s->width)
            __builtin_memset(out + kx * channels, 0, (size_t)channels * sizeof(REAL));
          else
            __builtin_memcpy(out + kx * channels, image + (y * s->width + at) * channels,
                             (size_t)channels * sizeof(REAL));
        }
      }
    }
  }
}

KERNEL void max_pool(void *restrict out_, void *restrict which_, const void *restrict x_,
                     const window_shape *restrict s, int64_t begin, int64_t end) {
  const int64_t channels = s->channels;
  for (int64_t r = begin; r < end; r++) {
    REAL *restrict out = (REAL *)out_ + r * channels, *restrict which = (REAL *)which_ + r * channels;
    const int64_t column = r % s->out_width, row = r / s->out_width % s->out_height;
    const REAL *restrict image = (const REAL *)x_ + r / (s->out_width * s->out_height) *
                                                        s->height * s->width * channels;
    int first = 1;
    for (int64_t ky = 0; ky < s->kernel_height; ky++) {
      const int64_t y = row * s->stride_y - s->pad_y + ky;
      if (y < 0 || y >= s->height) continue;
      for (int64_t kx = 0; kx < s->kernel_width; kx++) {
        const int64_t at = column * s->stride_x - s->pad_x + kx;
        if (at < 0 || at >= s->width) continue;
        const REAL *restrict x = image + (y * s->width + at) * channels;
        const REAL place = (REAL)(ky * s->kernel_width + kx);
        if (first) {
          for (int64_t c = 0; c < channels; c++) out[c] = x[c], which[c] = place;
        } else {
          // The first of equal values; a NaN is kept, so that it is noticed.
          for (int64_t c = 0; c < channels; c++) {
            const int greater = x[c] > out[c] || x[c] != x[c];
            which[c] = greater ? place : which[c];
            out[c] = greater ? x[c] : out[c];
          }
        }
        first = 0;
      }
    }
  }
}
UNPACK(max_pool, op->out.memory, op->which.memory, op->x.memory, &op->shape)

KERNEL void max_pool_gradient(void *restrict dx_, const void *restrict dy_,
                              const void *restrict which_, const window_shape *restrict s,
                              int64_t begin, int64_t end) {
  const int64_t channels = s->channels;
  for (int64_t r = begin; r < end; r++) {  // rows of input pixels
    REAL *restrict dx = (REAL *)dx_ + r * channels;
    const int64_t at = r % s->width, y = r / s->width % s->height;
    const int64_t image = r / (s->width * s->height) * s->out_height * s->out_width;
    for (int64_t c = 0; c < channels; c++) dx[c] = 0;
    for (int64_t ky = 0; ky < s->kernel_height; ky++) {
      const int64_t top = y + s->pad_y - ky;
      if (top < 0 || top % s->stride_y || top / s->stride_y >= s->out_height) continue;
      for (int64_t kx = 0; kx < s->kernel_width; kx++) {
        const int64_t left = at + s->pad_x - kx;
        if (left < 0 || left % s->stride_x || left / s->stride_x >= s->out_width) continue;
        const int64_t window = image + top / s->stride_y * s->out_width + left / s->stride_x;
        const REAL *restrict dy = (const REAL *)dy_ + window * channels;
        const REAL *restrict which = (const REAL *)which_ + window * channels;
        const REAL place = (REAL)(ky * s->kernel_width + kx);
        for (int64_t c = 0; c < channels; c++) dx[c] += which[c] == place ? dy[c] : 0;
      }
    }
  }
}
UNPACK(max_pool_gradient, op->dx.memory, op->dy.memory, op->which.memory, &op->shape)

KERNEL void average_pool(void *restrict out_, const void *restrict x_,
                         const window_shape *restrict s, int64_t begin, int64_t end) {
  const int64_t channels = s->channels;
  for (int64_t r = begin; r < end; r++) {
    REAL *restrict out = (REAL *)out_ + r * channels;
    const int64_t column = r % s->out_width, row = r / s->out_width % s->out_height;
    const REAL *restrict image = (const REAL *)x_ + r / (s->out_width * s->out_height) *
                                                        s->height * s->width * channels;
    int64_t count = 0;
    for (int64_t c = 0; c < channels; c++) out[c] = 0;
    for (int64_t ky = 0; ky < s->kernel_height; ky++) {
      const int64_t y = row * s->stride_y - s->pad_y + ky;
      if (y < 0 || y >= s->height) continue;
      for (int64_t kx = 0; kx < s->kernel_width; kx++) {
        const int64_t at = column * s->stride_x - s->pad_x + kx;
        if (at < 0 || at >= s->width) continue;
        const REAL *restrict x = image + (y * s->width + at) * channels;
        for (int64_t c = 0; c < channels; c++) out[c] += x[c];
        count++;
      }
    }
    const REAL factor = (REAL)1 / (REAL)count;
    for (int64_t c = 0; c < channels; c++) out[c] *= factor;
  }
}
UNPACK(average_pool, op->out.memory, op->x.memory, &op->shape)

static void relu(const struct relu_arguments *op, integer begin, integer end) {
  const integer width = op->width;
  ROWS(r) {
    REAL *out = AT(out) + r * op->out_row;
    const REAL *x = AT(x) + r * op->x_row;
    // A NaN is kept, since comparing it gives false.
    COLUMNS(c) out[c] = x[c] <= 0 ? 0 : x[c];
  }
}
PASS(relu)

KERNEL void relu_gradient(void *restrict dx_, const void *restrict dy_, const void *restrict y_,
                          int64_t width, int64_t begin, int64_t end) {
  REAL *restrict dx = dx_;
  const REAL *restrict dy = dy_, *restrict y = y_;
  for (int64_t i = begin * width; i < end * width; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
}
UNPACK(relu_gradient, op->dx.memory, op->dy.memory, op->y.memory, op->width)

/// sqrt(sum x^2 + 1e-20), the length of a feature vector.
static inline REAL feature_length(const REAL *restrict x, int64_t width) {
  REAL sum = 0;
  for (int64_t c = 0; c < width; c++) sum += x[c] * x[c];
  return SQUARE_ROOT(sum + (REAL)1e-20);
}

KERNEL void feature_distance(double *restrict partial, const void *restrict x_,
                             const void *restrict y_, const void *restrict weight_,
                             int64_t width, int64_t rows, int64_t begin, int64_t end) {
  const REAL *restrict weight = weight_;
  for (int64_t chunk = begin; chunk < end; chunk++) {
    const int64_t first = chunk * FEATURE_ROWS;
    const int64_t last = first + FEATURE_ROWS < rows ? first + FEATURE_ROWS : rows;
    double sum = 0;
    for (int64_t r = first; r < last; r++) {
      const REAL *restrict x = (const REAL *)x_ + r * width, *restrict y = (const REAL *)y_ + r * width;
      const REAL a = 1 / (feature_length(x, width) + (REAL)1e-10);
      const REAL b = 1 / (feature_length(y, width) + (REAL)1e-10);
      REAL distance = 0;
      for (int64_t c = 0; c < width; c++) {
        const REAL difference = a * x[c] - b * y[c];
        distance += weight[c] * difference * difference;
      }
      sum += (double)distance;
    }
    partial[chunk] = sum;
  }
}
UNPACK(feature_distance, op->partial.memory, op->x.memory, op->y.memory, op->weight.memory,
       op->width, op->rows)

KERNEL void feature_distance_gradient(void *restrict dx_, const void *restrict x_,
                                      const void *restrict y_, const void *restrict weight_,
                                      double factor_, int64_t width, int64_t begin, int64_t end) {
  const REAL *restrict weight = weight_;
  const REAL factor = (REAL)(2 * factor_);
  for (int64_t r = begin; r < end; r++) {
    REAL *restrict dx = (REAL *)dx_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width, *restrict y = (const REAL *)y_ + r * width;
    const REAL length = feature_length(x, width);
    if (length < (REAL)1.5e-10) {
      // A vector of zeros: the unit vector has no derivative there, and 0 keeps training finite.
      for (int64_t c = 0; c < width; c++) dx[c] = 0;
      continue;
    }
    const REAL a = 1 / (length + (REAL)1e-10);
    const REAL b = 1 / (feature_length(y, width) + (REAL)1e-10);
    REAL along = 0;
    for (int64_t c = 0; c < width; c++) {
      const REAL slope = weight[c] * (a * x[c] - b * y[c]);
      dx[c] = slope;
      along += slope * x[c];
    }
    const REAL back = along * a / length;
    for (int64_t c = 0; c < width; c++) dx[c] = factor * a * (dx[c] - back * x[c]);
  }
}
UNPACK(feature_distance_gradient, op->dx.memory, op->x.memory, op->y.memory, op->weight.memory,
       op->factor, op->width)
