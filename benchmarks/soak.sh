#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: benchmarks/soak.sh [MINUTES [lanewise train OPTION...]]
# Trains for a long time (an hour) and watches the memory of the process: after the first tenth of the time it
# must not grow by more than a megabyte. Prints a line each tenth; exit 1 when it grew.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
minutes=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- varres --data varres:digits:20..64 --train-limit 4000 --augment digits \
    --threads 1 --checkpoint 30s
program=${LANEWISE_PROGRAM:-$root/build/release/lanewise}
allowed_kb=1024

folder=$(mktemp -d)
"$program" train "$@" --epochs 100000 --quiet --out "$folder/run" >"$folder/output" 2>&1 &
child=$!
trap 'kill "$child" 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

resident_kb() {
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$child/status"
}

first=
most=0
for tenth in 1 2 3 4 5 6 7 8 9 10; do
    # Several looks each tenth, so that a peak between two lines counts.
    for _ in 1 2 3 4 5 6; do
        sleep "$minutes" # a sixtieth of the time
        now=$(resident_kb 2>/dev/null || true)
        [ -n "$now" ] || { cat "$folder/output" >&2; echo "soak: the training ended" >&2; exit 1; }
        [ -z "$first" ] || [ "$now" -le "$most" ] || most=$now
    done
    if [ -z "$first" ]; then
        first=$now
        most=$now
    fi
    echo "after $tenth tenths of $minutes minutes: $now KB, at most $((most - first)) KB more than after the first"
done
[ $((most - first)) -le "$allowed_kb" ] || { echo "soak: the memory grew by $((most - first)) KB" >&2; exit 1; }
