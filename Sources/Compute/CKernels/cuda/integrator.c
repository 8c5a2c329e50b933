// The flow head's integration from noise to states on a GPU: a chain of launches for all images
// together, kept as a graph from one position to the next. Whatever differs between positions lies in
// device memory, where the graph's kernels read it.
#include <stdlib.h>
#include <string.h>

#include "cuda_device.h"

enum { MODULATED_ROWS = 4096 };  // rows, of several times, whose modulations are computed together

/// One integration: what the host knows of it, and its places in working memory.
struct integration {
  struct operation operation;
  const struct integrate_states_arguments *op;
  struct head_weights head;
  struct head_block *blocks;
  struct flow_step *steps;
  integer size;  // of an element
  integer rows, together, modulated, modulated_end;
  char *z, *condition, *workspace, *modulations, *silu, *inputs, *outputs, *ahead, *drawn;
  /// In device memory: the images' numbers, the first counter, the scale.
  char *numbers, *first_a, *scale;
};

#define START(i, name, count, ...)                                                         \
  do {                                                                                     \
    struct operation made = name##_operation((struct name##_arguments){__VA_ARGS__});      \
    made.type = (i)->operation.type;                                                       \
    made.extent = count;                                                                   \
    cuda_start(cuda, &made);                                                               \
  } while (0)

static void product(struct cuda *cuda, const struct integration *i, char *y, const char *x,
                    address packed, address bias, integer rows, integer outputs, integer inputs) {
  START(i, multiply_packed, 1, .y = {y}, .y_row = outputs, .x = {(void *)x}, .x_row = inputs,
        .packed = packed, .bias = bias, .rows = rows, .outputs = outputs, .inputs = inputs,
        .rounded = i->head.rounded);
}

static void copy(struct cuda *cuda, const struct integration *i, char *to, const char *from,
                 integer bytes) {
  START(i, copy, (bytes + 63) / 64, {to}, {(void *)from}, bytes);
}

/// Starts a kernel that reads the integration's own arguments, and two words.
static void start_part(struct cuda *cuda, const struct integration *i, enum cuda_kernel kernel,
                       integer extent, integer blocks, uint64_t first, uint64_t second) {
  struct operation made = i->operation;
  made.extent = extent;
  made.arguments[EXTRA_WORD] = first;
  made.arguments[EXTRA_WORD + 1] = second;
  // The condition lies in working memory, whose address stays.
  ((struct integrate_states_arguments *)made.arguments)->condition.memory = i->condition;
  cuda_launch(cuda, kernel, &made, (struct cuda_grid){blocks, 1, 1, 256, 0});
}

/// Modulations [rows, modulation_width] of a time. Times come in rising order.
static char *modulations_of(struct cuda *cuda, struct integration *i, integer time) {
  const integer each = i->rows * i->head.modulation_width * i->size;
  if (time < i->modulated || time >= i->modulated_end) {
    i->modulated = time;
    i->modulated_end =
        time + i->together < i->op->time_count ? time + i->together : i->op->time_count;
    const integer rows = (i->modulated_end - time) * i->rows;
    start_part(cuda, i, KERNEL_silu_of_sums, rows, rows, (uint64_t)i->silu, (uint64_t)time);
    product(cuda, i, i->modulations, i->silu, i->head.modulation, i->head.modulation_bias, rows,
            i->head.modulation_width, i->head.width);
  }
  return i->modulations + (time - i->modulated) * each;
}

/// y[rows, outputs] for x[rows, inputs] under modulations (model.md section 3.2).
static void head(struct cuda *cuda, const struct integration *i, char *y, const char *x, char *m) {
  const struct head_weights *head = &i->head;
  const integer w = head->width, stride = head->modulation_width, row = i->rows * w * i->size;
  const integer part = w * i->size;
  char *u = i->workspace, *wide = u + row, *gated = wide + 3 * row, *x0 = gated + 2 * row;
  char *x1 = x0 + row;
  const address none = {0};
  product(cuda, i, x0, x, head->input, head->input_bias, i->rows, w, head->inputs);
  for (integer b = 0; b < head->blocks; b++) {
    char *mine = m + b / (head->blocks / head->groups) * 3 * part;
    const struct head_block *block = &i->blocks[b];
    START(i, layer_norm_modulated, i->rows, {u}, none, {x0}, block->gain, block->bias, {mine},
          {mine + part}, stride, w, 1e-6);
    product(cuda, i, wide, u, block->up, block->up_bias, i->rows, 3 * w, w);
    START(i, swiglu, i->rows, {gated}, {wide}, 3 * w / 2);
    product(cuda, i, u, gated, block->down, block->down_bias, i->rows, w, 3 * w / 2);
    START(i, gated_add, i->rows, {x1}, {x0}, {u}, {mine + 2 * part}, stride, w);
    char *const swapped = x0;
    x0 = x1;
    x1 = swapped;
  }
  m += 3 * part * head->groups;
  START(i, layer_norm_modulated, i->rows, {u}, none, {x0}, none, none, {m},
        {head->shifts_output ? 0 : m + part}, stride, w, 1e-6);
  product(cuda, i, y, u, head->output, head->output_bias, i->rows, head->outputs, w);
  if (head->shifts_output)
    START(i, copy_block, i->rows, .out = {y}, .out_outer = head->outputs, .x = {m + part},
          .x_outer = stride, .rows = 1, .width = head->outputs, .accumulate = true);
}

/// out = alpha x + beta y for all states; out may be x or y.
static void combined(struct cuda *cuda, const struct integration *i, char *out, double alpha,
                     const char *x, double beta, const char *y) {
  START(i, combine, i->op->count, {out}, alpha, {(void *)x}, beta, {(void *)y}, i->head.inputs);
}

/// The guided output of the head at a point.
static void evaluate(struct cuda *cuda, struct integration *i, const char *from, integer time) {
  const integer count = i->op->count * i->head.inputs;
  for (integer half = 0; half < i->op->halves; half++)
    copy(cuda, i, i->inputs + half * count * i->size, from, count * i->size);
  head(cuda, i, i->outputs, i->inputs, modulations_of(cuda, i, time));
  if (i->op->halves == 2)
    start_part(cuda, i, KERNEL_guide, count, (count + 255) / 256, (uint64_t)i->outputs,
               (uint64_t)i->scale);
}

static void draw(struct cuda *cuda, const struct integration *i, char *to, integer number) {
  START(i, philox, i->op->count, .out = {to}, .step = {i->first_a}, .numbers = {i->numbers},
        .key = i->op->key, .stream = i->op->stream, .first_a = (uint32_t)number, .together = 1,
        .width = i->head.inputs, .kind = PHILOX_NORMAL, .map = PHILOX_PLAIN);
}

static void take_step(struct cuda *cuda, struct integration *i, const struct flow_step *step) {
  const char *at = step->action == FLOW_AHEAD ? i->ahead : i->z;
  switch (step->action) {
    case FLOW_VELOCITY:
    case FLOW_AHEAD:
      evaluate(cuda, i, at, step->time);
      if (i->op->predicts_x)
        combined(cuda, i, i->outputs, 1 / step->rest, i->outputs, -(1 / step->rest), at);
      return;
    case FLOW_LOOK: combined(cuda, i, i->ahead, 1, i->z, step->alpha, i->outputs); return;
    case FLOW_MOVE: combined(cuda, i, i->z, step->alpha, i->z, step->beta, i->outputs); return;
    case FLOW_NOISE:
      draw(cuda, i, i->drawn, step->time);
      combined(cuda, i, i->z, 1, i->z, step->alpha, i->drawn);
      return;
    case FLOW_FINISH:
      evaluate(cuda, i, i->z, step->time);
      if (i->op->predicts_x)
        copy(cuda, i, i->z, i->outputs, i->op->count * i->head.inputs * i->size);
      else
        combined(cuda, i, i->z, 1, i->z, step->alpha, i->outputs);
      return;
  }
}

static void take_all_steps(struct cuda *cuda, const void *context) {
  struct integration i = *(const struct integration *)context;
  draw(cuda, &i, i.z, 0);
  for (integer s = 0; s < i.op->step_count; s++) take_step(cuda, &i, &i.steps[s]);
}

// ---- places and graph ----------------------------------------------------------------------------

static char *place(char **at, integer bytes) {
  char *const start = *at;
  *at += (bytes + 255) / 256 * 256;
  return start;
}

/// Lays the integration out from `start`; returns the number of bytes.
static size_t lay_out(struct integration *i, char *start) {
  const struct head_weights *h = &i->head;
  const integer states = i->op->count * h->inputs * i->size, row = i->rows * h->width * i->size;
  char *at = start;
  i->scale = place(&at, 8);
  i->first_a = place(&at, 4);
  i->numbers = place(&at, 4 * i->op->count);
  i->z = place(&at, states);
  i->ahead = place(&at, states);
  i->drawn = place(&at, states);
  i->condition = place(&at, row);
  i->workspace = place(&at, 8 * row);
  i->silu = place(&at, i->together * row);
  i->modulations = place(&at, i->together * i->rows * h->modulation_width * i->size);
  i->inputs = place(&at, i->rows * h->inputs * i->size);
  i->outputs = place(&at, i->rows * h->outputs * i->size);
  return (size_t)(at - start);
}

struct kept_integration {
  cu_handle graph;
  size_t bytes;
  /// Everything that the graph depends on.
  char key[];
};

void cuda_forget_integration(struct cuda *cuda) {
  if (!cuda->integration) return;
  cuda_forget_program(cuda, cuda->integration->graph);
  free(cuda->integration);
  cuda->integration = NULL;
}

/// The numbers on which the launches depend, one after the other.
static struct kept_integration *key_of(const struct integration *i) {
  struct integrate_states_arguments op = *i->op;
  op.z.memory = op.condition.memory = op.numbers.memory = NULL;
  op.scale = 0;
  op.first_a = 0;
  const size_t blocks = (size_t)i->head.blocks * sizeof *i->blocks;
  const size_t steps = (size_t)op.step_count * sizeof *i->steps;
  const size_t bytes = sizeof op + sizeof i->head + blocks + steps + sizeof i->z + sizeof i->size;
  struct kept_integration *made = malloc(sizeof *made + bytes);
  if (!made) device_fail(DEVICE_LOST, "out of memory: the integration of states");
  *made = (struct kept_integration){.bytes = bytes};
  char *at = made->key;
#define KEEP(from, n) (memcpy(at, from, n), at += (n))
  KEEP(&op, sizeof op);
  KEEP(&i->head, sizeof i->head);
  KEEP(i->blocks, blocks);
  KEEP(i->steps, steps);
  KEEP(&i->z, sizeof i->z);
  KEEP(&i->size, sizeof i->size);
#undef KEEP
  return made;
}

static cu_handle graph_of(struct cuda *cuda, const struct integration *i) {
  struct kept_integration *wanted = key_of(i), *kept = cuda->integration;
  if (kept && kept->bytes == wanted->bytes && memcmp(kept->key, wanted->key, kept->bytes) == 0) {
    free(wanted);
    return kept->graph;
  }
  cuda_forget_integration(cuda);
  wanted->graph = cuda_capture(cuda, take_all_steps, i);
  cuda->integration = wanted;
  return wanted->graph;
}

static void *read_list(struct cuda *cuda, address from, size_t bytes) {
  void *list = malloc(bytes + 1);
  if (!list) device_fail(DEVICE_LOST, "out of memory: the integration of states");
  cuda_read(cuda, list, from.memory, bytes);
  return list;
}

/// Kernels are loaded before a capture, which would not allow it.
static void load_kernels(struct cuda *cuda, int32_t type, bool rounded) {
  static const enum cuda_kernel used[] = {
      KERNEL_copy, KERNEL_silu_of_sums, KERNEL_layer_norm_modulated, KERNEL_swiglu, KERNEL_multiply_packed};
  for (size_t k = 0; k < sizeof used / sizeof *used; k++) cuda_function(cuda, used[k], type);
  if (rounded && type == ELEMENT_FLOAT32)
    cuda_function(cuda, KERNEL_multiply_packed_rounded, type);
}

void cuda_integrate(struct cuda *cuda, const struct operation *operation) {
  struct integration i = {.operation = *operation};
  i.op = (const struct integrate_states_arguments *)i.operation.arguments;
  i.size = operation->type == ELEMENT_FLOAT32 ? 4 : 8;
  if (i.op->count <= 0) return;
  cuda_read(cuda, &i.head, i.op->head.memory, sizeof i.head);
  i.blocks = read_list(cuda, i.head.block_list, (size_t)i.head.blocks * sizeof *i.blocks);
  i.steps = read_list(cuda, i.op->steps, (size_t)i.op->step_count * sizeof *i.steps);
  i.rows = i.op->halves * i.op->count;
  const integer most = MODULATED_ROWS / i.rows;
  i.together = most < 1 ? 1 : most < i.op->time_count ? most : i.op->time_count;
  lay_out(&i, cuda_workspace(cuda, lay_out(&i, NULL)));
  load_kernels(cuda, operation->type, i.head.rounded);
  // The numbers that differ between positions.
  cuda_write(cuda, i.scale, &i.op->scale, sizeof i.op->scale);
  cuda_write(cuda, i.first_a, &i.op->first_a, sizeof i.op->first_a);
  copy(cuda, &i, i.numbers, i.op->numbers.memory, 4 * i.op->count);
  copy(cuda, &i, i.condition, i.op->condition.memory, i.rows * i.head.width * i.size);
  if (cuda->blocking)
    take_all_steps(cuda, &i);
  else
    cuda_check(cuda, cuda->driver->graph_launch(graph_of(cuda, &i), cuda->stream),
               "the start of an integration");
  copy(cuda, &i, i.op->z.memory, i.z, i.op->count * i.head.inputs * i.size);
  free(i.blocks);
  free(i.steps);
}
