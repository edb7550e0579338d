// The stand-in for the CUDA runtime: asynchronous, in stream order, and strict.
#include <atomic>

#include "kernel_test.h"

namespace {

__global__ void add_kernel(Global<int> value, int amount) { value[0] = value[0] + amount; }

__global__ void count_kernel(Global<int> counts) {
  const int block = int((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x);
  atomic_add(counts + block, 1);
}

__global__ void wrong_kernel(Global<int> value) { value[1] = 0; }

// Pinned host memory.
template <typename T>
class Pinned {
 public:
  explicit Pinned(size_t count) {
    void* address = nullptr;
    cudaHostAlloc(&address, count * sizeof(T), cudaHostAllocPortable);
    data_ = static_cast<T*>(address);
  }
  ~Pinned() { cudaFreeHost(data_); }
  T* data() const { return data_; }
  T& operator[](size_t index) const { return data_[index]; }

 private:
  T* data_ = nullptr;
};

// Stops a stream until let_go().
struct Hold {
  std::atomic<bool> open{false};
  void on(cudaStream_t stream) {
    cudaLaunchHostFunc(stream, [](void* hold) { static_cast<Hold*>(hold)->open.wait(false); }, this);
  }
  void let_go() {
    open.store(true);
    open.notify_all();
  }
};

void check_ok(cudaError_t error) { CHECK_EQUAL(int(error), int(cudaSuccess)); }

}  // namespace

TEST("work is not done at the call, and runs in stream order") {
  TestStream stream;
  DeviceArray<int> value(1, 5);
  const Pinned<int> host(2);
  host[0] = -1;
  Hold hold;
  hold.on(stream);
  check_ok(launch<add_kernel>(1, 1, 0, stream, value.data(), 3));
  check_ok(cudaMemcpyAsync(host.data(), value.data(), 4, cudaMemcpyDeviceToHost, stream));
  check_ok(cudaMemsetAsync(value.data(), 1, 4, stream));
  CHECK_EQUAL(value[0], 5);
  CHECK_EQUAL(host[0], -1);
  CHECK_EQUAL(int(cudaStreamQuery(stream)), int(cudaErrorNotReady));
  hold.let_go();
  check_ok(cudaStreamSynchronize(stream));
  CHECK_EQUAL(host[0], 8);
  CHECK_EQUAL(value[0], 0x01010101);
  check_ok(cudaStreamQuery(stream));
}

TEST("a stream waits for the record that an event has at the call") {
  TestStream first, second;
  DeviceArray<int> value(1, 0);
  cudaEvent_t event = nullptr;
  check_ok(cudaEventCreateWithFlags(&event, cudaEventDefault));
  check_ok(cudaStreamWaitEvent(second, event));  // never recorded: does not hold
  check_ok(cudaEventQuery(event));
  Hold hold;
  hold.on(first);
  check_ok(launch<add_kernel>(1, 1, 0, first, value.data(), 1));
  check_ok(cudaEventRecord(event, first));
  check_ok(cudaStreamWaitEvent(second, event));
  const Pinned<int> host(1);
  check_ok(cudaMemcpyAsync(host.data(), value.data(), 4, cudaMemcpyDeviceToHost, second));
  CHECK_EQUAL(int(cudaEventQuery(event)), int(cudaErrorNotReady));
  hold.let_go();
  check_ok(cudaStreamSynchronize(second));
  CHECK_EQUAL(host[0], 1);
  cudaEventDestroy(event);
}

TEST("a graph runs what was captured, as often as it is launched") {
  TestStream stream;
  DeviceArray<int> value(1, 0);
  check_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  check_ok(launch<add_kernel>(1, 1, 0, stream, value.data(), 2));
  check_ok(launch<add_kernel>(1, 1, 0, stream, value.data(), 5));
  CHECK_EQUAL(int(cudaStreamSynchronize(stream)), int(cudaErrorStreamCaptureUnsupported));
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  check_ok(cudaStreamEndCapture(stream, &graph));
  check_ok(cudaGraphInstantiate(&executable, graph));
  check_ok(cudaGraphDestroy(graph));
  check_ok(cudaStreamSynchronize(stream));
  CHECK_EQUAL(value[0], 0);
  for (int i = 0; i < 3; i++) check_ok(cudaGraphLaunch(executable, stream));
  check_ok(cudaStreamSynchronize(stream));
  CHECK_EQUAL(value[0], 21);
  check_ok(cudaGraphExecDestroy(executable));
}

TEST("a finding stays until the device is reset, and later work is skipped") {
  TestStream stream;
  DeviceArray<int> value(1, 0);
  check_ok(launch<wrong_kernel>(1, 1, 0, stream, value.data()));
  CHECK_EQUAL(int(cudaStreamSynchronize(stream)), int(cudaErrorLaunchFailure));
  CHECK_CONTAINS(cudaGetErrorString(cudaErrorLaunchFailure), "out of bounds", "wrong_kernel");
  CHECK_EQUAL(int(launch<add_kernel>(1, 1, 0, stream, value.data(), 1)), int(cudaErrorLaunchFailure));
  check_ok(cudaDeviceReset());
  check_ok(launch<add_kernel>(1, 1, 0, stream, value.data(), 1));
  check_ok(cudaStreamSynchronize(stream));
  CHECK_EQUAL(value[0], 1);
}

TEST("an asynchronous copy refuses host memory that is not pinned, and ranges outside an allocation") {
  TestStream stream;
  DeviceArray<int> value(4, 0);
  int pageable[4] = {};
  CHECK_EQUAL(int(cudaMemcpyAsync(value.data(), pageable, 16, cudaMemcpyHostToDevice, stream)),
              int(cudaErrorLaunchFailure));
  CHECK_CONTAINS(simt::Findings::process().take(), "not pinned");
  const Pinned<int> host(8);
  check_ok(cudaMemcpyAsync(value.data(), host.data(), 20, cudaMemcpyHostToDevice, stream));
  cudaStreamSynchronize(stream);
  CHECK_CONTAINS(simt::Findings::process().take(), "out of bounds: copy to of 20 bytes");
}

TEST("calls that allocate or wait are counted, and are findings while a test forbids them") {
  TestStream stream;
  simt::SlowCalls& calls = simt::SlowCalls::process();
  const int64_t before = calls.count();
  DeviceArray<int> value(1, 0);
  CHECK_EQUAL(calls.count(), before + 1);
  calls.forbid(true);
  const Pinned<int> none(0);
  CHECK_EQUAL(int(launch<add_kernel>(1, 1, 0, stream, value.data(), 1)), int(cudaErrorLaunchFailure));
  calls.forbid(false);
  CHECK_CONTAINS(simt::Findings::process().take(), "slow call: cudaHostAlloc");
  check_ok(launch<add_kernel>(1, 1, 0, stream, value.data(), 1));
  check_ok(cudaStreamSynchronize(stream));
  CHECK_EQUAL(value[0], 1);
}

TEST("the allocation that a test refuses fails, and no other") {
  simt::SlowCalls::process().refuse_allocation(2);
  void* addresses[3] = {};
  CHECK_EQUAL(int(cudaMalloc(&addresses[0], 16)), int(cudaSuccess));
  CHECK_EQUAL(int(cudaMalloc(&addresses[1], 16)), int(cudaErrorMemoryAllocation));
  CHECK_EQUAL(int(cudaMalloc(&addresses[2], 16)), int(cudaSuccess));
  CHECK(addresses[1] == nullptr);
  cudaFree(addresses[0]);
  cudaFree(addresses[2]);
}

TEST("the blocks of a grid run on several threads, each of them once") {
  TestStream stream;
  DeviceArray<int> counts(1000, 0);
  for (int round = 0; round < 50; round++) check_ok(launch<count_kernel>(dim3(10, 20, 5), 4, 0, stream, counts.data()));
  check_ok(cudaStreamSynchronize(stream));
  for (int i = 0; i < 1000; i++) CHECK_EQUAL(counts[size_t(i)], 200);
}

TEST("a launch with sizes that a GPU refuses is refused") {
  TestStream stream;
  DeviceArray<int> value(1, 0);
  for (const auto& [grid, block] : {std::pair(dim3(0), dim3(32)), {dim3(1), dim3(2048)}, {dim3(1, 70000), dim3(1)}}) {
    CHECK_EQUAL(int(launch<add_kernel>(grid, block, 0, stream, value.data(), 1)), int(cudaErrorInvalidValue));
  }
}

int main() { return check::run_all(); }
