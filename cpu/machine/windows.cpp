// Windows: cores and memory, within the limits of the process's job (as containers set them).
#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "cpu/machine/machine.h"

namespace upbeat {

int usable_cores() {
  // With more than 64 cores, Windows divides them into groups; the mask is of the process's own.
  DWORD_PTR own = 0, all = 0;
  if (GetActiveProcessorGroupCount() == 1 && GetProcessAffinityMask(GetCurrentProcess(), &own, &all) && own != 0) {
    return std::popcount(uint64_t(own));
  }
  return std::max(1, int(GetActiveProcessorCount(ALL_PROCESSOR_GROUPS)));
}

MemoryAmount machine_memory() {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof status;
  if (!GlobalMemoryStatusEx(&status)) return {};
  MemoryAmount memory;
  memory.total = int64_t(status.ullTotalPhys);
  // What may be committed ends before the free memory where the page file is small.
  memory.free = int64_t(std::min(status.ullAvailPhys, status.ullAvailPageFile));
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  if (QueryInformationJobObject(nullptr, JobObjectExtendedLimitInformation, &limits, sizeof limits, nullptr)) {
    const DWORD flags = limits.BasicLimitInformation.LimitFlags;
    if ((flags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) != 0) {
      memory.total = std::min(memory.total, int64_t(limits.ProcessMemoryLimit));
    }
    if ((flags & JOB_OBJECT_LIMIT_JOB_MEMORY) != 0) {
      memory.total = std::min(memory.total, int64_t(limits.JobMemoryLimit));
    }
  }
  memory.free = std::clamp<int64_t>(memory.free, 0, memory.total);
  return memory;
}

std::string processor_name() {
#if defined(__x86_64__)
  // The brand string of the processor itself, in three parts.
  char name[49] = {0};
  bool has_name = true;
  for (unsigned part = 0; part < 3; part++) {
    unsigned words[4] = {0};
    has_name &= __get_cpuid(0x80000002u + part, &words[0], &words[1], &words[2], &words[3]) != 0;
    std::memcpy(name + 16 * part, words, sizeof words);
  }
  const std::string text = name;
  const size_t start = text.find_first_not_of(' ');
  if (has_name && start != std::string::npos) return text.substr(start, text.find_last_not_of(' ') + 1 - start);
#endif
  return "processor";
}

}  // namespace upbeat

#endif
