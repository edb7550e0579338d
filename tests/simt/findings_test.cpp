// Kernels with planted bugs: each is found, and the message names the bug and its place.
#include "kernel_test.h"

namespace {

__global__ void missing_barrier_kernel(Global<float> output) {
  __shared__ SharedArray<float, 64> values;
  values[threadIdx.x] = 0;
  __syncthreads();
  values[threadIdx.x] = float(threadIdx.x);
  output[threadIdx.x] = values[63 - threadIdx.x];
}

// The second round overwrites what slower threads still read in the first.
__global__ void overwrite_kernel(Global<float> output) {
  __shared__ SharedArray<float, 64> values;
  for (int round = 0; round < 2; round++) {
    values[threadIdx.x] = float(round);
    __syncthreads();
    output[threadIdx.x] = values[63 - threadIdx.x];
  }
}

__global__ void same_place_kernel() {
  __shared__ SharedArray<int, 1> place;
  place[0] = int(threadIdx.x);
}

__global__ void plain_and_atomic_kernel(Global<int> output) {
  __shared__ SharedArray<int, 1> count;
  if (threadIdx.x == 0) count[0] = 0;
  __syncthreads();
  atomic_add(Shared<int>(count), 1);
  output[threadIdx.x] = count[0];
}

__global__ void missing_warp_barrier_kernel(Global<int> output) {
  __shared__ SharedArray<int, 32> slots;
  slots[threadIdx.x] = 0;
  __syncwarp();
  slots[threadIdx.x] = int(threadIdx.x);
  output[threadIdx.x] = slots[threadIdx.x ^ 1];
}

__global__ void early_exit_kernel(int rows) {
  if (int(threadIdx.x) >= rows) return;
  __syncthreads();
}

__global__ void two_barriers_kernel() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void missing_lane_kernel(Global<int> output) {
  if (threadIdx.x == 9) return;
  output[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
}

__global__ void mixed_collectives_kernel(Global<int> output) {
  if (threadIdx.x < 16) {
    output[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
  } else {
    output[threadIdx.x] = int(__ballot_sync(0xffffffffu, 1));
  }
}

__global__ void foreign_mask_kernel(Global<int> output) { output[threadIdx.x] = __any_sync(0x0000ffffu, 1); }

__global__ void write_kernel(Global<float> output, int64_t offset) {
  if (blockIdx.x == 2 && threadIdx.x == 5) output[offset] = 1;
}

__global__ void read_kernel(Global<const float> input, Global<float> output) { output[0] = input[threadIdx.x * 2]; }

__global__ void wide_load_kernel(Global<const float> input, Global<float> output) {
  store_pack(output, load_pack<4>(input));
}

__global__ void shared_index_kernel(int index) {
  const Shared<float> buffer = dynamic_shared<float>();
  buffer[index] = 1;
}

__global__ void unwritten_kernel(Global<float> output) {
  __shared__ SharedArray<float, 8> values;
  if (threadIdx.x < 7) values[threadIdx.x] = 1;
  __syncthreads();
  output[threadIdx.x] = values[threadIdx.x];
}

__global__ void first_barrier_kernel(Global<float> output) {
  __shared__ SharedArray<float, 64> values;
  values[threadIdx.x] = float(threadIdx.x);
  output[threadIdx.x] = values[63 - threadIdx.x];
}

__global__ void unwaited_copy_kernel(Global<const float> input, Global<float> output) {
  const Shared<float> buffer = dynamic_shared<float>();
  copy_async(buffer, input);
  copy_async_commit();
  output[0] = buffer[0];
}

// Three stages of asynchronous copies; a thread reads what another one copied. Correct with one group left in flight
// and a barrier after the wait.
template <int Left, bool Barrier>
__global__ void stages_kernel(Global<const float> input, int rounds, Global<float> output) {
  const Shared<float> buffer = dynamic_shared<float>();
  const int thread = int(threadIdx.x), threads = int(blockDim.x);
  const auto begin = [&](int round) {
    if (round < rounds) {
      copy_async(buffer + (round % 3 * threads + thread) * 4, input + (round * threads + thread) * 4);
    }
    copy_async_commit();
  };
  begin(0);
  begin(1);
  float sum = 0;
  for (int round = 0; round < rounds; round++) {
    copy_async_wait<Left>();
    if (Barrier) __syncthreads();
    begin(round + 2);
    sum += buffer[(round % 3 * threads + threads - 1 - thread) * 4];
  }
  output[thread] = sum;
}

// One thread reads what the other copies: once before the wait, and once without a barrier after it.
__global__ void foreign_copy_kernel(Global<const float> input, Global<float> output, bool wait_first) {
  const Shared<float> buffer = dynamic_shared<float>();
  buffer[4 * threadIdx.x] = 0;
  __syncthreads();
  copy_async(buffer + 4 * threadIdx.x, input);
  copy_async_commit();
  if (wait_first) copy_async_wait<0>();
  if (!wait_first) __syncthreads();
  output[threadIdx.x] = buffer[4 * (1 - threadIdx.x)];
  copy_async_wait<0>();
}

__global__ void tilted_copy_kernel(Global<const float> input, int from, int to) {
  copy_async_part(dynamic_shared<float>() + to, input + from, 4);
}

__global__ void tilted_matrix_kernel(int offset) {
  const Shared<uint32_t> buffer = dynamic_shared<uint32_t>();
  store_pack(buffer + 4 * threadIdx.x, Pack<uint32_t, 4>{});
  __syncwarp();
  uint32_t words[4];
  load_matrix_x4(words, buffer + (4 * (threadIdx.x % 31) + offset));
}

__global__ void half_matrix_kernel() {
  const Shared<uint32_t> buffer = dynamic_shared<uint32_t>();
  store_pack(buffer + 4 * threadIdx.x, Pack<uint32_t, 4>{});
  __syncwarp();
  uint32_t words[4];
  if (threadIdx.x < 16) load_matrix_x4_transposed(words, buffer + 4 * threadIdx.x);
}

}  // namespace

TEST("a race is found when threads read what others wrote without a barrier between") {
  DeviceArray<float> output(64, 0);
  const std::string found = findings_of<missing_barrier_kernel>(1, 64, 0, output.data());
  CHECK_CONTAINS(found, "shared memory race", "no barrier", "missing_barrier_kernel", "block (0, 0, 0)", "thread (");
}

TEST("a race is found when a loop lacks its second barrier") {
  DeviceArray<float> output(64, 0);
  CHECK_CONTAINS(findings_of<overwrite_kernel>(1, 64, 0, output.data()), "shared memory race", "overwrite_kernel");
}

TEST("a race is found when several threads write one place") {
  CHECK_CONTAINS(findings_of<same_place_kernel>(1, 33, 0), "shared memory race: this write and a write by thread");
}

TEST("a race is found between atomic and plain access") {
  DeviceArray<int> output(40, 0);
  CHECK_CONTAINS(findings_of<plain_and_atomic_kernel>(1, 40, 0, output.data()), "race", "atomic operation");
}

TEST("a race is found within a warp when __syncwarp() is missing") {
  DeviceArray<int> output(32, 0);
  CHECK_CONTAINS(findings_of<missing_warp_barrier_kernel>(1, 32, 0, output.data()), "shared memory race");
}

TEST("a divergent barrier is found when some threads have left") {
  CHECK_CONTAINS(findings_of<early_exit_kernel>(1, 64, 0, 40), "divergent barrier: 40 of 64 threads wait",
                 "findings_test.cpp", "early_exit_kernel");
}

TEST("a divergent barrier is found when threads wait at different ones") {
  CHECK_CONTAINS(findings_of<two_barriers_kernel>(1, 64, 0),
                 "divergent barrier: some threads wait at findings_test.cpp");
}

TEST("a divergent warp is found when a lane of the mask never comes") {
  DeviceArray<int> output(32, 0);
  CHECK_CONTAINS(findings_of<missing_lane_kernel>(1, 32, 0, output.data()), "divergent warp: __shfl_xor_sync",
                 "waits for lanes 00000200");
}

TEST("a divergent warp is found when lanes come to different operations") {
  DeviceArray<int> output(32, 0);
  CHECK_CONTAINS(findings_of<mixed_collectives_kernel>(1, 32, 0, output.data()), "divergent warp", "__ballot_sync",
                 "__shfl_xor_sync");
}

TEST("a mask is refused when it lacks the calling lane, or names lanes that do not exist") {
  DeviceArray<int> output(32, 0);
  CHECK_CONTAINS(findings_of<foreign_mask_kernel>(1, 32, 0, output.data()), "mask 0000ffff lacks the calling lane");
  CHECK_CONTAINS(findings_of<missing_lane_kernel>(1, 20, 0, output.data()), "names lanes that do not exist");
}

TEST("a write past an allocation is found, with its distance") {
  DeviceArray<float> output(100, 0);
  const std::string found = findings_of<write_kernel>(4, 32, 0, output.data(), int64_t(102));
  CHECK_CONTAINS(found, "out of bounds: global write of 4 bytes",
                 "8 bytes behind the end of an allocation of 400 bytes",
                 "write_kernel, block (2, 0, 0), thread (5, 0, 0)");
  CHECK_CLEAN(findings_of<write_kernel>(4, 32, 0, output.data(), int64_t(99)));
}

TEST("a read past an allocation is found, and freed memory is out of bounds") {
  DeviceArray<float> output(1, 0);
  const DeviceArray<float> input(64, 0);
  CHECK_CLEAN(findings_of<read_kernel>(1, 32, 0, input.data(), output.data()));
  CHECK_CONTAINS(findings_of<read_kernel>(1, 33, 0, input.data(), output.data()), "global read", "thread (32, 0, 0)");
  float* freed = nullptr;
  {
    const DeviceArray<float> gone(4096, 0);
    freed = gone.data();
  }
  CHECK_CONTAINS(findings_of<write_kernel>(4, 32, 0, freed, int64_t(0)), "out of bounds");
}

TEST("a misaligned access is found") {
  DeviceArray<float> output(8, 0);
  const DeviceArray<float> input(64, 0);
  CHECK_CONTAINS(findings_of<wide_load_kernel>(1, 1, 0, input.data() + 1, output.data()),
                 "misaligned: global read of 16 bytes", "not aligned to 16");
  CHECK_CONTAINS(findings_of<wide_load_kernel>(1, 1, 0, input.data(), output.data() + 2), "misaligned: global write");
  CHECK_CLEAN(findings_of<wide_load_kernel>(1, 1, 0, input.data() + 60, output.data() + 4));
  CHECK_CONTAINS(findings_of<wide_load_kernel>(1, 1, 0, input.data() + 64, output.data()), "out of bounds");
}

TEST("an index outside shared memory is found, and so is reading unwritten memory") {
  CHECK_CLEAN(findings_of<shared_index_kernel>(1, 1, 64, 15));
  CHECK_CONTAINS(findings_of<shared_index_kernel>(1, 1, 64, 16), "out of bounds: shared access of 4 bytes at 64 of 64");
  CHECK_CONTAINS(findings_of<shared_index_kernel>(1, 1, 64, -1), "out of bounds: shared access");
  DeviceArray<float> output(8, 0);
  CHECK_CONTAINS(findings_of<first_barrier_kernel>(1, 64, 0, DeviceArray<float>(64, 0).data()),
                 "a barrier may be missing");
  CHECK_CONTAINS(findings_of<unwritten_kernel>(2, 8, 0, output.data()), "read before anything was written");
}

TEST("a missing wait is found when the target of an asynchronous copy is read") {
  const DeviceArray<float> input(4, 1);
  DeviceArray<float> output(1, 0);
  CHECK_CONTAINS(findings_of<unwaited_copy_kernel>(1, 1, 16, input.data(), output.data()),
                 "before the asynchronous copy to it was waited for", "unwaited_copy_kernel");
}

TEST("a loop over stages is clean with its waits and barriers, and found without one of them") {
  constexpr int kStages = 3, kThreads = 64, kRounds = 7;
  constexpr size_t kBytes = kStages * kThreads * 16;
  std::vector<float> values(kRounds * kThreads * 4);
  for (size_t i = 0; i < values.size(); i++) values[i] = float(i);
  const DeviceArray<float> input(values);
  DeviceArray<float> output(kThreads, 0);
  CHECK_CLEAN((findings_of<stages_kernel<1, true>>(1, kThreads, kBytes, input.data(), kRounds, output.data())));
  for (size_t i = 0; i < kThreads; i++) {
    float sum = 0;
    for (size_t round = 0; round < kRounds; round++) sum += values[(round * kThreads + kThreads - 1 - i) * 4];
    CHECK_EQUAL(output[i], sum);
  }
  CHECK_CONTAINS((findings_of<stages_kernel<2, true>>(1, kThreads, kBytes, input.data(), kRounds, output.data())),
                 "before the asynchronous copy to it was waited for");
  CHECK_CONTAINS((findings_of<stages_kernel<1, false>>(1, kThreads, kBytes, input.data(), kRounds, output.data())),
                 "shared memory");
}

TEST("a read of another thread's copy is found before its wait, and without a barrier after it") {
  const DeviceArray<float> input(4, 1);
  DeviceArray<float> output(2, 0);
  CHECK_CONTAINS(findings_of<foreign_copy_kernel>(1, 2, 32, input.data(), output.data(), false),
                 "before the asynchronous copy to it was waited for", "foreign_copy_kernel");
  CHECK_CONTAINS(findings_of<foreign_copy_kernel>(1, 2, 32, input.data(), output.data(), true), "shared memory race",
                 "foreign_copy_kernel");
}

TEST("a copy or a matrix load is refused when it is not aligned to 16 bytes") {
  const DeviceArray<float> input(8, 1);
  CHECK_CLEAN(findings_of<tilted_copy_kernel>(1, 1, 32, input.data(), 4, 4));
  CHECK_CONTAINS(findings_of<tilted_copy_kernel>(1, 1, 32, input.data(), 2, 4), "misaligned: global asynchronous read");
  CHECK_CONTAINS(findings_of<tilted_copy_kernel>(1, 1, 32, input.data(), 4, 2), "misaligned: shared access");
  CHECK_CLEAN(findings_of<tilted_matrix_kernel>(1, 32, 512, 0));
  CHECK_CONTAINS(findings_of<tilted_matrix_kernel>(1, 32, 512, 2), "misaligned: shared access of 16 bytes");
}

TEST("a divergent warp is found when lanes stay away from a matrix load") {
  CHECK_CONTAINS(findings_of<half_matrix_kernel>(1, 32, 512), "divergent warp: ldmatrix.trans", "lanes ffff0000");
}

int main() { return check::run_all(); }
