// Ops: each launches the kernel of the same name.
#include "cuda/streams/operation.h"

namespace upbeat {

namespace {

template <auto Member, typename Arguments>
void enqueue_op(CudaStream& stream, const Arguments& arguments) {
  static constexpr Operation kOperation = kernel<Member>(Arguments::kFunction);
  stream.enqueue_kernel(kOperation, arguments);
}

}  // namespace

void CudaStream::enqueue(const EmbeddingArguments& arguments) { enqueue_op<&KernelSet::embedding>(*this, arguments); }
void CudaStream::enqueue(const RmsNormArguments& arguments) { enqueue_op<&KernelSet::rms_norm>(*this, arguments); }
void CudaStream::enqueue(const LinearArguments& arguments) { enqueue_op<&KernelSet::linear>(*this, arguments); }
void CudaStream::enqueue(const RotaryTableArguments& arguments) {
  enqueue_op<&KernelSet::rotary_table>(*this, arguments);
}
void CudaStream::enqueue(const RotaryCacheArguments& arguments) {
  enqueue_op<&KernelSet::rotary_cache>(*this, arguments);
}
void CudaStream::enqueue(const AttentionArguments& arguments) { enqueue_op<&KernelSet::attention>(*this, arguments); }
void CudaStream::enqueue(const SiluMultiplyArguments& arguments) {
  enqueue_op<&KernelSet::silu_multiply>(*this, arguments);
}
void CudaStream::enqueue(const GatherRowsArguments& arguments) {
  enqueue_op<&KernelSet::gather_rows>(*this, arguments);
}
void CudaStream::enqueue(const GatherTokensArguments& arguments) {
  enqueue_op<&KernelSet::gather_tokens>(*this, arguments);
}
void CudaStream::enqueue(const ScatterTokensArguments& arguments) {
  enqueue_op<&KernelSet::scatter_tokens>(*this, arguments);
}
void CudaStream::enqueue(const SampleArguments& arguments) { enqueue_op<&KernelSet::sample>(*this, arguments); }

}  // namespace upbeat
