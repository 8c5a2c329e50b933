// Style and scripts of the dashboard, inside the program.
#pragma once

#include <stddef.h>

typedef struct {
  const char *name;  // as in "chart.js"
  const unsigned char *bytes;
  size_t size;
} Asset;

const Asset *dashboard_assets(size_t *count);
