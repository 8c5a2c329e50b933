// Pooling of images [batch, height, width, channels], and the distance of LPIPS.

/// The place of window `pixel` in its image, and the image.
struct window_place {
  const REAL *image;
  integer top, left;
};
DEVICE window_place window_of(const REAL *x, const window_shape &s, integer pixel) {
  const integer column = pixel % s.out_width, row = pixel / s.out_width % s.out_height;
  return {x + pixel / (s.out_width * s.out_height) * s.height * s.width * s.channels,
          row * s.stride_y - s.pad_y, column * s.stride_x - s.pad_x};
}
/// Pixels of a window that lie in the image: (ky, kx) at (y, at).
#define WINDOW_PIXELS(w, s)                                                                        \
  for (integer ky = 0; ky < (s).kernel_height; ky++)                                               \
    for (integer kx = 0, y = (w).top + ky, at; at = (w).left + kx, kx < (s).kernel_width; kx++)    \
      if (y >= 0 && y < (s).height && at >= 0 && at < (s).width)

KERNEL(max_pool, 128) {
  const window_shape &s = a.shape;
  const integer width = s.channels;
  ROWS(r) {
    const window_place w = window_of(AT(x), s, r);
    COLUMNS(c) {
      REAL most = 0, which = 0;
      bool first = true;
      // The first of equal values; a NaN is kept, so that it is noticed.
      WINDOW_PIXELS(w, s) {
        const REAL x = w.image[(y * s.width + at) * width + c];
        if (first || x > most || x != x) {
          most = x;
          which = (REAL)(ky * s.kernel_width + kx);
        }
        first = false;
      }
      AT(out)[r * width + c] = most;
      AT(which)[r * width + c] = which;
    }
  }
}

/// Rows are pixels of the input: each adds up the windows whose largest value it was.
KERNEL(max_pool_gradient, 128) {
  const window_shape &s = a.shape;
  const integer width = s.channels;
  ROWS(r) {
    const integer at = r % s.width, y = r / s.width % s.height;
    const integer image = r / (s.width * s.height) * s.out_height * s.out_width;
    COLUMNS(c) {
      REAL sum = 0;
      for (integer ky = 0; ky < s.kernel_height; ky++) {
        const integer top = y + s.pad_y - ky;
        if (top < 0 || top % s.stride_y || top / s.stride_y >= s.out_height) continue;
        for (integer kx = 0; kx < s.kernel_width; kx++) {
          const integer left = at + s.pad_x - kx;
          if (left < 0 || left % s.stride_x || left / s.stride_x >= s.out_width) continue;
          const integer window = image + top / s.stride_y * s.out_width + left / s.stride_x;
          if (AT(which)[window * width + c] == (REAL)(ky * s.kernel_width + kx))
            sum += AT(dy)[window * width + c];
        }
      }
      AT(dx)[r * width + c] = sum;
    }
  }
}

KERNEL(average_pool, 128) {
  const window_shape &s = a.shape;
  const integer width = s.channels;
  ROWS(r) {
    const window_place w = window_of(AT(x), s, r);
    COLUMNS(c) {
      REAL sum = 0;
      integer count = 0;
      WINDOW_PIXELS(w, s) {
        sum += w.image[(y * s.width + at) * width + c];
        count++;
      }
      AT(out)[r * width + c] = sum * ((REAL)1 / (REAL)count);
    }
  }
}

// ---- the distance of LPIPS -------------------------------------------------------------------------

/// sqrt(sum x^2 + 1e-20), the length of a feature vector, in every lane.
DEVICE REAL feature_length(const REAL *x, integer width) {
  REAL sum = 0;
  LANE_COLUMNS(c) sum += x[c] * x[c];
  return square_root(warp_sum(sum) + (REAL)1e-20);
}

/// A block of four warps takes a chunk of FEATURE_ROWS rows: a warp every fourth.
KERNEL(feature_distance, 128) {
  SHARED(double, distances, FEATURE_ROWS);
  const integer width = a.width;
  const REAL *weight = AT(weight);
  for (integer chunk = blockIdx.x; chunk < extent; chunk += gridDim.x) {
    const integer first = chunk * FEATURE_ROWS;
    const integer count = a.rows - first < FEATURE_ROWS ? a.rows - first : (integer)FEATURE_ROWS;
    block_wait();
    for (integer r = threadIdx.x / 32; r < count; r += 4) {
      const REAL *x = AT(x) + (first + r) * width, *y = AT(y) + (first + r) * width;
      const REAL mine = 1 / (feature_length(x, width) + (REAL)1e-10);
      const REAL its = 1 / (feature_length(y, width) + (REAL)1e-10);
      REAL distance = 0;
      LANE_COLUMNS(c) {
        const REAL difference = mine * x[c] - its * y[c];
        distance += weight[c] * difference * difference;
      }
      distance = warp_sum(distance);
      if (LANE == 0) distances[r] = (double)distance;
    }
    block_wait();
    if (threadIdx.x == 0) {
      double sum = 0;
      for (integer r = 0; r < count; r++) sum += distances[r];
      ((double *)a.partial.memory)[chunk] = sum;
    }
  }
}

KERNEL(feature_distance_gradient, 128) {
  const integer width = a.width;
  const REAL *weight = AT(weight), factor = (REAL)(2 * a.factor);
  WARP_ROWS(r) {
    const REAL *x = AT(x) + r * width, *y = AT(y) + r * width;
    REAL *dx = AT(dx) + r * width;
    const REAL length = feature_length(x, width);
    const REAL mine = 1 / (length + (REAL)1e-10);
    const REAL its = 1 / (feature_length(y, width) + (REAL)1e-10);
    REAL along = 0;
    LANE_COLUMNS(c) along += weight[c] * (mine * x[c] - its * y[c]) * x[c];
    const REAL back = warp_sum(along) * mine / length;
    // A vector of zeros: the unit vector has no derivative there, and 0 keeps training finite.
    const bool none = length < (REAL)1.5e-10;
    LANE_COLUMNS(c)
    dx[c] = none ? (REAL)0
                 : factor * mine * (weight[c] * (mine * x[c] - its * y[c]) - back * x[c]);
  }
}
