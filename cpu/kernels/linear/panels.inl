// How the panels of a call with many rows are divided among the workers.
#pragma once

#include "cpu/kernels/common/scratch.inl"
#include "cpu/kernels/kernels.h"
#include "cpu/kernels/linear/gemm_scratch.inl"
#include "cpu/kernels/linear/partition.inl"

namespace upbeat::UPBEAT_KERNELS_NAMESPACE {

// Calls run(scratch, row_block, first, end, following) until every panel has been computed once for every block of
// rows. A call covers panels [first, end), at most `longest`; `following` is the panel that the worker takes next, or
// -1. False, with a fault, when a worker cannot allocate its scratch.
template <typename Scratch, typename Run>
bool run_panels(ThreadPool& pool, int panels, int row_blocks, int longest, const Run& run, Fault& fault) {
  const GuidedRanges ranges(panels * row_blocks, pool.size(), longest);
  bool has_memory = true;
  // A worker takes its next range before it starts the current one, to prefetch across the gap.
  int next_range = 0;
  const auto take_range = [&] { return __atomic_fetch_add(&next_range, 1, __ATOMIC_RELAXED); };
  pool.run(pool.size(), [&](int, int) {
    Scratch* scratch = worker_scratch<Scratch>();
    if (scratch == nullptr) {
      __atomic_store_n(&has_memory, false, __ATOMIC_RELAXED);
      return;
    }
    for (int range = take_range(); range < ranges.count;) {
      const int next = take_range();
      const int range_end = ranges.starts[range + 1];
      for (int item = ranges.starts[range]; item < range_end;) {
        const int row_block = item / panels;
        const int first = item % panels;
        const int end = first + range_end - item < panels ? first + range_end - item : panels;
        item += end - first;
        const int following = item < range_end ? item : next < ranges.count ? ranges.starts[next] : -1;
        run(*scratch, row_block, first, end, following < 0 ? -1 : following % panels);
      }
      range = next;
    }
  });
  return has_memory || fail_memory(fault, "linear", sizeof(Scratch));
}

}  // namespace upbeat::UPBEAT_KERNELS_NAMESPACE
