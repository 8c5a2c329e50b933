#pragma once
#include <stddef.h>

// The files of migrations/, inside the program, so that a binary needs no other file.

typedef struct {
  int version;
  const char *name;         // the file's name
  const unsigned char *sql; // UTF-8, not terminated
  size_t length;            // bytes
} PRAMigration;

// Numbered files, in order of version, from 1.
const PRAMigration *pra_migrations(size_t *count);

// A file of functions or a view, edited in place.
typedef struct {
  const char *path;         // below migrations/
  const unsigned char *sql; // UTF-8, not terminated
  size_t length;            // bytes
} PRACurrentFile;

// In the order in which they are executed.
const PRACurrentFile *pra_current_files(size_t *count);
