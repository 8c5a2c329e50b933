// Moving, converting and drawing numbers.

static void fill(const struct fill_arguments *op, integer begin, integer end) {
  const double value = op->value;
  REAL *out = op->out.memory;
  for (integer i = begin; i < end; i++) out[i] = (REAL)value;
}
PASS(fill)

static void copy_block(const struct copy_block_arguments *op, integer begin, integer end) {
  const integer out_outer = op->out_outer, out_row = op->out_row, x_outer = op->x_outer,
                x_row = op->x_row, rows = op->rows, width = op->width;
  for (integer o = begin; o < end; o++) {
    REAL *out = AT(out) + o * out_outer;
    const REAL *x = AT(x) + o * x_outer;
    for (integer r = 0; r < rows; r++, out += out_row, x += x_row) {
      if (op->accumulate)
        COLUMNS(c) out[c] += x[c];
      else
        __builtin_memcpy(out, x, (size_t)width * sizeof(REAL));
    }
  }
}
PASS(copy_block)

static void copy(const struct copy_arguments *op, integer begin, integer end) {
  const integer first = 64 * begin, last = 64 * end < op->bytes ? 64 * end : op->bytes;
  __builtin_memcpy((char *)op->out.memory + first, (const char *)op->x.memory + first,
                   (size_t)(last - first));
}
PASS(copy)

static void exchange(struct device *device, const struct exchange_arguments *op) {
  (void)device;
  blocks_exchange(op->a.memory, op->b.memory, (size_t)op->bytes);
}

/// Ends the program: the host checks what it gives out as an index.
static inline integer checked_index(const int32_t *index, integer r, integer rows) {
  if (index[r] < 0 || index[r] >= rows) {
    fprintf(stderr, "index %d of row %td is outside of 0..<%td\n", index[r], r, rows);
    abort();
  }
  return index[r];
}

static void gather_rows(const struct gather_rows_arguments *op, integer begin, integer end) {
  const integer width = op->width;
  ROWS(r)
  __builtin_memcpy(AT(out) + r * width,
                   AT(table) + checked_index(op->index.memory, r, op->rows) * width,
                   (size_t)width * sizeof(REAL));
}
PASS(gather_rows)

static void scatter_add_rows(const struct scatter_add_rows_arguments *op, integer begin,
                             integer end) {
  const int32_t *restrict index = op->index.memory;
  for (integer r = 0; r < op->rows; r++) {
    REAL *restrict table = AT(table) + index[r] * op->width;
    const REAL *restrict x = AT(x) + r * op->width;
    for (integer c = begin; c < end; c++) table[c] += x[c];
  }
}
PASS(scatter_add_rows)

static void reorder_kernel(const struct reorder_kernel_arguments *op, integer begin, integer end) {
  const integer columns = op->turned ? op->outputs : op->inputs, places = op->places;
  // An index is one (row, place), whose columns are contiguous in the result.
  for (integer at = begin; at < end; at++) {
    const integer row = at / places, place = at % places;
    const integer from = op->turned ? places - 1 - place : place;
    for (integer column = 0; column < columns; column++) {
      const integer out = op->turned ? column : row, in = op->turned ? row : column;
      AT(out)[at * columns + column] = AT(x)[(out * op->inputs + in) * places + from];
    }
  }
}
PASS(reorder_kernel)

static void move_patches(const struct move_patches_arguments *op, integer begin, integer end) {
  const integer line = op->patch * op->channels, grid = op->grid, patch = op->patch;
  // An index is an image; its lines of patches are contiguous in both.
  ROWS(r)
  for (integer i = 0; i < grid * grid; i++)
    for (integer y = 0; y < patch; y++) {
      REAL *in_patch = AT(patches) + ((r * grid * grid + i) * patch + y) * line;
      REAL *in_image =
          AT(images) + ((r * grid + i / grid) * patch + y) * grid * line + i % grid * line;
      __builtin_memcpy(op->to_images ? in_image : in_patch, op->to_images ? in_patch : in_image,
                       (size_t)line * sizeof(REAL));
    }
}
PASS(move_patches)

static void convert(const struct convert_arguments *op, integer begin, integer end) {
  if (op->from == ELEMENT_BFLOAT16) {
    widen_numbers(AT(out) + begin, (const uint16_t *)op->x.memory + begin, end - begin);
    return;
  }
  const double *x = op->x.memory;
  REAL *out = op->out.memory;
  for (integer i = begin; i < end; i++) out[i] = (REAL)x[i];
}
PASS(convert)

static void repeat_each(const struct repeat_each_arguments *op, integer begin, integer end) {
  ROWS(r)
  for (integer i = 0; i < op->times; i++) AT(out)[r * op->times + i] = AT(x)[r];
}
PASS(repeat_each)

static void reciprocal_rest(const struct reciprocal_rest_arguments *op, integer begin,
                            integer end) {
  const REAL least = (REAL)op->least;
  ROWS(r) {
    const REAL rest = 1 - AT(x)[r];
    AT(out)[r] = 1 / (rest > least ? rest : least);
  }
}
PASS(reciprocal_rest)

static void philox(const struct philox_arguments *op, integer begin, integer end) {
  enum { MOST = 128 };
  const uint32_t *step = op->step.memory, *numbers = op->numbers.memory;
  double exact[MOST];
  ROWS(r) {
    const integer place = r % op->together, image = r / op->together;
    const uint32_t a = op->first_a + (step ? step[0] : 0) + (uint32_t)place * op->stride_a;
    const uint32_t b = numbers ? numbers[image] : op->first_b + (uint32_t)image;
    for (integer first = 0; first < op->width; first += MOST) {
      const integer count = op->width - first < MOST ? op->width - first : MOST;
      if (op->kind == PHILOX_UNIFORM)
        philox_uniform(exact, first, count, op->key, a, b, op->stream);
      else
        philox_normal(exact, first, count, op->key, a, b, op->stream);
      philox_map(exact, count, op->map, op->offset, op->factor);
      REAL *out = AT(out) + r * op->width + first;
      for (integer i = 0; i < count; i++) out[i] = (REAL)exact[i];
    }
  }
}
PASS(philox)

static void drop_labels(const struct drop_labels_arguments *op, integer begin, integer end) {
  const uint32_t *step = op->step.memory;
  ROWS(r) {
    double u;
    philox_uniform(&u, 0, 1, op->key, step[0], op->first_b + (uint32_t)r, op->stream);
    ((int32_t *)op->out.memory)[r] =
        u < op->share ? op->null_class : ((const int32_t *)op->labels.memory)[r];
  }
}
PASS(drop_labels)
