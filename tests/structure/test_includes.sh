#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_includes.sh SOURCE-FOLDER WORK-FOLDER
# Nothing includes upwards: base <- simd <- cpu <- conv <- nn <- train <- run <- cli; data needs
# base only, as does database; track and study need database; prepare needs data and cpu; bench needs conv; report needs base and train. The check is tried on planted violations first.
set -eu
source=$1
work=$2/includes

# What each room may include: rooms ("base/file.h") and public headers (<lanewise/conv.h>). A public
# header counts as the lowest room that has to know it: data.h and metrics.h are contracts of nn
# too, which evaluates data sets without knowing how they are stored.
allowed() {
    nn_headers='status cpu conv network model data metrics resize'
    cat <<END
base    rooms base headers status version
simd    rooms base simd headers status
cpu     rooms base simd cpu headers status cpu
conv    rooms base simd cpu conv headers status cpu conv
bench   rooms base simd cpu conv bench headers status cpu conv
data    rooms base data headers status data varres
nn      rooms base simd cpu conv nn headers $nn_headers
prepare rooms base simd cpu data prepare headers status cpu data resize augment
train   rooms base simd cpu conv nn data prepare train headers $nn_headers train augment
run     rooms base simd cpu conv nn data prepare train run headers $nn_headers train augment version
database rooms base database headers status
track   rooms base database track headers status
study   rooms base database study headers status metrics train
report  rooms base train report headers $nn_headers train
cli     rooms base simd cpu conv bench nn data prepare train run database track study report cli headers $nn_headers train augment version lanewise varres
END
}

# Prints every include that goes upwards, or into a room that is not in the list; fails when there
# is one.
check() { # check SOURCE-FOLDER
    found=0
    for folder in simd base cpu conv bench data prepare nn train run database track study report cli; do
        room=$folder
        [ "$room" = simd ] || folder=src/$room
        [ -d "$1/$folder" ] || continue
        find "$1/$folder" -name '*.[ch]' -exec grep -Hn '^ *# *include' {} + |
            awk -v room="$room" -v rules="$(allowed)" '
            BEGIN {
                n = split(rules, lines, "\n")
                for (i = 1; i <= n; i++) {
                    m = split(lines[i], words, " ")
                    if (words[1] != room) continue
                    for (k = 3; k <= m; k++) {
                        if (words[k] == "headers") { kind = "header"; continue }
                        may[kind == "header" ? "<" words[k] ">" : words[k]] = 1
                    }
                }
            }
            {
                target = ""
                if (match($0, /"[a-z0-9_]+\//))
                    target = substr($0, RSTART + 1, RLENGTH - 2)
                else if (match($0, /<lanewise\/[a-z0-9_]+\.h>/))
                    target = "<" substr($0, RSTART + 10, RLENGTH - 13) ">"
                if (target == "" || target in may) next
                # A folder inside the room, such as simd/generic, is the room itself.
                print $0 " -- the room " room " may not include that"
                bad = 1
            }
            END { exit bad }' || found=1
    done
    return $found
}

plant() { # plant FILE INCLUDE: a small tree with one include in one file
    rm -rf "$work"
    mkdir -p "$work/$(dirname "$1")"
    printf '#include "base/error.h"\n%s\n' "$2" >"$work/$1"
}

must_fail() {
    plant "$1" "$2"
    if check "$work" >/dev/null; then
        echo "test_includes: a planted violation was not noticed: $2 in $1" >&2
        exit 1
    fi
}

must_pass() {
    plant "$1" "$2"
    check "$work" || { echo "test_includes: wrongly refused: $2 in $1" >&2; exit 1; }
}

must_fail src/base/a.c '#include "cpu/detect.h"'
must_fail src/data/a.c '  #  include "nn/plan.h"'
must_fail src/conv/deep/a.h '#include "train/optimizer.h" // for the rate'
must_fail src/report/a.c '#include "nn/plan.h"'
must_fail src/run/a.c '#include "cli/options.h"'
must_fail src/track/a.c '#include "report/table.h"'
must_fail src/database/a.c '#include "track/store.h"'
must_fail src/study/a.c '#include "run/records.h"'
must_fail src/bench/a.c '#include "nn/plan.h"'
must_fail src/base/a.c '#include <lanewise/train.h>'
must_fail simd/avx2/a.c '#include "conv/plan.h"'
must_fail src/nn/a.c '#include "elsewhere/file.h"'
must_pass src/cli/a.c '#include "nn/plan.h"'
must_pass simd/avx2/a.c '#include "simd/kernels.h"'
must_pass src/nn/a.c '#include <lanewise/data.h>'
rm -rf "$work"

check "$source"
