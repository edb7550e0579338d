// What each error means for the caller, and its remedy.
#include "cuda/device/status.h"

namespace upbeat {

bool is_sticky(cudaError_t status) {
  // Those of which CUDA's reference says that the process is inconsistent afterwards. By number: not all are known to
  // every version, nor to the emulator.
  switch (int(status)) {
    case 214:  // cudaErrorECCUncorrectable
    case 220:  // cudaErrorNvlinkUncorrectable
    case 700:  // cudaErrorIllegalAddress
    case 702:  // cudaErrorLaunchTimeout
    case 709:  // cudaErrorContextIsDestroyed
    case 710:  // cudaErrorAssert
    case 714:  // cudaErrorHardwareStackError
    case 715:  // cudaErrorIllegalInstruction
    case 716:  // cudaErrorMisalignedAddress
    case 717:  // cudaErrorInvalidAddressSpace
    case 718:  // cudaErrorInvalidPc
    case 719:  // cudaErrorLaunchFailure
    case 721:  // cudaErrorContained
    case 722:  // cudaErrorTensorMemoryLeak
    case 999:  // cudaErrorUnknown
      return true;
    default:
      return false;
  }
}

void check_open(cudaError_t status, const char* doing) {
  switch (int(status)) {
    case 3:    // cudaErrorInitializationError
    case 46:   // cudaErrorDevicesUnavailable
    case 802:  // cudaErrorSystemNotReady
    case 803:  // cudaErrorSystemDriverMismatch
    case 804:  // cudaErrorCompatNotSupportedOnDevice
    case 805:  // cudaErrorMpsConnectionFailed
    case 999:  // cudaErrorUnknown
      throw_error(UPBEAT_ERROR_UNAVAILABLE,
                  "%s: %s (%s): another program may hold the GPU, or its driver needs a restart (`nvidia-smi` shows it)",
                  doing, cudaGetErrorString(status), cudaGetErrorName(status));
    default:
      check_cuda(status, doing);
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
