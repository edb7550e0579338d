"""Measures the same shapes in the installed PyTorch and transformers, for comparison with the engine.

    python3 bench/gpu/reference_torch.py SHAPE [--json FILE] [--seconds N] [--tiny]

Random BF16 weights on the device, greedy decoding, SDPA attention. Eager with a growing cache, and compiled with a static
cache (torch.compile, "reduce-overhead": CUDA graphs). Long measurements come last; the file is rewritten after each of
them, and failures are noted and skipped.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.cache_utils import DynamicCache, StaticCache

parser = argparse.ArgumentParser()
parser.add_argument("shape")
parser.add_argument("--json")
parser.add_argument("--seconds", type=float, default=60)
parser.add_argument("--tiny", action="store_true")
flags = parser.parse_args()

DEADLINE = time.monotonic() + flags.seconds
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PROMPTS = [4, 20] if flags.tiny else [128, 1024, 8192]
BATCHES = [1, 3] if flags.tiny else [1, 8, 64, 256]
COMPILED_BATCHES = BATCHES[:1] if flags.tiny else [1, 64]
DECODE_PROMPT = 3 if flags.tiny else 32
DECODE_TOKENS = 6 if flags.tiny else 48
REPEATS = 1 if flags.tiny else 3

result = {
    "part": "torch",
    "shape": flags.shape,
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "device": torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu",
    "matmulTflops": None,
    "linear": [],
    "ttft": [],
    "decode": [],
    "notes": [],
}


def write():
    if flags.json:
        partial = f"{flags.json}.new"
        Path(partial).write_text(json.dumps(result, indent=1) + "\n")
        os.replace(partial, flags.json)


def synchronize():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def measure(what, body):
    """Runs a measurement, unless the time is up; exceptions are noted."""
    if time.monotonic() > DEADLINE:
        result["notes"].append(f"{what}: no time left")
        return
    print(f"{flags.shape}: {what}, {DEADLINE - time.monotonic():.0f} s left", file=sys.stderr, flush=True)
    try:
        body()
    except Exception as error:  # out of memory, a missing compiler: keep the other figures
        result["notes"].append(f"{what}: {type(error).__name__}: {str(error)[:300]}")
    write()


def median_ms(body, repeats=REPEATS):
    body()
    times = []
    for _ in range(repeats):
        synchronize()
        start = time.perf_counter()
        body()
        synchronize()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def kernel_us(body, launches):
    """Microseconds of a call by device events, over many calls."""
    if DEVICE != "cuda":
        return median_ms(lambda: [body() for _ in range(launches)]) * 1000 / launches
    for _ in range(3):
        body()
    times = []
    for _ in range(5):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(launches):
            body()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1000 / launches)
    return statistics.median(times)


folder = Path(__file__).parent / "shapes" / flags.shape
config = AutoConfig.from_pretrained(folder)


def matrix_peak():
    size = 128 if flags.tiny else 8192
    a = torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16)
    b = torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16)
    result["matmulTflops"] = 2 * size**3 / kernel_us(lambda: a @ b, 8) * 1e-6


def linears():
    hidden, ffn, head_dim = config.hidden_size, config.intermediate_size, config.head_dim
    queries = config.num_attention_heads * head_dim
    shapes = {
        "gate_up": (2 * ffn, hidden),
        "down": (hidden, ffn),
        "qkv": (queries + 2 * config.num_key_value_heads * head_dim, hidden),
        "attention output": (hidden, queries),
        "vocabulary": (config.vocab_size, hidden),
    }
    cold = 1 << 14 if flags.tiny else 256 << 20
    for name, (outputs, inputs) in shapes.items():
        copies = max(1, min(64, cold // (outputs * inputs * 2)))
        weights = [torch.randn(outputs, inputs, device=DEVICE, dtype=torch.bfloat16) * 0.02 for _ in range(copies)]
        for rows in [*BATCHES, *PROMPTS]:
            if name == "vocabulary" and rows > max(BATCHES):
                continue
            x = torch.randn(rows, inputs, device=DEVICE, dtype=torch.bfloat16)
            turn = iter(range(10**9))
            call = lambda: torch.nn.functional.linear(x, weights[next(turn) % copies])
            microseconds = kernel_us(call, 2 if rows > 1024 else 20)
            result["linear"].append({"name": name, "rows": rows, "microseconds": microseconds})
        del weights


model = None


def load():
    global model
    torch.manual_seed(0)
    with torch.device(DEVICE):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa").eval()


def prompt(batch, tokens):
    return torch.randint(0, config.vocab_size, (batch, tokens), device=DEVICE)


@torch.inference_mode()
def first_token(tokens):
    ids = prompt(1, tokens)
    logits = model(input_ids=ids, past_key_values=DynamicCache(config=config), use_cache=True, logits_to_keep=1).logits
    return int(logits[0, -1].argmax())


@torch.inference_mode()
def decode_eager(batch):
    """Milliseconds per step of decoding after a short prompt."""
    cache = DynamicCache(config=config)
    ids = prompt(batch, DECODE_PROMPT)
    token = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1:].argmax(-1)
    synchronize()
    start = time.perf_counter()
    for _ in range(DECODE_TOKENS - 1):
        token = model(input_ids=token, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)
        token.cpu()  # delivered to the caller
    return (time.perf_counter() - start) * 1000 / (DECODE_TOKENS - 1)


@torch.inference_mode()
def decode_compiled(batch):
    """The same with a static cache and a compiled step."""
    torch._dynamo.reset()
    cache = StaticCache(config=config, max_cache_len=DECODE_PROMPT + DECODE_TOKENS)
    ids = prompt(batch, DECODE_PROMPT)
    token = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1:].argmax(-1)

    def step(token, position):
        logits = model(
            input_ids=token, position_ids=position, cache_position=position[0], past_key_values=cache, use_cache=True
        ).logits
        return logits[:, -1:].argmax(-1)

    # Without a GPU, this is a rehearsal: the step is traced, but not compiled.
    how = {"mode": "reduce-overhead"} if DEVICE == "cuda" else {"backend": "aot_eager"}
    compiled = torch.compile(step, fullgraph=True, dynamic=False, **how)
    times = []
    for index in range(DECODE_TOKENS - 1):
        position = torch.full((1, 1), DECODE_PROMPT + index, device=DEVICE)
        synchronize()
        start = time.perf_counter()
        token = compiled(token, position).clone()
        token.cpu()
        times.append((time.perf_counter() - start) * 1000)
        if index == 3:  # compiled, warmed up and captured
            times.clear()
            if time.monotonic() > DEADLINE:
                raise TimeoutError("compiling took all the time")
    return statistics.median(times)


def ttft(tokens):
    ms = median_ms(lambda: first_token(tokens))
    result["ttft"].append({"mode": "eager", "promptTokens": tokens, "ms": ms})


def decode(mode, batch, run):
    if mode == "eager":
        run(batch)  # warm-up
    result["decode"].append(
        {"mode": mode, "batch": batch, "context": DECODE_PROMPT + DECODE_TOKENS // 2, "ms": run(batch)}
    )


measure("matrix peak", matrix_peak)
measure("linear", linears)
measure("load", load)
if model is not None:
    for tokens in PROMPTS:
        measure(f"first token of {tokens}", lambda: ttft(tokens))
    for batch in BATCHES:
        measure(f"decode x {batch}, eager", lambda: decode("eager", batch, decode_eager))
    for batch in COMPILED_BATCHES:
        measure(f"decode x {batch}, compiled", lambda: decode("compiled", batch, decode_compiled))
write()
if not flags.json:
    print(json.dumps(result, indent=1))
sys.exit(0 if result["decode"] and result["ttft"] else 1)
