// The last error is a plain array per thread: storing it cannot fail, and nothing runs when a thread ends.
#include "abi/checks/error.h"

#include <cstdarg>
#include <cstdio>
#include <new>

namespace upbeat {

namespace {

thread_local char last_message[5120] = {0};  // a path of PATH_MAX bytes and a message around it

int32_t keep(int32_t code, const char* function, const char* message) noexcept {
  std::snprintf(last_message, sizeof last_message, "%s: %s", function, message);
  return code;
}

}  // namespace

void throw_error(int32_t code, const char* format, ...) {
  char message[5000];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  throw ApiError(code, message);
}

int32_t caught(const char* function) noexcept {
  try {
    throw;
  } catch (const ApiError& error) {
    return keep(error.code(), function, error.what());
  } catch (const std::bad_alloc&) {
    return keep(UPBEAT_ERROR_OUT_OF_MEMORY, function, "the host is out of memory");
  } catch (const std::exception& error) {
    return keep(UPBEAT_ERROR_INTERNAL, function, error.what());
  } catch (...) {
    return keep(UPBEAT_ERROR_INTERNAL, function, "unknown exception");
  }
}

const char* last_error() noexcept { return last_message; }

}  // namespace upbeat
