#!/bin/sh
# A compiler launcher: runs the compiler and keeps its report on the kernels (registers, shared memory, spills).
#   log_resources.sh FOLDER COMPILER ARGUMENTS...
folder=$1
shift
log=$folder/$$.part
"$@" 2> "$log"
status=$?
# All other output is passed on.
grep -v -e '^ptxas info' -e 'bytes stack frame' -e '^$' "$log" >&2
for argument; do
  case $argument in *.cu) name=$(basename "$argument" .cu) ;; esac
done
if [ "$status" -eq 0 ] && [ -n "$name" ]; then mv "$log" "$folder/$name.log"; else rm -f "$log"; fi
exit "$status"
