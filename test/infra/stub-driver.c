/* A driver of NVIDIA without a GPU: libcuda.so.1 with what ONNX Runtime's provider needs to get to its first call. */
#include <stdio.h>
#include <string.h>

enum { SUCCESS = 0, NO_DEVICE = 100 };

static int fail(const char *name) {
  fprintf(stderr, "stub driver: %s: CUDA_ERROR_NO_DEVICE\n", name);
  return NO_DEVICE;
}

int cuInit(unsigned flags) { return fail("cuInit"); }
int cuTensorMapEncodeTiled(void) { return fail("cuTensorMapEncodeTiled"); }
static int other(void) { return fail("another function"); }

int cuDriverGetVersion(int *version) {
  *version = 13050;
  return SUCCESS;
}

int cuGetErrorString(int error, const char **text) {
  *text = "no CUDA-capable device is detected";
  return SUCCESS;
}

int cuGetErrorName(int error, const char **name) {
  *name = "CUDA_ERROR_NO_DEVICE";
  return SUCCESS;
}

int cuGetProcAddress_v2(const char *name, void **function, int version, unsigned long long flags, int *status) {
  if (!strcmp(name, "cuInit")) *function = cuInit;
  else if (!strcmp(name, "cuDriverGetVersion")) *function = cuDriverGetVersion;
  else if (!strcmp(name, "cuGetErrorString")) *function = cuGetErrorString;
  else if (!strcmp(name, "cuGetErrorName")) *function = cuGetErrorName;
  else if (!strcmp(name, "cuGetProcAddress")) *function = cuGetProcAddress_v2;
  else *function = other;
  if (status) *status = SUCCESS;
  return SUCCESS;
}

int cuGetProcAddress(const char *name, void **function, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, NULL);
}
