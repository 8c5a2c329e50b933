// Working memory of the calling thread.
#pragma once
#include <stddef.h>

/// A thread has one for products and one for the operation that calls them.
enum { WORKSPACE_OF_PRODUCT = 0, WORKSPACE_OF_OPERATION = 1, WORKSPACES };

/// At least `bytes`, aligned to a page, kept until the thread ends; a later call may move it. It is
/// not thread-local storage, which every thread's stack would pay for, used or not.
void *thread_workspace(int kind, size_t bytes);
