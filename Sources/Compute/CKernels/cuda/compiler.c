// The compilation of kernels by NVRTC from the text in the program.
#define _GNU_SOURCE
#include "compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const cuda_type_names[3] = {"float32", "float64", "bfloat16"};

bool cuda_has_type(enum cuda_family family, int32_t type) {
  static const bool has_bf16[FAMILY_COUNT] = {
      [FAMILY_elementwise] = true, [FAMILY_moving] = true, [FAMILY_norm] = true,
      [FAMILY_reduction] = true,   [FAMILY_attention] = true};
  return type != ELEMENT_BFLOAT16 || has_bf16[family];
}

enum { OPTIONS = 5 };
/// Options that follow the architecture. No contraction: bits are those of the text.
static const char *const options_of_type[3][OPTIONS] = {
    {"-DREAL=float", "-DREAL_IS_FLOAT=1", "-DSTORED_IS_BFLOAT16=0", "-std=c++17", "-fmad=false"},
    {"-DREAL=double", "-DREAL_IS_FLOAT=0", "-DSTORED_IS_BFLOAT16=0", "-std=c++17", "-fmad=false"},
    {"-DREAL=float", "-DREAL_IS_FLOAT=1", "-DSTORED_IS_BFLOAT16=1", "-std=c++17", "-fmad=false"},
};

static uint64_t hash_of(uint64_t hash, const char *text) {
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
  return hash;
}

uint64_t cuda_text_hash(enum cuda_family family, int32_t type) {
  uint64_t hash = hash_of(0xcbf29ce484222325u, cuda_family_texts[family].text);
  for (const struct kernel_text *header = cuda_header_texts; header->name; header++)
    hash = hash_of(hash_of(hash, header->name), header->text);
  for (int i = 0; i < OPTIONS; i++) hash = hash_of(hash, options_of_type[type][i]);
  return hash;
}

struct image cuda_compile(const struct cuda_compiler *compiler, enum cuda_family family,
                          int32_t type, const char *architecture, char *log, size_t n) {
  enum { MOST_HEADERS = 16 };
  const char *names[MOST_HEADERS], *texts[MOST_HEADERS];
  int headers = 0;
  for (const struct kernel_text *header = cuda_header_texts; header->name; header++, headers++) {
    names[headers] = header->name;
    texts[headers] = header->text;
  }
  char target[64], name[64], *text = NULL;
  snprintf(target, sizeof target, "-arch=%s", architecture);
  snprintf(name, sizeof name, "%s.cu", cuda_family_texts[family].name);
  if (asprintf(&text, "#include \"device.cuh\"\n#include \"common.cuh\"\n#line 1\n%s",
               cuda_family_texts[family].text) < 0)
    return (struct image){0};
  // The log has a line of registers and spills for each kernel.
  const char *options[OPTIONS + 2] = {target, "--ptxas-options=-v"};
  for (int i = 0; i < OPTIONS; i++) options[i + 2] = options_of_type[type][i];
  struct image image = {0};
  cu_handle program = NULL;
  int error = compiler->create(&program, text, name, headers, texts, names);
  if (!error) error = compiler->compile(program, OPTIONS + 2, options);
  size_t length = 0;
  if (!error) error = compiler->image_size(program, &image.size);
  if (!error && (image.bytes = malloc(image.size))) error = compiler->image(program, image.bytes);
  snprintf(log, n, "error %d of NVRTC", error);
  if (program && compiler->log_size(program, &length) == 0 && length > 1) {
    char *whole = malloc(length + 1);
    if (whole && compiler->log(program, whole) == 0) snprintf(log, n, "%s", whole);
    free(whole);
  }
  if (program) compiler->destroy(&program);
  free(text);
  if (!error) return image;
  free(image.bytes);
  return (struct image){0};
}

bool cuda_compile_all(const char *architecture, const char *folder,
                      void (*report)(void *context, const char *family, const char *type,
                                     const char *log),
                      void *context, char *why, size_t n) {
  const struct cuda_compiler *compiler = cuda_compiler_open(why, n);
  if (!compiler) return false;
  static char log[1 << 16];
  for (int family = 0; family < FAMILY_COUNT; family++)
    for (int32_t type = 0; type < 3; type++) {
      if (!cuda_has_type(family, type)) continue;
      char path[4200];
      const struct image image =
          cuda_compile(compiler, family, type, architecture, log, sizeof log);
      if (!image.bytes) {
        snprintf(why, n, "%s of %s for %s: %s", cuda_family_texts[family].name,
                 cuda_type_names[type], architecture, log);
        return false;
      }
      snprintf(path, sizeof path, "%s/%s.%s.%s.%016lx.cubin", folder, cuda_family_texts[family].name,
               cuda_type_names[type], architecture, cuda_text_hash(family, type));
      cuda_write_image(path, image);
      free(image.bytes);
      report(context, cuda_family_texts[family].name, cuda_type_names[type], log);
    }
  return true;
}
