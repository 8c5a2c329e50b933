// Working memory of the calling thread.
#pragma once
#include <stddef.h>

/// A thread has one for products, one for the operation that calls them, and one for rows in bfloat16
/// that are widened for the operation.
enum { WORKSPACE_OF_PRODUCT, WORKSPACE_OF_OPERATION, WORKSPACE_OF_ROUNDING, WORKSPACES };

/// At least `bytes`, aligned to a page, kept until the thread ends; a later call may move it. It is
/// not thread-local storage, which every thread's stack would pay for, used or not.
void *thread_workspace(int kind, size_t bytes);
