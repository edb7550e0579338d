// The keys and values of a block on their way to shared memory.
//
// Memory access: tiles go through a ring, the keys of a chunk, then its values, by asynchronous copies of 16 bytes that
// bypass registers; the next tile is in flight while the ring's other tiles are used. The cache indices of a chunk's
// keys are looked up one chunk earlier still, once per key.
#pragma once

#include "cuda/kernels/attention/fragments.cuh"
#include "cuda/kernels/attention/kv_layout.h"

namespace upbeat {

// The chunks that a block works on, in order: those of splits first, first + step, ..., starting with the first chunk
// that any row sees. Chunks are numbered from position 0.
template <typename Plan>
struct ChunkWalk {
  int first_split, step;
  int skip;   // chunks of the first split that no row sees
  int count;  // of chunks

  // Keys [begin, end); splits first_split, first_split + step, ... up to the last one.
  __device__ ChunkWalk(int begin, int end, int first_split_, int step_) : first_split(first_split_), step(step_) {
    const int start = first_split * Plan::kSplitChunks;
    const int last = first_split + ((end - 1) / kSplit - first_split) / step * step;
    const int end_chunk = (end + Plan::kChunk - 1) / Plan::kChunk - last * Plan::kSplitChunks;
    skip = begin / Plan::kChunk > start ? begin / Plan::kChunk - start : 0;
    count = (last - first_split) / step * Plan::kSplitChunks - skip +
            (end_chunk < Plan::kSplitChunks ? end_chunk : Plan::kSplitChunks);
  }

  __device__ int split(int n) const { return first_split + (n + skip) / Plan::kSplitChunks * step; }
  __device__ int chunk(int n) const { return split(n) * Plan::kSplitChunks + (n + skip) % Plan::kSplitChunks; }
};

// Tile 2n has the keys of the walk's chunk n, tile 2n + 1 its values. All threads call each function.
template <typename Plan>
class TileStream {
 public:
  using Tile = SharedTile<Plan::kKeyBytes>;

  // The rows of the block see keys [begin, end); other keys are read as zeros.
  __device__ TileStream(const AttentionArguments& arguments, const ChunkWalk<Plan>& walk, int request, int kv_head,
                        int begin, int end)
      : arguments_(arguments), walk_(walk), request_(request), kv_head_(kv_head), begin_(begin), end_(end) {
    table_ = Global<const int32_t>(arguments.block_tables) + int64_t(request) * arguments.max_blocks;
  }

  // Starts copying the first tiles. A barrier.
  __device__ void begin() {
    for (int n = 0; n < kAhead; n++) look_up(n);
    __syncthreads();
    for (int i = 0; i + 1 < Plan::kStages; i++) start_copy(i);
  }

  // Waits for the next tile, in order, and starts copying another one. A barrier: after it the tile before is no longer
  // used.
  __device__ Tile take(int i) {
    copy_async_wait<Plan::kStages - 2>();
    __syncthreads();
    start_copy(i + Plan::kStages - 1);
    if (i % 2 == 0) look_up(i / 2 + kAhead);
    return tile(i);
  }

  // For chunks with values that some row must not see: weight zero times a NaN or infinity would still reach it. Waits
  // for the values of chunk n, zeroes the non-finite ones, and flags their keys. A barrier.
  __device__ void mend_values(int n) {
    const Shared<uint32_t> broken = this->broken();
    copy_async_wait<0>();
    for (int key = int(threadIdx.x); key < Plan::kChunk; key += Plan::kThreads) broken[key] = 0;
    __syncthreads();
    const Tile values = tile(2 * n + 1);
    for (int i = int(threadIdx.x); i < Plan::kChunk * words(); i += Plan::kThreads) {
      const int key = i / words();
      const Shared<uint32_t> at = values.at(key, i % words());
      Pack<uint32_t, 4> word = load_pack<4>(at);
      bool found = false;
      for (int j = 0; j < 4; j++) {
        if (are_finite(word.v[j])) continue;
        word.v[j] = 0;
        found = true;
      }
      if (!found) continue;
      store_pack(at, word);
      atomic_exchange(broken + key, 1u);
    }
    __syncthreads();
  }

  // Of the chunk mended last: 1 for keys with non-finite values.
  __device__ Shared<uint32_t> broken() const { return dynamic_shared<uint32_t>(Plan::kBrokenAt); }

  // False, with a fault, when this thread found a key without a block in the cache.
  __device__ bool good(const FaultSlot& faults) const {
    if (missing_ < 0) return true;
    raise_fault(faults, FaultKind::attention_block, missing_, request_, table_[missing_], arguments_.cache_blocks);
    return false;
  }

 private:
  static constexpr int kAhead = Plan::kStages / 2;  // chunks that are looked up ahead of their use
  static constexpr uint32_t kAbsent = 0xffffffffu;
  static constexpr int kWords = Plan::kKeyBytes / 16;
  static constexpr int kElements = 16 / int(sizeof(typename Plan::Element));  // of a word

  // The 16-byte words of a key that products read.
  __device__ int words() const {
    return Plan::kWhole ? kWords : (arguments_.head_dim + kProductRows - 1) / kProductRows * kProductRows / kElements;
  }

  __device__ static bool are_finite(uint32_t bits) {
    if constexpr (sizeof(typename Plan::Element) == 2) {
      if ((bits & 0x7f80u) == 0x7f80u) return false;
    }
    return (bits & 0x7f800000u) != 0x7f800000u;
  }

  __device__ Tile tile(int i) const { return {dynamic_shared<uint32_t>(i % Plan::kStages * Plan::kTileBytes)}; }
  __device__ Shared<uint32_t> places(int n) const {
    return dynamic_shared<uint32_t>(Plan::kPlacesAt + n % 2 * Plan::kChunk * 4);
  }

  // Looks up the cache indices of a chunk's keys. They fit 32 bits: 2^32 vectors are more than a GPU's memory.
  __device__ void look_up(int n) {
    if (n >= walk_.count) return;
    for (int key = int(threadIdx.x); key < Plan::kChunk; key += Plan::kThreads) {
      const int position = walk_.chunk(n) * Plan::kChunk + key;
      uint32_t place = kAbsent;
      if (position >= begin_ && position < end_) {
        const int index = position / arguments_.block_size;
        const int32_t block = table_[index];
        if (block >= 0 && block < arguments_.cache_blocks) {
          place = uint32_t(kv_vector(block, position - index * arguments_.block_size, kv_head_, arguments_.kv_heads,
                                     arguments_.block_size));
        } else {
          missing_ = index;
        }
      }
      places(n)[key] = place;
    }
  }

  __device__ void start_copy(int i) {
    const int n = i / 2;
    if (n < walk_.count) {
      const Global<const uint32_t> source =
          static_cast<const uint32_t*>(i % 2 == 0 ? arguments_.key_cache : arguments_.value_cache);
      const int vector_words = int(padded_head_dim(arguments_.head_dim)) / kElements * 4;  // of four bytes
      const int word = int(threadIdx.x) % kWords;
      const int left = arguments_.head_dim - word * kElements;
      const int bytes = (left < 0 ? 0 : left < kElements ? left : kElements) * int(sizeof(typename Plan::Element));
      if (word < words()) {
#pragma unroll
        for (int key = int(threadIdx.x) / kWords; key < Plan::kChunk; key += Plan::kThreads / kWords) {
          const uint32_t place = places(n)[key];
          const bool present = place != kAbsent && bytes > 0;
          const int64_t at = present ? int64_t(place) * vector_words + word * 4 : 0;
          copy_async_part(tile(i).at(key, word), source + at, present ? bytes : 0);
        }
      }
    }
    copy_async_commit();  // also of an empty group, so that waits count tiles
  }

  const AttentionArguments& arguments_;
  const ChunkWalk<Plan>& walk_;
  Global<const int32_t> table_;
  int request_, kv_head_;
  int begin_, end_;
  int missing_ = -1;  // a block that is missing in the table
};

}  // namespace upbeat
