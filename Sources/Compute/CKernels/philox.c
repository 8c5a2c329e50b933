#include "philox.h"

#include <math.h>

#include "arguments.h"

void philox4x32_10(uint32_t out[4], const uint32_t counter[4], uint64_t key) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

static double uniform(uint32_t word) { return (double)(word >> 8) * 0x1p-24 + 0x1p-25; }

void philox_uniform(double *out, int64_t first, int64_t count, uint64_t key, uint32_t a,
                    uint32_t b, uint32_t stream) {
  for (int64_t e = first; e < first + count;) {
    uint32_t words[4], counter[4] = {(uint32_t)(e / 4), a, b, stream};
    philox4x32_10(words, counter, key);
    for (int64_t w = e % 4; w < 4 && e < first + count; w++, e++) out[e - first] = uniform(words[w]);
  }
}

void philox_normal(double *out, int64_t first, int64_t count, uint64_t key, uint32_t a,
                   uint32_t b, uint32_t stream) {
  for (int64_t e = first; e < first + count;) {
    uint32_t words[4], counter[4] = {(uint32_t)(e / 4), a, b, stream};
    double normal[4];
    philox4x32_10(words, counter, key);
    for (int pair = 0; pair < 2; pair++) {
      double radius = sqrt(-2 * log(uniform(words[2 * pair])));
      double angle = 2 * M_PI * uniform(words[2 * pair + 1]);
      normal[2 * pair] = radius * cos(angle);
      normal[2 * pair + 1] = radius * sin(angle);
    }
    for (int64_t w = e % 4; w < 4 && e < first + count; w++, e++) out[e - first] = normal[w];
  }
}

void philox_map(double *x, int64_t count, int32_t map, double offset, double factor) {
#pragma clang fp reassociate(off) contract(off)
  if (map == PHILOX_AFFINE)
    for (int64_t i = 0; i < count; i++) x[i] = offset + factor * x[i];
  else if (map == PHILOX_SIGMOID)
    for (int64_t i = 0; i < count; i++) x[i] = 1 / (1 + exp(-x[i]));
}
