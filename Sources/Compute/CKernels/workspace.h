// Working memory of the calling thread.
#pragma once
#include <stddef.h>

/// At least `bytes`, aligned to a page, kept until the thread ends; a later call may move it. Not
/// thread storage of the linker's: that would come out of every thread's stack, used or not.
void *thread_workspace(size_t bytes);
