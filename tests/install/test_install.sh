#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_install.sh CMAKE C-COMPILER SOURCE-FOLDER BUILD-FOLDER WORK-FOLDER LIBRARY-FOLDER
# Installs the build, moves the installed tree (it must not depend on where it was put), and builds
# and runs the examples: with find_package and with pkg-config, each with the shared and the static
# library.
set -eu
cmake=$1
cc=$2
source=$3
build=$4
work=$5
libdir=$6

rm -rf "$work"
mkdir -p "$work"
"$cmake" --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/prefix"
prefix=$work/prefix

fail() {
    echo "test_install: $*" >&2
    exit 1
}

run_example() { # run_example PROGRAM TEXT-IN-ITS-OUTPUT
    LD_LIBRARY_PATH="$prefix/$libdir" "$1" >"$work/output" || fail "$1: exit $?"
    grep -qF -- "$2" "$work/output" || fail "$1: '$2' is not in its output: $(cat "$work/output")"
}

run_examples() { # run_examples FOLDER
    run_example "$1/convolve" '++....--'
    run_example "$1/train_digits" 'test images are right'
}

# A static program that needs the shared library all the same would not be one.
check_static() { # check_static FOLDER
    for program in "$1/convolve" "$1/train_digits"; do
        if readelf -d "$program" | grep -q liblanewise; then
            fail "$program is linked to the shared library"
        fi
    done
}

for file in include/lanewise/lanewise.h share/lanewise/networks/fixed.net share/lanewise/studies/lab.study share/lanewise/studies/lab_24.net \
    share/doc/lanewise/LICENSE "$libdir/liblanewise.a" "$libdir/liblanewise.so" \
    "$libdir/pkgconfig/lanewise.pc" "$libdir/cmake/lanewise/lanewiseConfig.cmake"; do
    [ -e "$prefix/$file" ] || fail "$file was not installed"
done
if grep -rqF "$source/" "$prefix/$libdir/cmake" "$prefix/$libdir/pkgconfig"; then
    fail "the package files name the source tree"
fi

for static in OFF ON; do
    "$cmake" -S "$source/examples" -B "$work/examples-$static" -G Ninja \
        -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" -DLANEWISE_STATIC=$static \
        >"$work/configure-$static.log" 2>&1 || { cat "$work/configure-$static.log"; exit 1; }
    "$cmake" --build "$work/examples-$static" >"$work/build-$static.log" ||
        { cat "$work/build-$static.log"; exit 1; }
    run_examples "$work/examples-$static"
done
check_static "$work/examples-ON"

if command -v pkg-config >/dev/null 2>&1; then
    PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
    export PKG_CONFIG_PATH
    for module in lanewise lanewise-static; do
        mkdir -p "$work/$module"
        # pkg-config writes for a shell: a blank in a folder's name comes with a backslash.
        eval "set -- $(pkg-config --cflags --libs $module)"
        for example in convolve train_digits; do
            "$cc" -std=c11 "$source/examples/$example.c" "$@" -o "$work/$module/$example" ||
                fail "$example does not link with $module"
        done
        run_examples "$work/$module"
    done
    check_static "$work/lanewise-static"
    [ "$(pkg-config --modversion lanewise)" = "$(sed -n 's/^set(PACKAGE_VERSION "\(.*\)")/\1/p' \
        "$prefix/$libdir/cmake/lanewise/lanewiseConfigVersion.cmake")" ] ||
        fail "pkg-config and CMake disagree about the version"
fi

# The installed program starts.
if [ -x "$prefix/bin/lanewise" ]; then
    "$prefix/bin/lanewise" version >/dev/null || fail "the installed program does not start"
fi
rm -rf "$work"
