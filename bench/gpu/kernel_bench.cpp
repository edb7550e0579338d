// upbeat_kernel_bench LIBRARY [--json FILE] [--seconds N] [--tiny] [--only TEXT] [--inputs f32|bf16|both]
//
// Measures the kernels of a device library on the shapes of real models, through the C ABI, as the engine calls them.
// For each call: its time, the fewest bytes that it must move (each input read once, each output written once), and its
// floating-point operations; the report relates them to the machine's peaks.
//
// Times are from the device's events around a captured graph of many launches. Operands rotate over more memory than a
// second-level cache holds, so that none is cached. Larger shapes come first; when time is up, the rest is skipped and
// counted.
#include "kernel_bench.h"

namespace {

// bench/gpu/shapes/ has the same numbers.
struct Shape {
  const char* name;
  int hidden, layers, heads, kv_heads, head_dim, ffn, vocabulary;
};
constexpr Shape kShapes[] = {
    {"llama-3.1-8b", 4096, 32, 32, 8, 128, 14336, 128256},
    {"qwen3-0.6b", 1024, 28, 16, 8, 128, 3072, 151936},
    {"llama-3.2-1b", 2048, 16, 32, 8, 64, 8192, 128256},
};
constexpr Shape kTinyShape = {"tiny", 64, 2, 4, 2, 32, 96, 320};

std::string fields_of(const Shape& shape, const char* op, const char* what, int rows, int context, const char* inputs) {
  return format(
      "\"shape\": \"%s\", \"op\": \"%s\", \"name\": \"%s\", \"rows\": %d, \"context\": %d, \"inputs\": \"%s\"",
      shape.name, op, what, rows, context, inputs);
}

// ---- Ops -----------------------------------------------------------------------------------------------------------

void bench_linear(Bench& bench, const Shape& shape, const char* what, int outputs, int inputs, bool residual,
                  const std::vector<int>& all_rows) {
  for (const int32_t input_dtype : bench.input_dtypes()) {
    std::vector<int32_t> weights;
    for (const int rows : all_rows) {
      const std::string name = format("%s linear %s %s x %d", shape.name, what, dtype_name(input_dtype), rows);
      if (!bench.wants(name)) continue;
      const int64_t weight_bytes = int64_t(outputs) * inputs * 2;
      const int64_t copies = std::clamp<int64_t>((bench.cold_bytes() + weight_bytes - 1) / weight_bytes, 1, 256);
      while (int64_t(weights.size()) < copies) {
        weights.push_back(CALL(upbeat_weight_create, bench.device(), UPBEAT_DTYPE_BF16, outputs, inputs, input_dtype));
        CALL(upbeat_weight_randomize, bench.stream(), weights.back(), 0, outputs, 0.03f, 1, int32_t(weights.size()));
      }
      const int64_t input_bytes = int64_t(rows) * inputs * 4;
      const int64_t output_bytes = int64_t(rows) * outputs * 4;
      size_t turn = 0;
      bench.measure(name, fields_of(shape, "linear", what, rows, 0, dtype_name(input_dtype)),
                    double(weight_bytes + input_bytes + output_bytes * (residual ? 2 : 1)),
                    2.0 * rows * outputs * inputs, [&] {
                      void* output = bench.outputs().next(output_bytes);
                      CALL(upbeat_linear, bench.stream(), weights[turn++ % weights.size()],
                           bench.inputs().next(input_bytes), nullptr, residual ? output : nullptr, rows, output);
                    });
    }
    for (const int32_t weight : weights) CALL(upbeat_weight_destroy, weight);
  }
}

// One request of `queries` rows at the end of `context` tokens, or many of one row each.
void bench_attention(Bench& bench, const Shape& shape, const char* what, int requests, int queries, int context) {
  const int rows = requests * queries;
  const std::string name = format("%s attention %s x %d, context %d", shape.name, what, rows, context);
  if (!bench.wants(name)) return;
  const int max_blocks = (context + kBlockSize - 1) / kBlockSize;
  const int blocks = requests * max_blocks;
  int64_t cache_bytes = 0;
  CALL(upbeat_kv_cache_bytes, bench.device(), UPBEAT_DTYPE_BF16, blocks, kBlockSize, shape.kv_heads, shape.head_dim,
       &cache_bytes);
  const auto copies = int(std::clamp<int64_t>(bench.cold_bytes() / (2 * cache_bytes), 1, 64));
  const auto caches = Arena(bench.device(), bench.stream(), 2 * cache_bytes * copies);
  std::vector<int32_t> tables, starts, lengths;
  for (int i = 0; i < blocks; i++) tables.push_back(int32_t(int64_t(i) * 7919 % blocks));
  for (int i = 0; i <= requests; i++) starts.push_back(i * queries);
  lengths.assign(size_t(requests), context);
  void* device_tables = bench.allocate(int64_t(tables.size()) * 4);
  void* device_starts = bench.allocate(int64_t(starts.size()) * 4);
  void* device_lengths = bench.allocate(int64_t(lengths.size()) * 4);
  bench.upload(device_tables, tables);
  bench.upload(device_starts, starts);
  bench.upload(device_lengths, lengths);
  const int stride = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  const int width = shape.heads * shape.head_dim;
  double keys = 0;  // that the queries of a request meet
  for (int i = 0; i < queries; i++) keys += context - queries + i + 1;
  const double bytes = double(requests) * context * shape.kv_heads * shape.head_dim * 2 * 2 + double(rows) * width * 8;
  int turn = 0;
  bench.measure(name, fields_of(shape, "attention", what, rows, context, "f32"), bytes,
                4.0 * keys * requests * shape.heads * shape.head_dim, [&] {
                  const int64_t at = 2 * cache_bytes * (turn++ % copies);
                  CALL(upbeat_attention, bench.stream(), bench.inputs().next(int64_t(rows) * stride * 4), stride,
                       caches.at(at), caches.at(at + cache_bytes), UPBEAT_DTYPE_BF16, device_tables, max_blocks,
                       device_starts, device_lengths, requests, rows, shape.heads, shape.kv_heads, shape.head_dim,
                       kBlockSize, 0.1f, 0, bench.outputs().next(int64_t(rows) * width * 4));
                });
  for (void* address : {device_tables, device_starts, device_lengths, caches.at(0)}) bench.release(address);
}

void bench_elementwise(Bench& bench, const Shape& shape, int rows) {
  const int stride = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  Arena& in = bench.inputs();
  Arena& out = bench.outputs();
  const int32_t stream = bench.stream();
  const auto named = [&](const char* op) { return format("%s %s x %d", shape.name, op, rows); };
  const auto fields = [&](const char* op) { return fields_of(shape, op, op, rows, 0, "f32"); };

  const int64_t hidden_bytes = int64_t(rows) * shape.hidden * 4;
  if (const std::string name = named("rms_norm"); bench.wants(name)) {
    bench.measure(name, fields("rms_norm"), 2.0 * hidden_bytes, 4.0 * rows * shape.hidden, [&] {
      CALL(upbeat_rms_norm, stream, in.next(hidden_bytes), in.at(0), 1e-6f, rows, shape.hidden, out.next(hidden_bytes));
    });
  }
  const int64_t ffn_bytes = int64_t(rows) * shape.ffn * 4;
  if (const std::string name = named("silu_multiply"); bench.wants(name)) {
    bench.measure(name, fields("silu_multiply"), 3.0 * ffn_bytes, 5.0 * rows * shape.ffn, [&] {
      CALL(upbeat_silu_multiply, stream, in.next(2 * ffn_bytes), rows, shape.ffn, out.next(ffn_bytes));
    });
  }
  if (const std::string name = named("rotary_cache"); bench.wants(name)) {
    const int blocks = (rows + kBlockSize - 1) / kBlockSize;
    int64_t cache_bytes = 0;
    CALL(upbeat_kv_cache_bytes, bench.device(), UPBEAT_DTYPE_BF16, blocks, kBlockSize, shape.kv_heads, shape.head_dim,
         &cache_bytes);
    void* keys = bench.allocate(cache_bytes);
    void* values = bench.allocate(cache_bytes);
    void* numbers = bench.allocate(int64_t(rows) * 4);  // positions, and slots too
    std::vector<int32_t> ascending;
    for (int i = 0; i < rows; i++) ascending.push_back(i);
    bench.upload(numbers, ascending);
    const int64_t qkv_bytes = int64_t(rows) * stride * 4;
    const double written = double(rows) * shape.kv_heads * shape.head_dim * 2 * 2;
    const double rotated = double(rows) * (shape.heads + shape.kv_heads) * shape.head_dim;
    const double bytes = qkv_bytes + double(rows) * shape.heads * shape.head_dim * 4 + written;
    bench.measure(name, fields("rotary_cache"), bytes, 3.0 * rotated, [&] {
      CALL(upbeat_rotary_cache, stream, out.next(qkv_bytes), numbers, numbers, in.at(0), nullptr, nullptr, 0.0f, rows,
           shape.heads, shape.kv_heads, shape.head_dim, keys, values, UPBEAT_DTYPE_BF16, kBlockSize);
    });
    for (void* address : {keys, values, numbers}) bench.release(address);
  }
}

void bench_sampling(Bench& bench, const Shape& shape, int rows, bool greedy) {
  const char* what = greedy ? "greedy" : "temperature 0.8, top-p 0.95";
  const std::string name = format("%s sample %s x %d", shape.name, what, rows);
  if (!bench.wants(name)) return;
  std::vector<int32_t> ints(size_t(rows) * UPBEAT_SAMPLING_INTS);
  std::vector<int32_t> floats(size_t(rows) * UPBEAT_SAMPLING_FLOATS);
  const auto bits = [](float value) {
    int32_t word;
    std::memcpy(&word, &value, 4);
    return word;
  };
  for (int row = 0; row < rows; row++) {
    int32_t* controls = ints.data() + size_t(row) * UPBEAT_SAMPLING_INTS;
    controls[UPBEAT_SAMPLING_ACTIVE] = 1;
    controls[UPBEAT_SAMPLING_SEED_LOW] = row;
    controls[UPBEAT_SAMPLING_POSITION] = 5;
    controls[UPBEAT_SAMPLING_LOGPROBS] = -1;
    int32_t* values = floats.data() + size_t(row) * UPBEAT_SAMPLING_FLOATS;
    values[UPBEAT_SAMPLING_TEMPERATURE] = bits(greedy ? 0.0f : 0.8f);
    values[UPBEAT_SAMPLING_TOP_P] = bits(greedy ? 1.0f : 0.95f);
    values[UPBEAT_SAMPLING_REPETITION_PENALTY] = bits(1.0f);
  }
  void* device_ints = bench.allocate(int64_t(ints.size()) * 4);
  void* device_floats = bench.allocate(int64_t(floats.size()) * 4);
  void* table = bench.allocate(4096);
  bench.upload(device_ints, ints);
  bench.upload(device_floats, floats);
  const int64_t logit_bytes = int64_t(rows) * shape.vocabulary * 4;
  bench.measure(name, fields_of(shape, "sample", what, rows, 0, "f32"), double(logit_bytes),
                double(rows) * shape.vocabulary, [&] {
                  CALL(upbeat_sample, bench.stream(), bench.inputs().next(logit_bytes), rows, shape.vocabulary,
                       device_floats, device_ints, table, nullptr, nullptr, 0, bench.outputs().next(int64_t(rows) * 4),
                       nullptr, nullptr);
                });
  for (void* address : {device_ints, device_floats, table}) bench.release(address);
}

void bench_shape(Bench& bench, const Shape& shape) {
  const std::vector<int> decode = bench.tiny() ? std::vector<int>{1, 3} : std::vector<int>{1, 8, 64, 256};
  const std::vector<int> prefill = bench.tiny() ? std::vector<int>{5, 70} : std::vector<int>{128, 1024, 8192};
  std::vector<int> rows = decode;
  rows.insert(rows.end(), prefill.begin(), prefill.end());
  const int queries = shape.heads * shape.head_dim;
  const int stride = queries + 2 * shape.kv_heads * shape.head_dim;
  bench_linear(bench, shape, "gate_up", 2 * shape.ffn, shape.hidden, false, rows);
  bench_linear(bench, shape, "down", shape.hidden, shape.ffn, true, rows);
  bench_linear(bench, shape, "qkv", stride, shape.hidden, false, rows);
  bench_linear(bench, shape, "attention output", shape.hidden, queries, true, rows);
  bench_linear(bench, shape, "vocabulary", shape.vocabulary, shape.hidden, false, decode);
  const int context = bench.tiny() ? 40 : 1024;
  for (const int requests : decode) bench_attention(bench, shape, "decode", requests, 1, context);
  bench_attention(bench, shape, "decode", 1, 1, bench.tiny() ? 70 : 8192);
  for (const int length : prefill) bench_attention(bench, shape, "prefill", 1, length, length);
  for (const int count : bench.tiny() ? std::vector<int>{3} : std::vector<int>{1, 64, 1024}) {
    bench_elementwise(bench, shape, count);
  }
  for (const int count : bench.tiny() ? std::vector<int>{2} : std::vector<int>{1, 64, 256}) {
    bench_sampling(bench, shape, count, true);
    bench_sampling(bench, shape, count, false);
  }
}

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: upbeat_kernel_bench LIBRARY [--json FILE] [--seconds N] [--tiny] [--only TEXT] "
               "[--inputs f32|bf16|both]\n");
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') usage();
  Settings settings;
  for (int i = 2; i < argc; i++) {
    const std::string flag = argv[i];
    if (flag == "--tiny") {
      settings.tiny = true;
      continue;
    }
    if (i + 1 == argc) usage();
    const char* value = argv[++i];
    if (flag == "--json") {
      settings.json = value;
    } else if (flag == "--only") {
      settings.only = value;
    } else if (flag == "--seconds") {
      settings.seconds = std::atof(value);
    } else if (flag == "--inputs") {
      settings.input_dtypes.clear();
      if (std::strcmp(value, "bf16") != 0) settings.input_dtypes.push_back(UPBEAT_DTYPE_F32);
      if (std::strcmp(value, "f32") != 0) settings.input_dtypes.push_back(UPBEAT_DTYPE_BF16);
    } else {
      usage();
    }
  }
  library.handle = dlopen(argv[1], RTLD_NOW);
  if (library.handle == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  if (CALL(upbeat_abi_version) != UPBEAT_ABI_VERSION) {
    std::fprintf(stderr, "%s has another ABI version\n", argv[1]);
    return 1;
  }
  Bench bench(settings);
  if (settings.tiny) {
    bench_shape(bench, kTinyShape);
  } else {
    for (const Shape& shape : kShapes) bench_shape(bench, shape);
  }
  uint8_t device[2048] = {0};
  CALL(upbeat_device_info, bench.device(), device, int32_t(sizeof device));
  CALL(upbeat_device_close, bench.device());

  std::FILE* out = settings.json == nullptr ? stdout : std::fopen(settings.json, "w");
  if (out == nullptr) {
    std::fprintf(stderr, "%s cannot be written\n", settings.json);
    return 1;
  }
  std::fprintf(out, "{\"part\": \"kernels\", \"device\": %s, \"skipped\": %d, \"results\": [\n", device,
               bench.skipped());
  for (size_t i = 0; i < bench.results().size(); i++) {
    std::fprintf(out, " %s%s\n", bench.results()[i].c_str(), i + 1 < bench.results().size() ? "," : "");
  }
  std::fprintf(out, "]}\n");
  if (out != stdout) std::fclose(out);
  return 0;
}
