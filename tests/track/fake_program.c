// SPDX-License-Identifier: Apache-2.0
#define _XOPEN_SOURCE 700
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "track/fake_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

int fake_enter(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/lanewise-fake-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

int fake_leave(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") == 0 ? system(command) : -1;
}

// One awk does it all: these tests start hundreds of such processes.
static const char script[] =
    "#!/bin/sh\n"
    "%s\n"
    "exec awk -v names='%s' -v seed=$$ '\n"
    "function time_of(name, r) { return %s }\n"
    "BEGIN {\n"
    "    srand(seed); rand(); reps = 1; filter = \".\"\n"
    "    for (i = 1; i < ARGC; i++) {\n"
    "        value = ARGV[i]; sub(/^[^=]*=/, \"\", value)\n"
    "        if (ARGV[i] ~ /list_tests/) list = 1\n"
    "        if (ARGV[i] ~ /^--benchmark_out=/) out = value\n"
    "        if (ARGV[i] ~ /^--benchmark_filter=/) filter = value\n"
    "        if (ARGV[i] ~ /^--benchmark_repetitions=/) reps = value\n"
    "    }\n"
    "    if (out == \"\") out = \"/dev/stdout\"\n"
    "    n = split(names, all, \" \")\n"
    "    if (list) { for (i = 1; i <= n; i++) print all[i]; exit 0 }\n"
    "    printf \"{\\\"context\\\": {\\\"host_name\\\": \\\"fake\\\", \\\"num_cpus\\\": 2, \" \\\n"
    "        \"\\\"lanewise\\\": \\\"fake 1.0\\\"}, \\\"benchmarks\\\": [\" > out\n"
    "    for (i = 1; i <= n; i++) {\n"
    "        if (all[i] !~ filter) continue\n"
    "        for (k = 0; k < reps; k++) {\n"
    "            t = time_of(all[i], rand())\n"
    "            printf \"%%s{\\\"name\\\": \\\"%%s\\\", \\\"run_name\\\": \\\"%%s\\\", \" \\\n"
    "                \"\\\"run_type\\\": \\\"iteration\\\", \\\"iterations\\\": 10, \" \\\n"
    "                \"\\\"real_time\\\": %%.9g, \\\"cpu_time\\\": %%.9g, \\\"time_unit\\\": \" "
    "\\\n"
    "                \"\\\"ns\\\"}\", comma, all[i], all[i], t, t > out\n"
    "            comma = \", \"\n"
    "        }\n"
    "    }\n"
    "    print \"]}\" > out\n"
    "}' \"$@\"\n";

void fake_program(const char *path, const char *names, const char *nanoseconds, const char *body)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, script, body, names, nanoseconds) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
}
