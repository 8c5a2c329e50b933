#include <dlfcn.h>
#include <stdio.h>

#include "gloo_engine.h"

static struct {
  void *(*open)(const struct gloo_place *, const struct gloo_meeting *, char *, size_t);
  bool (*all_to_all)(void *, const void *, void *, size_t, char *, size_t);
  bool (*all_gather)(void *, const void *, void *, size_t, char *, size_t);
  uint64_t (*moved)(void *);
  int32_t (*gone)(void *);
  void (*abort)(void *);
} engine;

const char *gloo_engine_load(const char *folder) {
  static char why[1024];
  // Global: the library beside the program takes its symbols from it.
  const char *const names[] = {"libgloo.so.0", "libgloo.so"};
  void *gloo = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && !gloo; i++) gloo = dlopen(names[i], RTLD_NOW | RTLD_GLOBAL);
  if (!gloo) {
    snprintf(why, sizeof why, "Gloo cannot be opened (%s); install it with apt-get install libgloo-dev", dlerror());
    return why;
  }
  char path[4096];
  snprintf(path, sizeof path, "%s/libGlooEngine.so", folder);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(why, sizeof why, "%s cannot be opened (%s); build it with swift build --product GlooEngine", path, dlerror());
    return why;
  }
  *(void **)&engine.open = dlsym(library, "gloo_call_open");
  *(void **)&engine.all_to_all = dlsym(library, "gloo_call_all_to_all");
  *(void **)&engine.all_gather = dlsym(library, "gloo_call_all_gather");
  *(void **)&engine.moved = dlsym(library, "gloo_call_moved");
  *(void **)&engine.gone = dlsym(library, "gloo_call_gone");
  *(void **)&engine.abort = dlsym(library, "gloo_call_abort");
  if (!engine.open || !engine.all_to_all || !engine.all_gather || !engine.moved || !engine.gone || !engine.abort) {
    snprintf(why, sizeof why,
             "%s was built without Gloo; install it with apt-get install libgloo-dev and build again", path);
    return why;
  }
  return NULL;
}

void *gloo_engine_open(const struct gloo_place *place, const struct gloo_meeting *meeting, char *why, size_t n) {
  return engine.open(place, meeting, why, n);
}

bool gloo_engine_all_to_all(void *it, const void *from, void *to, size_t bytes, char *why, size_t n) {
  return engine.all_to_all(it, from, to, bytes, why, n);
}

bool gloo_engine_all_gather(void *it, const void *from, void *to, size_t bytes, char *why, size_t n) {
  return engine.all_gather(it, from, to, bytes, why, n);
}

uint64_t gloo_engine_moved(void *it) { return engine.moved(it); }

int32_t gloo_engine_gone(void *it) { return engine.gone(it); }

void gloo_engine_abort(void *it) { engine.abort(it); }
