// Exchanges the contents of two blocks of memory.
#pragma once

#include <stddef.h>

/// Exchanges the contents of a and b. Blocks of anonymous private memory that begin and end at page
/// boundaries exchange their pages, in a time that hardly depends on their size (mremap(2) with
/// MREMAP_DONTUNMAP, Linux 5.7); other blocks exchange their bytes. Nobody may use either block
/// meanwhile.
void blocks_exchange(void *a, void *b, size_t bytes);

/// Gives a block the pages that it still lacks, before somebody has to wait for them. It changes no
/// byte, and others may use the block meanwhile (MADV_POPULATE_WRITE, Linux 5.14; elsewhere it does
/// nothing).
void block_touch(void *address, size_t bytes);

/// Writes to each page of a block without changing a byte; others may use the block meanwhile. On a
/// virtual machine, the first pass over memory that had all its pages was seen to take several
/// times as long as later passes.
void block_write(void *address, size_t bytes);
