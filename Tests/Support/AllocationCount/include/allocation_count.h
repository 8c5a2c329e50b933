// The number of heap allocations, by the whole process or by the calling thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// False in a build with a sanitizer, which replaces the allocation functions itself: the numbers are 0 then.
bool allocations_are_counted(void);
uint64_t allocations_of_process(void);
uint64_t allocations_of_thread(void);
