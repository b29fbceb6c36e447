// SPDX-License-Identifier: Apache-2.0
#include "kernel/runner.h"

#include "kernel/entries.h"

#include "base/clock.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

// ---- crashes ------------------------------------------------------------------------

static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
enum { n_caught = sizeof caught / sizeof *caught };

// The case under way, for the signal handler.
static lw_check *volatile under_way;
static volatile int crash_signal;
static void *volatile crash_address;

static void on_crash(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    lw_check *c = under_way;
    if (!c) { // not in a kernel: die of it as without a handler
        signal(signal_number, SIG_DFL);
        raise(signal_number);
        return;
    }
    crash_signal = signal_number;
    crash_address = info->si_code > 0 ? info->si_addr : NULL; // a signal sent has no address
    siglongjmp(c->escape, 2);
}

typedef struct handlers {
    struct sigaction before[n_caught];
} handlers;

static handlers catch_crashes(void)
{
    handlers old;
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
    action.sa_sigaction = on_crash;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < n_caught; i++) sigaction(caught[i], &action, &old.before[i]);
    return old;
}

static void restore_handlers(const handlers *old)
{
    for (int i = 0; i < n_caught; i++) sigaction(caught[i], &old->before[i], NULL);
}

static void describe_crash(lw_check *c)
{
    const int number = crash_signal;
    const char *name = number == SIGSEGV  ? "SIGSEGV"
                       : number == SIGBUS ? "SIGBUS"
                       : number == SIGILL ? "SIGILL"
                       : number == SIGFPE ? "SIGFPE"
                                          : "SIGTRAP";
    char place[128] = "";
    if (crash_address && (number == SIGSEGV || number == SIGBUS))
        lw_check_locate(c, crash_address, place, 128);
    snprintf(c->message, sizeof c->message, "crashed: %s%s%s", name, *place ? " " : "", place);
}

// ---- one case -----------------------------------------------------------------------

// Data of a kernel depend on its name, the seed and the number of the case, so that all tables see
// the same and a case repeats alone.
static uint32_t name_hash(const char *name)
{
    uint32_t hash = 2166136261u; // FNV-1a
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash & 0xFFFFFFu;
}

static void start_case(lw_check *c, const lw_check_run *run, const char *slot, int32_t number,
                       const lw_kernel_table *table, const lw_kernel_table *peer)
{
    memset(c, 0, sizeof *c);
    c->kernels = table;
    c->peer = peer;
    c->rng = lw_rng_stream(run->seed, LW_RNG_TEST, name_hash(slot), (uint64_t)number);
    static const lw_check_data kinds[] = {LW_CHECK_INTEGERS, LW_CHECK_REALS, LW_CHECK_INTEGERS,
                                          LW_CHECK_REALS, LW_CHECK_SPECIAL};
    c->data = kinds[number % 5];
}

static bool run_case(lw_check *c, const lw_check_kernel *kernel)
{
    const int jumped = sigsetjmp(c->escape, 1);
    if (jumped == 2) describe_crash(c);
    if (jumped == 0) {
        under_way = c;
        kernel->prepare(c);
        lw_check_seal(c);
        kernel->call(c, c->kernels);
        lw_check_guards(c);
        kernel->compare(c);
        lw_check_guards(c);
    }
    under_way = NULL;
    return jumped == 0;
}

// ---- all cases ----------------------------------------------------------------------

static void report(const lw_check_run *run, const char *slot, const lw_check *c, int32_t number)
{
    fprintf(run->out,
            "FAILED %s %s: %s\n    case: %s\n"
            "    repeat: kernel_check --seed %llu --kernel %s --isa %s --case %d\n",
            slot, c->kernels->isa, c->message, c->shape, (unsigned long long)run->seed, slot,
            c->kernels->isa, number);
}

// The cases of one kernel of one table, up to the first that fails.
static bool run_kernel(const lw_check_run *run, const lw_check_entry *entry,
                       const lw_kernel_table *table, const lw_kernel_table *peer)
{
    static lw_check c; // static: too much changes between the jumps for a local variable
    const int32_t begin = run->only_case < 0 ? 0 : run->only_case;
    const int32_t end = run->only_case < 0 ? run->cases : run->only_case + 1;
    for (int32_t number = begin; number < end; number++) {
        start_case(&c, run, entry->slot, number, table, peer);
        const bool passed = run_case(&c, entry->check);
        if (!passed) report(run, entry->slot, &c, number);
        lw_check_release(&c);
        if (!passed) return false;
    }
    return true;
}

bool lw_check_takes_table(const lw_check_run *run, const lw_kernel_table *table)
{
    return !run->isa || strcmp(run->isa, table->isa) == 0;
}

// Whether an earlier table has the same function: it is then checked already.
static bool same_as_before(const lw_kernel_table *const *tables, int table, int entry)
{
    for (int earlier = 0; earlier < table; earlier++)
        if (lw_check_entry_function(tables[earlier], entry) ==
            lw_check_entry_function(tables[table], entry))
            return true;
    return false;
}

static bool check_entry(lw_check_run *run, const lw_kernel_table *const *tables, int n_tables,
                        int index, char *words, size_t words_bytes)
{
    const lw_check_entry entry = lw_check_entry_at(index);
    size_t used = 0;
    bool passed = true;
    words[0] = '\0';
    for (int t = 0; t < n_tables && used < words_bytes; t++) {
        if (!lw_check_takes_table(run, tables[t])) continue;
        const char *word = "ok";
        if (!lw_check_entry_function(tables[t], index)) {
            fprintf(run->out, "FAILED %s %s: the table has no such kernel\n", entry.slot,
                    tables[t]->isa);
            word = "FAILED";
        } else if (!run->isa && same_as_before(tables, t, index)) {
            word = "as before";
        } else if (!run_kernel(run, &entry, tables[t], t > 0 ? tables[0] : NULL)) {
            word = "FAILED";
        }
        if (*word == 'F') {
            passed = false;
            run->failures++;
        }
        used +=
            (size_t)snprintf(words + used, words_bytes - used, "   %s %s", tables[t]->isa, word);
    }
    return passed;
}

bool lw_check_run_all(lw_check_run *run, const lw_kernel_table *const *tables, int n_tables)
{
    run->kernels_run = run->failures = 0;
    const char *stray = lw_check_without_kernel();
    if (stray) {
        fprintf(run->out, "FAILED %s: has a check, but is not in simd/kernels.def\n", stray);
        run->failures++;
    }
    const handlers old = catch_crashes();
    for (int i = 0; i < lw_check_n_entries(); i++) {
        const lw_check_entry entry = lw_check_entry_at(i);
        if (fnmatch(run->kernel_pattern, entry.slot, 0) != 0) continue;
        run->kernels_run++;
        if (!entry.check) {
            fprintf(run->out, "FAILED %s: no check: write one in tests/kernel/\n", entry.slot);
            run->failures++;
            continue;
        }
        char words[160];
        bool passed = check_entry(run, tables, n_tables, i, words, sizeof words);
        if (!passed || !run->quiet) fprintf(run->out, "%-28s%s\n", entry.slot, words);
        fflush(run->out);
    }
    restore_handlers(&old);
    return run->failures == 0;
}

void lw_check_list(FILE *out, const char *pattern)
{
    for (int i = 0; i < lw_check_n_entries(); i++) {
        const lw_check_entry entry = lw_check_entry_at(i);
        if (fnmatch(pattern, entry.slot, 0) != 0) continue;
        fprintf(out, "%-28s %-12s%s\n", entry.slot, entry.family, entry.check ? "" : " (no check)");
    }
}

// ---- bench --------------------------------------------------------------------------

enum { bench_rounds = 11 };
static const int64_t round_ns = 2000000;

static int64_t time_calls(lw_check *c, const lw_check_kernel *kernel, int64_t calls)
{
    const int64_t begin = lw_clock_ns();
    for (int64_t i = 0; i < calls; i++) kernel->call(c, c->kernels);
    return lw_clock_ns() - begin;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool prepare_bench(lw_check *c, const lw_check_kernel *kernel)
{
    c->bench = true;
    if (sigsetjmp(c->escape, 1)) return false;
    kernel->prepare(c);
    return true;
}

// Over the first table: by work per time, since the tile of a GEMM has a size of its own per ISA.
static double speedup(const lw_check *cases, double (*ns)[bench_rounds], int t)
{
    const double times = ns[0][bench_rounds / 2] / ns[t][bench_rounds / 2];
    return cases[0].flops > 0.0 ? times * cases[t].flops / cases[0].flops : times;
}

// Times one kernel of all tables, round by round in turn, so that a slow moment of the machine
// meets all of them. The median of the rounds counts.
static void bench_entry(const lw_check_run *run, const lw_check_entry *entry,
                        const lw_kernel_table *const *tables, int n_tables)
{
    lw_check *cases = calloc((size_t)n_tables, sizeof *cases);
    double(*ns)[bench_rounds] = calloc((size_t)n_tables, sizeof *ns);
    int64_t *calls = calloc((size_t)n_tables, sizeof *calls);
    for (int t = 0; cases && ns && calls && t < n_tables; t++) {
        start_case(&cases[t], run, entry->slot, 1, tables[t], NULL); // case 1: real numbers
        if (!prepare_bench(&cases[t], entry->check)) {
            fprintf(run->out, "%-28s %s: %s\n", entry->slot, tables[t]->isa, cases[t].message);
            goto done;
        }
        for (calls[t] = 1; time_calls(&cases[t], entry->check, calls[t]) < round_ns;) calls[t] *= 2;
    }
    for (int round = 0; cases && ns && calls && round < bench_rounds; round++)
        for (int t = 0; t < n_tables; t++)
            ns[t][round] = (double)time_calls(&cases[t], entry->check, calls[t]) / (double)calls[t];
    for (int t = 0; cases && ns && calls && t < n_tables; t++) {
        qsort(ns[t], bench_rounds, sizeof **ns, by_value);
        const double median = ns[t][bench_rounds / 2];
        if (t == 0) fprintf(run->out, "%s: %s\n", entry->slot, cases[t].shape);
        if (!lw_check_takes_table(run, tables[t])) continue;
        fprintf(run->out, "    %-8s %12.1f ns", tables[t]->isa, median);
        if (cases[t].flops > 0.0) fprintf(run->out, " %9.2f GFLOP/s", cases[t].flops / median);
        fprintf(run->out, " %7.2fx %s\n", speedup(cases, ns, t), tables[0]->isa);
    }
done:
    for (int t = 0; cases && t < n_tables; t++) lw_check_release(&cases[t]);
    free(calls);
    free(ns);
    free(cases);
}

void lw_check_run_bench(const lw_check_run *run, const lw_kernel_table *const *tables, int n_tables)
{
    for (int i = 0; i < lw_check_n_entries(); i++) {
        const lw_check_entry entry = lw_check_entry_at(i);
        if (fnmatch(run->kernel_pattern, entry.slot, 0) != 0 || !entry.check) continue;
        bench_entry(run, &entry, tables, n_tables);
    }
}
