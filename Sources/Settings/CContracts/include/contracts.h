#pragma once
#include <stddef.h>

// workers/<kind>/contract.json, inside the program, so that a binary needs no other file.

typedef struct {
  const char *kind;
  const unsigned char *json; // UTF-8, ended by a zero byte
} PRAContract;

const PRAContract *pra_contracts(size_t *count);
