// Controls of the stand-in's machine for tests in TypeScript, exported by libupbeat_simt.so only. Declared in
// tests/support/libraries/simt_library.ts.
#include <cuda_runtime.h>

#include "ffi/upbeat.h"

extern "C" {

// Sets the machine: the number of GPUs, the CUDA version of its driver (as 13000; 0: no driver), their compute
// capability. Open devices are not affected.
UPBEAT_API int32_t upbeat_simt_machine(int32_t devices, int32_t driver_version, int32_t major, int32_t minor) {
  simt::Machine& machine = simt::Machine::process();
  machine.devices = devices;
  machine.driver_version = driver_version;
  machine.compute_major = major;
  machine.compute_minor = minor;
  return UPBEAT_OK;
}

// The number of slow calls so far.
UPBEAT_API int32_t upbeat_simt_slow_calls(void) { return int32_t(simt::SlowCalls::process().count()); }

// The number of dependent launches so far.
UPBEAT_API int32_t upbeat_simt_dependent_launches(void) { return int32_t(simt::DependentLaunches::process().count()); }

// Sets whether the driver refuses dependent launches.
UPBEAT_API int32_t upbeat_simt_refuse_dependent_launches(int32_t refused) {
  simt::Machine::process().refuses_dependent_launches = refused != 0;
  return UPBEAT_OK;
}

// Sets whether slow calls are findings.
UPBEAT_API int32_t upbeat_simt_forbid_slow_calls(int32_t forbidden) {
  simt::SlowCalls::process().forbid(forbidden != 0);
  return UPBEAT_OK;
}

// Makes the n-th allocation from now on fail as out of memory; 0: none.
UPBEAT_API int32_t upbeat_simt_refuse_allocation(int32_t number) {
  simt::SlowCalls::process().refuse_allocation(number);
  return UPBEAT_OK;
}

// Breaks the device as an invalid read of a kernel would: every call fails until it is reset.
UPBEAT_API int32_t upbeat_simt_break_device(void) {
  simt::Findings::process().add(simt::format("a test has broken the device"));
  return UPBEAT_OK;
}

}  // extern "C"
