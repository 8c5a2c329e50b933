// The numbers of two blocks of memory change places.
#pragma once

#include <stddef.h>

/// What was at a is at b and the other way round. Of blocks of anonymous private memory that begin and end
/// with pages the pages are exchanged, in a time that hardly depends on their size (mremap(2) with
/// MREMAP_DONTUNMAP, Linux 5.7); elsewhere the bytes are. Nobody may use either meanwhile.
void blocks_exchange(void *a, void *b, size_t bytes);

/// Gives a block the pages that it has not yet, before somebody waits for them, and changes no byte, whatever
/// others do with the block meanwhile (MADV_POPULATE_WRITE, Linux 5.14; elsewhere nothing happens).
void block_touch(void *address, size_t bytes);

/// Writes to each page of a block and changes no byte, whatever others do with the block meanwhile. On a virtual
/// machine the first pass over memory that all has its pages was seen to take several times as long as later ones.
void block_write(void *address, size_t bytes);
