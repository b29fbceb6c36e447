#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: reproducible.sh SOURCE-FOLDER WORK-FOLDER
# Builds the libraries from two copies of the tree, in folders of different names and at different
# times: they must have the same bytes. Takes two whole builds, so CI leaves it to `./run reproducible`.
set -eu
source=$1
work=$2

rm -rf "$work"
for copy in one another-folder; do
    mkdir -p "$work/$copy"
    (cd "$source" && tar -cf - --exclude=./build --exclude=./.git --exclude=./runs .) | tar -xf - -C "$work/$copy"
    (cd "$work/$copy" &&
        cmake --preset release -DLANEWISE_BUILD_TESTS=OFF -DLANEWISE_BUILD_BENCHMARKS=OFF &&
        cmake --build --preset release --target lanewise_shared lanewise_static) >"$work/$copy.log" 2>&1 || { tail -n 40 "$work/$copy.log" >&2; exit 1; }
done
result=0
for file in liblanewise.so liblanewise.a; do
    if cmp "$work/one/build/release/$file" "$work/another-folder/build/release/$file"; then
        echo "$file: the same bytes"
    else
        result=1
    fi
done
[ "$result" -ne 0 ] || rm -rf "$work"
exit "$result"
