// Kernels: compiled by NVRTC from the text in the program, and kept in a folder under a name that says of
// which text, architecture and compiler they are.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler.h"

// ---- names ---------------------------------------------------------------------------------------

/// The folder of compiled kernels: PRA_CUDA_CACHE, or kernels in $PRA_HOME/cuda. False without one.
static bool cache_folder(char *path, size_t n) {
  const char *cache = getenv("PRA_CUDA_CACHE"), *home = getenv("PRA_HOME");
  const char *data = getenv("XDG_DATA_HOME"), *user = getenv("HOME");
  if (cache && *cache) return snprintf(path, n, "%s", cache) < (int)n;
  if (home && *home) return snprintf(path, n, "%s/cuda/kernels", home) < (int)n;
  if (data && *data) return snprintf(path, n, "%s/pra/cuda/kernels", data) < (int)n;
  return user && *user && snprintf(path, n, "%s/.local/share/pra/cuda/kernels", user) < (int)n;
}

static void make_folders(const char *path) {
  char part[4096];
  for (size_t i = 1; path[i]; i++)
    if (path[i] == '/') {
      snprintf(part, sizeof part, "%.*s", (int)i, path);
      mkdir(part, 0777);
    }
  mkdir(path, 0777);
}

/// The path of an image without its ending, which is of the compiler.
static bool image_stem(const struct cuda *cuda, enum cuda_family family, int32_t type, char *path,
                       size_t n) {
  char folder[3800];
  return cache_folder(folder, sizeof folder) &&
         snprintf(path, n, "%s/%s.%s.%s.%016lx", folder, cuda_family_texts[family].name,
                  cuda_type_names[type], cuda->architecture, cuda_text_hash(family, type)) < (int)n;
}

// ---- files ---------------------------------------------------------------------------------------

struct image cuda_read_image(const char *path) {
  struct image image = {0};
  FILE *file = fopen(path, "re");
  struct stat status;
  if (file && fstat(fileno(file), &status) == 0 && status.st_size > 0) {
    image.size = (size_t)status.st_size;
    image.bytes = malloc(image.size);
    if (image.bytes && fread(image.bytes, 1, image.size, file) != image.size) {
      free(image.bytes);
      image = (struct image){0};
    }
  }
  if (file) fclose(file);
  return image;
}

/// Keeps an image for other processes; one that cannot be written is compiled again.
void cuda_write_image(const char *path, struct image image) {
  char held[4200], folder[4200];
  snprintf(folder, sizeof folder, "%s", path);
  char *end = strrchr(folder, '/');
  if (end) *end = 0;
  make_folders(folder);
  snprintf(held, sizeof held, "%s.%d.new", path, getpid());
  FILE *file = fopen(held, "wxe");
  if (!file) return;
  const bool whole = fwrite(image.bytes, 1, image.size, file) == image.size;
  if (fclose(file) != 0 || !whole || rename(held, path) != 0) unlink(held);
}

// ---- loading -------------------------------------------------------------------------------------

static cu_handle load(const struct cuda *cuda, struct image image) {
  cu_handle module = NULL;
  return image.bytes && cuda->driver->module_load(&module, image.bytes) == 0 ? module : NULL;
}

/// An image that was compiled elsewhere, by whichever compiler: for machines without one.
static cu_handle load_delivered(const struct cuda *cuda, const char *stem) {
  char path[4200];
  snprintf(path, sizeof path, "%s.cubin", stem);
  struct image image = cuda_read_image(path);
  const cu_handle module = load(cuda, image);
  free(image.bytes);
  return module;
}

static cu_handle compile_and_load(const struct cuda *cuda, enum cuda_family family, int32_t type,
                                  const char *path) {
  char log[8192] = "";
  struct image image =
      cuda_compile(cuda->compiler, family, type, cuda->architecture, log, sizeof log);
  if (!image.bytes)
    device_fail(DEVICE_MISTAKE, "kernels of %s do not compile for %s: %s",
                cuda_family_texts[family].name, cuda->architecture, log);
  if (path) cuda_write_image(path, image);
  cu_handle module = NULL;
  const int error = cuda->driver->module_load(&module, image.bytes);
  free(image.bytes);
  cuda_check(cuda, error, "the loading of kernels");
  return module;
}

static cu_handle load_family(const struct cuda *cuda, enum cuda_family family, int32_t type) {
  char stem[4096] = "", path[4200] = "";
  const bool cached = image_stem(cuda, family, type, stem, sizeof stem);
  cu_handle module = cached ? load_delivered(cuda, stem) : NULL;
  if (module) return module;
  if (!cuda->compiler) {
    char why[2048] = "";
    cuda_compiler_open(why, sizeof why);
    device_fail(DEVICE_LOST, "no compiler of kernels here: %s; `pra doctor` says how to get it", why);
  }
  snprintf(path, sizeof path, "%s.%016lx.cubin", stem, cuda->compiler->identity);
  if (cached) {
    struct image image = cuda_read_image(path);
    module = load(cuda, image);
    free(image.bytes);
  }
  return module ? module : compile_and_load(cuda, family, type, cached ? path : NULL);
}

static const struct { const char *name; enum cuda_family family; } kernels[KERNEL_COUNT] = {
#define ROW(name, family, ...) [KERNEL_##name] = {#name "_kernel", FAMILY_##family},
    CUDA_SINGLE_KERNELS(ROW) CUDA_OTHER_KERNELS(ROW)
#undef ROW
};

/// Fills the kernels of a family; those for tensor cores are of one type alone.
static void load_kernels(struct cuda *cuda, enum cuda_family family, int32_t type) {
  const cu_handle module = load_family(cuda, family, type);
  cuda->modules[family][type] = module;
  for (int k = 0; k < KERNEL_COUNT; k++)
    if (kernels[k].family == family)
      cuda->driver->module_function(&cuda->functions[k][type], module, kernels[k].name);
}

cu_handle cuda_function(struct cuda *cuda, enum cuda_kernel kernel, int32_t type) {
  const enum cuda_family family = kernels[kernel].family;
  if (!cuda->modules[family][type]) load_kernels(cuda, family, type);
  const cu_handle function = cuda->functions[kernel][type];
  if (!function)
    device_fail(DEVICE_MISTAKE, "no kernel %s of %s", kernels[kernel].name, cuda_type_names[type]);
  return function;
}
