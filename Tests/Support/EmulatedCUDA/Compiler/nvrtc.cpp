// NVRTC for the emulated driver: the compiler of the host makes a shared library of the same text, which
// stands for the image of a GPU.
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

extern "C" char **environ;

#pragma clang diagnostic ignored "-Wc23-extensions"
static const char device_text[] = {
#embed "../Kernels/device.cuh"
    , 0};
static const char runtime_text[] = {
#embed "../Kernels/runtime.h"
    , 0};

enum { FAILED = 6, NO_FOLDER = 1 };

struct Program {
  std::string source, log, image;
  std::vector<std::pair<std::string, std::string>> headers;
};
#define API extern "C" __attribute__((visibility("default"))) int

static bool save(const std::string &path, const std::string &text) {
  FILE *file = fopen(path.c_str(), "we");
  if (!file) return false;
  const bool whole = fwrite(text.data(), 1, text.size(), file) == text.size();
  return fclose(file) == 0 && whole;
}

static std::string load(const std::string &path) {
  std::string text;
  if (FILE *file = fopen(path.c_str(), "re")) {
    char piece[65536];
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;) text.append(piece, n);
    fclose(file);
  }
  return text;
}

/// Runs a program whose errors go to a file, without what is loaded into this one before it, such as a sanitizer.
static int run(const std::vector<std::string> &words, const std::string &log) {
  std::vector<char *> arguments;
  for (const std::string &word : words) arguments.push_back((char *)word.c_str());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  std::vector<char *> variables;
  for (char **one = environ; *one; one++)
    if (strncmp(*one, "LD_PRELOAD=", 11) != 0) variables.push_back(*one);
  variables.push_back(nullptr);
  pid_t child;
  const int error =
      posix_spawnp(&child, arguments[0], &files, nullptr, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&files);
  int status = -1;
  if (error || waitpid(child, &status, 0) != child) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

API nvrtcVersion(int *major, int *minor) { *major = 13; *minor = 0; return 0; }

API nvrtcCreateProgram(void **program, const char *source, const char *, int count,
                       const char *const *headers, const char *const *names) {
  Program *made = new Program;
  made->source = source;
  // The C library has its own headers, and the emulator its own page for kernels.
  for (int i = 0; i < count; i++)
    if (strncmp(names[i], "std", 3) != 0 && strcmp(names[i], "device.cuh") != 0)
      made->headers.push_back({names[i], headers[i]});
  made->headers.push_back({"device.cuh", device_text});
  made->headers.push_back({"runtime.h", runtime_text});
  *program = made;
  return 0;
}

API nvrtcDestroyProgram(void **program) { delete (Program *)*program; *program = nullptr; return 0; }

API nvrtcCompileProgram(void *given, int count, const char *const *options) {
  Program *program = (Program *)given;
  const char *temporary = getenv("TMPDIR");
  std::string folder = std::string(temporary ? temporary : "/tmp") + "/emulated-nvrtc-XXXXXX";
  if (!mkdtemp(folder.data())) return NO_FOLDER;
  const std::string source = folder + "/kernel.cpp", image = folder + "/kernel.so", log = folder + "/log";
  save(source, program->source);
  for (auto &[name, text] : program->headers) save(folder + "/" + name, text);
  int error = 0;
  // A fault that a test plants into the text of kernels, not into the emulator's page for them.
  if (const char *edit = getenv("EMULATION_SED")) {
    std::vector<std::string> words = {"sed", "-i", edit, source};
    for (auto &[name, text] : program->headers)
      if (name.ends_with(".cuh") && name != "device.cuh") words.push_back(folder + "/" + name);
    error = run(words, log);
  }
  std::vector<std::string> command = {
      getenv("EMULATION_CXX") ? getenv("EMULATION_CXX") : "clang++", "-O2", "-march=native",
      "-fno-math-errno", "-ffp-contract=off", "-fPIC", "-shared", "-w", "-g1"};
  for (int i = 0; i < count; i++)
    if (!strncmp(options[i], "-D", 2) || !strncmp(options[i], "-std", 4)) command.push_back(options[i]);
  // A flag for programs that run once.
  if (const char *flag = getenv("EMULATION_FLAG")) command.push_back(flag);
  if (getenv("EMULATION_RACES")) command.push_back("-fsanitize=thread");
  command.insert(command.end(), {"-I" + folder, "-o", image, source});
  if (!error) error = run(command, log);
  program->log = load(log);
  const std::string body = load(image);
  const uint64_t bytes = body.size();
  program->image = std::string((const char *)&bytes, sizeof bytes) + body;
  run({"rm", "-r", folder}, "/dev/null");
  return error == 0 ? 0 : FAILED;
}

API nvrtcGetProgramLogSize(void *p, size_t *n) { *n = ((Program *)p)->log.size() + 1; return 0; }
API nvrtcGetProgramLog(void *p, char *text) { strcpy(text, ((Program *)p)->log.c_str()); return 0; }
API nvrtcGetCUBINSize(void *p, size_t *n) { *n = ((Program *)p)->image.size(); return 0; }
API nvrtcGetCUBIN(void *p, char *image) {
  memcpy(image, ((Program *)p)->image.data(), ((Program *)p)->image.size());
  return 0;
}
