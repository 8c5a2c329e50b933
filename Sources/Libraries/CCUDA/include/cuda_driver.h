// The functions of the NVIDIA driver, of NVRTC, of cuBLASLt and of NCCL that are used, found at run time: nothing is
// linked, and no header of NVIDIA's is needed. Names and numbers are those of cuda.h, nvrtc.h and cublasLt.h of CUDA 13.0
// and of nccl.h since NCCL 2.14.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef uint64_t cu_address;
typedef void *cu_handle;

// X(field, symbol, parameters); each returns 0 or an error number.
#define CUDA_DRIVER(X)                                                                            \
  X(init, "cuInit", (unsigned flags))                                                             \
  X(driver_version, "cuDriverGetVersion", (int *version))                                         \
  X(device_count, "cuDeviceGetCount", (int *count))                                               \
  X(device_get, "cuDeviceGet", (int *device, int ordinal))                                        \
  X(device_name, "cuDeviceGetName", (char *name, int length, int device))                         \
  X(device_attribute, "cuDeviceGetAttribute", (int *value, int attribute, int device))            \
  X(device_memory, "cuDeviceTotalMem_v2", (size_t *bytes, int device))                            \
  X(device_bus, "cuDeviceGetPCIBusId", (char *place, int length, int device))                     \
  X(context_retain, "cuDevicePrimaryCtxRetain", (cu_handle *context, int device))                 \
  X(context_release, "cuDevicePrimaryCtxRelease_v2", (int device))                                \
  X(context_set, "cuCtxSetCurrent", (cu_handle context))                                          \
  X(memory_info, "cuMemGetInfo_v2", (size_t *available, size_t *total))                           \
  X(memory_take, "cuMemAlloc_v2", (cu_address *address, size_t bytes))                            \
  X(memory_free, "cuMemFree_v2", (cu_address address))                                            \
  X(to_device, "cuMemcpyHtoDAsync_v2", (cu_address to, const void *from, size_t n, cu_handle s))  \
  X(to_host, "cuMemcpyDtoHAsync_v2", (void *to, cu_address from, size_t n, cu_handle s))          \
  X(stream_create, "cuStreamCreate", (cu_handle *stream, unsigned flags))                         \
  X(stream_query, "cuStreamQuery", (cu_handle stream))                                            \
  X(stream_wait, "cuStreamSynchronize", (cu_handle stream))                                       \
  X(stream_wait_event, "cuStreamWaitEvent", (cu_handle stream, cu_handle event, unsigned flags))  \
  X(stream_destroy, "cuStreamDestroy_v2", (cu_handle stream))                                     \
  X(event_create, "cuEventCreate", (cu_handle *event, unsigned flags))                            \
  X(event_record, "cuEventRecord", (cu_handle event, cu_handle stream))                           \
  X(event_time, "cuEventElapsedTime", (float *milliseconds, cu_handle begin, cu_handle end))   \
  X(event_destroy, "cuEventDestroy_v2", (cu_handle event))                                        \
  X(module_load, "cuModuleLoadData", (cu_handle *module, const void *image))                      \
  X(module_unload, "cuModuleUnload", (cu_handle module))                                          \
  X(module_function, "cuModuleGetFunction", (cu_handle *function, cu_handle module,               \
                                             const char *name))                                   \
  X(function_set, "cuFuncSetAttribute", (cu_handle function, int attribute, int value))           \
  X(launch, "cuLaunchKernel", (cu_handle function, unsigned grid_x, unsigned grid_y,              \
                               unsigned grid_z, unsigned block_x, unsigned block_y,               \
                               unsigned block_z, unsigned shared_bytes, cu_handle stream,         \
                               void **parameters, void **extra))                                  \
  X(capture_begin, "cuStreamBeginCapture_v2", (cu_handle stream, int mode))                       \
  X(capture_end, "cuStreamEndCapture", (cu_handle stream, cu_handle *graph))                      \
  X(graph_instantiate, "cuGraphInstantiateWithFlags", (cu_handle *run, cu_handle graph,           \
                                                       unsigned long long flags))                 \
  X(graph_launch, "cuGraphLaunch", (cu_handle run, cu_handle stream))                             \
  X(graph_destroy, "cuGraphDestroy", (cu_handle graph))                                           \
  X(graph_run_destroy, "cuGraphExecDestroy", (cu_handle run))                                     \
  X(error_name, "cuGetErrorName", (int error, const char **name))                                 \
  X(error_text, "cuGetErrorString", (int error, const char **text))

#define CUDA_COMPILER(X)                                                                          \
  X(version, "nvrtcVersion", (int *major, int *minor))                                            \
  X(create, "nvrtcCreateProgram", (cu_handle *program, const char *text, const char *name,        \
                                   int count, const char *const *headers,                         \
                                   const char *const *names))                                     \
  X(destroy, "nvrtcDestroyProgram", (cu_handle *program))                                         \
  X(compile, "nvrtcCompileProgram", (cu_handle program, int count, const char *const *options))   \
  X(log_size, "nvrtcGetProgramLogSize", (cu_handle program, size_t *bytes))                       \
  X(log, "nvrtcGetProgramLog", (cu_handle program, char *text))                                   \
  X(image_size, "nvrtcGetCUBINSize", (cu_handle program, size_t *bytes))                          \
  X(image, "nvrtcGetCUBIN", (cu_handle program, char *image))

#define CUDA_BLAS(X)                                                                              \
  X(create, "cublasLtCreate", (cu_handle *handle))                                                \
  X(destroy, "cublasLtDestroy", (cu_handle handle))                                               \
  X(product_create, "cublasLtMatmulDescCreate", (cu_handle *product, int compute, int scale))     \
  X(product_set, "cublasLtMatmulDescSetAttribute", (cu_handle product, int attribute,             \
                                                    const void *value, size_t bytes))             \
  X(product_destroy, "cublasLtMatmulDescDestroy", (cu_handle product))                            \
  X(matrix_create, "cublasLtMatrixLayoutCreate", (cu_handle *matrix, int type, uint64_t rows,     \
                                                  uint64_t columns, int64_t stride))              \
  X(matrix_destroy, "cublasLtMatrixLayoutDestroy", (cu_handle matrix))                            \
  X(wishes_create, "cublasLtMatmulPreferenceCreate", (cu_handle *wishes))                         \
  X(wishes_set, "cublasLtMatmulPreferenceSetAttribute", (cu_handle wishes, int attribute,         \
                                                         const void *value, size_t bytes))        \
  X(wishes_destroy, "cublasLtMatmulPreferenceDestroy", (cu_handle wishes))                        \
  X(choose, "cublasLtMatmulAlgoGetHeuristic",                                                     \
    (cu_handle handle, cu_handle product, cu_handle a, cu_handle b, cu_handle c, cu_handle d,     \
     cu_handle wishes, int most, struct cuda_blas_choice *choices, int *count))                   \
  X(multiply, "cublasLtMatmul",                                                                   \
    (cu_handle handle, cu_handle product, const void *alpha, cu_address a, cu_handle a_layout,    \
     cu_address b, cu_handle b_layout, const void *beta, cu_address c, cu_handle c_layout,        \
     cu_address d, cu_handle d_layout, const struct cuda_blas_algorithm *algorithm,               \
     cu_address workspace, size_t workspace_bytes, cu_handle stream))

#define CUDA_NCCL(X)                                                                              \
  X(version, "ncclGetVersion", (int *version))                                                    \
  X(make_id, "ncclGetUniqueId", (struct nccl_id *id))                                             \
  X(open, "ncclCommInitRankConfig", (cu_handle *ranks, int size, struct nccl_id id, int rank,     \
                                     struct nccl_config *config))                                 \
  X(state, "ncclCommGetAsyncError", (cu_handle ranks, int *error))                                \
  X(abort, "ncclCommAbort", (cu_handle ranks))                                                    \
  X(group_begin, "ncclGroupStart", (void))                                                        \
  X(group_end, "ncclGroupEnd", (void))                                                            \
  X(send, "ncclSend", (cu_address from, size_t count, int type, int peer, cu_handle ranks,        \
                       cu_handle stream))                                                         \
  X(receive, "ncclRecv", (cu_address to, size_t count, int type, int peer, cu_handle ranks,       \
                          cu_handle stream))                                                      \
  X(all_gather, "ncclAllGather", (cu_address from, cu_address to, size_t count, int type,         \
                                  cu_handle ranks, cu_handle stream))

/// ncclUniqueId.
struct nccl_id { char bytes[128]; };
/// ncclConfig_t of NCCL 2.14, which later ones read by its size.
struct nccl_config { size_t size; unsigned magic, version; int blocking; };

/// cublasLtMatmulAlgo_t and cublasLtMatmulHeuristicResult_t.
struct cuda_blas_algorithm { uint64_t words[8]; };
struct cuda_blas_choice {
  struct cuda_blas_algorithm algorithm;
  size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
};

#define CUDA_FIELD(field, symbol, parameters) int(*field) parameters;
struct cuda_driver { CUDA_DRIVER(CUDA_FIELD) };
struct cuda_blas {
  CUDA_BLAS(CUDA_FIELD)
  /// The file from which it was loaded.
  char path[4096];
};
struct cuda_nccl {
  CUDA_NCCL(CUDA_FIELD)
  const char *(*error_text)(int error);
  const char *(*last_error)(cu_handle ranks);
  /// The file from which it was loaded.
  char path[4096];
};
struct cuda_compiler {
  CUDA_COMPILER(CUDA_FIELD)
  /// The file from which it was loaded, and a number of that file: another build is another compiler.
  char path[4096];
  uint64_t identity;
};
#undef CUDA_FIELD

enum { CUDA_OUT_OF_MEMORY = 2, CUDA_NO_DEVICE = 100, CUDA_NOT_READY = 600 };

/// The libraries, opened once: from the folders of PRA_CUDA_PATH (separated by colons), from
/// $PRA_HOME/cuda as pip fills it, and where the system's loader looks. NULL if one is missing; `why`, of
/// `n` bytes, then says what was looked for.
const struct cuda_driver *cuda_driver_open(char *why, size_t n);
const struct cuda_compiler *cuda_compiler_open(char *why, size_t n);
/// NULL also where PRA_CUDA_BLAS=0 asks for own products.
const struct cuda_blas *cuda_blas_open(char *why, size_t n);
/// NULL also where PRA_NCCL=0 asks for sockets.
const struct cuda_nccl *cuda_nccl_open(char *why, size_t n);
