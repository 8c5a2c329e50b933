// The flow head's integration from noise to states: most of the work of sampling.
//
// Either a thread integrates some images by itself, with their activations in its L2 cache and
// without waiting; or, if few rows meet many weights, all threads share every step, so that the
// weights are read once and not by every thread. Both give the same bits.

enum {
  CHUNK_IMAGES = 32,              // whose activations fit in the L2 cache
  ROWS_FOR_ALL_WEIGHTS = 24,      // from which a thread reads all weights by itself
  FEW_WEIGHTS = 512 * 1024,       // that fit in an L2 cache beside the activations
  // Rows, of several times, whose modulations are computed together if threads share the weights,
  // so that these are read once. A thread that integrates by itself has enough rows.
  MODULATED_ROWS = 128,
};

/// Images that are integrated together.
typedef struct {
  struct device *device;
  const struct integrate_states_arguments *op;
  const struct head_weights *head;
  bool shared;
  integer first, images, rows;
  /// Times whose modulations are computed together, and the times that are there.
  integer together, modulated, modulated_end;
  REAL *z, *workspace, *conditions, *modulations, *inputs, *outputs, *ahead, *drawn;
} chunk;

// Runs an operation on the chunk's rows: here, or on all threads.
#define CHUNK_RUN(c, name, count, ...)                                                        \
  do {                                                                                        \
    const struct name##_arguments made = {__VA_ARGS__};                                       \
    if ((c)->shared) {                                                                        \
      struct operation shared = name##_operation(made);                                       \
      shared.type = sizeof(REAL) == 4 ? ELEMENT_FLOAT32 : ELEMENT_FLOAT64;                    \
      shared.extent = count;                                                                  \
      device_run_part((c)->device, &shared);                                                  \
    } else {                                                                                  \
      share_of_##name(&made, 0, count);                                                                  \
    }                                                                                         \
  } while (0)

/// y[rows, outputs] = x[rows, inputs] W' + b.
static void chunk_product(const chunk *c, REAL *y, const REAL *x, address packed, address bias,
                          integer rows, integer outputs, integer inputs) {
  struct multiply_packed_arguments product = {
      .y = {y}, .y_row = outputs, .x = {(void *)x}, .x_row = inputs, .packed = packed,
      .bias = bias, .rows = rows, .outputs = outputs, .inputs = inputs,
      .rounded = c->head->rounded};
  if (c->shared) {
    multiply_packed(c->device, &product);
  } else {
    product.rounded = product.rounded && c->device->multiplies_bf16;
    multiply_panels(&product, 0, panels_of(&product));
  }
}

typedef struct {
  const chunk *c;
  REAL *out;
  const REAL *times;
} silu_sums;

/// out[times, rows, width] = SiLU(conditions[rows, width] + times[width]).
static void silu_of_sums(const void *context, integer begin, integer end) {
  const silu_sums *s = context;
  const integer w = s->c->head->width, rows = s->c->rows;
  for (integer row = begin; row < end; row++)
    silu_of_sum(s->out + row * w, s->c->conditions + row % rows * w, s->times + row / rows * w, w,
                0, 1);
}

/// Modulations [rows, modulation_width] of a time. Times come in rising order, so several are
/// computed together.
static const REAL *chunk_modulations(chunk *c, integer time) {
  const struct head_weights *head = c->head;
  const integer w = head->width, each = c->rows * head->modulation_width;
  if (time < c->modulated || time >= c->modulated_end) {
    c->modulated = time;
    c->modulated_end =
        time + c->together < c->op->time_count ? time + c->together : c->op->time_count;
    const integer rows = (c->modulated_end - time) * c->rows;
    const silu_sums sums = {c, c->modulations + c->together * each,
                            (const REAL *)c->op->times.memory + time * w};
    if (c->shared)
      device_share(c->device, rows, 8 * w, silu_of_sums, &sums);
    else
      silu_of_sums(&sums, 0, rows);
    chunk_product(c, c->modulations, sums.out, head->modulation, head->modulation_bias, rows,
                  head->modulation_width, w);
  }
  return c->modulations + (time - c->modulated) * each;
}

/// y[rows, outputs] for x[rows, inputs] under modulations.
static void chunk_head(chunk *c, REAL *y, const REAL *x, const REAL *modulations) {
  const struct head_weights *head = c->head;
  const struct head_block *blocks = head->block_list.memory;
  const integer w = head->width, stride = head->modulation_width, row = c->rows * w;
  REAL *u = c->workspace, *wide = u + row, *gated = wide + 3 * row;
  REAL *x0 = gated + 3 * row / 2, *x1 = gated + 5 * row / 2;
  const address none = {0};

  chunk_product(c, x0, x, head->input, head->input_bias, c->rows, w, head->inputs);
  for (integer b = 0; b < head->blocks; b++) {
    const REAL *m = modulations + b / (head->blocks / head->groups) * 3 * w;
    CHUNK_RUN(c, layer_norm_modulated, c->rows, {u}, none, {x0}, blocks[b].gain, blocks[b].bias,
              {(void *)m}, {(void *)(m + w)}, stride, w, 1e-6);
    chunk_product(c, wide, u, blocks[b].up, blocks[b].up_bias, c->rows, 3 * w, w);
    CHUNK_RUN(c, swiglu, c->rows, {gated}, {wide}, 3 * w / 2);
    chunk_product(c, u, gated, blocks[b].down, blocks[b].down_bias, c->rows, w, 3 * w / 2);
    CHUNK_RUN(c, gated_add, c->rows, {x1}, {x0}, {u}, {(void *)(m + 2 * w)}, stride, w);
    REAL *const swapped = x0;
    x0 = x1;
    x1 = swapped;
  }
  const REAL *m = modulations + 3 * w * head->groups;
  CHUNK_RUN(c, layer_norm_modulated, c->rows, {u}, none, {x0}, none, none, {(void *)m},
            {head->shifts_output ? 0 : (void *)(m + w)}, stride, w, 1e-6);
  chunk_product(c, y, u, head->output, head->output_bias, c->rows, head->outputs, w);
  if (!head->shifts_output) return;
  for (integer r = 0; r < c->rows; r++) {
    REAL *to = y + r * head->outputs;
    add(to, to, m + r * stride + w, head->outputs, 0, 1);
  }
}

/// out = alpha x + beta y for the chunk's states; out may be x or y.
static void chunk_combine(const chunk *c, REAL *out, double alpha, const REAL *x, double beta,
                          const REAL *y) {
  combine(out, alpha, x, beta, y, c->head->inputs, 0, c->images);
}

/// The guided output of the head at a point.
static void chunk_evaluate(chunk *c, const REAL *from, integer time) {
  const integer count = c->images * c->head->inputs;
  for (integer half = 0; half < c->op->halves; half++)
    __builtin_memcpy(c->inputs + half * count, from, (size_t)count * sizeof(REAL));
  chunk_head(c, c->outputs, c->inputs, chunk_modulations(c, time));
  if (c->op->halves == 2)
    chunk_combine(c, c->outputs, c->op->scale, c->outputs, 1 - c->op->scale, c->outputs + count);
}

static void chunk_draw(const chunk *c, REAL *to, integer draw) {
  const struct integrate_states_arguments *op = c->op;
  const struct philox_arguments noise = {
      .out = {to}, .numbers = {(uint32_t *)op->numbers.memory + c->first}, .key = op->key,
      .stream = op->stream, .first_a = op->first_a + (uint32_t)draw, .together = 1,
      .width = c->head->inputs, .kind = PHILOX_NORMAL, .map = PHILOX_PLAIN};
  philox(&noise, 0, c->images);
}

static void chunk_step(chunk *c, const struct flow_step *step) {
  const size_t bytes = (size_t)(c->images * c->head->inputs) * sizeof(REAL);
  const REAL *at = step->action == FLOW_AHEAD ? c->ahead : c->z;
  switch (step->action) {
    case FLOW_VELOCITY:
    case FLOW_AHEAD:
      chunk_evaluate(c, at, step->time);
      if (c->op->predicts_x)
        chunk_combine(c, c->outputs, 1 / step->rest, c->outputs, -(1 / step->rest), at);
      return;
    case FLOW_LOOK: chunk_combine(c, c->ahead, 1, c->z, step->alpha, c->outputs); return;
    case FLOW_MOVE: chunk_combine(c, c->z, step->alpha, c->z, step->beta, c->outputs); return;
    case FLOW_NOISE:
      chunk_draw(c, c->drawn, step->time);
      chunk_combine(c, c->z, 1, c->z, step->alpha, c->drawn);
      return;
    case FLOW_FINISH:
      chunk_evaluate(c, c->z, step->time);
      if (c->op->predicts_x)
        __builtin_memcpy(c->z, c->outputs, bytes);
      else
        chunk_combine(c, c->z, 1, c->z, step->alpha, c->outputs);
      return;
  }
}

/// Integrates images first..<last in working memory of the calling thread.
static void integrate_chunk(struct device *device, const struct integrate_states_arguments *op,
                            integer first, integer last, bool shared, integer together) {
  const struct head_weights *head = op->head.memory;
  const integer images = last - first, rows = op->halves * images, w = head->width;
  const integer times = together * rows * (w + head->modulation_width);
  const integer elements = rows * (9 * w + head->inputs + head->outputs) + times +
                           2 * images * head->inputs;
  REAL *memory = thread_workspace(WORKSPACE_OF_OPERATION, (size_t)elements * sizeof(REAL));
  chunk c = {.device = device, .op = op, .head = head, .shared = shared, .first = first,
             .images = images, .rows = rows, .together = together};
  c.z = AT(z) + first * head->inputs;
  c.workspace = memory;
  c.conditions = c.workspace + 8 * rows * w;
  c.modulations = c.conditions + rows * w;
  c.inputs = c.modulations + times;
  c.outputs = c.inputs + rows * head->inputs;
  c.ahead = c.outputs + rows * head->outputs;
  c.drawn = c.ahead + images * head->inputs;
  // Both halves of these images follow each other.
  for (integer half = 0; half < op->halves; half++)
    __builtin_memcpy(c.conditions + half * images * w,
                     AT(condition) + (half * op->count + first) * w,
                     (size_t)(images * w) * sizeof(REAL));
  chunk_draw(&c, c.z, 0);
  const struct flow_step *steps = op->steps.memory;
  for (integer i = 0; i < op->step_count; i++) chunk_step(&c, &steps[i]);
}

typedef struct {
  struct device *device;
  const struct integrate_states_arguments *op;
  integer round;
} integration_share;

static void integrate_share(const void *context, integer begin, integer end) {
  const integration_share *s = context;
  for (integer first = begin; first < end; first += s->round)
    integrate_chunk(s->device, s->op, first, first + s->round < end ? first + s->round : end, false,
                    1);
}

static void integrate_states(struct device *device, const struct integrate_states_arguments *op) {
  const integer threads = device->threads;
  const integer each = (op->count + threads - 1) / threads;
  if (op->count < threads || threads == 1 ||
      (op->halves * each < ROWS_FOR_ALL_WEIGHTS && op->weights > FEW_WEIGHTS)) {
    const integer rows = op->halves * op->count;
    const integer most = MODULATED_ROWS / (rows < 1 ? 1 : rows);
    const integer together = most < 1 ? 1 : most < op->time_count ? most : op->time_count;
    integrate_chunk(device, op, 0, op->count, true, together);
    return;
  }
  const integration_share s = {device, op, each < CHUNK_IMAGES ? each : CHUNK_IMAGES};
  device_share(device, op->count, op->weights * op->time_count, integrate_share, &s);
}
