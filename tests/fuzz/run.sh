#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
#   sh tests/fuzz/run.sh [SECONDS] [NAME...]
#
# Runs the fuzzers (all, or those named) one after the other, for 600 seconds each unless told
# otherwise, under address and undefined sanitizers. What ends one lies in build-fuzz/findings/: mend
# the code, then put the file into tests/fuzz/corpus/NAME/ under a name that says what it was. From
# what one has found on its way, the smallest inputs that reach further than the corpus are added
# to it, up to 64 files.
set -eu
umask 022

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build-fuzz
corpus=$top/tests/fuzz/corpus
files_max=64

seconds=600
case ${1:-} in
*[!0-9]* | "") ;;
*)
    seconds=$1
    shift
    ;;
esac
if [ $# -eq 0 ]; then
    for folder in "$corpus"/*; do
        set -- "$@" "${folder##*/}"
    done
fi
for name; do
    [ -d "$corpus/$name" ] || { echo "no fuzzer is called '$name'" >&2; exit 2; }
done

if [ ! -e "$build/build.ninja" ]; then
    CC=clang meson setup "$build" "$top" -Dfuzz=true -Db_sanitize=address,undefined \
        -Db_lundef=false -Doptimization=2
fi
targets=
for name; do
    targets="$targets tests/fuzz/fuzz_$name"
done
# shellcheck disable=SC2086 # several targets
ninja -C "$build" $targets
mkdir -p "$build/findings"

# keep NAME: adds to the corpus what it lacks, the smallest first.
keep() {
    new=$build/found/$1.new
    rm -rf "$new"
    mkdir "$new"
    cp "$corpus/$1"/* "$new"
    "$build/tests/fuzz/fuzz_$1" -merge=1 "$new" "$build/found/$1" >"$build/found/$1.log" 2>&1 || true
    # Names are hashes of libFuzzer, or those of the corpus: no blanks.
    for file in $(cd "$new" && ls -Sr); do
        [ "$(find "$corpus/$1" -type f | wc -l)" -lt "$files_max" ] || break
        [ -e "$corpus/$1/$file" ] || cp "$new/$file" "$corpus/$1/$file"
    done
}

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
failed=
for name; do
    mkdir -p "$build/found/$name"
    echo "=== $name, $seconds s"
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=25 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$build/findings/$name-" \
        "$build/found/$name" "$corpus/$name" >"$build/findings/$name.log" 2>&1 ||
        failed="$failed $name"
    grep -a -E 'does not hold|ERROR: |runtime error|DONE|^Done' "$build/findings/$name.log" || true
    keep "$name"
done
[ -z "$failed" ] || { echo "found something: $failed; see $build/findings/" >&2; exit 1; }
