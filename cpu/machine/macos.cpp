// macOS: cores and memory from sysctl and the Mach kernel.
#if defined(__APPLE__)

#include <mach/mach.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "cpu/machine/machine.h"

namespace upbeat {

int usable_cores() { return std::max(1, int(std::thread::hardware_concurrency())); }

MemoryAmount machine_memory() {
  MemoryAmount memory;
  const auto page = int64_t(sysconf(_SC_PAGESIZE));
  memory.total = int64_t(sysconf(_SC_PHYS_PAGES)) * page;
  memory.free = memory.total;
  vm_statistics64_data_t statistics;
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (host_statistics64(mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&statistics), &count) == 0) {
    memory.free = (int64_t(statistics.free_count) + statistics.inactive_count) * page;
  }
  memory.free = std::clamp<int64_t>(memory.free, 0, memory.total);
  return memory;
}

std::string processor_name() {
  char name[256] = {0};
  size_t length = sizeof name;
  return sysctlbyname("machdep.cpu.brand_string", name, &length, nullptr, 0) == 0 ? name : "processor";
}

}  // namespace upbeat

#endif
