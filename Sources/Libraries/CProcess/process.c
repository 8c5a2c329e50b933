#include "process.h"

#include <sys/prctl.h>

// prctl is variadic, which Swift cannot call.
int32_t adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
