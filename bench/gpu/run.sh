#!/usr/bin/env bash
# Builds, tests and measures the CUDA library on a machine with a GPU, in one go.
#
#   bench/gpu/run.sh [--list] [--only PART]... [--seconds N] [--resume FILE] [--rehearse]
#
#   --list        the parts, with their time limits in seconds
#   --only PART   only this part; can be repeated. `build` has to run once before any other
#   --seconds N   time for all parts together (480); parts that do not fit are skipped, and run by the next call
#   --resume FILE take successful parts from the results of an earlier call
#   --rehearse    try the script with tiny shapes on the emulated library, without a GPU
#
# Successful parts are not repeated; a part that fails or times out does not stop the others. Each leaves a log and a
# result in build-gpu/. The script writes results.json and logs.tar.gz to $OUT or, if it is not set, a file to
# bench/results/; and prints a table.
#
# Environment: BUN (the binary, plain or packed by xz), PYTHON (with torch), OUT, and UPBEAT_GPU_WORK instead of
# build-gpu/.
#
# Packages that are not installed are unpacked from .gpu/modules.tar.xz, and Bun from .gpu/bun.xz; bench/gpu/pack.sh
# creates both.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
SELF=bench/gpu/run.sh

PARTS=(
  # name limit what
  "build 150 the CUDA library for this GPU only, the CPU library, the measuring programs"
  "machine 20 device memory and tensor cores"
  "ops 60 op tests on the GPU"
  "models 40 model tests on the GPU"
  "engine 90 engine tests on the GPU"
  "kernels 75 kernels compared with their floors"
  "model-llama-3.1-8b 75 the engine on a shape with random weights"
  "model-llama-3.1-8b+bf16 60 the same with activations rounded to bfloat16, as in PyTorch"
  "torch-llama-3.1-8b 90 PyTorch on the same shape"
  "model-qwen3-0.6b 40 the engine on a shape with random weights"
  "torch-qwen3-0.6b 60 PyTorch on the same shape"
  "model-llama-3.2-1b 40 the engine on a shape with random weights"
  "torch-llama-3.2-1b 60 PyTorch on the same shape"
  "dependent-llama-3.1-8b 45 decode steps of the shape with and without dependent launches"
  "dependent-qwen3-0.6b 30 decode steps of the shape with and without dependent launches"
  "memcheck 60 compute-sanitizer memcheck: every op once, from a native program"
  "racecheck 60 compute-sanitizer racecheck: every op once, from a native program"
  "memcheck-ops 90 compute-sanitizer memcheck: op tests"
)
REHEARSED=(build machine ops models engine kernels model-tiny model-tiny+bf16 torch-tiny dependent-tiny memcheck racecheck memcheck-ops)

BUILD=build
WORK=build-gpu
REHEARSAL=${REHEARSAL:-}
TOTAL=480
ONLY=()
RESUME=
INTERNAL=

usage() {
  sed -n '2,/^set /p' "$SELF" | sed '$d; s/^# \{0,1\}//'
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
    --list)
      total=0
      for part in "${PARTS[@]}"; do
        read -r name limit what <<<"$part"
        printf '%-22s %4s s  %s\n' "$name" "$limit" "$what"
        total=$((total + limit))
      done
      echo "at most $total s if every part takes its whole limit; a call stops after $TOTAL s (--seconds)"
      exit 0
      ;;
    --only) ONLY+=("${2:?--only needs a part}") && shift ;;
    --seconds) TOTAL=${2:?--seconds needs a number} && shift ;;
    --resume) RESUME=${2:?--resume needs a file} && shift ;;
    --rehearse) REHEARSAL=1 ;;
    --part) INTERNAL=${2:?} && shift ;; # this script's call of itself, to run one part in a process of its own
    *) usage ;;
  esac
  shift
done
export REHEARSAL
[ -n "$REHEARSAL" ] && WORK=build-gpu/rehearsal
WORK=${UPBEAT_GPU_WORK:-$WORK}
if [ -n "$REHEARSAL" ]; then
  LIBRARY=$PWD/$BUILD/libupbeat_simt.so
  TITLE='\[SIMT\]'
  TINY=(--tiny)
else
  LIBRARY=$PWD/$BUILD/libupbeat_cuda.so
  TITLE='\[CUDA\]'
  TINY=()
fi

# ---- Tools ----------------------------------------------------------------------------------------------------------

find_nvcc() {
  local candidate packages
  packages=$("${PYTHON:-python3}" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' 2>/dev/null)
  for candidate in "$(command -v nvcc)" /usr/local/cuda/bin/nvcc /usr/local/cuda-*/bin/nvcc \
    "$packages"/nvidia/cu*/bin/nvcc; do
    [ -x "$candidate" ] && echo "$candidate" && return
  done
}

# Prints the path of a working Bun; unpacks one if necessary.
find_bun() {
  local candidate packed unpacked=$WORK/bun
  for candidate in "$unpacked" "${BUN:-}" "$(command -v bun)" node_modules/.bin/bun; do
    case $candidate in *.xz) continue ;; esac
    if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
      realpath "$candidate"
      return
    fi
  done
  for packed in "${BUN:-}" .gpu/bun.xz; do
    [ -f "$packed" ] || continue
    unpack "$packed" "$unpacked" && chmod +x "$unpacked" && "$unpacked" --version >/dev/null && realpath "$unpacked" && return
  done
}

# Unpacks an .xz file, even without xz.
unpack() {
  if command -v xz >/dev/null; then
    xz -dc "$1" >"$2"
  else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' "$1" "$2"
  fi
}

# The architecture to build for, as CMake and nvcc name it: 9.0 -> 90a, 10.0 -> 100.
gpu_architecture() {
  local capability
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d ' .')
  case $capability in
    90) echo 90a ;;
    *) echo "$capability" ;;
  esac
}

# Ends a part whose requirements are missing.
skip() {
  echo "$1" >"$WORK/$INTERNAL.reason"
  exit 77
}

need_bun() { [ -n "${BUN_PATH:-}" ] || skip "no Bun: set BUN, or create .gpu/bun.xz with bench/gpu/pack.sh"; }
need_library() { [ -f "$LIBRARY" ] || skip "$LIBRARY is not built"; }

# Runs tests on Bun; the result has the numbers of passed and failed ones.
bun_test() {
  need_bun
  local status passed failed
  "${UNDER[@]}" "$BUN_PATH" test "$@" 2>&1
  status=$?
  passed=$(sed -n 's/^ *\([0-9]*\) pass$/\1/p' "$WORK/$INTERNAL.log" | tail -1)
  failed=$(sed -n 's/^ *\([0-9]*\) fail$/\1/p' "$WORK/$INTERNAL.log" | tail -1)
  printf '{"part": "check", "passed": %s, "failed": %s}\n' "${passed:-null}" "${failed:-null}" >"$WORK/$INTERNAL.json"
  # A filter that matches nothing is a failure.
  [ "$status" -eq 0 ] && [ "${passed:-0}" -gt 0 ]
}
UNDER=()

sanitizer() {
  if [ -n "$REHEARSAL" ]; then
    UNDER=(env)
    return
  fi
  PATH=$PATH:$(dirname "$(find_nvcc)")
  command -v compute-sanitizer >/dev/null || skip "no compute-sanitizer"
  UNDER=(compute-sanitizer --tool "$1" --target-processes all --error-exitcode 9 --print-limit 20)
}

# ---- Parts ----------------------------------------------------------------------------------------------------------

build() {
  local nvcc architecture cxx=${CXX:-c++} jobs
  jobs=$(nproc)
  $cxx -std=c++20 -O2 -Wall -Wextra -I. bench/gpu/kernel_bench.cpp -o "$WORK/kernel_bench" -ldl || return
  if [ -n "$REHEARSAL" ]; then
    $cxx -std=c++20 -O1 -DUPBEAT_SIMT -I. -Itests/simt/include -x c++ bench/gpu/machine_peak.cu -o "$WORK/machine_peak" \
      -pthread || return
    cmake -S . -B "$BUILD" -DUPBEAT_TESTS=ON &&
      cmake --build "$BUILD" -j"$jobs" --target upbeat_simt --target upbeat_cpu || return
  else
    nvcc=$(find_nvcc)
    [ -n "$nvcc" ] || skip "no nvcc"
    architecture=$(gpu_architecture)
    [ -n "$architecture" ] || skip "nvidia-smi names no GPU"
    "$nvcc" --version | tail -2
    "$nvcc" -std=c++20 -O3 -I. -gencode="arch=compute_$architecture,code=sm_$architecture" bench/gpu/machine_peak.cu \
      -o "$WORK/machine_peak" &
    cmake -S . -B "$BUILD" -DUPBEAT_CUDA=ON -DCMAKE_CUDA_COMPILER="$nvcc" \
      -DCMAKE_CUDA_ARCHITECTURES="$architecture-real" &&
      cmake --build "$BUILD" -j"$jobs" --target upbeat_cuda --target upbeat_cpu || return
    wait $! || return
    grep -hE 'spill (stores|loads)' "$BUILD/cuda_resources.log" | grep -v ' 0 bytes spill stores, 0 bytes spill loads'
  fi
  echo '{"part": "check", "passed": 1, "failed": 0}' >"$WORK/build.json"
}

machine() {
  [ -x "$WORK/machine_peak" ] || skip "machine_peak is not built"
  "$WORK/machine_peak" "${TINY[@]}" --json "$WORK/machine.json"
}

ops() {
  need_library
  if [ -n "$REHEARSAL" ]; then
    bun_test -t "$TITLE" tests/ops/randomize_test.ts tests/ops/gather_test.ts
  else
    bun_test -t "$TITLE" tests/ops
  fi
}

models() {
  need_library
  export UPBEAT_LIBRARY=$LIBRARY
  if [ -n "$REHEARSAL" ]; then
    bun_test tests/support/models/random_model_test.ts
  else
    bun_test tests/engine/models tests/support/models/random_model_test.ts tests/support/models/reference_model_test.ts tests/behaviours/numerics/families_test.ts tests/behaviours/numerics/goldens_test.ts
  fi
}

# All tests that run on the emulator.
engine() {
  local files
  need_bun
  need_library
  export UPBEAT_LIBRARY=$LIBRARY
  if [ -n "$REHEARSAL" ]; then
    bun_test tests/behaviours/loading/dummy_weights_test.ts
  else
    mapfile -t files < <("$BUN_PATH" bench/gpu/test_files.ts)
    bun_test "${files[@]}"
  fi
}

kernels() {
  need_library
  "$WORK/kernel_bench" "$LIBRARY" "${TINY[@]}" --inputs both --seconds $((LIMIT - 10)) --json "$WORK/kernels.json"
}

# SHAPE, or SHAPE+bf16.
model() {
  local shape=${1%+bf16} activations=()
  need_bun
  need_library
  if [ "$shape" != "$1" ]; then
    activations=(--activations bfloat16)
  fi
  "$BUN_PATH" bench/gpu/model_bench.ts "$shape" "${TINY[@]}" "${activations[@]}" --library "$LIBRARY" \
    --seconds $((LIMIT - 8)) --json "$WORK/$INTERNAL.json"
}

dependent() {
  need_bun
  need_library
  "$BUN_PATH" bench/gpu/dependent_bench.ts "$1" "${TINY[@]}" --library "$LIBRARY" --seconds $((LIMIT - 8)) \
    --json "$WORK/$INTERNAL.json"
  local status=$?
  [ "$status" -ne 77 ] || skip "$(tail -n 1 "$WORK/$INTERNAL.log")"
  return "$status"
}

torch() {
  local python=${PYTHON:-python3}
  "$python" -c 'import torch, transformers' 2>/dev/null || skip "$python lacks torch or transformers"
  "$python" bench/gpu/reference_torch.py "$1" "${TINY[@]}" --seconds $((LIMIT - 8)) --json "$WORK/$INTERNAL.json"
}

# Every op once, under a sanitizer.
checked_ops() {
  need_library
  sanitizer "$1"
  "${UNDER[@]}" "$WORK/kernel_bench" "$LIBRARY" --tiny --seconds "$LIMIT" --json "$WORK/checked_kernels.json" || return
  echo '{"part": "check", "passed": 1, "failed": 0}' >"$WORK/$INTERNAL.json"
}

memcheck_ops() {
  need_library
  sanitizer memcheck
  if [ -n "$REHEARSAL" ]; then
    bun_test -t "$TITLE" tests/ops/randomize_test.ts
  else
    bun_test --timeout 90000 -t "$TITLE" tests/ops/randomize_test.ts tests/ops/gather_test.ts \
      tests/ops/elementwise_test.ts tests/ops/rotary_test.ts tests/ops/linear_test.ts tests/ops/attention_test.ts \
      tests/ops/sample_test.ts
  fi
}

run_part() {
  case $INTERNAL in
    build | machine | ops | models | engine | kernels) "$INTERNAL" ;;
    model-*) model "${INTERNAL#model-}" ;;
    torch-*) torch "${INTERNAL#torch-}" ;;
    dependent-*) dependent "${INTERNAL#dependent-}" ;;
    memcheck | racecheck) checked_ops "$INTERNAL" ;;
    memcheck-ops) memcheck_ops ;;
  esac
}

if [ -n "$INTERNAL" ]; then
  run_part
  exit
fi

# ---- All of it ------------------------------------------------------------------------------------------------------

parts=()
if [ -n "$REHEARSAL" ]; then names=("${REHEARSED[@]}"); else names=("${PARTS[@]%% *}"); fi
for name in "${ONLY[@]}"; do
  case " ${names[*]} " in
    *" $name "*) ;;
    *) echo "no part $name; --list prints them" >&2 && exit 2 ;;
  esac
done
parts=("${names[@]}")
[ ${#ONLY[@]} -gt 0 ] && parts=("${ONLY[@]}")

limit_of() {
  local part name limit what
  for part in "${PARTS[@]}"; do
    read -r name limit what <<<"$part"
    [ "$name" = "$1" ] && echo "$limit" && return
  done
  echo 120 # parts that only a rehearsal has
}

mkdir -p "$WORK"
if [ -n "$REHEARSAL" ]; then
  GPU="none (rehearsal)"
elif command -v nvidia-smi >/dev/null && GPU=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader) &&
  [ -n "$GPU" ]; then
  GPU=$(head -1 <<<"$GPU")
else
  echo "nvidia-smi finds no GPU; --rehearse tries the script without one" >&2
  exit 1
fi
echo "$GPU"
BUN_PATH=$(find_bun)
export BUN_PATH
echo "bun: ${BUN_PATH:-none}"
if [ ! -e node_modules/@datadog ] && [ -f .gpu/modules.tar.xz ]; then
  unpack .gpu/modules.tar.xz "$WORK/modules.tar" && tar -xf "$WORK/modules.tar"
fi
if [ -n "$RESUME" ]; then
  [ -n "$BUN_PATH" ] && "$BUN_PATH" bench/gpu/bundle.ts unpack "$RESUME" "$WORK" || exit 1
fi

SECONDS=0
for name in "${parts[@]}"; do
  if grep -qs '"status": "ok"' "$WORK/$name.status"; then
    echo "$name: already done"
    continue
  fi
  left=$((TOTAL - SECONDS))
  LIMIT=$(limit_of "$name")
  [ "$LIMIT" -gt "$left" ] && LIMIT=$left
  rm -f "$WORK/$name.json" "$WORK/$name.reason"
  began=$SECONDS
  if [ "$LIMIT" -lt 12 ]; then
    echo "no time was left" >"$WORK/$name.reason"
    code=77
  else
    export LIMIT
    timeout --kill-after=5 "$LIMIT" bash "$SELF" --part "$name" >"$WORK/$name.log" 2>&1
    code=$?
  fi
  case $code in
    0) status=ok ;;
    77) status=skipped ;;
    124 | 137) status=timeout ;;
    *) status=failed ;;
  esac
  reason=$(head -c 300 "$WORK/$name.reason" 2>/dev/null | tr -d '"\\\n')
  printf '{"name": "%s", "status": "%s", "seconds": %d, "reason": "%s"}\n' "$name" "$status" $((SECONDS - began)) \
    "$reason" >"$WORK/$name.status"
  printf '%-22s %-8s %4d s  %s\n' "$name" "$status" $((SECONDS - began)) "$reason"
  if [ "$status" = failed ] || [ "$status" = timeout ]; then tail -n 15 "$WORK/$name.log" | cut -c1-300 | sed 's/^/    /'; fi
done

commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
if [ -n "${OUT:-}" ]; then
  mkdir -p "$OUT"
  target=$OUT/results.json
  tar -czf "$OUT/logs.tar.gz" -C "$WORK" --exclude=bun --exclude=modules.tar --exclude=kernel_bench --exclude=machine_peak \
    --exclude=rehearsal .
else
  gpu=$(cut -d, -f1 <<<"$GPU" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-')
  target=bench/results/$(date +%F)-$gpu-cuda.json
  [ -n "$REHEARSAL" ] && target=$WORK/results.json
fi
if [ -n "$BUN_PATH" ]; then
  "$BUN_PATH" bench/gpu/bundle.ts pack "$WORK" "$target" "$GPU" "$commit" ${REHEARSAL:+--rehearsal} &&
    "$BUN_PATH" bench/gpu/report.ts "$target" && echo "written to $target"
else
  echo "no report without Bun; results are in $WORK"
fi
