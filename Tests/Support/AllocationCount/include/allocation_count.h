// The number of heap allocations, by the whole process or by the calling thread.
#pragma once

#include <stdint.h>

uint64_t allocations_of_process(void);
uint64_t allocations_of_thread(void);
