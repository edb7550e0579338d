// Container limits, read from fake control groups in a temporary folder.
#include "cpu/machine/machine.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/native/support/check.h"

namespace {

namespace files = std::filesystem;

class Folder {
 public:
  Folder() : path_(files::temp_directory_path() / ("upbeat-cgroup-" + std::to_string(getpid()))) {
    files::create_directories(path_);
  }
  ~Folder() { files::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    files::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  upbeat::CgroupLimits limits() const {
    return upbeat::read_cgroup_limits((path_ / "membership").string(), path_.string());
  }

 private:
  files::path path_;
};

}  // namespace

TEST("no limits are found when there are no groups") {
  const Folder folder;
  CHECK_EQUAL(folder.limits().cores, -1.0);
  CHECK_EQUAL(folder.limits().memory_total, int64_t(-1));
  folder.write("membership", "0::/\n");
  folder.write("cpu.max", "max 100000\n");
  folder.write("memory.max", "max\n");
  folder.write("memory.current", "1000\n");
  CHECK_EQUAL(folder.limits().cores, -1.0);
  CHECK_EQUAL(folder.limits().memory_total, int64_t(-1));
}

TEST("the tightest limit of a group and its parents counts") {
  const Folder folder;
  folder.write("membership", "0::/a/b\n");
  folder.write("a/cpu.max", "150000 100000\n");
  folder.write("a/b/cpu.max", "400000 100000\n");
  folder.write("a/b/memory.max", "10000\n");
  folder.write("a/b/memory.current", "2000\n");
  folder.write("a/memory.max", "20000\n");
  folder.write("a/memory.current", "19000\n");
  folder.write("a/memory.stat", "anon 5\ninactive_file 3000\n");
  CHECK_EQUAL(folder.limits().cores, 1.5);
  CHECK_EQUAL(folder.limits().memory_total, int64_t(10000));
  CHECK_EQUAL(folder.limits().memory_room, int64_t(4000));
}

TEST("version 1 limits are read, and its huge default is none") {
  const Folder folder;
  folder.write("membership", "4:memory:/c\n3:cpu,cpuacct:/c\n1:name=systemd:/c\n");
  folder.write("cpu/c/cpu.cfs_quota_us", "200000\n");
  folder.write("cpu/c/cpu.cfs_period_us", "100000\n");
  folder.write("memory/c/memory.limit_in_bytes", "9223372036854771712\n");
  folder.write("memory/c/memory.usage_in_bytes", "500\n");
  CHECK_EQUAL(folder.limits().cores, 2.0);
  CHECK_EQUAL(folder.limits().memory_total, int64_t(-1));
  folder.write("cpu/c/cpu.cfs_quota_us", "-1\n");
  CHECK_EQUAL(folder.limits().cores, -1.0);
}

TEST("this machine has a core, memory and a name") {
  CHECK(upbeat::usable_cores() >= 1);
  const upbeat::MemoryAmount memory = upbeat::machine_memory();
  CHECK(memory.total > 0 && memory.free > 0 && memory.free <= memory.total);
  CHECK(!upbeat::processor_name().empty());
}

int main() { return check::run_all(); }
