// Launcher of embedding.cuh.
#include "embedding.cuh"

namespace upbeat {

cudaError_t launch_embedding(const EmbeddingArguments& arguments, const Launch& where) {
  const unsigned blocks = unsigned(arguments.rows);
  switch (arguments.weight.dtype) {
    case Dtype::f32:
      return launch<embedding_kernel<float>>(blocks, kEmbeddingThreads, 0, where.stream, arguments, where.faults);
    case Dtype::f16:
      return launch<embedding_kernel<F16>>(blocks, kEmbeddingThreads, 0, where.stream, arguments, where.faults);
    case Dtype::bf16:
      return launch<embedding_kernel<Bf16>>(blocks, kEmbeddingThreads, 0, where.stream, arguments, where.faults);
  }
  return cudaErrorInvalidValue;
}

}  // namespace upbeat
