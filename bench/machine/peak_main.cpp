// upbeat_machine_peak [threads]: prints the machine's FMA peak and read bandwidth as one line of JSON.
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "machine_peak.h"

int main(int argc, char** argv) {
  using namespace upbeat::machine;
  const int threads = argc > 1 ? std::atoi(argv[1]) : int(std::thread::hardware_concurrency());
  if (threads < 1 || argc > 2) {
    std::fprintf(stderr, "usage: upbeat_machine_peak [threads]\n");
    return 2;
  }
  const Rates fma = measure_fma(threads, 11, 0.05);
  ReadBandwidth bandwidth(threads, int64_t(1) << 30);
  const Rates read = bandwidth.measure(7);
  std::printf(
      "{\"threads\":%d,\"isa\":\"%s\",\"fmaGflops\":{\"median\":%.2f,\"min\":%.2f,\"max\":%.2f},"
      "\"readGBps\":{\"median\":%.2f,\"min\":%.2f,\"max\":%.2f}}\n",
      threads, widest_instruction_set(), fma.median(), fma.lowest(), fma.highest(), read.median(), read.lowest(),
      read.highest());
  return 0;
}
