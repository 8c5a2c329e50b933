// Device memory of the emulated GPU.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifndef RACES
#define RACES 0
#endif

/// Reserves the addresses. False if that fails.
bool memory_begin();
size_t memory_total();
size_t memory_available();
/// A block of NaN whose end is followed by a page without access; null if there is too little.
void *device_take(size_t bytes);
/// False if it is no block.
bool device_give(void *at);
bool is_device_memory(const void *at);
/// Fills memory unseen by ThreadSanitizer.
void set_unseen(void *to, int value, size_t n);

/// Opens device memory to the calling thread while it exists. With protection keys (pkeys(7)) a register
/// of each thread says whether it sees the memory; without, its pages are opened for all.
struct Access {
  Access();
  ~Access();
  const bool was;
};
