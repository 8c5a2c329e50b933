// The kernels of one element type on one instruction set: for each operation its function, and how
// its indices may be shared out.

#define ADAPT_EACH(name)
#define ADAPT_LINES(name)
#define ADAPT_WHOLE(name) \
  static void whole_##name(struct device *device, const void *op) { name(device, op); }
#define ADAPT(name, swift, division, ...) ADAPT_##division(name)
OPERATIONS(ADAPT)

#define ROW_EACH(name) {.share = share_of_##name, .unit = 1},
#define ROW_LINES(name) {.share = share_of_##name, .unit = 16},
#define ROW_WHOLE(name) {.whole = whole_##name},
#define ROW(name, swift, division, ...) [OPERATION_##name] = ROW_##division(name)
static const struct kernel_table TABLE = {
    .packed_bytes = packed_bytes,
    .kernels = {OPERATIONS(ROW)},
};
