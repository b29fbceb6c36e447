#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What Lanewise needs from the system, what for, and how to get it. All package names live here.
#
#   dependencies.sh install GROUP...   install what is missing with apt (says what and why first)
#   dependencies.sh check GROUP...     exit 0 when nothing is missing, else print the package lists
#   dependencies.sh list GROUP...      print the package lists
#   dependencies.sh unpack ARCH FOLDER   what the tests need, of another architecture (arm64), into a folder: for a
#                                      cross build; needs Debian or Ubuntu, and installs nothing
#
# What is marked "optional" is installed where apt knows it and nobody has to be asked for a password
# on its account alone; nothing fails for lack of it.
#
# Groups: build (library and program), test, bench, fuzz, analysis, emulate (tests for other CPUs), data (images, where nothing can be
# fetched).
# LANEWISE_SETUP_LOG names the file that takes the output of apt (default: standard error).
set -eu

# group | how to see that it is there | Debian | Fedora | Arch | Homebrew | what for
# A probe is `command NAME`, `header NAME` (the C compiler is asked) or `file PATH...` (any of them).
# "-" means that the distribution needs or has no such package.
table() {
    cat <<'END'
build|command cc|gcc|gcc|gcc|gcc|C compiler
build|header stdio.h|libc6-dev|glibc-devel|glibc|-|headers of the C library
build|command cmake|cmake|cmake|cmake|cmake|configures the build
build|command ninja|ninja-build|ninja-build|ninja|ninja|runs the build
build|header zlib.h|zlib1g-dev|zlib-devel|zlib|zlib|reads gzipped data sets
build|header libdeflate.h|libdeflate-dev|libdeflate-devel|libdeflate|libdeflate|optional: reads gzipped data sets twice as fast
build|header png.h|libpng-dev|libpng-devel|libpng|libpng|reads and writes PNG images
build|header jpeglib.h|libjpeg62-turbo-dev|libjpeg-turbo-devel|libjpeg-turbo|jpeg-turbo|reads JPEG images
build|header archive.h|libarchive-dev|libarchive-devel|libarchive|libarchive|reads zip and tar archives of images
build|header cjson/cJSON.h|libcjson-dev|cjson-devel|cjson|cjson|reads and writes JSON
build|header curl/curl.h|libcurl4-openssl-dev|libcurl-devel|curl|curl|fetches data sets
build|header openssl/evp.h|libssl-dev|openssl-devel|openssl|openssl|checks what was fetched
build|header sqlite3.h|libsqlite3-dev|sqlite-devel|sqlite|sqlite|keeps the history of performance
build|file /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem|ca-certificates|ca-certificates|ca-certificates|ca-certificates|knows the servers to trust
test|command c++|g++|gcc-c++|gcc|gcc|compiles the public headers as C++
test|header cmocka.h|libcmocka-dev|libcmocka-devel|cmocka|cmocka|the framework of the tests
test|command pkg-config|pkg-config|pkgconf-pkg-config|pkgconf|pkgconf|tests the installed library
bench|command c++|g++|gcc-c++|gcc|gcc|compiles the benchmarks
bench|header benchmark/benchmark.h|libbenchmark-dev|google-benchmark-devel|benchmark|google-benchmark|the framework of the benchmarks
bench|header oneapi/dnnl/dnnl.h|libdnnl-dev|onednn-devel|onednn|onednn|optional: oneDNN, to compare with
analysis|command clang-tidy|clang-tidy|clang-tools-extra|clang|llvm|finds mistakes in the code
analysis|command valgrind|valgrind|valgrind|valgrind|-|optional: finds memory that was never set
emulate|command qemu-x86_64|qemu-user|qemu-user|qemu-user|qemu|runs programs for other CPUs
emulate|command aarch64-linux-gnu-gcc|gcc-aarch64-linux-gnu|gcc-aarch64-linux-gnu|aarch64-linux-gnu-gcc|-|compiles for 64-bit ARM
emulate|file /usr/aarch64-linux-gnu/include/stdio.h|libc6-dev-arm64-cross|glibc-arm-linux-gnu-devel|aarch64-linux-gnu-glibc|-|the C library for 64-bit ARM
fuzz|command clang|clang|clang|clang|llvm|the compiler that has libFuzzer
fuzz|file /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a /usr/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a /usr/lib*/clang/*/lib/*/libclang_rt.fuzzer*.a|libclang-rt-dev|compiler-rt|compiler-rt|-|libFuzzer and the sanitizers
data|file /usr/share/datasets/fashion-mnist|dataset-fashion-mnist|-|-|-|real images (Fashion-MNIST), where MNIST cannot be had
END
}

say() {
    printf 'lanewise: %s\n' "$*" >&2
}

# The rows of the table that belong to the groups given, each Debian package once.
rows() {
    table | awk -F '|' -v groups=" $* " 'index(groups, " " $1 " ") && !seen[$3]++'
}

# The column of package names, without the dashes, each once, on one line.
packages() { # packages COLUMN GROUP...
    column=$1
    shift
    rows "$@" | awk -F '|' -v c="$column" \
        '$c != "-" && !seen[$c]++ { printf "%s%s", separator, $c; separator = " " }'
}

present() { # present PROBE-KIND ARGUMENT...
    kind=$1
    shift
    case $kind in
    command) command -v "$1" >/dev/null 2>&1 ;;
    header)
        # __has_include does not open what the header includes, so a C compiler can ask for C++ too.
        command -v cc >/dev/null 2>&1 &&
            printf '#if !__has_include(<%s>)\n#error missing\n#endif\n' "$1" |
            cc -E -x c - >/dev/null 2>&1
        ;;
    file)
        for path in "$@"; do
            [ ! -e "$path" ] || return 0
        done
        return 1
        ;;
    esac
}

missing_rows() {
    rows "$@" | while IFS='|' read -r group probe rest; do
        # shellcheck disable=SC2086 # the probe is meant to be split into words
        present $probe || printf '%s|%s|%s\n' "$group" "$probe" "$rest"
    done
}

# Of rows, those that nothing works without.
required_rows() {
    awk -F '|' 'NF && $7 !~ /^optional:/'
}

# Of rows, those that are optional and that apt knows: they need not exist everywhere.
optional_rows() {
    awk -F '|' '$7 ~ /^optional:/' | while IFS='|' read -r group probe debian rest; do
        apt-cache show "$debian" >/dev/null 2>&1 || continue
        printf '%s|%s|%s|%s\n' "$group" "$probe" "$debian" "$rest"
    done
}

print_lists() {
    cat <<END
Packages that Lanewise needs ($*):
  Debian, Ubuntu: apt-get install $(packages 3 "$@")
  Fedora:         dnf install $(packages 4 "$@")
  Arch:           pacman -S --needed $(packages 5 "$@")
  Homebrew:       brew install $(packages 6 "$@")
END
}

explain_rows() {
    awk -F '|' '{ printf "  %-22s %s\n", $3, $7 }' >&2
}

# Only with root's rights, and without questions. Never touches what is installed already.
apt_get() {
    log=${LANEWISE_SETUP_LOG:-/dev/stderr}
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -y -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 </dev/null
}

names_of() {
    awk -F '|' 'NF { printf "%s ", $3 }'
}

install_names() { # install_names "NAME NAME ..."
    [ -n "$1" ] || return 0
    # shellcheck disable=SC2086 # one word per package
    apt_get install --no-install-recommends $1
}

install_packages() {
    missing=$(missing_rows "$@")
    required=$(printf '%s\n' "$missing" | required_rows)
    if [ -z "$required" ]; then
        # Not worth an update of apt's lists, a password or a message.
        [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 || return 0
        missing=$(printf '%s\n' "$missing" | optional_rows)
    fi
    [ -n "$missing" ] || return 0
    say "these packages are missing:"
    printf '%s\n' "$missing" | explain_rows
    if ! command -v apt-get >/dev/null 2>&1; then
        say "there is no apt here to install them with; please install them and start again"
        print_lists "$@" >&2
        return 1
    fi
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            say "installing them needs root, and there is no sudo; please have them installed"
            print_lists "$@" >&2
            return 1
        fi
        as_root=sudo
        # The password is asked for here, where the question can be seen.
        sudo -v || { say "sudo refused"; return 1; }
    fi
    say "installing them with apt${as_root:+, as root through sudo} ..."
    # Without an update a new machine knows no packages, and an old list names files that are gone.
    # Should it fail, what is known may still do.
    apt_get update || say "apt-get update failed; trying with the lists at hand"
    if ! install_names "$(printf '%s\n' "$required" | names_of)"; then
        say "apt-get install failed${LANEWISE_SETUP_LOG:+; the end of $LANEWISE_SETUP_LOG:}"
        [ -z "${LANEWISE_SETUP_LOG:-}" ] || tail -n 15 "$LANEWISE_SETUP_LOG" >&2
        return 1
    fi
    install_names "$(printf '%s\n' "$missing" | optional_rows | names_of)" ||
        say "an optional package could not be installed; going on without it"
}

# Only the libraries that the tests cannot do without, and those that users keep most in.
unpack_packages() { # unpack_packages ARCHITECTURE FOLDER
    work=$2.apt
    mkdir -p "$work/lists/partial" "$work/packages" "$2"
    : >"$work/status"
    set -- "$1" "$2" -o "APT::Architecture=$1" -o "APT::Architectures::=$1" \
        -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work"
    folder=$2
    shift 2
    apt-get "$@" update
    (cd "$work/packages" &&
        apt-get "$@" download libcmocka0 libcmocka-dev libcjson1 libcjson-dev libsqlite3-0 libsqlite3-dev \
            zlib1g zlib1g-dev)
    for package in "$work"/packages/*.deb; do
        dpkg -x "$package" "$folder"
    done
    rm -rf "$work"
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
install) install_packages "$@" ;;
check)
    missing=$(missing_rows "$@")
    if [ -n "$(printf '%s\n' "$missing" | required_rows)" ]; then
        say "these packages are missing, and nothing was installed:"
        printf '%s\n' "$missing" | explain_rows
        print_lists "$@" >&2
        exit 1
    fi
    ;;
list) print_lists "$@" ;;
unpack) unpack_packages "$@" ;;
*)
    say "usage: dependencies.sh install|check|list GROUP... (build, test, bench, fuzz, analysis, emulate, data)"
    exit 2
    ;;
esac
