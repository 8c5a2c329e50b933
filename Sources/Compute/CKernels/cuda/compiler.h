// Compiled kernels and their names.
#pragma once
#include "cuda_device.h"
#include "sources.h"

/// An image that the driver loads: all kernels of a family for one type and one architecture.
struct image { char *bytes; size_t size; };

extern const char *const cuda_type_names[3];
/// Whether operations of a family run with a type: bfloat16 is a form of some.
bool cuda_has_type(enum cuda_family family, int32_t type);

/// A number of the text and the options of a family: another text is another image.
uint64_t cuda_text_hash(enum cuda_family family, int32_t type);
/// The image of a family, to be freed. `log` is what the compiler says; without bytes, why it failed.
struct image cuda_compile(const struct cuda_compiler *compiler, enum cuda_family family, int32_t type,
                          const char *architecture, char *log, size_t n);
/// Without bytes if there is no such file.
struct image cuda_read_image(const char *path);
/// Keeps an image for other processes; one that cannot be written is compiled again.
void cuda_write_image(const char *path, struct image image);
