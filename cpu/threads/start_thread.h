// Starting the library's own threads: named, and with signals blocked, which are for the host's threads.
#pragma once

#include <thread>
#include <utility>

#include "abi/platform/platform.h"

namespace upbeat {

template <typename Body>
std::thread start_thread(const char* name, Body&& body) {
  std::thread thread;
  auto start = [&] {
    thread = std::thread([name, body = std::forward<Body>(body)]() mutable {
      platform::name_this_thread(name);
      body();
    });
  };
  platform::with_blocked_signals([](void* context) { (*static_cast<decltype(start)*>(context))(); }, &start);
  return thread;
}

}  // namespace upbeat
