// Element-wise kernels. They go row by row even if the data is contiguous, so that an element's
// lane in the vectorized loop depends on its column alone.

#define AT(field) ((REAL *)op->field.memory)
#define ROWS(r) for (int64_t r = begin; r < end; r++)
#define COLUMNS(c) for (int64_t c = 0; c < width; c++)

/// e^x. In float a polynomial of degree 6 after range reduction (Cephes expf, 2 ulp), so that the
/// surrounding loop is vectorized; in double libm's.
static inline __attribute__((always_inline)) REAL exponential(REAL x) {
#if REAL_IS_FLOAT
#pragma clang fp reassociate(off)
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float n = __builtin_rintf(x * 1.44269504088896341f);
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const union {
    int32_t bits;
    float value;
  } power = {((int32_t)n + 127) << 23};
  return p * power.value;
#else
  return exp(x);
#endif
}

static inline __attribute__((always_inline)) REAL sigmoid(REAL x) {
  return 1 / (1 + exponential(-x));
}

KERNEL void add(void *out_, const void *a_, const void *b_, int64_t width, int64_t begin,
                int64_t end) {
  ROWS(r) {
    REAL *out = (REAL *)out_ + r * width;
    const REAL *a = (const REAL *)a_ + r * width, *b = (const REAL *)b_ + r * width;
    COLUMNS(c) out[c] = a[c] + b[c];
  }
}
UNPACK(add, op->out.memory, op->a.memory, op->b.memory, op->width)

KERNEL void combine(void *out_, double alpha_, const void *x_, double beta_, const void *y_,
                    int64_t width, int64_t begin, int64_t end) {
  const REAL alpha = (REAL)alpha_, beta = (REAL)beta_;
  ROWS(r) {
    REAL *out = (REAL *)out_ + r * width;
    const REAL *x = (const REAL *)x_ + r * width, *y = (const REAL *)y_ + r * width;
    COLUMNS(c) out[c] = alpha * x[c] + beta * y[c];
  }
}
UNPACK(combine, op->out.memory, op->alpha, op->x.memory, op->beta, op->y.memory, op->width)

KERNEL void silu(void *restrict out_, const void *restrict x_, int64_t width, int64_t begin,
                 int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    COLUMNS(c) out[c] = x[c] * sigmoid(x[c]);
  }
}
UNPACK(silu, op->out.memory, op->x.memory, op->width)

KERNEL void silu_of_sum(void *restrict out_, const void *restrict x_, const void *restrict row_,
                        int64_t width, int64_t begin, int64_t end) {
  const REAL *restrict row = row_;
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    COLUMNS(c) {
      const REAL sum = x[c] + row[c];
      out[c] = sum * sigmoid(sum);
    }
  }
}

KERNEL void silu_gradient(void *restrict dx_, const void *restrict dy_, const void *restrict x_,
                          int64_t width, int64_t begin, int64_t end) {
  ROWS(r) {
    REAL *restrict dx = (REAL *)dx_ + r * width;
    const REAL *restrict dy = (const REAL *)dy_ + r * width, *restrict x = (const REAL *)x_ + r * width;
    COLUMNS(c) {
      const REAL s = sigmoid(x[c]);
      dx[c] = dy[c] * s * (1 + x[c] * (1 - s));
    }
  }
}
UNPACK(silu_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->width)

KERNEL void swiglu(void *restrict out_, const void *restrict x_, int64_t width, int64_t begin,
                   int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict a = (const REAL *)x_ + r * 2 * width, *restrict b = a + width;
    COLUMNS(c) out[c] = a[c] * sigmoid(a[c]) * b[c];
  }
}
UNPACK(swiglu, op->out.memory, op->x.memory, op->width)

KERNEL void swiglu_gradient(void *restrict dx_, const void *restrict dy_,
                            const void *restrict x_, int64_t width, int64_t begin, int64_t end) {
  ROWS(r) {
    REAL *restrict da = (REAL *)dx_ + r * 2 * width, *restrict db = da + width;
    const REAL *restrict a = (const REAL *)x_ + r * 2 * width, *restrict b = a + width;
    const REAL *restrict dy = (const REAL *)dy_ + r * width;
    COLUMNS(c) {
      const REAL s = sigmoid(a[c]);
      db[c] = dy[c] * a[c] * s;
      da[c] = dy[c] * b[c] * s * (1 + a[c] * (1 - s));
    }
  }
}
UNPACK(swiglu_gradient, op->dx.memory, op->dy.memory, op->x.memory, op->width)

/// Rounds to the nearest bfloat16, ties to even; a NaN stays a NaN.
static inline uint16_t rounded_to_bf16(REAL x_) {
  const float x = (float)x_;
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : nearest);
}

static inline REAL widened_bf16(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return (REAL)value;
}

#if REAL_IS_FLOAT
KERNEL void round_numbers(uint16_t *restrict out, const REAL *restrict x, int64_t count) {
  for (int64_t i = 0; i < count; i++) out[i] = rounded_to_bf16(x[i]);
}
#endif

KERNEL void widen_numbers(REAL *restrict out, const uint16_t *restrict x, int64_t count) {
  for (int64_t i = 0; i < count; i++) out[i] = widened_bf16(x[i]);
}

KERNEL void add_repeated(void *restrict out_, const void *restrict x_, const void *restrict y_,
                         int64_t repeats, int64_t inner, int64_t begin, int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * inner;
    const REAL *restrict x = (const REAL *)x_ + r * inner;
    const REAL *restrict y = (const REAL *)y_ + r / repeats * inner;
    for (int64_t i = 0; i < inner; i++) out[i] = x[i] + y[i];
  }
}
UNPACK(add_repeated, op->out.memory, op->x.memory, op->y.memory, op->repeats, op->inner)

KERNEL void sum_repeats(void *restrict out_, const void *restrict x_, int64_t outer,
                        int64_t repeats, int64_t inner, int64_t begin, int64_t end) {
  for (int64_t o = 0; o < outer; o++) {
    REAL *restrict out = (REAL *)out_ + o * inner;
    for (int64_t i = begin; i < end; i++) out[i] = 0;
    for (int64_t r = 0; r < repeats; r++) {
      const REAL *restrict x = (const REAL *)x_ + (o * repeats + r) * inner;
      for (int64_t i = begin; i < end; i++) out[i] += x[i];
    }
  }
}
UNPACK(sum_repeats, op->out.memory, op->x.memory, op->outer, op->repeats, op->inner)

static void mean_repeats(const struct mean_repeats_arguments *op, integer begin, integer end) {
  ROWS(r) {
    REAL *restrict out = AT(out) + r * op->out_row;
    for (integer i = 0; i < op->inner; i++) out[i] = 0;
    for (integer n = 0; n < op->repeats; n++) {
      const REAL *restrict x = AT(x) + (r * op->repeats + n) * op->inner;
      for (integer i = 0; i < op->inner; i++) out[i] += x[i];
    }
    for (integer i = 0; i < op->inner; i++) out[i] /= (REAL)op->repeats;
  }
}
PASS(mean_repeats)

KERNEL void interpolate(void *restrict out_, const void *restrict noise_,
                        const void *restrict z_, const void *restrict t_, int64_t repeats,
                        int64_t rows, int64_t width, int64_t begin, int64_t end) {
  for (int64_t o = begin; o < end; o++)
    for (int64_t i = 0; i < rows; i++) {
      const int64_t at = (o * rows + i) * width;
      const REAL t = ((const REAL *)t_)[o * rows + i];
      REAL *restrict out = (REAL *)out_ + at;
      const REAL *restrict noise = (const REAL *)noise_ + at;
      const REAL *restrict z = (const REAL *)z_ + (o / repeats * rows + i) * width;
      COLUMNS(c) out[c] = (1 - t) * noise[c] + t * z[c];
    }
}
UNPACK(interpolate, op->out.memory, op->noise.memory, op->z.memory, op->t.memory, op->repeats,
       op->rows, op->width)

KERNEL void velocity(void *restrict out_, const void *restrict noise_, const void *restrict z_,
                     int64_t repeats, int64_t inner, int64_t begin, int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * inner;
    const REAL *restrict noise = (const REAL *)noise_ + r * inner;
    const REAL *restrict z = (const REAL *)z_ + r / repeats * inner;
    for (int64_t i = 0; i < inner; i++) out[i] = z[i] - noise[i];
  }
}
UNPACK(velocity, op->out.memory, op->noise.memory, op->z.memory, op->repeats, op->inner)

KERNEL void scale_rows(void *restrict out_, const void *restrict x_, const void *restrict factor_,
                       int64_t width, int64_t begin, int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width;
    const REAL factor = ((const REAL *)factor_)[r];
    COLUMNS(c) out[c] = factor * x[c];
  }
}
UNPACK(scale_rows, op->out.memory, op->x.memory, op->factor.memory, op->width)

KERNEL void gated_add(void *restrict out_, const void *restrict x_, const void *restrict y_,
                      const void *restrict gate_, int64_t stride, int64_t width, int64_t begin,
                      int64_t end) {
  ROWS(r) {
    REAL *restrict out = (REAL *)out_ + r * width;
    const REAL *restrict x = (const REAL *)x_ + r * width, *restrict y = (const REAL *)y_ + r * width;
    const REAL *restrict gate = (const REAL *)gate_ + r * stride;
    COLUMNS(c) out[c] = x[c] + gate[c] * y[c];
  }
}
UNPACK(gated_add, op->out.memory, op->x.memory, op->y.memory, op->gate.memory, op->stride,
       op->width)

KERNEL void gated_add_gradient(void *restrict dy_, void *restrict dgate_,
                               const void *restrict dout_, const void *restrict y_,
                               const void *restrict gate_, int64_t stride, int64_t width,
                               int64_t begin, int64_t end) {
  ROWS(r) {
    REAL *restrict dy = (REAL *)dy_ + r * width;
    REAL *restrict dgate = (REAL *)dgate_ + r * stride;
    const REAL *restrict dout = (const REAL *)dout_ + r * width;
    const REAL *restrict y = (const REAL *)y_ + r * width;
    const REAL *restrict gate = (const REAL *)gate_ + r * stride;
    COLUMNS(c) {
      dy[c] = dout[c] * gate[c];
      dgate[c] += dout[c] * y[c];
    }
  }
}
UNPACK(gated_add_gradient, op->dy.memory, op->dgate.memory, op->dout.memory, op->y.memory,
       op->gate.memory, op->stride, op->width)
