// The machine that the stand-in runtime claims to be: one GPU, as a test may set it up.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>

namespace simt {

struct Machine {
  // Never destroyed, as everything that a stream's thread may still touch at exit.
  static Machine& process() {
    static Machine* machine = new Machine;
    return *machine;
  }

  int devices = 1;
  int driver_version = 13000;  // 0: there is no driver
  int compute_major = 9;
  int compute_minor = 0;
  int code_capability = 90;                 // what kernels were compiled for
  bool refuses_dependent_launches = false;  // the driver does
  std::string name = "SIMT emulator";
  int multiprocessors = 4;
  int64_t total_memory = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  int64_t used_memory = 1 << 20;  // by other processes

  int64_t free_memory() const { return total_memory - used_memory; }
};

}  // namespace simt
