#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: test_files.sh SOURCE-FOLDER WORK-FOLDER
# Every file of code names its licence in its first lines, ends with a newline, has no blank at the
# end of a line and no tab; every shell script is one to the shell. Tried on planted mistakes first.
set -eu
source=$1
work=$2/files

# Runs a command on the files of code of the current folder. Git is not asked which they are: a
# source archive has no repository, and a machine may have no git.
on_code() { # on_code COMMAND...
    find . \( -path ./build -o -path ./.git \) -prune -o -type f \( -name '*.[ch]' \
        -o -name '*.cpp' -o -name '*.def' -o -name '*.py' -o -name '*.sh' -o -name '*.cmake' \
        -o -name '*.in' -o -name CMakeLists.txt -o -path ./run -o -path ./.ci/run \
        -o -path ./benchmarks/peers/compare \) -exec "$@" {} +
}

check() { # checks the current folder
    bad=0
    # The licence may stand in the second line: a script's first line names its shell.
    on_code awk '
        function complain(what) { print file ": " what; bad = 1 }
        FNR == 1 { if (file && !licensed) complain("the licence line is missing") }
        FNR == 1 { file = FILENAME; licensed = 0 }
        FNR <= 2 && /SPDX-License-Identifier: Apache-2.0/ { licensed = 1 }
        /[ \t]$/ { complain("a blank at the end of line " FNR) }
        /\t/ { complain("a tab in line " FNR) }
        END { if (file && !licensed) complain("the licence line is missing"); exit bad }' || bad=1
    # shellcheck disable=SC2016 # the inner shell expands
    on_code sh -c 'for file; do
        if [ -n "$(tail -c 1 "$file")" ]; then echo "$file: no newline at the end"; fi
        read -r first <"$file"
        case $first in
        "#!/bin/sh"*) sh -n "$file" || echo "$file: the shell cannot read it" ;;
        "#!"*bash*) ! command -v bash >/dev/null || bash -n "$file" ||
            echo "$file: the shell cannot read it" ;;
        esac
    done' check_files >"$work.found" 2>&1
    cat "$work.found"
    [ ! -s "$work.found" ] || bad=1
    rm -f "$work.found"
    return $bad
}

plant() { # plant FILE CONTENT: a folder with nothing but that file, to be the current one
    rm -rf "$work"
    mkdir -p "$work"
    cd "$work"
    # shellcheck disable=SC2059 # the content is a format, for its newlines
    printf "$2" >"$1"
}

must_fail() {
    plant "$1" "$2"
    if check >/dev/null 2>&1; then
        echo "test_files: a planted mistake was not noticed: $2" >&2
        exit 1
    fi
}

must_fail a.c 'int a;\n'
must_fail a.c '// SPDX-License-Identifier: Apache-2.0\nint a;'
must_fail a.c '// SPDX-License-Identifier: Apache-2.0\nint a; \n'
must_fail a.c '// SPDX-License-Identifier: Apache-2.0\n\tint a;\n'
must_fail a.sh '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nif true\n'
plant a.sh '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nif true; then :; fi\n'
check || { echo "test_files: a good file was refused" >&2; exit 1; }
cd "$source"
rm -rf "$work"

[ -n "$(on_code echo)" ] || { echo "no file of code in $source" >&2; exit 1; }
check
