#define _GNU_SOURCE
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// prctl is variadic, which Swift cannot call.
int32_t adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int32_t allowed_processors(void) {
  // A mask for 1,024 processors is refused on a machine with more.
  cpu_set_t masks[64];
  if (sched_getaffinity(0, sizeof masks, masks)) return (int32_t)sysconf(_SC_NPROCESSORS_ONLN);
  return CPU_COUNT_S(sizeof masks, masks);
}

// Whether one of the settings of /proc/PID/environ begins so. Of a process that has ended there are none.
static int is_marked(const char *process, const char *beginning) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%.20s/environ", process);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  char *setting = NULL;
  size_t room = 0;
  int found = 0;
  while (!found && getdelim(&setting, &room, 0, file) > 0)
    found = strncmp(setting, beginning, strlen(beginning)) == 0;
  free(setting);
  fclose(file);
  return found;
}

static int kill_marked(const char *beginning) {
  DIR *folder = opendir("/proc");
  if (!folder) return 0;
  int found = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    int process = atoi(entry->d_name);
    if (process > 1 && process != getpid() && is_marked(entry->d_name, beginning))
      found += kill(process, SIGKILL) == 0;
  }
  closedir(folder);
  return found;
}

// Its command line is that of the caller, by which `pkill -f` would end it together with the caller whose end it waits
// for. The kernel shows the memory between two addresses, fields 48 and 49 of proc_pid_stat(5).
static void take_name(const char *name) {
  prctl(PR_SET_NAME, name);
  FILE *file = fopen("/proc/self/stat", "re");
  if (!file) return;
  char text[2048];
  const size_t count = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[count] = 0;
  // The second field, in parentheses, may hold anything.
  char *at = strrchr(text, ')');
  for (int field = 2; at && field < 48; field++) at = strchr(at + 1, ' ');
  unsigned long start = 0, end = 0;
  if (!at || sscanf(at, " %lu %lu", &start, &end) != 2 || end <= start) return;
  memset((void *)start, 0, end - start);
  strncpy((char *)start, name, end - start - 1);
}

// Until there are none: what is killed may have started another one just before. Ten seconds at most.
static void watch(int channel, const char *beginning) {
  char byte;
  ssize_t count;
  do count = read(channel, &byte, 1);
  while (count > 0 || (count < 0 && errno == EINTR));
  for (int round = 0; round < 1000 && kill_marked(beginning); round++) usleep(10000);
}

int32_t start_warden(const char *beginning) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return -1;
  pid_t child = fork();
  if (child == 0) {
    // Once more, so that it is nobody's child; in a session of its own, which no signal to a group reaches.
    setsid();
    if (fork() != 0) _exit(0);
    take_name("stage-warden");
    // It ends with the caller, not with what asks both to end.
    for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
    for (int file = 0; file < 1024; file++)
      if (file != ends[0]) close(file);
    watch(ends[0], beginning);
    _exit(0);
  }
  close(ends[0]);
  if (child < 0) {
    close(ends[1]);
    return -1;
  }
  // The other end stays open until the caller ends.
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
  return 0;
}

int32_t start_program(
  const char *path, char *const *arguments, char *const *environment, const char *folder, int32_t *process) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error) return error;
  if ((error = posix_spawnattr_init(&attributes))) {
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!error) error = posix_spawn_file_actions_addchdir_np(&actions, folder);
  if (!error) error = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  pid_t started = 0;
  if (!error) error = posix_spawn(&started, path, &actions, &attributes, arguments, environment);
  *process = started;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}
