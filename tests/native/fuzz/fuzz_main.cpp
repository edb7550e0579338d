// Feeds a fuzz target from a seeded generator, for compilers without libFuzzer.
//
//   abi_fuzz [inputs [first seed]]   each seed is one input; the seeds of every hundred are printed before they run
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int count, char** arguments) {
  const long inputs = count > 1 ? std::atol(arguments[1]) : 3000;
  const long first = count > 2 ? std::atol(arguments[2]) : 1;
  for (long seed = first; seed < first + inputs; seed++) {
    if ((seed - first) % 100 == 0) std::printf("from seed %ld\n", seed), std::fflush(stdout);
    uint64_t state = uint64_t(seed) * 0x9e3779b97f4a7c15u;
    std::vector<uint8_t> data(8192);
    for (uint8_t& byte : data) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      byte = uint8_t(state >> 56);
    }
    LLVMFuzzerTestOneInput(data.data(), data.size());
  }
  std::printf("seeds %ld to %ld: nothing found\n", first, first + inputs - 1);
}
