// Linux: cores and memory, within the limits of control groups.
#if defined(__linux__)

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "cpu/machine/machine.h"

namespace upbeat {

namespace {

CgroupLimits own_limits() { return read_cgroup_limits("/proc/self/cgroup", "/sys/fs/cgroup"); }

int affinity_cores() {
  for (int capacity = 1024; capacity <= 1 << 16; capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(size_t(capacity));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(size_t(capacity));
    const int status = sched_getaffinity(0, bytes, set);
    const int count = status == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return int(std::thread::hardware_concurrency());
}

// Bytes of a "Name:   123 kB" line of /proc/meminfo.
int64_t meminfo(const std::string& text, const char* name) {
  const size_t at = text.find(name);
  if (at == std::string::npos) return -1;
  return std::atoll(text.c_str() + at + std::char_traits<char>::length(name)) * 1024;
}

}  // namespace

int usable_cores() {
  int cores = affinity_cores();
  const double quota = own_limits().cores;
  if (quota > 0) cores = std::min(cores, int(std::ceil(std::min(quota, 65536.0))));
  return std::max(1, cores);
}

MemoryAmount machine_memory() {
  MemoryAmount memory;
  memory.total = int64_t(sysconf(_SC_PHYS_PAGES)) * int64_t(sysconf(_SC_PAGESIZE));
  memory.free = memory.total;
  std::ifstream file("/proc/meminfo");
  std::stringstream text;
  text << file.rdbuf();
  const int64_t total = meminfo(text.str(), "MemTotal:");
  const int64_t available = meminfo(text.str(), "MemAvailable:");
  if (total > 0) memory.total = total;
  if (available >= 0) memory.free = available;
  const CgroupLimits limits = own_limits();
  if (limits.memory_total >= 0) {
    memory.total = std::min(memory.total, limits.memory_total);
    memory.free = std::min(memory.free, limits.memory_room);
  }
  memory.free = std::clamp<int64_t>(memory.free, 0, memory.total);
  return memory;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("model name", 0) != 0) continue;
    const size_t start = line.find_first_not_of(" \t:", 10);
    if (start != std::string::npos) return line.substr(start);
  }
  utsname system;
  return uname(&system) == 0 ? std::string(system.machine) + " processor" : "processor";
}

}  // namespace upbeat

#endif
