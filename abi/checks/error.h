// Failures: inside the library an exception with a code and a message; at the ABI a negative code, with the message
// kept for the calling thread.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "ffi/upbeat.h"

namespace upbeat {

class ApiError : public std::exception {
 public:
  ApiError(int32_t code, std::string message) : code_(code), message_(std::move(message)) {}
  int32_t code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  int32_t code_;
  std::string message_;
};

[[noreturn, gnu::format(printf, 2, 3)]] void throw_error(int32_t code, const char* format, ...);

// Keeps the exception in flight as this thread's last error and returns its code. Never throws.
int32_t caught(const char* function) noexcept;

// The calling thread's last error.
const char* last_error() noexcept;

// Runs the body of a C function. Returns its result, or the code of the exception it threw.
template <typename Body>
int32_t guarded(const char* function, Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    return caught(function);
  }
}

}  // namespace upbeat
