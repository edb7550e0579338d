// What each error means for the caller, and its remedy.
#include "cuda/device/status.h"

namespace upbeat {

bool is_sticky(cudaError_t status) {
  switch (status) {
    case cudaSuccess:
    case cudaErrorNotReady:
    case cudaErrorInvalidValue:
    case cudaErrorMemoryAllocation:
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorNotSupported:
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
      return false;
    default:
      return true;
  }
}

void check_cuda(cudaError_t status, const char* doing) {
  switch (status) {
    case cudaSuccess:
      return;
    case cudaErrorInsufficientDriver: {
      int driver = 0, runtime = 0;
      cudaDriverGetVersion(&driver);
      cudaRuntimeGetVersion(&runtime);
      if (driver == 0) {
        throw_error(UPBEAT_ERROR_UNAVAILABLE,
                    "%s: there is no NVIDIA driver on this machine: install one, or use the CPU library", doing);
      }
      throw_error(UPBEAT_ERROR_UNAVAILABLE,
                  "%s: the NVIDIA driver knows CUDA %d.%d and this library needs %d.%d: install a newer driver", doing,
                  driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    }
    case cudaErrorNoDevice:
      throw_error(UPBEAT_ERROR_UNAVAILABLE,
                  "%s: no NVIDIA GPU is visible: check `nvidia-smi` and CUDA_VISIBLE_DEVICES, or use the CPU library",
                  doing);
    case cudaErrorInvalidDevice:
      throw_error(UPBEAT_ERROR_UNAVAILABLE, "%s: there is no such GPU", doing);
    case cudaErrorNoKernelImageForDevice:
      throw_error(UPBEAT_ERROR_UNAVAILABLE,
                  "%s: the library has no code for this GPU: build it for the GPU's architecture "
                  "(CMAKE_CUDA_ARCHITECTURES)",
                  doing);
    case cudaErrorMemoryAllocation:
      cudaGetLastError();
      throw_error(UPBEAT_ERROR_OUT_OF_MEMORY, "%s: the device is out of memory", doing);
    default:
      break;
  }
  throw_error(is_sticky(status) ? UPBEAT_ERROR_FAULT : UPBEAT_ERROR_INTERNAL, "%s: %s (%s)", doing,
              cudaGetErrorString(status), cudaGetErrorName(status));
}

}  // namespace upbeat
