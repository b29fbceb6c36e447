#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_run_script.sh SOURCE-FOLDER WORK-FOLDER
# The script `run`, in a small tree of its own where cmake, ninja, apt-get and the rest are stand-ins
# that write down how they were called. Nothing is installed and nothing is built.
# shellcheck disable=SC2016 # what the stand-ins contain is for their own shell
set -eu
source=$1
work="$2/run script" # with a blank, as folders of users may have

rm -rf "$work"
mkdir -p "$work/tree/cmake" "$work/tools" "$work/elsewhere"
cp "$source/run" "$work/tree/run"
cp "$source/cmake/dependencies.sh" "$work/tree/cmake/dependencies.sh"
calls=$work/calls
export calls

tool() { # tool NAME: a stand-in whose body comes from standard input
    { printf '#!/bin/sh\necho "%s $*" >>"$calls"\n' "$1"; cat; } >"$work/tools/$1"
    chmod +x "$work/tools/$1"
}

# The stand-ins do as much of the real work as `run` looks at.
for name in cc c++ pkg-config; do
    echo 'exit 0' | tool $name
done
echo '[ "$1" != -u ] || echo 0' | tool id
echo 'exit ${apt_fails:-0}' | tool apt-get
echo 'exit 0' | tool ctest
tool ninja <<'END'
[ -z "${build_fails:-}" ] || { echo 'FAILED: a.o'; echo 'a.c:1: no such thing'; exit 1; }
printf '#!/bin/sh\necho "program in $(pwd):"; printf "<%%s>" "$@"; echo\n' >"$2/lanewise"
cat >>"$2/lanewise" <<'PROGRAM'
case $1 in data) echo "data $*" >>"$calls"; exit ${fetch_fails:-0} ;; esac
PROGRAM
chmod +x "$2/lanewise"
END
tool cmake <<'END'
mkdir -p build/release
echo "CMAKE_MAKE_PROGRAM:FILEPATH=$(command -v ninja)" >build/release/CMakeCache.txt
touch build/release/build.ninja
echo '-- lanewise: no libpng: image files are left out'
END
PATH=$work/tools:$PATH
export PATH
unset LANEWISE_OFFLINE

fail() {
    echo "test_run_script: $*" >&2
    cat "$work/output" "$calls" >&2
    exit 1
}

# Starts `run` from another folder through a symbolic link; sets `result`.
ln -s "$work/tree/run" "$work/link"
start() {
    : >"$calls"
    result=0
    (cd "$work/elsewhere" && "$work/link" "$@") >"$work/output" 2>&1 || result=$?
}

expect() { # expect RESULT TEXT...: the exit status, and what was printed or called
    [ "$result" -eq "$1" ] || fail "exit $result, expected $1"
    shift
    for text in "$@"; do
        cat "$work/output" "$calls" | grep -qF -- "$text" || fail "'$text' is missing"
    done
}

forbid() {
    for text in "$@"; do
        if cat "$work/output" "$calls" | grep -qF -- "$text"; then fail "'$text' is there"; fi
    done
}

start
expect 0 'usage: ./run'
forbid cmake

# The first start: set up, configure (with what is left out), build, start the program where the user
# is, with the arguments as they were.
printf 'exit 1\n' | tool cc # no header is there
start info 'two words' --no-install
expect 1 'zlib1g-dev' 'dnf install' 'pacman' 'brew install' 'cmake --preset release'
forbid 'apt-get update' 'cmake --preset release -'
start info 'two words' '' --x
expect 0 'zlib1g-dev' 'apt-get -y' 'install --no-install-recommends' 'no libpng' \
    "program in $work/elsewhere:" '<info><two words><><--x>'

# The second one: no package, no configuring; only ninja is asked whether something changed.
start --no-install info
expect 0 '<info>' 'ninja -C'
forbid apt-get 'cmake --preset' 'cc -E' '<--no-install>'
[ "$(sed -n 1p "$work/output")" = "program in $work/elsewhere:" ] ||
    fail "the program's first line is not the first"

# `setup` looks again, and says what failed.
apt_fails=1
export apt_fails
start setup
expect 1 'apt-get install failed'
unset apt_fails
start info
expect 0 'apt-get -y' 'cmake --preset' '<info>' # packages may have brought features

# A checkout that was moved is configured anew.
mv "$work/tree" "$work/moved"
ln -sf "$work/moved/run" "$work/link"
start info
expect 0 'cmake --preset' '<info>'

# A build that fails shows the compiler's words and starts nothing.
build_fails=1
export build_fails
start info
expect 1 'a.c:1: no such thing'
forbid '<info>'
unset build_fails

# `train` looks for data once, and installs images where MNIST cannot be fetched.
start train --data digits
forbid 'data fetch'
LANEWISE_OFFLINE=1 start train
forbid 'data fetch'
fetch_fails=1
export fetch_fails
start train
expect 0 'data fetch mnist' 'looking for Fashion-MNIST' '<train>'
[ -e /usr/share/datasets/fashion-mnist ] || expect 0 'dataset-fashion-mnist'
start train
expect 0 '<train>'
forbid 'data fetch' apt-get

start test -R name
expect 0 'ctest' '-R name'

# Other instruction sets and other builds; the emulated ones with what they need.
echo 'echo "isa <$LANEWISE_MAX_ISA> root <$LANEWISE_CROSS_ROOT>" >>"$calls"' | tool ctest
start test --isa avx2 -R name
expect 0 'isa <avx2>' '-R name' 'build/release'
forbid '--isa' 'cmake --build'
start test --preset=clang -j1
expect 0 'cmake --preset clang' 'cmake --build --preset clang' 'build/clang' '-j1'
mkdir -p "$work/moved/build/arm64-packages/usr" # fetched already
start test --preset arm64 --isa=generic
expect 0 'cmake --build --preset arm64' 'isa <generic>' 'arm64-packages>'
start test --isa
expect 2 'test: --isa needs a value'

# The help of `bench` is ours first, builds nothing, and then has what the programs say.
start bench --help
expect 0 'usage: ./run bench [NAME]'
forbid 'cmake --preset' 'Options of Google Benchmark'
mkdir -p "$work/moved/build/release/benchmarks"
printf '#!/bin/sh\nprintf "<%%s>\\n" "$@" --benchmark_x\n' >"$work/moved/build/release/benchmarks/bench_some"
chmod +x "$work/moved/build/release/benchmarks/bench_some"
start bench some -h
expect 0 'usage: ./run bench [NAME]' 'Options of Google Benchmark' '<--benchmark_x>'
rm -r "$work/moved/build/release/benchmarks"

# `fuzz` takes a target, a number of seconds, both or neither.
mkdir -p "$work/moved/tests/fuzz"
echo 'echo "fuzz.sh $*"' >"$work/moved/tests/fuzz/fuzz.sh"
start fuzz
expect 0 'fuzz.sh 60'
start fuzz 5
expect 0 'fuzz.sh 5'
start fuzz resize
expect 0 'fuzz.sh 60 resize'
start fuzz resize 5
expect 0 'fuzz.sh 5 resize'

rm -rf "$work"
