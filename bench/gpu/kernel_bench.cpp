// upbeat_kernel_bench LIBRARY [--json FILE] [--seconds N] [--tiny] [--only TEXT] [--inputs f32|bf16|both]
//
// The kernels of a device library on the shapes of real models, through the C ABI: what is measured is what runs. Of
// each call: its time, the fewest bytes that it must move (each input read once, each output written once), and its
// floating- point operations; what that is of the machine's peaks the report says.
//
// Times are those of the device's own events around a captured graph of many launches. Operands rotate over more memory
// than a second-level cache holds, so that none is found there. Larger shapes come first; when the time is up, what is
// left is not measured and the result says so.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../../ffi/upbeat.h"

namespace {

// ---- The library ---------------------------------------------------------------------------------------------------

struct Library {
  void* handle = nullptr;
  template <typename Function>
  Function* find(const char* name) const {
    void* symbol = dlsym(handle, name);
    if (symbol == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      std::exit(1);
    }
    return reinterpret_cast<Function*>(symbol);
  }
};
Library library;

int32_t checked(int32_t status, const char* name) {
  if (status >= 0) return status;
  uint8_t message[512] = {0};
  library.find<decltype(upbeat_last_error)>("upbeat_last_error")(message, sizeof message);
  std::fprintf(stderr, "%s: %s\n", name, reinterpret_cast<const char*>(message));
  std::exit(1);
}

// CALL(upbeat_linear, ...): the library's function, checked.
#define CALL(name, ...)                                                    \
  checked(                                                                 \
      [&] {                                                                \
        static auto* const function = library.find<decltype(name)>(#name); \
        return function;                                                   \
      }()(__VA_ARGS__),                                                    \
      #name)

// ---- What is measured ----------------------------------------------------------------------------------------------

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

constexpr int kBlockSize = 16;

struct Settings {
  const char* json = nullptr;
  const char* only = nullptr;
  double seconds = 60;
  bool tiny = false;
  std::vector<int32_t> input_dtypes = {UPBEAT_DTYPE_F32};
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string format(const char* pattern, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

// Device memory full of values of both signs near 0.01, be they read as F32 or as pairs of BF16.
class Arena {
 public:
  Arena(int32_t device, int32_t stream, int64_t bytes) : bytes_(bytes) {
    CALL(upbeat_memory_allocate, device, bytes, &address_);
    const int64_t piece = std::min<int64_t>(bytes, 16 << 20);
    int64_t host = 0;
    CALL(upbeat_host_allocate, device, piece, &host);
    auto* words = reinterpret_cast<uint32_t*>(host);
    uint32_t state = 1;
    for (int64_t i = 0; i < piece / 4; i++) {
      state = state * 1664525u + 1013904223u;
      words[i] = (state >> 1 & 0x807f807fu) | 0x3c003c00u;
    }
    for (int64_t done = 0; done < bytes; done += piece) {
      CALL(upbeat_copy_to_device, stream, at(done), words, std::min(piece, bytes - done));
    }
    CALL(upbeat_stream_synchronize, stream, -1);
    CALL(upbeat_host_free, device, words);
  }

  void* at(int64_t offset) const { return reinterpret_cast<std::byte*>(address_) + offset; }
  int64_t bytes() const { return bytes_; }

  // The next place for so many bytes, around and around.
  void* next(int64_t bytes) {
    const int64_t rounded = (bytes + 255) / 256 * 256;
    if (used_ + rounded > bytes_) used_ = 0;
    void* place = at(used_);
    used_ += rounded;
    return place;
  }

 private:
  int64_t address_ = 0;
  int64_t bytes_;
  int64_t used_ = 0;
};

class Bench {
 public:
  explicit Bench(const Settings& settings)
      : settings_(settings),
        deadline_(now() + settings.seconds),
        device_(CALL(upbeat_device_open, 0, 0, UPBEAT_SIMD_AUTO)),
        stream_(CALL(upbeat_stream_create, device_)),
        start_(CALL(upbeat_event_create, device_)),
        end_(CALL(upbeat_event_create, device_)),
        // The widest rows of a long prefill fit, and more than a cache holds.
        inputs_(device_, stream_, settings.tiny ? 1 << 20 : int64_t(1) << 30),
        outputs_(device_, stream_, settings.tiny ? 1 << 20 : int64_t(1) << 30),
        cold_bytes_(settings.tiny ? 1 << 14 : 256 << 20) {}

  bool tiny() const { return settings_.tiny; }
  int32_t device() const { return device_; }
  int32_t stream() const { return stream_; }
  Arena& inputs() { return inputs_; }
  Arena& outputs() { return outputs_; }
  int64_t cold_bytes() const { return cold_bytes_; }
  const std::vector<int32_t>& input_dtypes() const { return settings_.input_dtypes; }
  int skipped() const { return skipped_; }
  const std::vector<std::string>& results() const { return results_; }

  // Whether a case is to be measured, and there is time.
  bool wants(const std::string& name) {
    if (settings_.only != nullptr && name.find(settings_.only) == std::string::npos) return false;
    if (now() < deadline_) return true;
    skipped_++;
    return false;
  }

  // Fills device memory with integers.
  void upload(void* destination, const std::vector<int32_t>& values) {
    int64_t host = 0;
    const auto bytes = int64_t(values.size() * 4);
    CALL(upbeat_host_allocate, device_, bytes, &host);
    auto* words = reinterpret_cast<void*>(host);
    std::memcpy(words, values.data(), size_t(bytes));
    CALL(upbeat_copy_to_device, stream_, destination, words, bytes);
    CALL(upbeat_stream_synchronize, stream_, -1);
    CALL(upbeat_host_free, device_, words);
  }

  void* allocate(int64_t bytes) {
    int64_t address = 0;
    CALL(upbeat_memory_allocate, device_, bytes, &address);
    return reinterpret_cast<void*>(address);
  }
  void release(void* address) { CALL(upbeat_memory_free, device_, address); }

  // Measures `enqueue`, which enqueues one call, each time on other operands.
  template <typename Enqueue>
  void measure(const std::string& name, const std::string& fields, double bytes, double flops, Enqueue&& enqueue) {
    enqueue();  // makes what is made at the first call
    const double first = timed(enqueue, 1);
    const double wanted = settings_.tiny ? 0 : 4000;  // microseconds in a graph
    const int launches = int(std::clamp(wanted / std::max(first, 1.0), 1.0, 100.0));
    const int rounds = settings_.tiny ? 1 : first > 20000 ? 3 : 7;
    std::vector<double> times;
    CALL(upbeat_graph_begin, stream_);
    for (int i = 0; i < launches; i++) enqueue();
    const int32_t graph = CALL(upbeat_graph_end, stream_);
    for (int round = -1; round < rounds; round++) {
      const double time = timed([&] { CALL(upbeat_graph_launch, graph, stream_); }, 1) / launches;
      if (round >= 0 || rounds == 1) times.push_back(time);
    }
    CALL(upbeat_graph_destroy, graph);
    std::sort(times.begin(), times.end());
    results_.push_back(
        format("{%s, \"microseconds\": %.3f, \"best\": %.3f, \"bytes\": %.0f, \"flops\": %.0f, "
               "\"launches\": %d, \"rounds\": %d}",
               fields.c_str(), times[times.size() / 2], times.front(), bytes, flops, launches, rounds));
    std::fprintf(stderr, "%-52s %10.1f us %8.1f GB/s %8.1f TFLOP/s\n", name.c_str(), times[times.size() / 2],
                 bytes / times[times.size() / 2] * 1e-3, flops / times[times.size() / 2] * 1e-6);
  }

 private:
  template <typename Enqueue>
  double timed(Enqueue&& enqueue, int calls) {
    CALL(upbeat_event_record, start_, stream_);
    for (int i = 0; i < calls; i++) enqueue();
    CALL(upbeat_event_record, end_, stream_);
    CALL(upbeat_event_wait, end_, -1);
    double microseconds = 0;
    CALL(upbeat_event_elapsed, start_, end_, &microseconds);
    return microseconds / calls;
  }

  const Settings& settings_;
  double deadline_;
  int32_t device_, stream_, start_, end_;
  Arena inputs_, outputs_;
  int64_t cold_bytes_;
  int skipped_ = 0;
  std::vector<std::string> results_;
};

const char* dtype_name(int32_t dtype) { return dtype == UPBEAT_DTYPE_BF16 ? "bf16" : "f32"; }

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
