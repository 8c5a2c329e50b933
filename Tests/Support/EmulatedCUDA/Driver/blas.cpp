// cuBLASLt for the emulated driver, in the same library: products of matrices by columns, with sums from the last k to
// the first, so that nobody relies on bits that are those of an own kernel.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#include "stream.h"

namespace {

enum { INVALID = 7, UNSUPPORTED = 15, TYPE_32F = 0, TYPE_BF16 = 14 };

struct Product {
  int32_t turns_first = 0, turns_second = 0;
  uint32_t epilogue = 1;
  const float *bias = nullptr;
};
struct Layout { int type; uint64_t rows, columns; int64_t stride; };
struct Wishes { uint64_t workspace = 0; uint32_t reductions = 7; };
struct Choice { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; };

float wide(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
uint16_t narrow(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return x != x ? 0x7fff : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// The floats of a matrix, a line for each column, or for each row if it is turned.
std::vector<float> floats(const Layout &x, const uint16_t *at, bool turned) {
  const uint64_t lines = turned ? x.rows : x.columns, length = turned ? x.columns : x.rows;
  std::vector<float> all(lines * length);
  for (uint64_t i = 0; i < lines; i++)
    for (uint64_t p = 0; p < length; p++)
      all[i * length + p] = wide(at[turned ? (int64_t)i + (int64_t)p * x.stride : (int64_t)p + (int64_t)i * x.stride]);
  return all;
}

void multiply(const Product &product, const Layout &a, const Layout &b, const Layout &d, uint64_t a_at, uint64_t b_at,
              uint64_t d_at, float beta) {
  const uint64_t m = d.rows, n = d.columns, k = product.turns_first ? a.rows : a.columns;
  // The first as it lies: [m, k] if it is to be turned, and [k, m] otherwise; the second as [n, k].
  const std::vector<float> left = floats(a, (const uint16_t *)a_at, false);
  const std::vector<float> right = floats(b, (const uint16_t *)b_at, product.turns_second);
  std::vector<float> sums(m);
  for (uint64_t j = 0; j < n; j++) {
    std::fill(sums.begin(), sums.end(), 0.f);
    for (uint64_t p = k; p-- > 0;) {
      const float factor = right[j * k + p];
      if (product.turns_first)
        for (uint64_t i = 0; i < m; i++) sums[i] += left[i * k + p] * factor;
      else
        for (uint64_t i = 0; i < m; i++) sums[i] += left[p * m + i] * factor;
    }
    for (uint64_t i = 0; i < m; i++) {
      const int64_t place = (int64_t)i + (int64_t)j * d.stride;
      float *f = (float *)d_at + place;
      uint16_t *h = (uint16_t *)d_at + place;
      float x = sums[i] + (product.epilogue == 4 ? product.bias[i] : 0.f);
      if (beta != 0) x += beta * (d.type == TYPE_BF16 ? wide(*h) : *f);
      if (d.type == TYPE_BF16)
        *h = narrow(x);
      else
        *f = x;
    }
  }
}

template <class T> int set(T &field, const void *value, size_t bytes) {
  if (bytes != sizeof field) return INVALID;
  memcpy(&field, value, bytes);
  return 0;
}

}  // namespace

#define API extern "C" __attribute__((visibility("default"))) int

API cublasLtCreate(void **handle) { *handle = malloc(1); return 0; }
API cublasLtDestroy(void *handle) { free(handle); return 0; }
API cublasLtMatmulDescCreate(void **p, int compute, int scale) {
  if (compute != 68 || scale != TYPE_32F) return UNSUPPORTED;
  *p = new Product;
  return 0;
}
API cublasLtMatmulDescSetAttribute(void *given, int attribute, const void *value, size_t bytes) {
  Product &p = *(Product *)given;
  switch (attribute) {
    case 3: return set(p.turns_first, value, bytes);
    case 4: return set(p.turns_second, value, bytes);
    case 7: return set(p.epilogue, value, bytes);
    case 8: return set(p.bias, value, bytes);
    default: return INVALID;
  }
}
API cublasLtMatmulDescDestroy(void *p) { delete (Product *)p; return 0; }
API cublasLtMatrixLayoutCreate(void **m, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  *m = new Layout{type, rows, columns, stride};
  return stride >= (int64_t)rows || columns < 2 ? 0 : INVALID;
}
API cublasLtMatrixLayoutDestroy(void *m) { delete (Layout *)m; return 0; }
API cublasLtMatmulPreferenceCreate(void **p) { *p = new Wishes; return 0; }
API cublasLtMatmulPreferenceSetAttribute(void *given, int attribute, const void *value, size_t bytes) {
  Wishes &w = *(Wishes *)given;
  uint32_t alignment;
  switch (attribute) {
    case 1: return set(w.workspace, value, bytes);
    case 3: return set(w.reductions, value, bytes);
    case 7: case 8: return set(alignment, value, bytes);
    default: return INVALID;
  }
}
API cublasLtMatmulPreferenceDestroy(void *p) { delete (Wishes *)p; return 0; }

/// EMULATION_BLAS=none has no algorithm for anything.
API cublasLtMatmulAlgoGetHeuristic(void *, void *product, void *a, void *b, void *c, void *d, void *wishes, int most,
                                   Choice *choices, int *count) {
  const char *said = getenv("EMULATION_BLAS");
  *count = 0;
  if (said && !strcmp(said, "none")) return UNSUPPORTED;
  const Product &p = *(Product *)product;
  const Layout &left = *(Layout *)a, &right = *(Layout *)b, &result = *(Layout *)d;
  const uint64_t k = p.turns_first ? left.rows : left.columns;
  const bool fits = (p.turns_first ? left.columns : left.rows) == result.rows &&
                    (p.turns_second ? right.rows : right.columns) == result.columns &&
                    (p.turns_second ? right.columns : right.rows) == k;
  // Sums in place have no order, so nobody may allow them.
  if (!fits || c != d || left.type != TYPE_BF16 || right.type != TYPE_BF16 || ((Wishes *)wishes)->reductions & 1 || most < 1)
    return INVALID;
  *choices = Choice{{1, left.rows, right.rows}, ((Wishes *)wishes)->workspace, 0, 1, {}};
  *count = 1;
  return 0;
}

API cublasLtMatmul(void *, void *product, const float *alpha, uint64_t a, void *a_layout, uint64_t b, void *b_layout,
                   const float *beta, uint64_t c, void *c_layout, uint64_t d, void *d_layout, const uint64_t *algorithm,
                   uint64_t workspace, size_t bytes, void *stream) {
  const Layout left = *(Layout *)a_layout, right = *(Layout *)b_layout, result = *(Layout *)d_layout;
  if (*alpha != 1 || c != d || c_layout != d_layout || a % 16 || b % 16 || algorithm[0] != 1 || algorithm[1] != left.rows ||
      algorithm[2] != right.rows || !workspace || !bytes)
    return INVALID;
  const Product p = *(Product *)product;
  const float kept = *beta;
  emulated_put(stream, [=] { multiply(p, left, right, result, a, b, d, kept); });
  return 0;
}
