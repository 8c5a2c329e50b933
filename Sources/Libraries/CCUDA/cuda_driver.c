#define _GNU_SOURCE
#include "cuda_driver.h"

#include <dlfcn.h>
#include <glob.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add_reason(char *why, size_t n, const char *reason) {
  const size_t length = strlen(why);
  if (length + 1 < n) snprintf(why + length, n - length, "%s%s", length ? "; " : "", reason);
}

/// Opens one of the names, NULL at their end, in the folders of a list.
static void *open_in(const char *folders, const char *const *names) {
  void *library = NULL;
  char *copy = strdup(folders), *rest = NULL;
  for (char *folder = strtok_r(copy, ":", &rest); folder && !library;
       folder = strtok_r(NULL, ":", &rest))
    for (int i = 0; names[i] && !library; i++) {
      char path[4096];
      snprintf(path, sizeof path, "%s/%s", folder, names[i]);
      library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
  free(copy);
  return library;
}

/// The folders below $PRA_HOME/cuda into which pip unpacks NVIDIA's wheels.
static void *open_at_home(const char *const *names) {
  char pattern[4096];
  const char *home = getenv("PRA_HOME"), *data = getenv("XDG_DATA_HOME"), *user = getenv("HOME");
  if (home && *home)
    snprintf(pattern, sizeof pattern, "%s/cuda/nvidia/*/lib", home);
  else if (data && *data)
    snprintf(pattern, sizeof pattern, "%s/pra/cuda/nvidia/*/lib", data);
  else
    snprintf(pattern, sizeof pattern, "%s/.local/share/pra/cuda/nvidia/*/lib", user ? user : "");
  glob_t found;
  void *library = NULL;
  if (glob(pattern, 0, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc && !library; i++)
      library = open_in(found.gl_pathv[i], names);
  globfree(&found);
  return library;
}

static void *open_library(const char *const *names, char *why, size_t n) {
  const char *folders = getenv("PRA_CUDA_PATH");
  void *library = folders && *folders ? open_in(folders, names) : NULL;
  if (!library) library = open_at_home(names);
  for (int i = 0; names[i] && !library; i++) {
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) add_reason(why, n, dlerror());
  }
  return library;
}

/// NVRTC of a wheel does not say where its helper lies; it is found if it is already open.
static void open_beside(void *library, const char *name) {
  char folder[4096], pattern[4200];
  if (dlinfo(library, RTLD_DI_ORIGIN, folder)) return;
  snprintf(pattern, sizeof pattern, "%s/%s", folder, name);
  glob_t found;
  if (glob(pattern, 0, NULL, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; i++) dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
  globfree(&found);
}

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

#define LOAD(field, symbol, parameters)                        \
  if (!(*(void **)&table.field = dlsym(library, symbol))) {    \
    add_reason(reason, sizeof reason, "it lacks " symbol);     \
    complete = 0;                                              \
  }

const struct cuda_driver *cuda_driver_open(char *why, size_t n) {
  static struct cuda_driver table;
  static char reason[2048];
  static int state;
  pthread_mutex_lock(&opening);
  if (state == 0) {
    static const char *const names[] = {"libcuda.so.1", NULL};
    void *library = open_library(names, reason, sizeof reason);
    int complete = library != NULL;
    if (library) { CUDA_DRIVER(LOAD) }
    state = complete ? 1 : -1;
  }
  if (state < 0) snprintf(why, n, "%s", reason);
  pthread_mutex_unlock(&opening);
  return state > 0 ? &table : NULL;
}

const struct cuda_compiler *cuda_compiler_open(char *why, size_t n) {
  static struct cuda_compiler table;
  static char reason[2048];
  static int state;
  pthread_mutex_lock(&opening);
  if (state == 0) {
    static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", NULL};
    void *library = open_library(names, reason, sizeof reason);
    int complete = library != NULL;
    if (library) {
      open_beside(library, "libnvrtc-builtins.so.*");
      CUDA_COMPILER(LOAD)
      Dl_info info;
      struct stat file;
      if (complete && dladdr((void *)table.compile, &info) && stat(info.dli_fname, &file) == 0) {
        snprintf(table.path, sizeof table.path, "%s", info.dli_fname);
        table.identity = (uint64_t)file.st_size ^ (uint64_t)file.st_mtim.tv_sec << 24;
      }
    }
    state = complete ? 1 : -1;
  }
  if (state < 0) snprintf(why, n, "%s", reason);
  pthread_mutex_unlock(&opening);
  return state > 0 ? &table : NULL;
}

const struct cuda_blas *cuda_blas_open(char *why, size_t n) {
  static struct cuda_blas table;
  static char reason[2048];
  static int state;
  pthread_mutex_lock(&opening);
  if (state == 0) {
    static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12", NULL};
    const char *wanted = getenv("PRA_CUDA_BLAS");
    const int refused = wanted && strcmp(wanted, "0") == 0;
    if (refused) add_reason(reason, sizeof reason, "PRA_CUDA_BLAS is 0");
    void *library = refused ? NULL : open_library(names, reason, sizeof reason);
    int complete = library != NULL;
    if (library) {
      CUDA_BLAS(LOAD)
      Dl_info info;
      if (complete && dladdr((void *)table.multiply, &info))
        snprintf(table.path, sizeof table.path, "%s", info.dli_fname);
    }
    state = complete ? 1 : -1;
  }
  if (state < 0) snprintf(why, n, "%s", reason);
  pthread_mutex_unlock(&opening);
  return state > 0 ? &table : NULL;
}

const struct cuda_nccl *cuda_nccl_open(char *why, size_t n) {
  static struct cuda_nccl table;
  static char reason[2048];
  static int state;
  pthread_mutex_lock(&opening);
  if (state == 0) {
    static const char *const names[] = {"libnccl.so.2", NULL};
    const char *wanted = getenv("PRA_NCCL");
    const int refused = wanted && strcmp(wanted, "0") == 0;
    if (refused) add_reason(reason, sizeof reason, "PRA_NCCL is 0");
    void *library = refused ? NULL : open_library(names, reason, sizeof reason);
    int complete = library != NULL;
    if (library) {
      CUDA_NCCL(LOAD)
      LOAD(error_text, "ncclGetErrorString", (int))
      LOAD(last_error, "ncclGetLastError", (cu_handle))
      Dl_info info;
      if (complete && dladdr((void *)table.send, &info))
        snprintf(table.path, sizeof table.path, "%s", info.dli_fname);
    }
    state = complete ? 1 : -1;
  }
  if (state < 0) snprintf(why, n, "%s", reason);
  pthread_mutex_unlock(&opening);
  return state > 0 ? &table : NULL;
}
