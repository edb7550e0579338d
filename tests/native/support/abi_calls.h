// Shared by the tests of every device library: calls of the ABI that must succeed or fail, and files for them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "ffi/upbeat.h"
#include "tests/native/support/check.h"

inline std::string last_error_text() {
  uint8_t text[2048];
  upbeat_last_error(text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

// The call failed with this code, and its message contains the words.
#define CHECK_ERROR(call, code, words)                                                                 \
  do {                                                                                                 \
    CHECK_EQUAL(int32_t(call), int32_t(code));                                                         \
    if (last_error_text().find(words) == std::string::npos) {                                          \
      check::fail(__FILE__, __LINE__, "message of " #call " lacks '" words "': " + last_error_text()); \
    }                                                                                                  \
  } while (false)

#define CHECK_OK(call)                                                                                           \
  do {                                                                                                           \
    const int32_t check_ok_status = (call);                                                                      \
    if (check_ok_status < 0) {                                                                                   \
      check::fail(__FILE__, __LINE__, #call " = " + std::to_string(check_ok_status) + ": " + last_error_text()); \
    }                                                                                                            \
  } while (false)

// A file that exists while the test runs.
class TestFile {
 public:
  explicit TestFile(const std::string& name)
      : path_((std::filesystem::temp_directory_path() / ("upbeat-" + std::to_string(getpid()) + "-" + name)).string()) {
  }
  ~TestFile() { std::filesystem::remove(path_); }

  template <typename Element>
  TestFile(const std::string& name, const std::vector<Element>& values, size_t offset = 0) : TestFile(name) {
    std::ofstream file(path_, std::ios::binary);
    const std::string padding(offset, 'x');
    file.write(padding.data(), std::streamsize(padding.size()));
    file.write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size() * sizeof(Element)));
  }

  const char* path() const { return path_.c_str(); }
  void truncate(uintmax_t bytes) const { std::filesystem::resize_file(path_, bytes); }

 private:
  std::string path_;
};
