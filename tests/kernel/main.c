// SPDX-License-Identifier: Apache-2.0
// kernel_check: every kernel of every instruction set that this machine has, against plain
// double-precision loops; docs/adding-a-kernel.md says more.
#include "kernel/entries.h"
#include "kernel/runner.h"

#include "cpu/kernel_table.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: kernel_check [options]\n"
    "Checks every kernel of every instruction set of this machine against plain loops.\n"
    "\n"
    "  --list              the kernels, and leave\n"
    "  --kernel PATTERN    only these, as in the shell: 'conv_*'\n"
    "  --isa ISA           only this table\n"
    "  --cases N           random cases of each kernel and table (default 200)\n"
    "  --seed S            of the random numbers (default 1)\n"
    "  --case N            only this case, as a failure names it\n"
    "  --bench             time the kernels after a check: median ns of a call, GFLOP/s,\n"
    "                      speed-up over the first table\n"
    "  --quiet             print failures only\n"
    "  --help              this text\n"
    "\n"
    "exit status: 0 when all passed, 1 when a kernel failed, 2 when an option is wrong\n"
    "example: kernel_check --kernel 'gemm_*' --isa avx2 --cases 1000 --seed 7\n";

typedef struct options {
    lw_check_run run;
    bool list, bench, help;
} options;

// A whole number from 0 to `most`; says what is wrong with it otherwise.
static bool read_number(const char *option, const char *text, uint64_t most, uint64_t *number)
{
    char *end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (isdigit((unsigned char)text[0]) && !*end && errno == 0 && value <= most) {
        *number = value;
        return true;
    }
    fprintf(stderr, "kernel_check: %s: expected a number from 0 to %llu, got '%s'\n", option,
            (unsigned long long)most, text);
    return false;
}

// An option with a value.
static bool read_value(options *o, const char *option, const char *value)
{
    uint64_t number = 0;
    if (strcmp(option, "--kernel") == 0) {
        o->run.kernel_pattern = value;
    } else if (strcmp(option, "--isa") == 0) {
        o->run.isa = value;
    } else if (strcmp(option, "--seed") == 0) {
        return read_number(option, value, UINT64_MAX, &o->run.seed);
    } else if (strcmp(option, "--cases") == 0) {
        if (!read_number(option, value, INT32_MAX - 1, &number)) return false;
        o->run.cases = (int32_t)number;
    } else {
        if (!read_number(option, value, INT32_MAX - 1, &number)) return false;
        o->run.only_case = (int32_t)number;
    }
    return true;
}

static bool read_options(options *o, int argc, char **argv)
{
    static const char *const with_value[] = {"--kernel", "--isa", "--seed", "--cases", "--case"};
    for (int i = 1; i < argc; i++) {
        bool takes_value = false;
        for (size_t k = 0; k < sizeof with_value / sizeof *with_value; k++)
            if (strcmp(argv[i], with_value[k]) == 0) takes_value = true;
        if (takes_value) {
            if (i + 1 == argc) {
                fprintf(stderr, "kernel_check: %s needs a value\n", argv[i]);
                return false;
            }
            if (!read_value(o, argv[i], argv[i + 1])) return false;
            i++;
        } else if (strcmp(argv[i], "--list") == 0) {
            o->list = true;
        } else if (strcmp(argv[i], "--bench") == 0) {
            o->bench = true;
        } else if (strcmp(argv[i], "--quiet") == 0) {
            o->run.quiet = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            o->help = true;
        } else {
            fprintf(stderr, "kernel_check: unknown option '%s'; --help lists them\n", argv[i]);
            return false;
        }
    }
    return true;
}

static bool isa_is_there(const lw_check_run *run, const lw_kernel_table *const *tables,
                         int n_tables)
{
    for (int t = 0; t < n_tables; t++)
        if (lw_check_takes_table(run, tables[t])) return true;
    fprintf(stderr, "kernel_check: --isa %s: this machine has", run->isa);
    for (int t = 0; t < n_tables; t++) fprintf(stderr, " %s", tables[t]->isa);
    fprintf(stderr, "\n");
    return false;
}

int main(int argc, char **argv)
{
    options o = {
        .run = {.kernel_pattern = "*", .seed = 1, .cases = 200, .only_case = -1, .out = stdout}};
    if (!read_options(&o, argc, argv)) return 2;
    if (o.help) {
        fputs(usage, stdout);
        return 0;
    }
    if (o.list) {
        lw_check_list(stdout, o.run.kernel_pattern);
        return 0;
    }
    const lw_kernel_table *tables[LW_MAX_TABLES];
    const int n_tables = lw_kernel_tables(tables);
    if (!isa_is_there(&o.run, tables, n_tables)) return 2;

    const bool passed = lw_check_run_all(&o.run, tables, n_tables);
    if (o.run.kernels_run == 0) {
        fprintf(stderr, "kernel_check: no kernel is called '%s'; --list shows them\n",
                o.run.kernel_pattern);
        return 2;
    }
    if (!passed) {
        printf("%d failed (seed %llu)\n", o.run.failures, (unsigned long long)o.run.seed);
        return 1;
    }
    if (!o.run.quiet)
        printf("all kernels passed: %d kernels, %d cases each, seed %llu\n", o.run.kernels_run,
               o.run.only_case < 0 ? o.run.cases : 1, (unsigned long long)o.run.seed);
    if (o.bench) lw_check_run_bench(&o.run, tables, n_tables);
    return 0;
}
