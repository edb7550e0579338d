// A minimal test framework: CHECK reports and counts, TEST registers a function, run_all() runs them.
#pragma once

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace check {

struct Test {
  const char* name;
  void (*run)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

inline std::atomic<int>& failures() {
  static std::atomic<int> count{0};
  return count;
}

struct Register {
  Register(const char* name, void (*run)()) { tests().push_back({name, run}); }
};

inline void fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  ++failures();
}

[[gnu::format(printf, 1, 2)]] inline std::string format(const char* pattern, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

template <typename A, typename B>
void equal(const char* file, int line, const char* text, const A& actual, const B& expected) {
  if (actual == expected) return;
  fail(file, line, std::string(text) + ": got " + std::to_string(actual) + ", expected " + std::to_string(expected));
}

inline int run_all() {
  for (const Test& test : tests()) {
    const int before = failures();
    test.run();
    std::printf("%s %s\n", failures() == before ? "ok  " : "FAIL", test.name);
    std::fflush(stdout);
  }
  return failures() == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK_JOIN_(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN_(a, b)

// TEST("x does y when z") { ... }
#define TEST(name) TEST_NAMED(name, CHECK_JOIN(test_at_, __LINE__), CHECK_JOIN(register_at_, __LINE__))
#define TEST_NAMED(name, function, registration) TEST_DEFINED(name, function, registration)
#define TEST_DEFINED(name, function, registration)           \
  static void function();                                    \
  static const check::Register registration(name, function); \
  static void function()

#define CHECK(condition) \
  if (!(condition)) check::fail(__FILE__, __LINE__, "failed: " #condition)

// With a message as of printf.
#define CHECK_FORMAT(condition, ...)                                               \
  do {                                                                             \
    if (!(condition)) check::fail(__FILE__, __LINE__, check::format(__VA_ARGS__)); \
  } while (false)

#define CHECK_EQUAL(actual, expected) check::equal(__FILE__, __LINE__, #actual, actual, expected)

// For conditions without which the test cannot go on.
#define REQUIRE(condition)                                    \
  if (!(condition)) {                                         \
    check::fail(__FILE__, __LINE__, "required: " #condition); \
    std::exit(1);                                             \
  }
