#include "workspace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  void *address;
  size_t bytes;
} workspace;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local workspace mine;

static void release(void *space) {
  workspace *w = space;
  free(w->address);
  w->address = NULL;
  w->bytes = 0;
}

static void make_key(void) { pthread_key_create(&key, release); }

void *thread_workspace(size_t bytes) {
  if (mine.bytes >= bytes) return mine.address;
  pthread_once(&once, make_key);
  free(mine.address);
  bytes = (bytes + 4095) / 4096 * 4096;
  mine.address = aligned_alloc(4096, bytes);
  if (!mine.address) {
    fprintf(stderr, "out of memory: %zu bytes to work in\n", bytes);
    abort();
  }
  mine.bytes = bytes;
  pthread_setspecific(key, &mine);
  return mine.address;
}
