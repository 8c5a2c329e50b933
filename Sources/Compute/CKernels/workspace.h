// Working memory of the calling thread.
#pragma once
#include <stddef.h>

/// At least `bytes`, aligned to a page, kept until the thread ends; a later call may move it. It is
/// not thread-local storage, which every thread's stack would pay for, used or not.
void *thread_workspace(size_t bytes);
