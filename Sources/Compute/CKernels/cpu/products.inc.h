// Products on all threads: who takes which tiles, and the packing that threads do together.

static void matrix_product(struct device *device, const struct matrix_product_arguments *op);

typedef void gemm_function(void *restrict c, integer c_row, const void *restrict a, integer a_row,
                           integer a_column, const void *restrict b, integer b_row,
                           integer b_column, const void *restrict bias, integer m, integer n,
                           integer k, int32_t accumulate);

typedef struct {
  const struct matrix_product_arguments *op;
  gemm_function *gemm;
  int by_columns;
  integer tile;
  void *panels;
} product_share;

/// Each thread packs its own columns of B.
static void product_tiles(const void *context, integer begin, integer end) {
  const product_share *s = context;
  const struct matrix_product_arguments *op = s->op;
  const integer extent = s->by_columns ? op->n : op->m;
  const integer low = begin * s->tile, high = end * s->tile < extent ? end * s->tile : extent;
  const REAL *bias = op->bias.memory;
  if (s->by_columns)
    s->gemm(AT(c) + low, op->c_row, AT(a), op->a_row, op->a_column, AT(b) + low * op->b_column,
            op->b_row, op->b_column, bias ? bias + low : 0, op->m, high - low, op->k,
            op->accumulate);
  else
    s->gemm(AT(c) + low * op->c_row, op->c_row, AT(a) + low * op->a_row, op->a_row, op->a_column,
            AT(b), op->b_row, op->b_column, bias, high - low, op->n, op->k, op->accumulate);
}

#ifdef HAS_BF16
static void product_pack_panels(const void *context, integer begin, integer end) {
  const product_share *s = context;
  const struct matrix_product_arguments *op = s->op;
  pack_panels_bf16(s->panels, op->b.memory, op->b_row, op->b_column, op->n, op->k, op->b_bf16,
                   begin, end);
}

static void product_of_panels(const void *context, integer begin, integer end) {
  const product_share *s = context;
  const struct matrix_product_arguments *op = s->op;
  const integer low = begin * BF16_ROWS;
  const integer high = end * BF16_ROWS < op->m ? end * BF16_ROWS : op->m;
  const void *a = element(op->a.memory, low * op->a_row, op->a_bf16);
  if (op->c_bf16)
    gemm_panels_stored((uint16_t *)op->c.memory + low * op->c_row, op->c_row, a, op->a_row,
                       op->a_column, s->panels, op->bias.memory, high - low, op->n, op->k,
                       op->accumulate, op->a_bf16);
  else
    gemm_panels_bf16(AT(c) + low * op->c_row, op->c_row, a, op->a_row, op->a_column, s->panels,
                     op->bias.memory, high - low, op->n, op->k, op->accumulate, op->a_bf16);
}
#endif

#if REAL_IS_FLOAT
/// Matrices in bfloat16 on a CPU that does not multiply them: as floats.
static void widened_product(struct device *device, const struct matrix_product_arguments *op) {
  struct matrix_product_arguments wide = *op;
  const integer m = op->m, n = op->n, k = op->k;
  float *room = device_workspace(device, (size_t)(m * k + k * n + m * n) * sizeof(float));
  float *a = room, *b = a + m * k, *c = b + k * n;
  // Lines along the stride of one: rows, or columns of a matrix that is turned.
  const integer a_lines = op->a_column == 1 ? m : k, a_length = m * k / (a_lines ? a_lines : 1);
  const integer b_lines = op->b_column == 1 ? k : n, b_length = k * n / (b_lines ? b_lines : 1);
  const integer a_step = op->a_column == 1 ? op->a_row : op->a_column;
  const integer b_step = op->b_column == 1 ? op->b_row : op->b_column;
  if (op->a_bf16) {
    for (integer i = 0; i < a_lines; i++)
      widen_numbers(a + i * a_length, (const uint16_t *)op->a.memory + i * a_step, a_length);
    wide.a.memory = a;
    *(op->a_column == 1 ? &wide.a_row : &wide.a_column) = a_length;
  }
  if (op->b_bf16) {
    for (integer i = 0; i < b_lines; i++)
      widen_numbers(b + i * b_length, (const uint16_t *)op->b.memory + i * b_step, b_length);
    wide.b.memory = b;
    *(op->b_column == 1 ? &wide.b_row : &wide.b_column) = b_length;
  }
  uint16_t *out = op->c.memory;
  if (op->c_bf16) {
    if (op->accumulate)
      for (integer i = 0; i < m; i++) widen_numbers(c + i * n, out + i * op->c_row, n);
    wide.c.memory = c;
    wide.c_row = n;
  }
  wide.a_bf16 = wide.b_bf16 = wide.c_bf16 = false;
  matrix_product(device, &wide);
  if (op->c_bf16)
    for (integer i = 0; i < m; i++) round_numbers(out + i * op->c_row, c + i * n, n);
}
#endif

static void matrix_product(struct device *device, const struct matrix_product_arguments *op) {
  const bool stored = op->a_bf16 || op->b_bf16 || op->c_bf16;
  product_share s = {.op = op, .gemm = gemm};
  (void)stored;
#ifdef HAS_BF16
  if ((op->rounded || stored) && device->multiplies_bf16) {
    s.gemm = gemm_bf16;
    if (stored || op->m >= 48 * device->threads) {
      // All threads round and pack B once, then each packs its own rows of A.
      s.panels = device_workspace(device, (size_t)packed_size_bf16(op->n, op->k));
      device_share(device, (op->n + BF16_COLUMNS - 1) / BF16_COLUMNS, op->k * BF16_COLUMNS,
                   product_pack_panels, &s);
      device_share(device, (op->m + BF16_ROWS - 1) / BF16_ROWS, BF16_ROWS * op->n * op->k,
                   product_of_panels, &s);
      return;
    }
  }
#endif
#if REAL_IS_FLOAT
  if (stored) {
    widened_product(device, op);
    return;
  }
#endif
  // Packing a transposed B costs more than reading A twice, so then the columns are shared out;
  // otherwise the rows, whose tiles are not rounded up to vectors.
  s.by_columns = op->n >= 128 && (op->b_column != 1 || op->n > op->m);
  s.tile = s.by_columns ? 32 : 4;
  const integer tiles = ((s.by_columns ? op->n : op->m) + s.tile - 1) / s.tile;
  if (tiles > 0) device_share(device, tiles, op->m * op->n * op->k / tiles, product_tiles, &s);
}

// ---- packed weights ------------------------------------------------------------------------------

static integer packed_bytes(const struct device *device, integer outputs, integer inputs,
                            bool rounded) {
#ifdef HAS_BF16
  if (rounded && device->multiplies_bf16) return packed_size_bf16(outputs, inputs);
#endif
  (void)device, (void)rounded;
  return packed_size(outputs, inputs);
}

static void pack_weights(struct device *device, const struct pack_weights_arguments *op) {
#ifdef HAS_BF16
  if (op->rounded && device->multiplies_bf16) {
    pack_weights_bf16(op->packed.memory, op->w.memory, op->outputs, op->inputs);
    return;
  }
#endif
  (void)device;
  pack_columns(op->packed.memory, op->w.memory, 1, op->inputs, op->inputs, op->outputs);
}

/// Columns of a panel of packed weights, rounded or not.
static integer panel_columns(bool rounded) {
#ifdef HAS_BF16
  if (rounded) return BF16_COLUMNS;
#endif
  (void)rounded;
  return TILE_COLUMNS;
}

/// Panels begin..<end of the result.
static void multiply_panels(const struct multiply_packed_arguments *op, integer begin,
                            integer end) {
#ifdef HAS_BF16
  if (op->rounded) {
    gemm_packed_bf16(AT(y), op->y_row, AT(x), op->x_row, op->packed.memory, op->bias.memory,
                     op->rows, op->outputs, op->inputs, begin, end);
    return;
  }
#endif
  gemm_packed(AT(y), op->y_row, AT(x), op->x_row, op->packed.memory, op->bias.memory, op->rows,
              op->outputs, op->inputs, begin, end);
}

static void multiply_panels_shared(const void *op, integer begin, integer end) {
  multiply_panels(op, begin, end);
}

static integer panels_of(const struct multiply_packed_arguments *op) {
  const integer columns = panel_columns(op->rounded);
  return (op->outputs + columns - 1) / columns;
}

static void multiply_packed(struct device *device, const struct multiply_packed_arguments *op) {
  struct multiply_packed_arguments mine = *op;
  mine.rounded = op->rounded && device->multiplies_bf16;
  device_share(device, panels_of(&mine), op->rows * op->inputs * panel_columns(mine.rounded),
               multiply_panels_shared, &mine);
}

// ---- convolutions --------------------------------------------------------------------------------

/// Number of pixels whose windows stay in the L2 cache while they are multiplied; more where weights
/// that do not fit there are read again for each run.
static integer pixels_of_run(integer depth) {
  const integer run = depth > 2048 ? 300000 / depth : 150000 / depth / 12 * 12;
  return run < 12 ? 12 : run > 480 ? 480 : run;
}

static void product_of_pixels(REAL *y, integer y_row, const REAL *x, integer depth, address packed,
                              address bias, integer pixels, integer outputs, bool clips) {
  const struct multiply_packed_arguments product = {
      .y = {y}, .y_row = y_row, .x = {(void *)x}, .x_row = depth, .packed = packed, .bias = bias,
      .rows = pixels, .outputs = outputs, .inputs = depth};
  multiply_panels(&product, 0, panels_of(&product));
  if (clips) relu(&(struct relu_arguments){{y}, y_row, {y}, y_row, outputs}, 0, pixels);
}

static integer depth_of(const struct convolve_arguments *op) {
  return op->shape.kernel_height * op->shape.kernel_width * op->shape.channels;
}

/// Gathers the windows of a run of pixels and multiplies them while they are in a cache.
static void convolve_runs(const void *context, integer begin, integer end) {
  const struct convolve_arguments *op = context;
  const integer depth = depth_of(op), run = pixels_of_run(depth);
  REAL *windows = thread_workspace(WORKSPACE_OF_OPERATION, (size_t)(run * depth) * sizeof(REAL));
  for (integer number = begin; number < end; number++) {
    const integer first = number * run;
    const integer last = first + run < op->pixels ? first + run : op->pixels;
    gather_windows(windows, op->x.memory, &op->shape, first, last);
    product_of_pixels(AT(y) + first * op->y_row, op->y_row, windows, depth, op->packed, op->bias,
                      last - first, op->outputs, op->relu);
  }
}

static void convolve(struct device *device, const struct convolve_arguments *op) {
  const integer depth = depth_of(op), run = pixels_of_run(depth);
  device_share(device, (op->pixels + run - 1) / run, run * depth * op->outputs, convolve_runs, op);
}

static void convolve_points_runs(const void *context, integer begin, integer end) {
  const struct convolve_points_arguments *op = context;
  const integer run = pixels_of_run(op->inputs);
  for (integer number = begin; number < end; number++) {
    const integer first = number * run;
    const integer last = first + run < op->pixels ? first + run : op->pixels;
    for (integer b = 0; b < op->count; b++) {
      const struct point_branch *branch = &op->branches[b];
      product_of_pixels((REAL *)branch->y.memory + first * branch->y_row, branch->y_row,
                        AT(x) + first * op->inputs, op->inputs, branch->packed, branch->bias,
                        last - first, branch->outputs, branch->relu);
    }
  }
}

static void convolve_points(struct device *device, const struct convolve_points_arguments *op) {
  const integer run = pixels_of_run(op->inputs);
  integer outputs = 0;
  for (integer b = 0; b < op->count; b++) outputs += op->branches[b].outputs;
  device_share(device, (op->pixels + run - 1) / run, run * op->inputs * outputs,
               convolve_points_runs, op);
}
