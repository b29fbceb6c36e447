#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: docs/update-results.sh RUNS
# Puts what studies left in RUNS (RUNS/study-NAME/study.md) into docs/results.md, between the marks
# <!-- study NAME --> and <!-- end -->. A study that is not there keeps what the page says of it.
set -eu
runs=$1
page=$(dirname "$0")/results.md
awk -v runs="$runs" '
    /^<!-- end -->$/ { skip = 0 }
    !skip { print }
    /^<!-- study [a-z0-9-]+ -->$/ {
        file = runs "/study-" $3 "/study.md"
        while ((getline line < file) > 0) { print line; skip = 1 }
        close(file)
    }' "$page" >"$page.new"
mv "$page.new" "$page"
