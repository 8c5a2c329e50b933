// Moving, converting and drawing numbers.

KERNEL(fill, 256) {
  const REAL value = (REAL)a.value;
  stored *out = ST(out);
  ELEMENTS(i, extent) out[i] = value;
}

struct alignas(16) sixteen_bytes { uint64_t low, high; };

/// An index is a unit of 64 bytes. Slices of tensors of narrow rows begin between multiples of 16.
KERNEL(copy, 256) {
  const uint64_t places = (uint64_t)a.x.memory | (uint64_t)a.out.memory;
  integer done = 0;
  if (places % 16 == 0) {
    done = a.bytes / 16 * 16;
    ELEMENTS(i, a.bytes / 16)
    ((sixteen_bytes *)a.out.memory)[i] = ((const sixteen_bytes *)a.x.memory)[i];
  } else if (places % 4 == 0) {
    done = a.bytes / 4 * 4;
    ELEMENTS(i, a.bytes / 4) ((uint32_t *)a.out.memory)[i] = ((const uint32_t *)a.x.memory)[i];
  }
  ELEMENTS(i, a.bytes - done)
  ((char *)a.out.memory)[done + i] = ((const char *)a.x.memory)[done + i];
}

/// Blocks of an allocator are of whole units of 64 bytes.
KERNEL(exchange, 256) {
  sixteen_bytes *x = (sixteen_bytes *)a.a.memory, *y = (sixteen_bytes *)a.b.memory;
  ELEMENTS(i, a.bytes / 16) {
    const sixteen_bytes held = x[i];
    x[i] = y[i];
    y[i] = held;
  }
}

KERNEL(copy_block, 256) {
  const integer width = a.width;
  for (integer r = blockIdx.x; r < extent * a.rows; r += gridDim.x) {
    const integer o = r / a.rows, row = r % a.rows;
    const REAL *x = AT(x) + o * a.x_outer + row * a.x_row;
    REAL *out = AT(out) + o * a.out_outer + row * a.out_row;
    if (a.accumulate)
      COLUMNS(c) out[c] += x[c];
    else
      COLUMNS(c) out[c] = x[c];
  }
}

KERNEL(gather_rows, 256) {
  const integer width = a.width;
  const int32_t *index = (const int32_t *)a.index.memory;
  ROWS(r) {
    // The host checks what it gives out as an index.
    if (index[r] < 0 || index[r] >= a.rows) fail();
    const REAL *x = AT(table) + index[r] * width;
    REAL *out = AT(out) + r * width;
    COLUMNS(c) out[c] = x[c];
  }
}

/// Columns are the extent; each thread adds all rows to its column, in their order.
KERNEL(scatter_add_rows, 64) {
  const int32_t *index = (const int32_t *)a.index.memory;
  ELEMENTS(c, extent)
  for (integer r = 0; r < a.rows; r++) AT(table)[index[r] * a.width + c] += AT(x)[r * a.width + c];
}

KERNEL(reorder_kernel, 256) {
  const integer columns = a.turned ? a.outputs : a.inputs, places = a.places;
  ELEMENTS(i, extent * columns) {
    const integer at = i / columns, column = i % columns, row = at / places, place = at % places;
    const integer from = a.turned ? places - 1 - place : place;
    const integer out = a.turned ? column : row, in = a.turned ? row : column;
    AT(out)[i] = AT(x)[(out * a.inputs + in) * places + from];
  }
}

KERNEL(move_patches, 256) {
  const integer line = a.patch * a.channels, grid = a.grid, patch = a.patch;
  const integer width = line;
  for (integer l = blockIdx.x; l < extent * grid * grid * patch; l += gridDim.x) {
    const integer y = l % patch, i = l / patch % (grid * grid), r = l / patch / (grid * grid);
    REAL *in_patch = AT(patches) + l * line;
    REAL *in_image =
        AT(images) + ((r * grid + i / grid) * patch + y) * grid * line + i % grid * line;
    if (a.to_images)
      COLUMNS(c) in_image[c] = in_patch[c];
    else
      COLUMNS(c) in_patch[c] = in_image[c];
  }
}

/// From double or bfloat16 to REAL, or from float to bfloat16.
KERNEL(convert, 256) {
  if (a.from == ELEMENT_FLOAT64) {
    const double *x = (const double *)a.x.memory;
    ELEMENTS(i, extent) ST(out)[i] = (REAL)x[i];
  } else if (a.from == ELEMENT_BFLOAT16) {
    const uint16_t *x = (const uint16_t *)a.x.memory;
    ELEMENTS(i, extent) ST(out)[i] = widened_bf16(x[i]);
  } else {
    const float *x = (const float *)a.x.memory;
    ELEMENTS(i, extent) ST(out)[i] = (REAL)x[i];
  }
}

KERNEL(repeat_each, 256) {
  const REAL *x = AT(x);
  REAL *out = AT(out);
  ELEMENTS(i, extent * a.times) out[i] = x[i / a.times];
}

KERNEL(reciprocal_rest, 256) {
  const REAL least = (REAL)a.least, *x = AT(x);
  REAL *out = AT(out);
  ELEMENTS(i, extent) {
    const REAL rest = 1 - x[i];
    out[i] = 1 / (rest > least ? rest : least);
  }
}

// ---- random numbers: Philox4x32-10, Salmon et al. 2011 ---------------------------------------------

DEVICE void philox_words(uint32_t (&out)[4], uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3,
                         uint64_t key) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
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

DEVICE double uniform(uint32_t word) { return (double)(word >> 8) * 0x1p-24 + 0x1p-25; }

DEVICE double mapped(double u, int32_t map, double offset, double factor) {
  if (map == PHILOX_AFFINE) return offset + factor * u;
  return map == PHILOX_SIGMOID ? 1 / (1 + exp(-u)) : u;
}

/// A thread computes the four numbers of a block of the generator.
KERNEL(philox, 128) {
  const uint32_t *step = (const uint32_t *)a.step.memory;
  const uint32_t *numbers = (const uint32_t *)a.numbers.memory;
  const integer blocks = (a.width + 3) / 4;
  ELEMENTS(i, extent * blocks) {
    const integer r = i / blocks, block = i % blocks, place = r % a.together, image = r / a.together;
    const uint32_t counter = a.first_a + (step ? step[0] : 0) + (uint32_t)place * a.stride_a;
    const uint32_t number = numbers ? numbers[image] : a.first_b + (uint32_t)image;
    uint32_t words[4];
    philox_words(words, (uint32_t)block, counter, number, a.stream, a.key);
    double u[4];
    for (int e = 0; e < 4; e++) u[e] = uniform(words[e]);
    if (a.kind == PHILOX_NORMAL)  // Box-Muller in double
      for (int e = 0; e < 4; e += 2) {
        const double radius = sqrt(-2 * log(u[e])), angle = 2 * 3.14159265358979323846 * u[e + 1];
        u[e] = radius * cos(angle);
        u[e + 1] = radius * sin(angle);
      }
    for (int e = 0; e < 4 && block * 4 + e < a.width; e++)
      AT(out)[r * a.width + block * 4 + e] = (REAL)mapped(u[e], a.map, a.offset, a.factor);
  }
}

KERNEL(drop_labels, 128) {
  ELEMENTS(r, extent) {
    uint32_t words[4];
    philox_words(words, 0, *(const uint32_t *)a.step.memory, a.first_b + (uint32_t)r, a.stream,
                 a.key);
    ((int32_t *)a.out.memory)[r] =
        uniform(words[0]) < a.share ? a.null_class : ((const int32_t *)a.labels.memory)[r];
  }
}

KERNEL(time_features, 128) {
  const double *t = (const double *)a.t.memory, *frequencies = (const double *)a.frequencies.memory;
  ELEMENTS(i, extent * a.half) {
    const integer r = i / a.half, j = i % a.half;
    const double angle = 1000 * t[r] * frequencies[j];
    REAL *out = AT(out) + r * 2 * a.half;
    out[j] = (REAL)cos(angle);
    out[a.half + j] = (REAL)sin(angle);
  }
}
