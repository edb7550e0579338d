// What LeakSanitizer is told of the emulator.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
// The emulator's helper threads live as long as the process. The C library's list of what a thread has to destroy at
// its end is not always found while that thread lives on; only this list is excused.
extern "C" const char* __lsan_default_suppressions() { return "leak:__cxa_thread_atexit_impl"; }
#endif
