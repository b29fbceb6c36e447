#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: fuzz.sh SECONDS [TARGET...]
# Builds the fuzzer (needs clang) and runs it on the targets, without one on all of them, for so many
# seconds each, from the files of seeds/ and from what earlier runs on this machine have made
# (build/fuzz/corpus). An input that breaks a promise is kept in build/fuzz/finds, and the exit code
# is 1.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/fuzz}
build=$root/build/fuzz
seconds=$1
shift

say() {
    printf 'lanewise: %s\n' "$*" >&2
}

case $seconds in
'' | *[!0-9]*) say "fuzz: expected a number of seconds, got '$seconds'"; exit 2 ;;
esac

logged() { # logged WHAT COMMAND...
    what=$1
    shift
    if ! "$@" >"$root/build/fuzz.log" 2>&1; then
        tail -n 40 "$root/build/fuzz.log" >&2
        say "$what failed; all of it is in build/fuzz.log"
        exit 1
    fi
}

mkdir -p "$build"
cd "$root"
[ -f "$build/build.ninja" ] || logged configuring cmake --preset fuzz
say "building the fuzzer ..."
logged building cmake --build --preset fuzz --target lanewise_fuzz
fuzzer=$build/tests/fuzz/lanewise_fuzz

targets=$("$fuzzer" targets)
for target in "$@"; do
    if ! printf '%s\n' "$targets" | grep -qxF -- "$target"; then
        say "fuzz: there is no target '$target'; there are:" $targets
        exit 2
    fi
done
[ $# -gt 0 ] || set -- $targets

# What an input may cost: a second is long for one of a few kilobytes, but machines may be busy.
limits="-max_len=4096 -timeout=20 -rss_limit_mb=512 -malloc_limit_mb=256"
# What was freed is watched for a while only: with all of the quarter of a gigabyte that AddressSanitizer would keep,
# each input finds its memory outside of the caches, and half as many are tried.
ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=8:thread_local_quarantine_size_kb=64}
export ASAN_OPTIONS
failed=
for target in "$@"; do
    mkdir -p "$build/corpus/$target" "$build/finds"
    dictionary=
    [ ! -f "$here/dict/$target.dict" ] || dictionary="-dict=$here/dict/$target.dict"
    # shellcheck disable=SC2086 # options are words
    if "$fuzzer" "$target" $limits $dictionary -max_total_time="$seconds" \
        -artifact_prefix="$build/finds/$target-" -print_final_stats=1 \
        "$build/corpus/$target" "$here/seeds/$target" >"$build/$target.log" 2>&1; then
        awk -v target="$target" '
            /^stat::number_of_executed_units/ { inputs = $2 }
            match($0, /cov: [0-9]+/) { edges = substr($0, RSTART + 5, RLENGTH - 5) }
            END { printf "%-12s %10d inputs, %5d edges, nothing found\n", target, inputs, edges }
        ' "$build/$target.log"
    else
        failed="$failed $target"
        grep -E '^(==|SUMMARY|.*promise is broken|.*Test unit written)' "$build/$target.log" ||
            tail -n 5 "$build/$target.log"
        printf '%-12s a find; build/fuzz/%s.log has the trace\n' "$target" "$target"
    fi
done
[ -z "$failed" ] || { say "finds in:$failed; the inputs are in build/fuzz/finds"; exit 1; }
