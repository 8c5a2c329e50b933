#pragma once
#include <stddef.h>

// The files of migrations/, inside the program, so that a binary needs no other file.

typedef struct {
  int version;
  const char *name;         // the file's name
  const unsigned char *sql; // UTF-8, not terminated
  size_t length;            // bytes
} PRAMigration;

// In order of version, from 1.
const PRAMigration *pra_migrations(size_t *count);
