// The text of the kernels, inside the program.
#pragma once
#include "launches.h"

struct kernel_text { const char *name, *text; };

/// Files of kernels, by family.
extern const struct kernel_text cuda_family_texts[FAMILY_COUNT];
/// Files that they include, by the names in their #include; ended by a null name.
extern const struct kernel_text cuda_header_texts[];
