// A CUDA driver that runs kernels on the host: libcuda.so.1 for machines without a GPU. It is strict where
// a GPU is merely unlucky: work starts at the latest moment that is allowed, memory begins as NaN, and the
// host may not touch what is the device's.
//
// EMULATION_MEMORY (bytes), EMULATION_DEVICES (their number) and EMULATION_FAIL ("launches:error", after so
// many launches every call gives that error) set the machine that it plays.
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "block.h"
#include "memory.h"
#include "stream.h"

namespace {

enum {
  INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200,
  NOT_FOUND = 500, NOT_READY = 600, STREAM_CAPTURE = 900,
};

/// Work says whether it is done: what waits for another process is called again.
typedef std::function<bool()> Work;
struct Stream {
  std::deque<Work> queue;
  unsigned long pushed = 0, done = 0;
  bool capturing = false;
  std::vector<Work> captured;
};
struct Graph { std::vector<Work> work; };
struct Event { double at = 0; Stream *stream = nullptr; unsigned long serial = 0; };
/// An image that is loaded, once for all who load it: each takes a place in the thread-local storage that
/// the loader has reserved.
struct Module { std::string image; void *handle; void (*enter)(emulated_state *); };
struct Function { Module *module; std::string name; void (*body)(const void *); unsigned most; size_t bytes; unsigned room; };

// Calls of several threads; work runs on the thread that waits for it.
std::recursive_mutex mutex;
Stream default_stream;
std::vector<Stream *> streams;
std::vector<Module *> modules;
long launches;

Stream *of(void *s) { return s ? (Stream *)s : &default_stream; }

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/// Runs the work that is not done yet up to a place of the stream. False where some of it waits for another process, and
/// `waits` is not set.
bool drain_to(Stream *s, unsigned long serial, bool waits = true) {
  while (s->done < serial && !s->queue.empty()) {
    bool is_done;
    {
      Access access;
      is_done = s->queue.front()();
    }
    if (is_done) {
      s->queue.pop_front();
      s->done++;
    } else if (waits) {
      mutex.unlock();
      usleep(100);
      mutex.lock();
    } else {
      return false;
    }
  }
  return true;
}
void drain(Stream *s) { drain_to(s, s->pushed); }
void drain_all() {
  drain(&default_stream);
  for (Stream *s : streams) drain(s);
}

int put(void *s, Work work) {
  Stream *stream = of(s);
  if (stream->capturing) {
    stream->captured.push_back(std::move(work));
  } else {
    stream->queue.push_back(std::move(work));
    stream->pushed++;
  }
  return 0;
}

/// Work that is done when it has been called.
int put_once(void *s, std::function<void()> work) {
  return put(s, [work = std::move(work)] {
    work();
    return true;
  });
}

// A context for each GPU, which says which one is current.
char contexts[16];
thread_local char *current;

/// The error that EMULATION_FAIL names, once so many kernels have been started.
int planned_failure() {
  static const char *said = getenv("EMULATION_FAIL");
  if (!said) return 0;
  const char *colon = strchr(said, ':');
  return colon && launches >= atol(said) ? atoi(colon + 1) : 0;
}

#if !RACES
void on_fault(int, siginfo_t *info, void *) {
  char text[1024];
  const void *at = info->si_addr;
  const bool device = is_device_memory(at);
  const std::string place = place_of_running_thread();
  if (!place.empty())
    snprintf(text, sizeof text, "emulated GPU: %s: access to %p, which is no %s\n", place.c_str(), at,
             device ? "allocated device memory" : "device memory");
  else
    snprintf(text, sizeof text, "emulated GPU: %s %p\n",
             device ? "the host touched device memory at" : "segmentation fault at", at);
  (void)!write(2, text, strlen(text));
  _exit(139);
}
#endif

void watch_faults() {
#if !RACES
  static char stack[64 << 10];
  stack_t other = {};
  other.ss_sp = stack;
  other.ss_size = sizeof stack;
  sigaltstack(&other, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
#endif
}

}  // namespace

void emulated_put(void *stream, std::function<void()> work) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  put_once(stream, std::move(work));
}
int emulated_put_waiting(void *stream, std::function<bool()> work) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  return of(stream)->capturing ? STREAM_CAPTURE : put(stream, std::move(work));
}
int emulated_current() { return current ? (int)(current - contexts) : -1; }

#define API extern "C" __attribute__((visibility("default"))) int
#define LOCKED                                        \
  std::lock_guard<std::recursive_mutex> lock(mutex); \
  if (const int planned = planned_failure()) return planned

API cuInit(unsigned) {
  LOCKED;
  static const bool begun = [] {
    watch_faults();
    return memory_begin();
  }();
  return begun ? 0 : OUT_OF_MEMORY;
}
API cuDriverGetVersion(int *v) { *v = 13000; return 0; }
API cuDeviceGetCount(int *n) {
  static const char *said = getenv("EMULATION_DEVICES");
  *n = said ? atoi(said) : 1;
  return *n > 0 ? 0 : NO_DEVICE;
}
API cuDeviceGet(int *d, int ordinal) {
  int n;
  cuDeviceGetCount(&n);
  *d = ordinal;
  return ordinal >= 0 && ordinal < n ? 0 : INVALID_DEVICE;
}
API cuDeviceGetName(char *name, int n, int) { snprintf(name, (size_t)n, "emulated GPU"); return 0; }
API cuDeviceGetAttribute(int *v, int attribute, int) {
  enum { MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76 };
  *v = attribute == MAJOR ? 9 : attribute == MULTIPROCESSORS ? 2 : 0;
  return 0;
}
API cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = memory_total(); return 0; }
API cuDeviceGetPCIBusId(char *place, int n, int device) {
  snprintf(place, (size_t)n, "0000:%02x:00.0", device + 1);
  return 0;
}
API cuDevicePrimaryCtxRetain(void **context, int device) { LOCKED; *context = contexts + device; return 0; }
API cuDevicePrimaryCtxRelease_v2(int) { return 0; }
API cuCtxSetCurrent(void *context) { LOCKED; current = (char *)context; return 0; }
API cuMemGetInfo_v2(size_t *available, size_t *total) {
  *available = memory_available();
  *total = memory_total();
  return 0;
}
API cuMemAlloc_v2(uint64_t *p, size_t n) {
  LOCKED;
  *p = (uint64_t)device_take(n);
  return *p ? 0 : OUT_OF_MEMORY;
}
API cuMemFree_v2(uint64_t p) { LOCKED; drain_all(); return device_give((void *)p) ? 0 : INVALID_VALUE; }
API cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t n, void *s) {
  LOCKED;
  std::vector<char> held((const char *)from, (const char *)from + n);
  return put_once(s, [to, held = std::move(held)] { memcpy((void *)to, held.data(), held.size()); });
}
API cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, void *s) {
  LOCKED;
  if (of(s)->capturing) return STREAM_CAPTURE;
  put_once(s, [=] { memcpy(to, (void *)from, n); });
  drain(of(s));
  return 0;
}
API cuStreamCreate(void **s, unsigned) {
  LOCKED;
  Stream *made = new Stream;
  streams.push_back(made);
  *s = made;
  return 0;
}
/// Does what needs no other process, since a GPU works while nobody waits.
API cuStreamQuery(void *s) {
  LOCKED;
  if (of(s)->capturing) return STREAM_CAPTURE;
  return drain_to(of(s), of(s)->pushed, false) ? planned_failure() : NOT_READY;
}
API cuStreamSynchronize(void *s) {
  LOCKED;
  if (of(s)->capturing) return STREAM_CAPTURE;
  drain(of(s));
  return planned_failure();
}
API cuStreamDestroy_v2(void *s) {
  LOCKED;
  drain(of(s));
  streams.erase(std::find(streams.begin(), streams.end(), (Stream *)s));
  delete (Stream *)s;
  return 0;
}
API cuEventCreate(void **e, unsigned) { *e = new Event; return 0; }
API cuEventDestroy_v2(void *e) { delete (Event *)e; return 0; }
API cuEventRecord(void *e, void *s) {
  LOCKED;
  if (of(s)->capturing) return STREAM_CAPTURE;
  put_once(s, [=] { ((Event *)e)->at = now(); });
  ((Event *)e)->stream = of(s);
  ((Event *)e)->serial = of(s)->pushed;
  return 0;
}
API cuStreamWaitEvent(void *s, void *e, unsigned) {
  LOCKED;
  Stream *other = ((Event *)e)->stream;
  const unsigned long serial = ((Event *)e)->serial;
  return put(s, [=] { return drain_to(other, serial, false); });
}
API cuEventElapsedTime(float *milliseconds, void *begin, void *end) {
  *milliseconds = (float)(1e3 * (((Event *)end)->at - ((Event *)begin)->at));
  return 0;
}

// ---- graphs, modules, launches -----------------------------------------------------------------------

API cuStreamBeginCapture_v2(void *s, int) {
  LOCKED;
  of(s)->capturing = true;
  of(s)->captured.clear();
  return 0;
}
API cuStreamEndCapture(void *s, void **g) {
  LOCKED;
  of(s)->capturing = false;
  *g = new Graph{std::move(of(s)->captured)};
  return 0;
}
API cuGraphInstantiateWithFlags(void **run, void *g, unsigned long long) { *run = new Graph(*(Graph *)g); return 0; }
API cuGraphLaunch(void *run, void *s) {
  LOCKED;
  for (Work &work : ((Graph *)run)->work) put(s, work);
  return planned_failure();
}
API cuGraphDestroy(void *g) { delete (Graph *)g; return 0; }
API cuGraphExecDestroy(void *run) { delete (Graph *)run; return 0; }

/// An image is a shared library, its size in front.
API cuModuleLoadData(void **m, const void *image) {
  LOCKED;
  uint64_t bytes;
  memcpy(&bytes, image, sizeof bytes);
  if (bytes > 1u << 30) return INVALID_IMAGE;
  const std::string body((const char *)image + sizeof bytes, bytes);
  for (Module *known : modules)
    if (known->image == body) {
      *m = known;
      return 0;
    }
  const int file = memfd_create("kernels", MFD_CLOEXEC);
  if (file < 0 || write(file, body.data(), bytes) != (ssize_t)bytes) return INVALID_IMAGE;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  // The file stays open: the loader would take the next one under its number for the same.
  if (!handle) {
    fprintf(stderr, "emulated GPU: %s\n", dlerror());
    close(file);
    return INVALID_IMAGE;
  }
  *m = new Module{body, handle, (void (*)(emulated_state *))dlsym(handle, "emulated_enter")};
  modules.push_back((Module *)*m);
  return 0;
}
API cuModuleUnload(void *) { LOCKED; drain_all(); return 0; }
API cuModuleGetFunction(void **f, void *m, const char *name) {
  LOCKED;
  Module *module = (Module *)m;
  void *body = dlsym(module->handle, name);
  const std::string text = name;
  const unsigned *most = (const unsigned *)dlsym(module->handle, (text + "_most_threads").c_str());
  const size_t *bytes = (const size_t *)dlsym(module->handle, (text + "_argument_bytes").c_str());
  if (!body || !most || !bytes) return NOT_FOUND;
  *f = new Function{module, name, (void (*)(const void *))body, *most, *bytes, 48 << 10};
  return 0;
}
API cuFuncSetAttribute(void *f, int attribute, int value) {
  if (attribute == 8) ((Function *)f)->room = (unsigned)value;
  return 0;
}
API cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned room, void *s, void **parameters, void **) {
  LOCKED;
  Function *function = (Function *)f;
  if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || !bx || bx * by * bz > function->most ||
      room > function->room)
    return INVALID_VALUE;
  Launch launch{function->body, function->name.c_str(), {}, {gx, gy, gz}, {bx, by, bz}, room};
  const char *arguments = (const char *)parameters[0];
  launch.arguments.assign(arguments, arguments + function->bytes);
  launches++;
  return put_once(s, [function, launch]() mutable { run_launch(launch, function->module->enter); });
}
API cuGetErrorName(int, const char **name) { *name = "CUDA_ERROR_EMULATED"; return 0; }
API cuGetErrorString(int error, const char **text) {
  *text = error == NO_DEVICE ? "no CUDA-capable device is detected"
          : error == OUT_OF_MEMORY ? "out of memory"
          : error == INVALID_VALUE ? "invalid argument"
          : error == NOT_FOUND ? "named symbol not found"
          : error == STREAM_CAPTURE ? "operation not permitted when stream is capturing"
          : error == 214 ? "uncorrectable ECC error encountered"
          : error == 999 ? "unknown error"
                         : "error";
  return 0;
}
