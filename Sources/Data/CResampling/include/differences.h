// Differences of 8-bit pixels, here because this target is as fast in debug builds.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Sum of the squared differences of `count` bytes.
int64_t squared_differences(const uint8_t *left, const uint8_t *right, size_t count);
