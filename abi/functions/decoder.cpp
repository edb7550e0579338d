// The ops of a decoder. Each checks its operands and enqueues them.
#include <algorithm>

#include "abi/checks/checks.h"

using namespace upbeat;

namespace {

// Bytes of a cache, when they fit 64 bits with the padding of a layout.
int64_t cache_bytes(Dtype dtype, int32_t blocks, int32_t block_size, int32_t kv_heads, int32_t head_dim) {
  product({blocks, int64_t(block_size) + 64, int64_t(kv_heads), int64_t(head_dim) + 64, 4});
  return kv_cache_bytes(dtype, blocks, block_size, kv_heads, head_dim);
}

// A cache of one block or more. Its vectors are aligned for copies of 16 bytes.
void check_cache(Device& device, const char* argument, const void* cache, int64_t block_bytes) {
  check_range(device, argument, cache, block_bytes, 16);
}

}  // namespace

extern "C" {

int32_t upbeat_embedding(int32_t stream, int32_t weight, const void* tokens, int32_t rows, void* output) {
  return guarded(EmbeddingArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    const PackedWeight& table = complete_weight(device, weight);
    check_not_negative("rows", rows);
    const EmbeddingArguments arguments{
        .weight = table,
        .tokens = operand<int32_t>(device, "tokens", tokens, rows),
        .rows = rows,
        .output = operand<float>(device, "output", output, product({rows, table.columns})),
    };
    check_disjoint({"output", output, int64_t(rows) * table.columns * 4}, {"tokens", tokens, int64_t(rows) * 4});
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_rms_norm(int32_t stream, const void* input, const void* weight, float epsilon, int32_t rows,
                        int32_t columns, void* output) {
  return guarded(RmsNormArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_epsilon(epsilon);
    check_not_negative("rows", rows);
    check_positive("columns", columns);
    const int64_t elements = product({rows, columns});
    const RmsNormArguments arguments{
        .input = operand<float>(device, "input", input, elements),
        .weight = operand<float>(device, "weight", weight, columns),
        .epsilon = epsilon,
        .rows = rows,
        .columns = columns,
        .output = operand<float>(device, "output", output, elements),
    };
    const Range written = {"output", output, elements * 4};
    check_disjoint(written, {"weight", weight, int64_t(columns) * 4});
    if (input != output) check_disjoint(written, {"input", input, elements * 4});
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_linear(int32_t stream, int32_t weight, const void* input, const void* bias, const void* residual,
                      int32_t rows, void* output) {
  return guarded(LinearArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    const PackedWeight& matrix = complete_weight(device, weight);
    check_not_negative("rows", rows);
    const int64_t inputs = product({rows, matrix.columns});
    const int64_t outputs = product({rows, matrix.rows});
    const LinearArguments arguments{
        .weight = matrix,
        .input = operand<float>(device, "input", input, inputs),
        .bias = operand_or_null<float>(device, "bias", bias, matrix.rows),
        .residual = operand_or_null<float>(device, "residual", residual, outputs),
        .rows = rows,
        .output = operand<float>(device, "output", output, outputs),
    };
    const Range written = {"output", output, outputs * 4};
    check_outputs({written}, {{"input", input, inputs * 4}, {"bias", bias, int64_t(matrix.rows) * 4}});
    if (residual != output) check_disjoint(written, {"residual", residual, outputs * 4});
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_rotary_table(int32_t stream, const void* inverse_frequencies, float scale, int32_t positions,
                            int32_t head_dim, void* table) {
  return guarded(RotaryTableArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_finite("scale", scale);
    check_positive("positions", positions);
    check_heads(1, 1, head_dim);
    check_range_of(device, MemoryKind::host, "inverse_frequencies", inverse_frequencies, int64_t(head_dim) / 2 * 8, 8);
    const RotaryTableArguments arguments{
        .inverse_frequencies = static_cast<const double*>(inverse_frequencies),
        .scale = scale,
        .positions = positions,
        .head_dim = head_dim,
        .table = operand<float>(device, "table", table, product({positions, head_dim})),
    };
    check_disjoint({"table", table, int64_t(positions) * head_dim * 4},
                   {"inverse_frequencies", inverse_frequencies, int64_t(head_dim) * 4});
    target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_kv_cache_bytes(int32_t device, int32_t dtype, int32_t blocks, int32_t block_size, int32_t kv_heads,
                              int32_t head_dim, int64_t* bytes) {
  return guarded("upbeat_kv_cache_bytes", [&] {
    device_of(device);
    const Dtype type = check_cache_dtype("dtype", dtype);
    check_positive("blocks", blocks);
    check_positive("block_size", block_size);
    check_heads(kv_heads, kv_heads, head_dim);
    check_pointer("bytes", bytes);
    *bytes = cache_bytes(type, blocks, block_size, kv_heads, head_dim);
    return UPBEAT_OK;
  });
}

int32_t upbeat_rotary_cache(int32_t stream, void* qkv, const void* positions, const void* slot_mapping,
                            const void* rotary_table, const void* query_norm, const void* key_norm, float epsilon,
                            int32_t rows, int32_t heads, int32_t kv_heads, int32_t head_dim, void* key_cache,
                            void* value_cache, int32_t cache_dtype, int32_t block_size) {
  return guarded(RotaryCacheArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_both_or_none("query_norm", query_norm, "key_norm", key_norm);
    check_epsilon(epsilon);
    check_not_negative("rows", rows);
    check_heads(heads, kv_heads, head_dim);
    check_positive("block_size", block_size);
    const Dtype type = check_cache_dtype("cache_dtype", cache_dtype);
    const int64_t heads_together = int64_t(heads) + 2 * int64_t(kv_heads);
    const int64_t elements = product({rows, heads_together, head_dim});
    const int64_t block_bytes = cache_bytes(type, 1, block_size, kv_heads, head_dim);
    check_cache(device, "key_cache", key_cache, block_bytes);
    check_cache(device, "value_cache", value_cache, block_bytes);
    RotaryCacheArguments arguments{
        .qkv = operand<float>(device, "qkv", qkv, elements),
        .positions = operand<int32_t>(device, "positions", positions, rows),
        .slot_mapping = operand<int32_t>(device, "slot_mapping", slot_mapping, rows),
        .rotary_table = operand<float>(device, "rotary_table", rotary_table, head_dim),
        .query_norm = operand_or_null<float>(device, "query_norm", query_norm, head_dim),
        .key_norm = operand_or_null<float>(device, "key_norm", key_norm, head_dim),
        .epsilon = epsilon,
        .rows = rows,
        .heads = heads,
        .kv_heads = kv_heads,
        .head_dim = head_dim,
        .key_cache = key_cache,
        .value_cache = value_cache,
        .cache_dtype = type,
        .block_size = block_size,
        .table_positions = 0,
        .cache_blocks = 0,
    };
    const Range changed = {"qkv", qkv, elements * 4};
    const Range keys = {"key_cache", key_cache, block_bytes}, values = {"value_cache", value_cache, block_bytes};
    const Range positions_read = {"positions", positions, int64_t(rows) * 4};
    const Range slots = {"slot_mapping", slot_mapping, int64_t(rows) * 4};
    const Range table = {"rotary_table", rotary_table, int64_t(head_dim) * 4};
    const Range norms[] = {{"query_norm", query_norm, int64_t(head_dim) * 4},
                           {"key_norm", key_norm, int64_t(head_dim) * 4}};
    check_outputs({changed, keys, values}, {positions_read, slots, table, norms[0], norms[1]});
    // Only the caller knows the number of positions and blocks. Kernels keep to the allocations.
    const int64_t key_room =
        room_of(device, "key_cache", key_cache, {changed, values, positions_read, slots, table, norms[0], norms[1]});
    const int64_t value_room =
        room_of(device, "value_cache", value_cache, {changed, keys, positions_read, slots, table, norms[0], norms[1]});
    arguments.cache_blocks = items_of(std::min(key_room, value_room), block_bytes);
    arguments.table_positions =
        items_of(room_of(device, "rotary_table", rotary_table, {changed, keys, values}), int64_t(head_dim) * 4);
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_attention(int32_t stream, const void* query, int32_t query_stride, const void* key_cache,
                         const void* value_cache, int32_t cache_dtype, const void* block_tables, int32_t max_blocks,
                         const void* query_starts, const void* sequence_lengths, int32_t requests, int32_t rows,
                         int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t block_size, float scale,
                         int32_t sliding_window, void* output) {
  return guarded(AttentionArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_not_negative("requests", requests);
    check_not_negative("rows", rows);
    check_heads(heads, kv_heads, head_dim);
    check_positive("max_blocks", max_blocks);
    check_positive("block_size", block_size);
    check_finite("scale", scale);
    check_not_negative("sliding_window", sliding_window);
    const Dtype type = check_cache_dtype("cache_dtype", cache_dtype);
    const int64_t row_elements = product({heads, head_dim});
    if (query_stride < row_elements) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "query_stride: must be at least heads * head_dim (%lld), is %d",
                  static_cast<long long>(row_elements), query_stride);
    }
    const int64_t query_elements = rows == 0 ? 0 : product({rows - 1, query_stride}) + row_elements;
    if (int64_t(max_blocks) * block_size > 1 << 30) {
      throw_error(UPBEAT_ERROR_INVALID_ARGUMENT, "max_blocks: a request has at most 2^30 tokens, not %d blocks of %d",
                  max_blocks, block_size);
    }
    const int64_t block_bytes = cache_bytes(type, 1, block_size, kv_heads, head_dim);
    check_cache(device, "key_cache", key_cache, block_bytes);
    check_cache(device, "value_cache", value_cache, block_bytes);
    const int64_t outputs = product({rows, row_elements});
    const int64_t entries = product({requests, max_blocks});
    AttentionArguments arguments{
        .query = operand<float>(device, "query", query, query_elements),
        .query_stride = query_stride,
        .key_cache = key_cache,
        .value_cache = value_cache,
        .cache_dtype = type,
        .block_tables = operand<int32_t>(device, "block_tables", block_tables, entries),
        .max_blocks = max_blocks,
        .query_starts = operand<int32_t>(device, "query_starts", query_starts, int64_t(requests) + 1),
        .sequence_lengths = operand<int32_t>(device, "sequence_lengths", sequence_lengths, requests),
        .requests = requests,
        .rows = rows,
        .heads = heads,
        .kv_heads = kv_heads,
        .head_dim = head_dim,
        .block_size = block_size,
        .scale = scale,
        .sliding_window = sliding_window,
        .output = operand<float>(device, "output", output, outputs),
        .cache_blocks = 0,
    };
    const Range written = {"output", output, outputs * 4};
    check_outputs({written}, {{"query", query, query_elements * 4},
                              {"block_tables", block_tables, entries * 4},
                              {"query_starts", query_starts, (int64_t(requests) + 1) * 4},
                              {"sequence_lengths", sequence_lengths, int64_t(requests) * 4}});
    const int64_t room = std::min(room_of(device, "key_cache", key_cache, {written}),
                                  room_of(device, "value_cache", value_cache, {written}));
    arguments.cache_blocks = items_of(room, block_bytes);
    if (rows > 0 && requests > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_silu_multiply(int32_t stream, const void* gate_up, int32_t rows, int32_t columns, void* output) {
  return guarded(SiluMultiplyArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_not_negative("rows", rows);
    check_positive("columns", columns);
    const int64_t elements = product({rows, columns});
    const SiluMultiplyArguments arguments{
        .gate_up = operand<float>(device, "gate_up", gate_up, product({elements, 2})),
        .rows = rows,
        .columns = columns,
        .output = operand<float>(device, "output", output, elements),
    };
    check_disjoint({"output", output, elements * 4}, {"gate_up", gate_up, elements * 8});
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_gather_rows(int32_t stream, const void* input, const void* indices, int32_t input_rows, int32_t rows,
                           int32_t columns, void* output) {
  return guarded(GatherRowsArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_not_negative("input_rows", input_rows);
    check_not_negative("rows", rows);
    check_positive("columns", columns);
    const int64_t inputs = product({input_rows, columns});
    const int64_t outputs = product({rows, columns});
    const GatherRowsArguments arguments{
        .input = operand<float>(device, "input", input, inputs),
        .indices = operand<int32_t>(device, "indices", indices, rows),
        .input_rows = input_rows,
        .rows = rows,
        .columns = columns,
        .output = operand<float>(device, "output", output, outputs),
    };
    check_outputs({{"output", output, outputs * 4}},
                  {{"input", input, inputs * 4}, {"indices", indices, int64_t(rows) * 4}});
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

}  // extern "C"
