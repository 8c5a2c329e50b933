#pragma once
#include <stdint.h>

/// Makes the caller the parent of every orphan among its descendants, until it ends.
/// Returns 0, or -1 with errno set.
int32_t adopt_orphans(void);

/// Number of processors in the caller's affinity mask, sched_getaffinity(2).
int32_t allowed_processors(void);

/// Starts a process, no child of the caller, that waits for the caller's end, however it ends, and then
/// kills every process in whose environment a setting begins with `beginning`, as in "NAME=/folder/".
/// Returns 0, or -1 with errno set.
int32_t start_warden(const char *beginning);

// Starts a program in a folder, with an empty standard input, the caller's output, no other open file, and signals as
// they are at first. Swift does not see the calls that change the folder and close the files. Returns 0 or an errno.
int32_t start_program(
  const char *path, char *const *arguments, char *const *environment, const char *folder, int32_t *process);
