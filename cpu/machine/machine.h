// Cores, memory and name of this machine, as limited for this process (cgroups).
#pragma once

#include <cstdint>
#include <string>

namespace upbeat {

// Limits of a process's control groups; negative: none.
struct CgroupLimits {
  double cores = -1;
  int64_t memory_total = -1;
  int64_t memory_room = -1;  // may still be allocated; file pages that the kernel can drop count as room
};

// Reads the limits (version 2, then version 1) of the groups named in `membership` (/proc/self/cgroup) and of all their
// parents below `mount` (/sys/fs/cgroup), the tightest of each.
CgroupLimits read_cgroup_limits(const std::string& membership, const std::string& mount);

// Cores this process may use: its affinity mask, bounded by the CPU quota rounded up. At least 1.
int usable_cores();

struct MemoryAmount {
  int64_t total = 0;
  int64_t free = 0;  // what can be allocated without swapping
};

// Physical memory in bytes, bounded by the container's limit.
MemoryAmount machine_memory();

// The processor's marketing name, or its architecture.
std::string processor_name();

}  // namespace upbeat
