// A block of threads: each is a fiber, which runs until it waits for others.
#pragma once
#include <string>
#include <vector>

#include "../Kernels/runtime.h"

struct Launch {
  void (*body)(const void *);
  const char *name;
  std::vector<char> arguments;
  emulated_dim grid, threads;
  size_t room;
  // Places that ThreadSanitizer takes for the launch's beginning and end.
  int begin = 0, end = 0;
};

/// Runs a launch on as many threads as pay. `enter` tells the module which thread of a block runs.
void run_launch(Launch &launch, void (*enter)(emulated_state *));
/// The sentence about the thread that runs here, for a fault at an address; empty outside of a kernel.
std::string place_of_running_thread();
