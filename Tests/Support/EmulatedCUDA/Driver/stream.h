// Work of a stream that is no kernel.
#pragma once
#include <functional>

/// Puts work at the end of a stream, or into the graph that it captures.
void emulated_put(void *stream, std::function<void()> work);
