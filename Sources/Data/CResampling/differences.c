#include "resampling.h"

int64_t squared_differences(const uint8_t *left, const uint8_t *right, int64_t count) {
  int64_t sum = 0;
  // In parts that cannot overflow 32 bits: 255 squared times 16,384.
  for (int64_t start = 0; start < count; start += 16384) {
    const int64_t end = count - start < 16384 ? count : start + 16384;
    uint32_t part = 0;
    for (int64_t i = start; i < end; i++) {
      const int32_t difference = (int32_t)left[i] - (int32_t)right[i];
      part += (uint32_t)(difference * difference);
    }
    sum += part;
  }
  return sum;
}
