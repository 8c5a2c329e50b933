// Factors of products: what a block's threads fetch of 64 rows, and where they put it.
//
// A factor is fetched one slice of k ahead, into registers, and stored when the slice before it is used.
#pragma once

enum { SOURCE_TILE = 64, SOURCE_DEPTH = 16, SOURCE_LINE = SOURCE_TILE + 4 };
enum { HALF_DEPTH = 32, HALF_LINE = HALF_DEPTH + 8 };

/// Numbers from one row to the next of weights in bfloat16: whole units of 16 bytes.
DEVICE integer rounded_line(integer inputs) { return (inputs + 7) / 8 * 8; }

/// Element (r, p) at x[r * row + p * column]; one of the two is 1. Zeros beyond rows and depth.
struct strided_rows {
  const REAL *x;
  integer row, column, rows, depth;
  integer first;

  DEVICE strided_rows(const REAL *x, integer row, integer column, integer rows, integer depth)
      : x(x), row(row), column(column), rows(rows), depth(depth), first(0) {}
  DEVICE void begin(integer row) { first = row; }
  DEVICE REAL at(integer r, integer p) const {
    return r < rows && p < depth ? x[r * row + p * column] : (REAL)0;
  }
  // Neighbouring threads fetch neighbouring numbers: along k, or along the rows if those are contiguous.
  DEVICE bool along_rows() const { return column != 1; }

  DEVICE void fetch(REAL (&held)[4], integer slice) const {
    for (int i = 0; i < 4; i++)
      held[i] = along_rows() ? at(first + threadIdx.x % 64, slice + threadIdx.x / 64 + 4 * i)
                             : at(first + threadIdx.x / 16 + 16 * i, slice + threadIdx.x % 16);
  }
  /// As [k][row].
  DEVICE void store(REAL *to, const REAL (&held)[4]) const {
    for (int i = 0; i < 4; i++)
      if (along_rows())
        to[(threadIdx.x / 64 + 4 * i) * SOURCE_LINE + threadIdx.x % 64] = held[i];
      else
        to[threadIdx.x % 16 * SOURCE_LINE + threadIdx.x / 16 + 16 * i] = held[i];
  }

};

/// Rows are the windows of pixels, over (y, x, channel) of the kernel. Zeros outside of the image.
struct window_rows {
  const REAL *x;
  const window_shape &s;
  integer pixels, depth;
  const REAL *images[4];
  int tops[4], lefts[4];

  DEVICE window_rows(const REAL *x, const window_shape &s, integer pixels, integer depth)
      : x(x), s(s), pixels(pixels), depth(depth) {}
  DEVICE void begin(integer first) {
    for (int i = 0; i < 4; i++) {
      const integer pixel = first + threadIdx.x / 16 + 16 * i;
      const integer column = pixel % s.out_width, row = pixel / s.out_width % s.out_height;
      images[i] = pixel < pixels
                      ? x + pixel / (s.out_width * s.out_height) * s.height * s.width * s.channels
                      : 0;
      tops[i] = (int)(row * s.stride_y - s.pad_y);
      lefts[i] = (int)(column * s.stride_x - s.pad_x);
    }
  }
  DEVICE void fetch(REAL (&held)[4], integer slice) const {
    const unsigned p = (unsigned)slice + threadIdx.x % 16, channels = (unsigned)s.channels;
    const unsigned place = p / channels, channel = p % channels;
    const int ky = (int)(place / (unsigned)s.kernel_width);
    const int kx = (int)(place % (unsigned)s.kernel_width);
    for (int i = 0; i < 4; i++) {
      const int at_y = tops[i] + ky, at_x = lefts[i] + kx;
      const bool inside = images[i] && p < depth && at_y >= 0 && at_y < s.height && at_x >= 0 &&
                          at_x < s.width;
      held[i] = inside ? images[i][((integer)at_y * s.width + at_x) * s.channels + channel] : (REAL)0;
    }
  }
  DEVICE void store(REAL *to, const REAL (&held)[4]) const {
    for (int i = 0; i < 4; i++)
      to[threadIdx.x % 16 * SOURCE_LINE + threadIdx.x / 16 + 16 * i] = held[i];
  }
};

#if REAL_IS_FLOAT
struct alignas(16) four_floats { float x[4]; };
struct alignas(8) four_halves { uint16_t x[4]; };

/// The same for the tensor cores: numbers in float or in bfloat16, stored in bfloat16.
struct rounded_rows {
  const void *x;
  bool is_bf16;
  integer row, column, rows, depth;

  DEVICE bool along_rows() const { return column != 1; }
  DEVICE float at(integer r, integer p) const {
    if (r >= rows || p >= depth) return 0;
    const integer place = r * row + p * column;
    return is_bf16 ? widened_bf16(((const uint16_t *)x)[place]) : ((const float *)x)[place];
  }
  /// Four numbers that begin at a multiple of their size.
  DEVICE void read_four(float (&to)[4], integer place) const {
    if (is_bf16) {
      const four_halves four = *(const four_halves *)((const uint16_t *)x + place);
      for (int e = 0; e < 4; e++) to[e] = widened_bf16(four.x[e]);
    } else {
      const four_floats four = *(const four_floats *)((const float *)x + place);
      for (int e = 0; e < 4; e++) to[e] = four.x[e];
    }
  }
  /// 2 SIDE threads, SIDE rows, 32 of k: each thread four times four that lie together.
  template <int SIDE>
  DEVICE void fetch_four(float (&held)[4][4], integer from, integer slice) const {
    const bool turned = along_rows();
    const bool whole = (turned ? column : row) % 4 == 0 && (uint64_t)x % (is_bf16 ? 8 : 16) == 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const integer r = from + (turned ? threadIdx.x % (SIDE / 4) * 4 : threadIdx.x / 8 + SIDE / 4 * i);
      const integer p = slice + (turned ? threadIdx.x / (SIDE / 4) + 8 * i : threadIdx.x % 8 * 4);
      if (whole && (turned ? r + 3 < rows && p < depth : r < rows && p + 3 < depth)) {
        read_four(held[i], r * row + p * column);
        continue;
      }
#pragma unroll
      for (int e = 0; e < 4; e++) held[i][e] = turned ? at(r + e, p) : at(r, p + e);
    }
  }
  /// As [row][k], rounded.
  template <int SIDE> DEVICE void store_four(uint16_t *to, const float (&held)[4][4]) const {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (along_rows()) {
        for (int e = 0; e < 4; e++)
          to[(threadIdx.x % (SIDE / 4) * 4 + e) * HALF_LINE + threadIdx.x / (SIDE / 4) + 8 * i] =
              (uint16_t)pack_bf16(held[i][e], 0.f);
      } else {
        const int r = threadIdx.x / 8 + SIDE / 4 * i;
        uint32_t *two = (uint32_t *)(to + r * HALF_LINE + threadIdx.x % 8 * 4);
        two[0] = pack_bf16(held[i][0], held[i][1]);
        two[1] = pack_bf16(held[i][2], held[i][3]);
      }
    }
  }
};
#endif
