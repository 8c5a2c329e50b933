// Factors of products outside of the tensor cores: what a block's threads fetch of 64 rows, and where they put it.
//
// A factor is fetched one slice of k ahead, into registers, and stored when the slice before it is used.
#pragma once

enum { SOURCE_TILE = 64, SOURCE_DEPTH = 16, SOURCE_LINE = SOURCE_TILE + 4 };
/// Numbers from one row to the next of matrices in bfloat16: whole units of 16 bytes.
DEVICE integer rounded_line(integer length) { return (length + 7) / 8 * 8; }

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
