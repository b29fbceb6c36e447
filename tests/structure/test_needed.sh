#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_needed.sh READELF FILE...
# Libraries that few runs need are loaded when they are needed: neither the shared library nor the program is linked to
# them, which would cost memory and time at every start.
set -eu
readelf=$1
shift
bad=0
for file; do
    needed=$("$readelf" -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
    case $needed in
    *libc.*) ;;
    *)
        echo "$file: expected to be told what it is linked to, got: $needed"
        bad=1
        ;;
    esac
    for library in libdnnl libarchive libcrypto libcurl; do
        case $needed in
        *"$library".*)
            echo "$file is linked to $library"
            bad=1
            ;;
        esac
    done
done
exit $bad
