// Kills a process by SIGKILL at the n-th call that one of its checkpoints makes to the file system
// or to a server; a write is killed after half of its bytes. Loaded by LD_PRELOAD (ld.so(8)).
//
// KILL_POINTS names a folder. Its file <job> has a line for each attempt:
//   n       kill at the n-th call of the attempt's second checkpoint, which no earlier attempt has begun
//   trace   write the calls of the second checkpoint to <job>.trace
// A missing line does nothing. Before it dies, a process writes the call to <job>.killed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic int checkpoints;
// For a thread that writes a checkpoint: its ordinal in the process, and the number of calls so
// far.
static _Thread_local int checkpoint;
static _Thread_local long calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// Line of this attempt in the plan: -1 traces, 0 does nothing.
static long plan(void) {
  static _Atomic long known = -2;
  long n = atomic_load(&known);
  if (n != -2) return n;
  n = 0;
  const char *folder = getenv("KILL_POINTS"), *job = getenv("PRA_JOB"), *epoch = getenv("PRA_EPOCH");
  char path[4096], line[64];
  if (folder && job && epoch) {
    snprintf(path, sizeof path, "%s/%s", folder, job);
    FILE *file = fopen(path, "re");
    for (long i = atol(epoch); file && i > 0 && fgets(line, sizeof line, file); i--)
      if (i == 1) n = line[0] == 't' ? -1 : atol(line);
    if (file) fclose(file);
  }
  atomic_store(&known, n);
  return n;
}

static void say(const char *ending, const char *call, const char *what, long bytes) {
  char path[4096], line[4096];
  snprintf(path, sizeof path, "%s/%s.%s", getenv("KILL_POINTS"), getenv("PRA_JOB"), ending);
  int length = snprintf(line, sizeof line, "%ld %s %ld %s\n", calls, call, bytes, what);
  int file = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (REAL(write)(file, line, (size_t)length) != length) abort();
  close(file);
}

// Counts a call; returns true if the process is to die in it.
static int dies(const char *call, const char *what, long bytes) {
  if (!checkpoint) return 0;
  calls++;
  long n = plan();
  if (n == -1 && checkpoint == 2) say("trace", call, what, bytes);
  if (n <= 0 || checkpoint < 2 || (checkpoint == 2 && calls < n)) return 0;
  say("killed", call, what, bytes);
  return 1;
}

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static const char *name_of(int file, char *space, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, space, size - 1);
  space[length < 0 ? 0 : length] = 0;
  return space;
}

int mkdir(const char *path, mode_t mode) {
  if (strstr(path, "/checkpoint-")) checkpoint = atomic_fetch_add(&checkpoints, 1) + 1;
  if (dies("mkdir", path, 0)) die();
  return REAL(mkdir)(path, mode);
}

#define OPEN(name)                                         \
  int name(const char *path, int flags, ...) {             \
    va_list rest;                                          \
    va_start(rest, flags);                                 \
    mode_t mode = va_arg(rest, mode_t);                    \
    va_end(rest);                                          \
    if (dies("open", path, 0)) die();                      \
    return REAL(name)(path, flags, mode);                  \
  }
OPEN(open)
OPEN(open64)

#define PATH(name)                        \
  int name(const char *path) {            \
    if (dies(#name, path, 0)) die();      \
    return REAL(name)(path);              \
  }
PATH(unlink)
PATH(rmdir)
PATH(remove)

int unlinkat(int folder, const char *path, int flags) {
  if (dies("unlink", path, 0)) die();
  return REAL(unlinkat)(folder, path, flags);
}

int rename(const char *from, const char *to) {
  if (dies("rename", to, 0)) die();
  return REAL(rename)(from, to);
}

int link(const char *from, const char *to) {
  if (dies("link", to, 0)) die();
  return REAL(link)(from, to);
}

int fsync(int file) {
  char space[4096];
  if (dies("fsync", name_of(file, space, sizeof space), 0)) die();
  return REAL(fsync)(file);
}

ssize_t write(int file, const void *bytes, size_t count) {
  char space[4096];
  if (checkpoint && dies("write", name_of(file, space, sizeof space), (long)count)) {
    if (REAL(write)(file, bytes, count / 2) < 0) abort();
    die();
  }
  return REAL(write)(file, bytes, count);
}

// The rest of a message that the socket's buffer did not take belongs to the call that began it:
// the number of pieces depends on timing.
static _Thread_local int is_rest;

ssize_t send(int file, const void *bytes, size_t count, int flags) {
  char space[4096];
  if (checkpoint && !is_rest && dies("send", name_of(file, space, sizeof space), (long)count)) {
    REAL(send)(file, bytes, count / 2, flags);
    die();
  }
  ssize_t sent = REAL(send)(file, bytes, count, flags);
  is_rest = sent < (ssize_t)count;
  return sent;
}

ssize_t recv(int file, void *bytes, size_t count, int flags) {
  char space[4096];
  if (checkpoint && !is_rest && dies("recv", name_of(file, space, sizeof space), (long)count)) die();
  return REAL(recv)(file, bytes, count, flags);
}
