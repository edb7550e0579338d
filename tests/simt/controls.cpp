// What tests in another language set in the stand-in's machine: exported by libupbeat_simt.so beside the ABI, and by no
// other library. Declared in tests/support/libraries/simt_library.ts.
#include <cuda_runtime.h>

#include "ffi/upbeat.h"

extern "C" {

// The machine from here on: its GPUs, the CUDA version that its driver knows (as 13000; 0: no driver), their compute
// capability. Devices that are open do not notice.
UPBEAT_API int32_t upbeat_simt_machine(int32_t devices, int32_t driver_version, int32_t major, int32_t minor) {
  simt::Machine& machine = simt::Machine::process();
  machine.devices = devices;
  machine.driver_version = driver_version;
  machine.compute_major = major;
  machine.compute_minor = minor;
  return UPBEAT_OK;
}

// How many slow calls there were until now.
UPBEAT_API int32_t upbeat_simt_slow_calls(void) { return int32_t(simt::SlowCalls::process().count()); }

// How many dependent launches there were until now.
UPBEAT_API int32_t upbeat_simt_dependent_launches(void) { return int32_t(simt::DependentLaunches::process().count()); }

// Whether the driver refuses dependent launches from here on.
UPBEAT_API int32_t upbeat_simt_refuse_dependent_launches(int32_t refused) {
  simt::Machine::process().refuses_dependent_launches = refused != 0;
  return UPBEAT_OK;
}

// From here on (1) slow calls are findings, or (0) they are not.
UPBEAT_API int32_t upbeat_simt_forbid_slow_calls(int32_t forbidden) {
  simt::SlowCalls::process().forbid(forbidden != 0);
  return UPBEAT_OK;
}

// Makes the allocation of this number from now on fail for want of memory; 0: none.
UPBEAT_API int32_t upbeat_simt_refuse_allocation(int32_t number) {
  simt::SlowCalls::process().refuse_allocation(number);
  return UPBEAT_OK;
}

// Breaks the device, as a kernel that reads where nothing is would: every call fails until it is reset.
UPBEAT_API int32_t upbeat_simt_break_device(void) {
  simt::Findings::process().add(simt::format("a test has broken the device"));
  return UPBEAT_OK;
}

}  // extern "C"
