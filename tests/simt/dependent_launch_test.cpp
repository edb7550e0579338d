// Dependent launches: kernels that break their rule are detected, and the library makes them exactly where it may.
#include "kernel_test.h"
#include "library_test.h"

namespace {

__global__ void first_kernel(Global<int> value) {
  begin_kernel();
  value[0] = value[0] + 1;
}

// Reads weights early, and everything else after the wait.
__global__ void right_kernel(Global<const float> weights, Global<const int> input, Global<float> output) {
  let_next_kernel_begin();
  const Pack<float, 4> early = load_pack_once<4>(weights);
  wait_for_earlier_kernels();
  output[threadIdx.x] = early.v[threadIdx.x % 4] * float(int(input[0]));
}

__global__ void early_read_kernel(Global<const int> input, Global<int> output) {
  const int value = input[0];
  wait_for_earlier_kernels();
  output[0] = value;
}

__global__ void early_volatile_kernel(Global<int> input) {
  load_volatile(input);
  wait_for_earlier_kernels();
}

__global__ void early_once_kernel(Global<const int> input) {
  load_pack_once<4>(input);
  wait_for_earlier_kernels();
}

__global__ void early_write_kernel(Global<float> output) {
  output[0] = 1;
  wait_for_earlier_kernels();
}

__global__ void early_atomic_kernel(Global<int> output) {
  atomic_add(output, 1);
  wait_for_earlier_kernels();
}

__global__ void early_copy_kernel(Global<const int> input) {
  copy_async(dynamic_shared<int>(), input);
  copy_async_commit();
  wait_for_earlier_kernels();
  copy_async_wait<0>();
}

__global__ void idle_kernel() {}

// Threads without a row exit without waiting.
__global__ void early_exit_kernel(int rows) {
  if (int(threadIdx.x) >= rows) return;
  wait_for_earlier_kernels();
}

// The wait of one thread does not count for the others.
__global__ void one_waits_kernel(Global<const int> input, Global<int> output) {
  if (threadIdx.x == 0) wait_for_earlier_kernels();
  __syncthreads();
  output[threadIdx.x] = input[0];
}

// Runs a kernel in a graph, after another one, and returns the emulator's finding.
template <auto Kernel, typename... Arguments>
std::string findings_after_kernel(dim3 block, const Arguments&... arguments) {
  DeviceArray<int> value(1, 0);
  TestStream stream;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed);
  CHECK_EQUAL(int(launch<first_kernel>(1, 1, 0, stream, value.data())), int(cudaSuccess));
  CHECK_EQUAL(int(launch<Kernel>(1, block, 16, LaunchPlace(stream, true), arguments...)), int(cudaSuccess));
  cudaStreamEndCapture(stream, &graph);
  cudaGraphInstantiate(&executable, graph);
  cudaGraphDestroy(graph);
  cudaGraphLaunch(executable, stream);
  cudaStreamSynchronize(stream);
  cudaGraphExecDestroy(executable);
  return simt::Findings::process().take();
}

// The number of dependent launches that `body` makes.
template <typename Body>
int64_t dependents_of(Body&& body) {
  const int64_t before = simt::DependentLaunches::process().count();
  body();
  return simt::DependentLaunches::process().count() - before;
}

}  // namespace

namespace upbeat {

__global__ void library_kernel(Global<int> value) { value[0] = 1; }

}  // namespace upbeat

TEST("a kernel may read weights before its wait, and anything after it") {
  const DeviceArray<float> weights(16, 2);
  const DeviceArray<int> input(1, 3);
  DeviceArray<float> output(32, 0);
  note_weight_memory(weights.data(), 16 * sizeof(float));
  CHECK_CLEAN(findings_after_kernel<right_kernel>(32, weights.data(), input.data(), output.data()));
  for (size_t i = 0; i < 32; i++) CHECK_EQUAL(output[i], 6.0f);
}

TEST("an access before the wait is found, with kernel and address") {
  const DeviceArray<int> input(4, 7);
  DeviceArray<int> output(32, 0);
  const std::string found = findings_after_kernel<early_read_kernel>(1, input.data(), output.data());
  const std::string address = simt::format("global read of 4 bytes at %p, which is no weight", input.data()).characters;
  CHECK_CONTAINS(found, "no wait", address.c_str(), "early_read_kernel", "block (0, 0, 0)", "thread (0, 0, 0)");
  CHECK_CONTAINS(findings_after_kernel<early_volatile_kernel>(1, output.data()), "no wait: global read");
  CHECK_CONTAINS(findings_after_kernel<early_once_kernel>(1, input.data()), "no wait: global read of 16 bytes");
  CHECK_CONTAINS(findings_after_kernel<early_atomic_kernel>(1, output.data()), "no wait: global atomic operation");
  CHECK_CONTAINS(findings_after_kernel<early_copy_kernel>(1, input.data()), "no wait: global asynchronous read");
  CHECK_CONTAINS(findings_after_kernel<one_waits_kernel>(2, input.data(), output.data()), "no wait: global read",
                 "thread (1, 0, 0)");
}

TEST("weights may not be written before the wait, nor memory next to them read") {
  const DeviceArray<float> weights(16, 2);
  const DeviceArray<int> input(1, 3);
  DeviceArray<float> output(32, 0);
  note_weight_memory(weights.data(), 16 * sizeof(float));
  CHECK_CONTAINS(findings_after_kernel<early_write_kernel>(1, weights.data()), "no wait: global write of 4 bytes",
                 "which is not reading");
  note_weight_memory(weights.data(), 8);
  CHECK_CONTAINS(findings_after_kernel<right_kernel>(1, weights.data(), input.data(), output.data()), "no wait");
}

TEST("freed memory no longer counts as weights") {
  float* freed = nullptr;
  {
    const DeviceArray<float> weights(4096, 2);
    freed = weights.data();
    note_weight_memory(freed, 4096 * sizeof(float));
  }
  CHECK_EQUAL(simt::WeightMemory::process().at_or_before(freed).begin == reinterpret_cast<uintptr_t>(freed), false);
}

TEST("a kernel that never waits is found, and so is a single thread that does not") {
  CHECK_CONTAINS(findings_after_kernel<idle_kernel>(1), "no wait: a thread leaves", "idle_kernel");
  CHECK_CONTAINS(findings_after_kernel<early_exit_kernel>(33, 32), "no wait: a thread leaves", "thread (32, 0, 0)");
  CHECK_CLEAN(findings_after_kernel<early_exit_kernel>(33, 33));
}

TEST("kernels need not wait outside of graphs, except those of the library") {
  DeviceArray<int> value(1, 0);
  CHECK_CLEAN(findings_of<idle_kernel>(1, 1, 0));
  CHECK_CONTAINS(findings_of<upbeat::library_kernel>(1, 1, 0, value.data()), "no wait: global write", "library_kernel");
}

TEST("a dependent launch that follows no kernel of its capture is found") {
  DeviceArray<int> value(1, 0);
  TestStream stream;
  CHECK_EQUAL(int(launch<first_kernel>(1, 1, 0, LaunchPlace(stream, true), value.data())), int(cudaErrorLaunchFailure));
  CHECK_CONTAINS(simt::Findings::process().take(), "first_kernel", "follows no kernel");
}

// ---- The library

TEST("kernels of a graph are dependent launches after other kernels, once that is enabled") {
  TestDevice test;
  auto* memory = test.memory<uint8_t>(64);
  const auto fill = [&] { CHECK_OK(upbeat_memory_fill(test.stream, memory, 1, 64)); };
  const auto capture = [&] {
    CHECK_OK(upbeat_graph_begin(test.stream));
    CHECK_EQUAL(dependents_of(fill), 0);  // the first one
    const int64_t second = dependents_of(fill);
    CHECK_OK(upbeat_copy_on_device(test.stream, memory + 32, memory, 16));
    CHECK_EQUAL(dependents_of(fill), 0);
    CHECK_EQUAL(dependents_of(fill), second);
    CHECK_OK(upbeat_graph_launch(upbeat_graph_end(test.stream), test.stream));
    CHECK_EQUAL(dependents_of(fill), 0);
    CHECK_EQUAL(dependents_of(fill), 0);
    test.finish();
    return second;
  };
  CHECK_EQUAL(capture(), 0);
  CHECK_OK(upbeat_device_dependent_launches(test.device, 1));
  CHECK_EQUAL(capture(), 1);
  CHECK_EQUAL(capture(), 1);
  CHECK_OK(upbeat_device_dependent_launches(test.device, 0));
  CHECK_EQUAL(capture(), 0);
}

TEST(
    "dependent launches are refused with the reason when GPU, code or driver does not support them, and the device "
    "goes on") {
  const ChangedMachine machine;
  TestDevice test;
  const auto refused = [&](const char* reason) {
    CHECK_ERROR(upbeat_device_dependent_launches(test.device, 1), UPBEAT_ERROR_UNAVAILABLE, "dependent launches");
    CHECK_CONTAINS(last_error_text(), reason, "UPBEAT_CUDA_DEPENDENT_LAUNCH=0");
  };
  machine->compute_major = 8;
  machine->compute_minor = 6;
  refused("need compute capability 9.0 and this GPU has 8.6");
  machine->compute_major = 9;
  machine->code_capability = 80;
  refused("need kernels that were compiled for compute capability 9.0 and these were for 8.0");
  machine->code_capability = 90;
  machine->refuses_dependent_launches = true;
  refused("the driver refuses dependent launches (cudaErrorNotSupported)");
  auto* memory = test.memory<uint8_t>(2);
  CHECK_OK(upbeat_graph_begin(test.stream));
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 7, 1));
  CHECK_OK(upbeat_memory_fill(test.stream, memory + 1, 8, 1));
  CHECK_OK(upbeat_graph_launch(upbeat_graph_end(test.stream), test.stream));
  test.finish();
  CHECK_EQUAL(memory[0], 7);
  CHECK_EQUAL(memory[1], 8);
}

TEST("a launch fails when the driver refuses dependent launches later on, and the device goes on") {
  const ChangedMachine machine;
  TestDevice test;
  CHECK_OK(upbeat_device_dependent_launches(test.device, 1));
  auto* memory = test.memory<uint8_t>(1);
  machine->refuses_dependent_launches = true;
  CHECK_OK(upbeat_graph_begin(test.stream));
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 7, 1));
  CHECK_ERROR(upbeat_memory_fill(test.stream, memory, 8, 1), UPBEAT_ERROR_INTERNAL, "cudaErrorNotSupported");
  CHECK(upbeat_graph_end(test.stream) > 0);
  CHECK_OK(upbeat_memory_fill(test.stream, memory, 9, 1));
  test.finish();
  CHECK_EQUAL(memory[0], 9);
}

int main() { return check::run_all(); }
