#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: coverage.sh BUILD-FOLDER [FLOOR]
# After the tests of a build with LANEWISE_COVERAGE: lines and branches of each room that ran, in per cent, and
# the files with the most lines that did not. Exit 1 when a room of the core has fewer lines than FLOOR.
# Lines of inline functions count where they are compiled in, so a header's lines are left out.
set -eu
build=$1
floor=${2:-0}
command -v gcov >/dev/null || { echo "coverage: no gcov" >&2; exit 2; }
found=$(find "$build/src" "$build/simd" -name '*.gcda' | wc -l)
[ "$found" -gt 0 ] || { echo "coverage: no test of $build has run" >&2; exit 2; }

# gcov's summary: "File 'path'", "Lines executed:97.50% of 40", "Branches executed:...",
# "Taken at least once:81.25% of 16". Files that no test ran at all have no counts, only notes.
find "$build/src" "$build/simd" -name '*.gcno' -exec gcov -b -n {} + 2>/dev/null |
    awk -v floor="$floor" '
    function share(part, all) { return all ? sprintf("%6.1f %%", 100 * part / all) : "     -  " }
    function number(text) { sub(/.*of /, "", text); return text + 0 }
    function percent(text) { sub(/.*:/, "", text); return text + 0 }
    /^File / {
        file = $2
        gsub(/\047/, "", file)
        counted = match(file, /(src|simd)\/[a-z_0-9]+\/[a-z_0-9]+\.c$/)
        file = substr(file, RSTART)
        room = file
        sub(/^src\//, "", room)
        sub(/\/.*/, "", room)
    }
    # A file that is compiled for several instruction sets counts once, with its best.
    counted && /^Lines executed/ {
        of = number($0)
        ran = percent($0) * of / 100
        if (!(file in lines) || ran > lines_run[file]) { lines[file] = of; lines_run[file] = ran }
        rooms[file] = room
    }
    counted && /^Taken at least once/ {
        of = number($0)
        ran = percent($0) * of / 100
        if (!(file in branches) || ran > branches_run[file]) { branches[file] = of; branches_run[file] = ran }
    }
    END {
        for (file in lines) {
            room = rooms[file]
            all[room] += lines[file]; run[room] += lines_run[file]
            ball[room] += branches[file]; brun[room] += branches_run[file]
            total += lines[file]; total_run += lines_run[file]
            btotal += branches[file]; btotal_run += branches_run[file]
        }
        printf "%-10s %8s %9s %9s\n", "room", "lines", "ran", "branches"
        sorter = "LC_ALL=C sort"
        for (room in all)
            printf "%-10s %8d %9s %9s\n", room, all[room], share(run[room], all[room]), share(brun[room], ball[room]) | sorter
        close(sorter)
        printf "%-10s %8d %9s %9s\n\n", "all", total, share(total_run, total), share(btotal_run, btotal)
        print "lines that did not run"
        sorter = "LC_ALL=C sort -rn | head -n 15"
        for (file in lines)
            printf "%5d  %s\n", lines[file] - lines_run[file] + 0.5, file | sorter
        close(sorter)
        n = split("base simd cpu conv nn prepare train", core, " ")
        for (i = 1; i <= n; i++)
            if (all[core[i]] && 100 * run[core[i]] / all[core[i]] < floor) {
                printf "%s: fewer than %s %% of the lines ran\n", core[i], floor
                bad = 1
            }
        exit bad
    }'
