// upbeat_machine_peak [threads [rounds]]: prints the machine's FMA peak and read bandwidth as lines of JSON. Without
// rounds one line, of many rounds. With them one short measurement for each line on standard input, so that a benchmark
// can have one beside every sample of its own.
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "machine_peak.h"

namespace {

using namespace upbeat::machine;

void print(int threads, const Rates& fma, const Rates& read) {
  std::printf(
      "{\"threads\":%d,\"isa\":\"%s\",\"fmaGflops\":{\"median\":%.2f,\"min\":%.2f,\"max\":%.2f},"
      "\"readGBps\":{\"median\":%.2f,\"min\":%.2f,\"max\":%.2f}}\n",
      threads, widest_instruction_set(), fma.median(), fma.lowest(), fma.highest(), read.median(), read.lowest(),
      read.highest());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : int(std::thread::hardware_concurrency());
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 0;
  if (threads < 1 || argc > 3 || (argc == 3 && rounds < 1)) {
    std::fprintf(stderr, "usage: upbeat_machine_peak [threads [rounds]]\n");
    return 2;
  }
  ReadBandwidth bandwidth(threads, int64_t(1) << 30);
  if (rounds == 0) {
    const Rates fma = measure_fma(threads, 15, 0.08);
    print(threads, fma, bandwidth.measure(9));
    return 0;
  }
  for (int c = std::getchar(); c != EOF; c = std::getchar()) {
    if (c != '\n') continue;
    const Rates fma = measure_fma(threads, rounds, 0.04);
    print(threads, fma, bandwidth.measure(rounds));
  }
  return 0;
}
