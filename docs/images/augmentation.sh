#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Draws the pictures of docs/augmentation.md again: docs/images/augmentation.sh build/release/lanewise
set -eu
program=$(realpath "$1")
cd "$(dirname "$0")"

draw() { # draw NAME WORDS
    rm -f "augment-$1.png"
    "$program" data show digits --augment "$2" --count 3 --out "augment-$1.png" --quiet
}

draw rotate rotate=30
draw shift shift=4
draw scale scale=0.6:1.4
draw shear shear=30
draw flip flip,vflip
draw crop crop=6
draw rcrop rcrop=0.4:1
draw elastic elastic=1.5:4
draw blur blur=2
draw brightness brightness=0.6
draw contrast contrast=0.6
draw noise noise=30
draw erase erase=0.3,fill=90
draw cutout cutout=10,fill=90
draw mixup mixup=1
draw light light
draw digits digits
draw photos photos
