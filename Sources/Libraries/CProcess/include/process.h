#pragma once
#include <stdint.h>

/// Makes the caller the parent of every orphan among its descendants, until it ends.
/// Returns 0, or -1 with errno set.
int32_t adopt_orphans(void);
