// Container limits. A group's limit applies to everything below it, so all parents of our group are read.
#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

#include "cpu/machine/machine.h"

namespace upbeat {

namespace {

std::optional<std::string> first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  if (file >> word) return word;
  return std::nullopt;
}

// A number in a file, or nothing when there is no file or no limit ("max", -1, or version 1's huge default).
std::optional<int64_t> number_in(const std::string& path) {
  const auto word = first_word(path);
  if (!word) return std::nullopt;
  try {
    const long long value = std::stoll(*word);
    if (value < 0 || value >= (1LL << 60)) return std::nullopt;
    return value;
  } catch (...) {
    return std::nullopt;
  }
}

int64_t field_in(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::string key;
  int64_t value = 0;
  while (file >> key >> value) {
    if (key == name) return value;
  }
  return 0;
}

void bound_cores(CgroupLimits& limits, double cores) {
  if (cores > 0 && (limits.cores < 0 || cores < limits.cores)) limits.cores = cores;
}

void bound_memory(CgroupLimits& limits, const std::string& folder, const char* limit, const char* usage,
                  const char* droppable) {
  const auto total = number_in(folder + "/" + limit);
  const auto used = number_in(folder + "/" + usage);
  if (!total || !used) return;
  const int64_t in_use = std::max<int64_t>(0, *used - field_in(folder + "/memory.stat", droppable));
  const int64_t room = std::max<int64_t>(0, *total - in_use);
  if (limits.memory_total < 0 || *total < limits.memory_total) limits.memory_total = *total;
  if (limits.memory_room < 0 || room < limits.memory_room) limits.memory_room = room;
}

// Calls visit(folder) for `path` below `mount`, then for each parent, `mount` itself last.
template <typename Visit>
void each_parent(const std::string& mount, std::string path, Visit&& visit) {
  while (!path.empty() && path != "/") {
    visit(mount + path);
    const size_t slash = path.find_last_of('/');
    path = slash == std::string::npos ? "" : path.substr(0, slash);
  }
  visit(mount);
}

void read_cores_v2(CgroupLimits& limits, const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return;
  try {
    bound_cores(limits, std::stod(quota) / period);
  } catch (...) {
  }
}

void read_cores_v1(CgroupLimits& limits, const std::string& folder) {
  const auto quota = number_in(folder + "/cpu.cfs_quota_us");
  const auto period = number_in(folder + "/cpu.cfs_period_us");
  if (quota && period && *period > 0) bound_cores(limits, double(*quota) / double(*period));
}

}  // namespace

CgroupLimits read_cgroup_limits(const std::string& membership, const std::string& mount) {
  CgroupLimits limits;
  std::ifstream file(membership);
  std::string line;
  while (std::getline(file, line)) {  // hierarchy:controllers:path
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string controllers = ",";
    controllers.append(line, first + 1, second - first - 1).append(",");
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      each_parent(mount, path, [&](const std::string& folder) {
        read_cores_v2(limits, folder);
        bound_memory(limits, folder, "memory.max", "memory.current", "inactive_file");
      });
    }
    if (controllers.find(",cpu,") != std::string::npos) {
      each_parent(mount + "/cpu", path, [&](const std::string& folder) { read_cores_v1(limits, folder); });
    }
    if (controllers.find(",memory,") != std::string::npos) {
      each_parent(mount + "/memory", path, [&](const std::string& folder) {
        bound_memory(limits, folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
      });
    }
  }
  return limits;
}

}  // namespace upbeat
