// LeakSanitizer's suppressions for the emulator.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
// The emulator's helper threads live as long as the process. LeakSanitizer does not always find the C library's list of
// destructors of a living thread; only that list is suppressed.
extern "C" const char* __lsan_default_suppressions() { return "leak:__cxa_thread_atexit_impl"; }
#endif
