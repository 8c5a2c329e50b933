#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cuda_device.h"

static void (*end_program)(int32_t fault, const char *sentence);
static const char *advice = "use smaller batches";

void device_on_failure(void (*end)(int32_t fault, const char *sentence)) { end_program = end; }
void device_set_memory_advice(const char *words) { advice = words; }
const char *device_memory_advice(void) { return advice; }

void device_fail(int32_t fault, const char *format, ...) {
  char sentence[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  if (end_program) end_program(fault, sentence);
  fprintf(stderr, "error: %s\n", sentence);
  _exit(fault == DEVICE_LOST ? 71 : 70);
}

/// Errors that say that this machine's GPU or driver does not serve, whatever is run. All others, such as
/// an illegal address, are of a kernel.
static bool is_of_machine(int error) {
  static const int numbers[] = {
      2,    // out of memory
      3, 4,    // the driver has not begun, or is ending
      46,   // device unavailable: exclusive, or in use
      100, 101,  // no device, no such device
      201,  // the context is gone
      214,  // an error of memory that cannot be corrected
      220, 226,  // a link or a unit has failed
      721,  // another program's fault was contained
      800, 802, 803, 804, 805, 806, 807,  // not permitted, not ready, versions that do not match
      999,  // unknown: the GPU does not answer any more
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (numbers[i] == error) return true;
  return false;
}

void cuda_check(const struct cuda *cuda, int error, const char *what) {
  if (error == 0) return;
  const char *name = NULL, *text = NULL;
  cuda->driver->error_name(error, &name);
  cuda->driver->error_text(error, &text);
  const char *operation = cuda->last < 0 ? "no operation" : operation_name(cuda->last);
  device_fail(is_of_machine(error) ? DEVICE_LOST : DEVICE_MISTAKE,
              "cuda:%d (%s): %s failed, at or before the operation %s: %s (%s, %d)%s", cuda->ordinal,
              cuda->name, what, operation, text ? text : "no text", name ? name : "no name", error,
              cuda->blocking ? "" : "; PRA_CUDA_BLOCKING=1 waits for each operation and names the first that fails");
}
