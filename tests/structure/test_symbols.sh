#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_symbols.sh NM SHARED-LIBRARY STATIC-LIBRARY FOLDER-OF-PUBLIC-HEADERS
# Every symbol that the libraries define for others starts with lw_; the shared library exports
# exactly what the public headers declare with LW_API.
set -eu
nm=$1
shared=$2
static=$3
headers=$4

# Names of a symbol table, one a line. (Version labels and the linker's own section marks are no
# names.)
names() {
    awk 'NF == 3 && $2 ~ /^[A-TV-Z]$/ { sub(/@.*/, "", $3); print $3 }' |
        grep -vE '^(_init|_fini|_edata|_end|__bss_start)$' | LC_ALL=C sort -u
}

foreign() {
    grep -v '^lw_' || true
}

# The filter itself: it must see a foreign name and let ours through.
[ "$(printf 'lw_a\nhelper\n' | foreign)" = helper ] || { echo "the filter is broken" >&2; exit 1; }

exported=$("$nm" -D --defined-only "$shared" | names)
[ -n "$exported" ] || { echo "$shared exports nothing" >&2; exit 1; }
in_archive=$("$nm" -g --defined-only "$static" | names)
wrong=$(printf '%s\n%s\n' "$exported" "$in_archive" | foreign | LC_ALL=C sort -u)
if [ -n "$wrong" ]; then
    echo "symbols without the prefix lw_:" >&2
    echo "$wrong" >&2
    exit 1
fi

# The function a declaration names is the first word before a parenthesis.
declared=$(cat "$headers"/*.h | sed -n 's/^LW_API \([^(]*\)(.*/\1/p' | sed 's/.*[ *]//' |
    LC_ALL=C sort -u)
if [ "$declared" != "$exported" ]; then
    echo "functions declared in the public headers (<) and exported by the library (>) differ:" >&2
    printf '%s\n' "$declared" >"$shared.declared"
    printf '%s\n' "$exported" | diff "$shared.declared" - >&2 || true
    rm -f "$shared.declared"
    exit 1
fi
