#!/bin/sh
# A compiler launcher: runs the compiler and keeps what it says about the kernels (registers, shared memory, spills).
#   log_resources.sh FOLDER COMPILER ARGUMENTS...
folder=$1
shift
log=$folder/$$.part
"$@" 2> "$log"
status=$?
# What is no report is for whoever builds.
grep -v -e '^ptxas info' -e 'bytes stack frame' -e '^$' "$log" >&2
for argument; do
  case $argument in *.cu) name=$(basename "$argument" .cu) ;; esac
done
if [ "$status" -eq 0 ] && [ -n "$name" ]; then mv "$log" "$folder/$name.log"; else rm -f "$log"; fi
exit "$status"
