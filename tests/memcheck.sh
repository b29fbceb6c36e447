#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: memcheck.sh BUILD-FOLDER [TEST...]
# The test programs named, or those that take no more than some seconds each, and a training of one step, under
# valgrind, which sees what no sanitizer of gcc does: decisions that depend on memory that was never set.
# Valgrind knows no AVX-512, so that kernels for AVX2 run. Exit 1 when it has found something.
set -eu
build=$(CDPATH='' cd -- "$1" && pwd -P)
shift
command -v valgrind >/dev/null || { echo "memcheck: no valgrind" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LANEWISE_OFFLINE=1
LANEWISE_CACHE_DIR=$work/cache
export LANEWISE_OFFLINE LANEWISE_CACHE_DIR
found=0

check() { # check NAME COMMAND...
    name=$1
    shift
    code=0
    valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite "$@" >"$work/output" 2>&1 || code=$?
    [ "$code" -ne 0 ] || { echo "$name: nothing found"; return 0; }
    found=1
    echo "$name: exit code $code"
    sed 's/^/    /' "$work/output"
}

# Sixteen images of 28x28 for the training and as many for the test, with labels of 0 to 9.
make_images() {
    mkdir "$work/images"
    for part in train t10k; do
        {
            printf '\000\000\010\003\000\000\000\020\000\000\000\034\000\000\000\034'
            awk 'BEGIN { for (i = 0; i < 12544; i++) printf "%c", 32 + i * i % 95 }' # pixels that differ
        } >"$work/images/$part-images-idx3-ubyte"
        printf '\000\000\010\001\000\000\000\020\000\001\002\003\004\005\006\007\010\011\000\001\002\003\004\005' \
            >"$work/images/$part-labels-idx1-ubyte"
    done
}

if [ $# -eq 0 ]; then
    make_images
    check "a training of one step" "$build/lanewise" train fixed --data "$work/images" --epochs 1 \
        --batch 16 --validation 0 --threads 2 --quiet --out "$work/run"
    # Without those that measure, kill, or go through every kernel.
    set -- augment augment_text batches change_points compare config conv_forced conv_maps \
        conv_plan conv_problem_text conv_shape dataset digits error event_file export file gbench \
        global_pool halving idx image image_archive image_folder_bad limits log memory model_file \
        network_change network_force network_infer network_parse network_plan optimizer plan_cache pool \
        reader report_chart report_confusion report_page report_picture report_progress report_svg_bars \
        report_table report_terminal resize rng run_resume run_summary safetensors sampler schedule \
        soft_labels space statistics store study_text summary text trial_store version words
fi
for name in "$@"; do
    name=test_${name#test_}
    program=$(find "$build/tests" -type f -name "$name")
    if [ -n "$program" ]; then
        check "$name" "$program"
    else
        echo "$name: not built"
    fi
done
exit "$found"
