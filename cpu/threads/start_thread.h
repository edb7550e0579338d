// Starting the library's own threads: named, and with signals blocked, which are for the host's threads. Those that a
// thread causes itself stay open: the host's crash handler reports them, while a blocked one ends the process mutely.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace upbeat {

template <typename Body>
std::thread start_thread(const char* name, Body&& body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  for (const int own : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&all, own);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the new thread inherits the mask
  struct Restore {
    const sigset_t* mask;
    ~Restore() { pthread_sigmask(SIG_SETMASK, mask, nullptr); }
  } restore{&before};
  return std::thread([name, body = std::forward<Body>(body)]() mutable {
#if defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#elif defined(__APPLE__)
    pthread_setname_np(name);
#else
    (void)name;
#endif
    body();
  });
}

}  // namespace upbeat
