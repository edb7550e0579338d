// Launcher of embedding.cuh.
#include "cuda/kernels/elementwise/embedding.cuh"

namespace upbeat {

cudaError_t launch_embedding(const EmbeddingArguments& arguments, const Launch& where) {
  const unsigned blocks = unsigned(arguments.rows);
  return with_element(arguments.weight.dtype, [&]<typename Element>() {
    return launch<embedding_kernel<Element>>(blocks, kEmbeddingThreads, 0, where.place, arguments, where.faults);
  });
}

}  // namespace upbeat
