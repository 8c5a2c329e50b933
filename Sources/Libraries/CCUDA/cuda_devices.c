#include "cuda_devices.h"

#include <stdio.h>
#include <string.h>

#include "cuda_driver.h"

int32_t cuda_device_count(char *why, size_t n) {
  if (n > 0) why[0] = 0;
  const struct cuda_driver *driver = cuda_driver_open(why, n);
  if (!driver) return 0;
  int count = 0;
  int error = driver->init(0);
  if (!error) error = driver->device_count(&count);
  if (!error && count > 0) return count;
  const char *text = NULL;
  driver->error_text(error ? error : CUDA_NO_DEVICE, &text);
  snprintf(why, n, "%s", text ? text : "the driver reports an error");
  return 0;
}

bool cuda_device_describe(int32_t ordinal, struct cuda_device_info *info) {
  enum { MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76 };
  char why[512];
  memset(info, 0, sizeof *info);
  if (ordinal < 0 || ordinal >= cuda_device_count(why, sizeof why)) return false;
  const struct cuda_driver *driver = cuda_driver_open(why, sizeof why);
  int device;
  return !driver->device_get(&device, ordinal) &&
         !driver->device_name(info->name, sizeof info->name, device) &&
         !driver->device_attribute(&info->major, MAJOR, device) &&
         !driver->device_attribute(&info->minor, MINOR, device) &&
         !driver->device_attribute(&info->multiprocessors, MULTIPROCESSORS, device) &&
         !driver->device_memory(&info->memory, device);
}

int32_t cuda_driver_version(void) {
  char why[512];
  int version = 0;
  const struct cuda_driver *driver = cuda_driver_open(why, sizeof why);
  if (driver) driver->driver_version(&version);
  return version;
}

int32_t cuda_compiler_version(char *path, size_t path_size, char *why, size_t n) {
  const struct cuda_compiler *compiler = cuda_compiler_open(why, n);
  if (!compiler) return 0;
  snprintf(path, path_size, "%s", compiler->path);
  int major = 0, minor = 0;
  compiler->version(&major, &minor);
  return major * 1000 + minor * 10;
}

bool cuda_blas_describe(char *path, size_t path_size, char *why, size_t n) {
  const struct cuda_blas *blas = cuda_blas_open(why, n);
  if (blas) snprintf(path, path_size, "%s", blas->path);
  return blas != NULL;
}

int32_t cuda_nccl_version(char *path, size_t path_size, char *why, size_t n) {
  const struct cuda_nccl *nccl = cuda_nccl_open(why, n);
  if (!nccl) return 0;
  snprintf(path, path_size, "%s", nccl->path);
  int version = 0;
  nccl->version(&version);
  return version;
}
