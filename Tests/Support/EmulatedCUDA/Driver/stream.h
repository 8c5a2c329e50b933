// Work of a stream that is no kernel.
#pragma once
#include <functional>

/// Puts work at the end of a stream, or into the graph that it captures.
void emulated_put(void *stream, std::function<void()> work);
/// Puts work at the end of a stream that waits for other processes: it is called until it says that it is done. Returns the
/// driver's error if the stream is being captured.
int emulated_put_waiting(void *stream, std::function<bool()> work);
/// The GPU that is current in this thread; -1 if none is.
int emulated_current();
