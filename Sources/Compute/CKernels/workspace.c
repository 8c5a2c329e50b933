#include "workspace.h"

#include "device_memory.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct {
  void *address;
  size_t bytes;
} workspace;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local workspace mine[WORKSPACES];

static void release(void *spaces) {
  for (workspace *w = spaces; w < (workspace *)spaces + WORKSPACES; w++) {
    free(w->address);
    w->address = NULL;
    w->bytes = 0;
  }
}

static void make_key(void) { pthread_key_create(&key, release); }

void *thread_workspace(int kind, size_t bytes) {
  workspace *space = &mine[kind];
  if (space->bytes >= bytes) return space->address;
  pthread_once(&once, make_key);
  free(space->address);
  bytes = (bytes + 4095) / 4096 * 4096;
  space->address = aligned_alloc(4096, bytes);
  if (!space->address) memory_lacking(bytes);
  space->bytes = bytes;
  pthread_setspecific(key, mine);
  return space->address;
}
