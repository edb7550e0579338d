// The peaks of this machine, with which kernels are compared.
#pragma once

#include <cstdint>
#include <vector>

namespace upbeat::machine {

// Rates of several passes, in 1e9 per second.
struct Rates {
  std::vector<double> samples;

  double median() const;
  double lowest() const;
  double highest() const;
};

// Measures wall time; with one thread that thread's CPU time instead, so that other processes of a busy machine do not
// count. (With several threads, some of which spin or wait, there is no such measure.)
class Stopwatch {
 public:
  explicit Stopwatch(int threads);
  double seconds() const;

 private:
  double now() const;

  bool own_time_;
  double start_;
};

// The instruction set of the FMA loop: the widest of this build and this machine.
const char* widest_instruction_set();

// F32 multiply-adds with operands in registers only, counted as two operations each (GFLOP/s). Passes of about
// `seconds` each, all threads at once.
Rates measure_fma(int threads, int passes, double seconds);

// A buffer in huge pages, beyond any cache, that all threads read in order (GB/s).
class ReadBandwidth {
 public:
  ReadBandwidth(int threads, int64_t bytes);
  ~ReadBandwidth();
  ReadBandwidth(const ReadBandwidth&) = delete;
  ReadBandwidth& operator=(const ReadBandwidth&) = delete;

  // One sample per pass over the buffer. Every way of reading (plain, prefetching, several streams) is tried twice at
  // construction; the passes use the fastest.
  Rates measure(int passes);

 private:
  double pass(int variant);

  int threads_;
  int64_t bytes_;
  uint8_t* data_;
  int variant_;
};

}  // namespace upbeat::machine
