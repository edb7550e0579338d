// The token table and sampling.
#include <algorithm>

#include "abi/checks/checks.h"

using namespace upbeat;

extern "C" {

int32_t upbeat_gather_tokens(int32_t stream, const void* table, const void* sources, int32_t rows, int32_t table_length,
                             void* output) {
  return guarded(GatherTokensArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_not_negative("rows", rows);
    check_positive("table_length", table_length);
    const GatherTokensArguments arguments{
        .table = operand<int32_t>(device, "table", table, table_length),
        .sources = operand<int32_t>(device, "sources", sources, rows),
        .rows = rows,
        .table_length = table_length,
        .output = operand<int32_t>(device, "output", output, rows),
    };
    check_outputs({{"output", output, int64_t(rows) * 4}},
                  {{"table", table, int64_t(table_length) * 4}, {"sources", sources, int64_t(rows) * 4}});
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_scatter_tokens(int32_t stream, const void* tokens, const void* destinations, int32_t rows,
                              int32_t table_length, void* table) {
  return guarded(ScatterTokensArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_not_negative("rows", rows);
    check_positive("table_length", table_length);
    const ScatterTokensArguments arguments{
        .tokens = operand<int32_t>(device, "tokens", tokens, rows),
        .destinations = operand<int32_t>(device, "destinations", destinations, rows),
        .rows = rows,
        .table_length = table_length,
        .table = operand<int32_t>(device, "table", table, table_length),
    };
    check_outputs({{"table", table, int64_t(table_length) * 4}},
                  {{"tokens", tokens, int64_t(rows) * 4}, {"destinations", destinations, int64_t(rows) * 4}});
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

int32_t upbeat_sample(int32_t stream, const void* logits, int32_t rows, int32_t vocabulary, const void* floats,
                      const void* ints, const void* token_table, const void* bias_tokens, const void* bias_values,
                      int32_t max_logprobs, void* tokens, void* logprobs, void* logprob_tokens) {
  return guarded(SampleArguments::kFunction, [&] {
    Stream& target = stream_of(stream);
    Device& device = target.device();
    check_not_negative("rows", rows);
    check_positive("vocabulary", vocabulary);
    check_not_negative("max_logprobs", max_logprobs);
    check_both_or_none("bias_tokens", bias_tokens, "bias_values", bias_values);
    if (max_logprobs > 0) check_both_or_none("logprobs", logprobs, "logprob_tokens", logprob_tokens);
    SampleArguments arguments{
        .logits = operand<float>(device, "logits", logits, product({rows, vocabulary})),
        .rows = rows,
        .vocabulary = vocabulary,
        .floats = operand<float>(device, "floats", floats, product({rows, UPBEAT_SAMPLING_FLOATS})),
        .ints = operand<int32_t>(device, "ints", ints, product({rows, UPBEAT_SAMPLING_INTS})),
        .token_table = operand<int32_t>(device, "token_table", token_table, 1),
        .bias_tokens = operand_or_null<int32_t>(device, "bias_tokens", bias_tokens, 1),
        .bias_values = operand_or_null<float>(device, "bias_values", bias_values, 1),
        .max_logprobs = max_logprobs,
        .tokens = operand<int32_t>(device, "tokens", tokens, rows),
        .logprobs = const_cast<float*>(
            operand_or_null<float>(device, "logprobs", logprobs, product({rows, int64_t(max_logprobs) + 1}))),
        .logprob_tokens = const_cast<int32_t*>(
            operand_or_null<int32_t>(device, "logprob_tokens", logprob_tokens, product({rows, max_logprobs}))),
        .table_length = 0,
        .bias_length = 0,
    };
    const int64_t count = rows;
    const Range outputs[] = {{"tokens", tokens, count * 4},
                             {"logprobs", logprobs, count * (int64_t(max_logprobs) + 1) * 4},
                             {"logprob_tokens", logprob_tokens, count * max_logprobs * 4}};
    check_outputs({outputs[0], outputs[1], outputs[2]}, {{"logits", logits, count * vocabulary * 4},
                                                         {"floats", floats, count * UPBEAT_SAMPLING_FLOATS * 4},
                                                         {"ints", ints, count * UPBEAT_SAMPLING_INTS * 4}});
    // Only the caller knows the lengths of the token table and the bias lists. Kernels keep to their allocations.
    const auto elements = [&](const char* argument, const void* pointer) {
      if (pointer == nullptr) return 0;
      return items_of(room_of(device, argument, pointer, {outputs[0], outputs[1], outputs[2]}), 4);
    };
    arguments.table_length = elements("token_table", token_table);
    arguments.bias_length = std::min(elements("bias_tokens", bias_tokens), elements("bias_values", bias_values));
    if (rows > 0) target.enqueue(arguments);
    return UPBEAT_OK;
  });
}

}  // extern "C"
