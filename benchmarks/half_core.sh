#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: benchmarks/half_core.sh [ROUNDS [lanewise train OPTION...]]
# Training with one thread and with four on half a processor: all of them are held to one processor, and a
# program that never waits wants it too. Prints images per second in turn, and how much longer four threads take
# (medians); exit 1 when that is more than 1.15 times as long.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
rounds=${1:-5}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- fixed --data digits --train-limit 4000 --epochs 3 --validation 0
program=${LANEWISE_PROGRAM:-$root/build/release/lanewise}
processor=0

folder=$(mktemp -d)
taskset -c "$processor" sh -c 'while :; do :; done' &
spinner=$!
trap 'kill "$spinner" 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

for round in $(seq "$rounds"); do
    for threads in 1 4; do
        taskset -c "$processor" "$program" train "$@" --threads "$threads" --json --quiet \
            --out "$folder/$round-$threads" |
            sed -n "s/.*\"images_per_second\"[^0-9]*\([0-9.]*\).*/$threads \1/p" >>"$folder/rates"
    done
    tail -n 2 "$folder/rates" | sed 's/^\([14]\) /threads \1: /; s/$/ images\/s/'
done
median() {
    sed -n "s/^$1 //p" "$folder/rates" | sort -n | awk '{ r[NR] = $1 } END { print r[int((NR + 1) / 2)] }'
}
awk -v one="$(median 1)" -v four="$(median 4)" 'BEGIN {
    printf "four threads take %.2f times as long as one\n", one / four
    exit one / four > 1.15 }'
