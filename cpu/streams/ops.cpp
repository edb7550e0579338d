// Ops as commands: each runs the kernel of the same name.
#include "cpu/streams/operation.h"

namespace upbeat {

namespace {

template <auto Member, typename Arguments>
void enqueue_op(CpuStream& stream, const Arguments& arguments) {
  static constexpr Operation kOperation = kernel<Member>(Arguments::kFunction);
  stream.enqueue_command(kOperation, arguments);
}

}  // namespace

void CpuStream::enqueue(const EmbeddingArguments& arguments) { enqueue_op<&KernelSet::embedding>(*this, arguments); }
void CpuStream::enqueue(const RmsNormArguments& arguments) { enqueue_op<&KernelSet::rms_norm>(*this, arguments); }
void CpuStream::enqueue(const LinearArguments& arguments) {
  if (arguments.weight.input == InputType::i8) return enqueue_op<&KernelSet::linear_blocks>(*this, arguments);
  enqueue_op<&KernelSet::linear>(*this, arguments);
}
void CpuStream::enqueue(const RotaryTableArguments& arguments) {
  enqueue_op<&KernelSet::rotary_table>(*this, arguments);
}
void CpuStream::enqueue(const RotaryCacheArguments& arguments) {
  enqueue_op<&KernelSet::rotary_cache>(*this, arguments);
}
void CpuStream::enqueue(const AttentionArguments& arguments) { enqueue_op<&KernelSet::attention>(*this, arguments); }
void CpuStream::enqueue(const SiluMultiplyArguments& arguments) {
  enqueue_op<&KernelSet::silu_multiply>(*this, arguments);
}
void CpuStream::enqueue(const GatherRowsArguments& arguments) { enqueue_op<&KernelSet::gather_rows>(*this, arguments); }
void CpuStream::enqueue(const GatherTokensArguments& arguments) {
  enqueue_op<&KernelSet::gather_tokens>(*this, arguments);
}
void CpuStream::enqueue(const ScatterTokensArguments& arguments) {
  enqueue_op<&KernelSet::scatter_tokens>(*this, arguments);
}
void CpuStream::enqueue(const SampleArguments& arguments) { enqueue_op<&KernelSet::sample>(*this, arguments); }

}  // namespace upbeat
