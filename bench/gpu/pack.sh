#!/usr/bin/env bash
# Packs what bench/gpu/run.sh needs on a machine without Bun and network into .gpu/: Bun for x86-64 Linux, and the packages
# that engine and tests import.
set -euo pipefail
cd "$(dirname "$0")/../.."

bun=$(realpath "${BUN:-$(command -v bun || echo node_modules/.bin/bun)}")
mkdir -p .gpu
[ .gpu/bun.xz -nt "$bun" ] || xz -T0 -6 -c "$bun" >.gpu/bun.xz
# -h, because node_modules may be a link.
tar -chf - node_modules/{@datadog,@huggingface,fast-check,pure-rand,mitata,tslib} | xz -6 -c >.gpu/modules.tar.xz
ls -l .gpu
