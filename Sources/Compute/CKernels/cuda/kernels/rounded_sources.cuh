// Factors of products on the tensor cores: tiles of SIDE rows and 32 of k in shared memory, in bfloat16, by a block
// of 2 SIDE threads.
//
// Factors in bfloat16 are copied asynchronously, some slices of k ahead. Others are fetched one slice ahead into registers,
// rounded, and stored before their slice is used. A tile is kept as [row][k], or turned, as [k][row]: as it
// lies in memory.
#pragma once

enum { HALF_DEPTH = ROUNDED_DEPTH, HALF_LINE = ROUNDED_LINE };

/// Rows of bfloat16 that begin at multiples of 16 bytes and lie along k.
struct copied_rows {
  enum { TURNED = false };
  const uint16_t *x;
  integer row, rows, depth, first;

  DEVICE copied_rows(const void *x, integer row, integer rows, integer depth)
      : x((const uint16_t *)x), row(row), rows(rows), depth(depth), first(0) {}
  template <int SIDE> DEVICE void begin(integer row) { first = row; }
  template <int SIDE> DEVICE void copy(uint16_t *to, integer slice) const {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int piece = threadIdx.x + 2 * SIDE * i, r = piece / 4, p = piece % 4 * 8;
      const integer rest = first + r < rows ? depth - slice - p : 0;
      const int count = rest <= 0 ? 0 : rest < 8 ? (int)rest : 8;
      copy_async_16(to + r * HALF_LINE + p, count ? x + (first + r) * row + slice + p : x, 2 * count);
    }
  }
  template <int SIDE> DEVICE void fetch(integer) {}
  template <int SIDE> DEVICE void store(uint16_t *) const {}
};

/// The same where k is the slow index and rows lie beside each other: `column` from one k to the next.
struct copied_columns {
  enum { TURNED = true };
  const uint16_t *x;
  integer column, rows, depth, first;

  DEVICE copied_columns(const void *x, integer column, integer rows, integer depth)
      : x((const uint16_t *)x), column(column), rows(rows), depth(depth), first(0) {}
  template <int SIDE> DEVICE void begin(integer row) { first = row; }
  template <int SIDE> DEVICE void copy(uint16_t *to, integer slice) const {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int piece = threadIdx.x + 2 * SIDE * i, p = piece / (SIDE / 8), r = piece % (SIDE / 8) * 8;
      const integer rest = slice + p < depth ? rows - first - r : 0;
      const int count = rest <= 0 ? 0 : rest < 8 ? (int)rest : 8;
      copy_async_16(to + p * (SIDE + 8) + r, count ? x + (slice + p) * column + first + r : x, 2 * count);
    }
  }
  template <int SIDE> DEVICE void fetch(integer) {}
  template <int SIDE> DEVICE void store(uint16_t *) const {}
};

struct alignas(16) four_floats { float x[4]; };

/// Four neighbours along k of a row of a tile, rounded.
DEVICE void store_four(uint16_t *to, const float (&four)[4]) {
  uint32_t *two = (uint32_t *)to;
  two[0] = pack_bf16(four[0], four[1]);
  two[1] = pack_bf16(four[2], four[3]);
}

/// Rows of floats that lie along k.
struct fetched_rows {
  enum { TURNED = false };
  const float *x;
  integer row, rows, depth, first;
  float held[4][4];

  DEVICE fetched_rows(const float *x, integer row, integer rows, integer depth)
      : x(x), row(row), rows(rows), depth(depth), first(0) {}
  template <int SIDE> DEVICE void begin(integer row) { first = row; }
  template <int SIDE> DEVICE void copy(uint16_t *, integer) const {}
  template <int SIDE> DEVICE void fetch(integer slice) {
    const bool whole = row % 4 == 0 && (uint64_t)x % 16 == 0;
    const integer p = slice + threadIdx.x % 8 * 4;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const integer r = first + threadIdx.x / 8 + SIDE / 4 * i;
      if (whole && r < rows && p + 3 < depth) {
        const four_floats four = *(const four_floats *)(x + r * row + p);
        for (int e = 0; e < 4; e++) held[i][e] = four.x[e];
        continue;
      }
#pragma unroll
      for (int e = 0; e < 4; e++) held[i][e] = r < rows && p + e < depth ? x[r * row + p + e] : 0.f;
    }
  }
  template <int SIDE> DEVICE void store(uint16_t *to) const {
#pragma unroll
    for (int i = 0; i < 4; i++)
      store_four(to + (threadIdx.x / 8 + SIDE / 4 * i) * HALF_LINE + threadIdx.x % 8 * 4, held[i]);
  }
};

/// Rows are the windows of pixels, over (y, x, channel) of the kernel, of images of floats. Zeros outside of the
/// image.
struct fetched_windows {
  enum { TURNED = false };
  const float *x;
  const window_shape &s;
  integer pixels, depth;
  const float *images[4];
  int tops[4], lefts[4];
  float held[4][4];

  DEVICE fetched_windows(const float *x, const window_shape &s, integer pixels, integer depth)
      : x(x), s(s), pixels(pixels), depth(depth) {}
  template <int SIDE> DEVICE void begin(integer first) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const integer pixel = first + threadIdx.x / 8 + SIDE / 4 * i;
      const integer column = pixel % s.out_width, row = pixel / s.out_width % s.out_height;
      images[i] = pixel < pixels
                      ? x + pixel / (s.out_width * s.out_height) * s.height * s.width * s.channels
                      : 0;
      tops[i] = (int)(row * s.stride_y - s.pad_y);
      lefts[i] = (int)(column * s.stride_x - s.pad_x);
    }
  }
  template <int SIDE> DEVICE void copy(uint16_t *, integer) const {}
  /// The pixel of window i under element p of the kernel, from channel 0; null outside.
  DEVICE const float *pixel_of(int i, unsigned place) const {
    const int y = tops[i] + (int)(place / (unsigned)s.kernel_width);
    const int at = lefts[i] + (int)(place % (unsigned)s.kernel_width);
    const bool inside = images[i] && y >= 0 && y < s.height && at >= 0 && at < s.width;
    return inside ? images[i] + ((integer)y * s.width + at) * s.channels : 0;
  }
  template <int SIDE> DEVICE void fetch(integer slice) {
    const unsigned channels = (unsigned)s.channels, p = (unsigned)slice + threadIdx.x % 8 * 4;
    // Four neighbours lie in one pixel.
    const bool whole = channels % 4 == 0 && (uint64_t)x % 16 == 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (whole) {
        const float *pixel = p < depth ? pixel_of(i, p / channels) : 0;
        const four_floats four = pixel ? *(const four_floats *)(pixel + p % channels) : four_floats{};
        for (int e = 0; e < 4; e++) held[i][e] = four.x[e];
        continue;
      }
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const float *pixel = p + e < depth ? pixel_of(i, (p + e) / channels) : 0;
        held[i][e] = pixel ? pixel[(p + e) % channels] : 0.f;
      }
    }
  }
  template <int SIDE> DEVICE void store(uint16_t *to) const {
#pragma unroll
    for (int i = 0; i < 4; i++)
      store_four(to + (threadIdx.x / 8 + SIDE / 4 * i) * HALF_LINE + threadIdx.x % 8 * 4, held[i]);
  }
};
