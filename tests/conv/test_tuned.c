// SPDX-License-Identifier: Apache-2.0
// Measured times: the table, its file with every kind of damage, merging, the choice among measured
// candidates, and plans that follow the table. No time is looked at.
#define _XOPEN_SOURCE 700 // nftw
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "conv/tune.h"

#include <ftw.h>
#include <lanewise/conv.h>
#include <lanewise/cpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBLEM "mb1ic3ih8oc5oh8kh3ph1"

static char folder[256], path[300];

static int enter_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.200s/lanewise-tuned-XXXXXX",
             parent && *parent ? parent : "/tmp");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/conv-tuning.txt", folder);
    return 0;
}

static int remove_entry(const char *file, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(file);
}

static int leave_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static lw_tuned_key key_of(const char *problem, int32_t threads)
{
    return (lw_tuned_key){problem, LW_CONV_FORWARD, LW_CONV_LAYOUT_NCHW, threads, LW_TUNED_PLAIN};
}

static lw_tuned_result result_of(lw_conv_algorithm chosen, int64_t naive_ns, int64_t unfold_ns)
{
    return (lw_tuned_result){
        chosen, 2, {{LW_CONV_ALGORITHM_NAIVE, naive_ns}, {LW_CONV_ALGORITHM_UNFOLD, unfold_ns}}};
}

static void put(lw_tuned_table *table, const char *problem, int32_t threads,
                lw_conv_algorithm chosen, int64_t naive_ns, int64_t unfold_ns)
{
    const lw_tuned_key key = key_of(problem, threads);
    const lw_tuned_result result = result_of(chosen, naive_ns, unfold_ns);
    assert_int_equal(lw_tuned_table_put(table, &key, &result), LW_OK);
}

static const lw_tuned_result *find(const lw_tuned_table *table, const char *problem,
                                   int32_t threads)
{
    const lw_tuned_key key = key_of(problem, threads);
    return lw_tuned_table_find(table, &key);
}

// Replaces the file by one with a single entry that says: naive is the fastest.
static void write_file(int32_t threads)
{
    lw_tuned_table table = {0};
    unlink(path);
    put(&table, PROBLEM, threads, LW_CONV_ALGORITHM_NAIVE, 10, 2000);
    assert_int_equal(lw_tuned_table_merge(&table, path, NULL, 0), LW_OK);
    lw_tuned_table_free(&table);
}

// ---- the table --------------------------------------------------------------------------------

static void entries_are_found_by_every_part_of_the_key(void **state)
{
    (void)state;
    lw_tuned_table table = {0};
    assert_null(find(&table, PROBLEM, 1));
    put(&table, PROBLEM, 1, LW_CONV_ALGORITHM_UNFOLD, 300, 200);
    const lw_tuned_result *result = find(&table, PROBLEM, 1);
    assert_non_null(result);
    assert_int_equal(result->chosen, LW_CONV_ALGORITHM_UNFOLD);
    assert_int_equal(lw_tuned_ns(result, LW_CONV_ALGORITHM_NAIVE), 300);
    assert_int_equal(lw_tuned_ns(result, LW_CONV_ALGORITHM_DIRECT), 0);
    assert_int_equal(lw_tuned_ns(NULL, LW_CONV_ALGORITHM_NAIVE), 0);
    assert_null(find(&table, PROBLEM, 2));
    assert_null(find(&table, "mb2ic3ih8oc5oh8kh3ph1", 1));
    lw_tuned_key other = key_of(PROBLEM, 1);
    other.pass = LW_CONV_BACKWARD_DATA;
    assert_null(lw_tuned_table_find(&table, &other));
    other = key_of(PROBLEM, 1);
    other.layout = LW_CONV_LAYOUT_PADDED;
    assert_null(lw_tuned_table_find(&table, &other));
    other = key_of(PROBLEM, 1);
    other.fusion = "relu+pool";
    assert_null(lw_tuned_table_find(&table, &other));
    lw_tuned_table_free(&table);
    assert_int_equal(table.n, 0);
}

static void many_entries_are_kept_and_replaced(void **state)
{
    (void)state;
    enum { count = 1000 };
    lw_tuned_table table = {0};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < count; i++) {
            char problem[64];
            snprintf(problem, sizeof problem, "mb%dic3ih8oc5oh8kh3ph1", i + 1);
            put(&table, problem, 1, LW_CONV_ALGORITHM_UNFOLD, 1, i + 1 + round);
        }
    assert_int_equal(table.n, count);
    for (int i = 0; i < count; i++) {
        char problem[64];
        snprintf(problem, sizeof problem, "mb%dic3ih8oc5oh8kh3ph1", i + 1);
        assert_int_equal(lw_tuned_ns(find(&table, problem, 1), LW_CONV_ALGORITHM_UNFOLD), i + 2);
    }
    assert_null(find(&table, PROBLEM, 2));
    lw_tuned_table_free(&table);
}

// ---- the file ---------------------------------------------------------------------------------

static void a_file_keeps_what_was_measured(void **state)
{
    (void)state;
    unlink(path);
    lw_tuned_table table;
    assert_int_equal(lw_tuned_table_load(&table, path), LW_OK);
    assert_int_equal(table.n, 0);
    assert_string_equal(table.note, ""); // no file is no mistake
    write_file(1);
    // A second writer adds to it and replaces what it knows better.
    put(&table, PROBLEM, 1, LW_CONV_ALGORITHM_UNFOLD, 20, 15);
    put(&table, PROBLEM, 2, LW_CONV_ALGORITHM_UNFOLD, 11, 7);
    assert_int_equal(lw_tuned_table_merge(&table, path, NULL, 0), LW_OK);
    lw_tuned_table_free(&table);
    write_file(1);
    put(&table, PROBLEM, 2, LW_CONV_ALGORITHM_UNFOLD, 11, 7);
    assert_int_equal(lw_tuned_table_merge(&table, path, NULL, 0), LW_OK);
    lw_tuned_table_free(&table);
    assert_int_equal(lw_tuned_table_load(&table, path), LW_OK);
    assert_string_equal(table.note, "");
    assert_int_equal(table.n, 2);
    assert_int_equal(find(&table, PROBLEM, 1)->chosen, LW_CONV_ALGORITHM_NAIVE);
    assert_int_equal(lw_tuned_ns(find(&table, PROBLEM, 2), LW_CONV_ALGORITHM_UNFOLD), 7);
    assert_true(lw_tuned_entry_is_ours(&table.entries[0]));
    lw_tuned_table_free(&table);
}

// Loads the file and expects it to be ignored with a note that says `reason`.
static void expect_ignored(const char *reason)
{
    lw_tuned_table table;
    assert_int_equal(lw_tuned_table_load(&table, path), LW_OK);
    if (find(&table, PROBLEM, 1) || !strstr(table.note, reason) || strchr(table.note, '\n'))
        fail_msg("expected a note with \"%s\", got \"%s\"", reason, table.note);
    lw_tuned_table_free(&table);
}

static void write_bytes(const char *bytes, size_t count)
{
    assert_int_equal(lw_file_write(path, bytes, count), LW_OK);
}

static void damaged_files_are_ignored_and_replaced(void **state)
{
    (void)state;
    uint8_t *bytes;
    size_t count;
    write_file(1);
    assert_int_equal(lw_file_read(path, 1 << 20, &bytes, &count), LW_OK);
    char *whole = (char *)bytes;
    for (size_t length = 0; length < count; length += 7) { // cut off anywhere
        write_bytes(whole, length);
        expect_ignored(length < 18 ? "no tuning file" : "");
    }
    for (size_t i = 0; i < count; i++) { // one bit wrong anywhere
        whole[i] = (char)(whole[i] ^ 1);
        write_bytes(whole, count);
        expect_ignored("ignored, since it is");
        whole[i] = (char)(whole[i] ^ 1);
    }
    write_bytes("\0\0\0\0", 4);
    expect_ignored("no tuning file");
    write_bytes("lanewise-tuning 2 0123456789abcdef\n", 35);
    expect_ignored("no tuning file of this version");

    // What replaces it is whole again, and says what was there.
    char note[512];
    lw_tuned_table table = {0};
    put(&table, PROBLEM, 1, LW_CONV_ALGORITHM_NAIVE, 10, 2000);
    assert_int_equal(lw_tuned_table_merge(&table, path, note, sizeof note), LW_OK);
    assert_non_null(strstr(note, "no tuning file"));
    lw_tuned_table_free(&table);
    uint8_t *again;
    size_t count_again;
    assert_int_equal(lw_file_read(path, 1 << 20, &again, &count_again), LW_OK);
    assert_int_equal(count_again, count);
    assert_memory_equal(again, bytes, count);
    free(again);
    free(bytes);
}

// Writes lines with the checksum that fits them.
static void write_lines(const char *lines)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (const char *c = lines; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001B3);
    lw_text text = {0};
    lw_text_print(&text, "lanewise-tuning 1 %016llx\n%s", (unsigned long long)hash, lines);
    write_bytes(text.bytes, text.length);
    lw_text_free(&text);
}

static void lines_that_say_nothing_are_damage(void **state)
{
    (void)state;
    static const char *const ends[] = {
        "",
        "naive\n",
        "naive\t\n",
        "naive\tnaive\n",
        "naive\tnaive=\n",
        "naive\tnaive=0\n",
        "naive\tnaive=-3\n",
        "naive\tnaive=3x\n",
        "naive\tunfold=3\n",
        "fast\tfast=3\n",
        "auto\tauto=3\n",
        "naive\tnaive=3,\n",
        "naive\tnaive=3",
        "naive\tnaive=99999999999999999999\n",
        "naive\tnaive=1,naive=1,naive=1,naive=1,naive=1,naive=1,naive=1,naive=1,naive=1\n",
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char line[300];
        snprintf(line, sizeof line, "cpu\tisa\t1\t1\t" PROBLEM "\tfwd\tnchw\tplain\t%s", ends[i]);
        write_lines(line);
        expect_ignored("a line cannot be read");
    }
    write_lines("\n");
    expect_ignored("a line cannot be read");
    write_lines("cpu\tisa\t1\t1\t" PROBLEM "\tfwd\tnchw\tplain\tnaive\tnaive=3\n"); // a good one
    expect_ignored("nothing in it was measured on this CPU");
}

static void foreign_entries_are_kept_and_not_used(void **state)
{
    (void)state;
    char lines[600];
    // Another CPU's, and this CPU's with kernels of long ago.
    snprintf(lines, sizeof lines,
             "Abacus 3000\t%s\t1\t1\t" PROBLEM "\tfwd\tnchw\tplain\tnaive\tnaive=3\n"
             "%s\t%s\t-1\t1\t" PROBLEM "\tfwd\tnchw\tplain\tnaive\tnaive=3\n",
             lw_cpu_isa(), lw_cpu_name(), lw_cpu_isa());
    write_lines(lines);
    expect_ignored("nothing in it was measured on this CPU");
    lw_tuned_table table = {0};
    put(&table, PROBLEM, 2, LW_CONV_ALGORITHM_UNFOLD, 30, 20);
    assert_int_equal(lw_tuned_table_merge(&table, path, NULL, 0), LW_OK);
    lw_tuned_table_free(&table);
    assert_int_equal(lw_tuned_table_load(&table, path), LW_OK);
    assert_string_equal(table.note, "");
    assert_int_equal(table.n, 2); // the stale one is gone
    assert_true(strncmp(table.entries[0].key, "Abacus 3000\t", 12) == 0);
    assert_null(find(&table, PROBLEM, 1));
    assert_non_null(find(&table, PROBLEM, 2));
    lw_tuned_table_free(&table);
}

static void unreadable_places_get_a_sentence(void **state)
{
    (void)state;
    char below[400];
    lw_tuned_table table = {0};
    write_file(1);
    snprintf(below, sizeof below, "%s/deeper/conv-tuning.txt", path); // a file, not a folder
    put(&table, PROBLEM, 1, LW_CONV_ALGORITHM_NAIVE, 1, 2);
    assert_int_equal(lw_tuned_table_merge(&table, below, NULL, 0), LW_ERROR_IO);
    assert_non_null(strstr(lw_error_message(), "conv-tuning.txt"));
    lw_tuned_table_free(&table);
    // Not "empty": it would be written over.
    assert_int_equal(lw_tuned_table_load(&table, below), LW_ERROR_IO);
    assert_non_null(strstr(lw_error_message(), "cannot open"));
    lw_tuned_table_free(&table);
    assert_int_equal(lw_tuned_table_load(&table, folder), LW_OK);
    assert_non_null(strstr(table.note, "got a folder"));
    lw_tuned_table_free(&table);
}

// Several processes write at once, and nothing is lost.
static void writers_at_once_keep_everything(void **state)
{
    (void)state;
    enum { writers = 4, entries = 6 };
    pid_t children[writers];
    unlink(path);
    for (int w = 0; w < writers; w++) {
        children[w] = fork();
        assert_true(children[w] >= 0);
        if (children[w] > 0) continue;
        int failed = 0;
        for (int i = 0; i < entries && !failed; i++) {
            lw_tuned_table table = {0};
            const lw_tuned_key key = key_of(PROBLEM, 1 + w * entries + i);
            const lw_tuned_result result = result_of(LW_CONV_ALGORITHM_NAIVE, 1, 2);
            failed = lw_tuned_table_put(&table, &key, &result) ||
                     lw_tuned_table_merge(&table, path, NULL, 0);
            lw_tuned_table_free(&table);
        }
        _exit(failed);
    }
    for (int w = 0; w < writers; w++) {
        int status;
        assert_int_equal(waitpid(children[w], &status, 0), children[w]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    lw_tuned_table table;
    assert_int_equal(lw_tuned_table_load(&table, path), LW_OK);
    assert_int_equal(table.n, writers * entries);
    lw_tuned_table_free(&table);
}

// ---- choosing ---------------------------------------------------------------------------------

static void noise_does_not_turn_a_choice_around(void **state)
{
    (void)state;
    const lw_conv_algorithm unfold = LW_CONV_ALGORITHM_UNFOLD, direct = LW_CONV_ALGORITHM_DIRECT;
    lw_tune_candidate candidates[] = {{.algorithm = unfold, .ns = 1000},
                                      {.algorithm = direct, .ns = 980},
                                      {.algorithm = LW_CONV_ALGORITHM_NAIVE, .ns = 0}};
    assert_int_equal(lw_tune_choose(candidates, 3, unfold), unfold); // 2 % are noise
    candidates[1].ns = 960;
    assert_int_equal(lw_tune_choose(candidates, 3, unfold), direct);
    assert_int_equal(lw_tune_choose(candidates, 3, direct), direct);
    candidates[1].ns = 1020;
    assert_int_equal(lw_tune_choose(candidates, 3, direct), direct);
    // An earlier choice that nobody measured has no say; without any measurement it stands.
    assert_int_equal(lw_tune_choose(candidates, 3, LW_CONV_ALGORITHM_NAIVE), unfold);
    candidates[0].ns = candidates[1].ns = 0;
    assert_int_equal(lw_tune_choose(candidates, 3, direct), direct);
}

static void candidates_are_measured_and_remembered(void **state)
{
    (void)state;
    lw_conv_shape shape;
    assert_int_equal(lw_conv_shape_parse(&shape, "mb2ic3ih8oc5oh8kh3ph1", NULL), LW_OK);
    for (int layout = LW_CONV_LAYOUT_NCHW; layout <= LW_CONV_LAYOUT_PADDED; layout++) {
        lw_tune_arrays arrays;
        assert_int_equal(lw_tune_arrays_create(&arrays, &shape, (lw_conv_layout)layout), LW_OK);
        for (int pass = LW_CONV_FORWARD; pass <= LW_CONV_BACKWARD_WEIGHTS; pass++) {
            lw_tune_problem problem;
            lw_tuned_table table = {0};
            assert_int_equal(lw_tune_prepare(&problem, &shape, (lw_conv_pass)pass,
                                             (lw_conv_layout)layout, 2, NULL),
                             LW_OK);
            assert_int_equal(problem.threads, 2);
            assert_true(problem.n_candidates >= 1);
            assert_true(problem.least_seconds > 0.0);
            assert_int_equal(lw_tune_measure(&problem, &arrays, 60.0, NULL), LW_OK);
            assert_true(problem.measured);
            assert_int_equal(lw_tune_remember(&problem, &table), LW_OK);
            const lw_tuned_key key = {problem.text, problem.pass, problem.layout, 2,
                                      LW_TUNED_PLAIN};
            const lw_tuned_result *result = lw_tuned_table_find(&table, &key);
            assert_non_null(result);
            assert_int_equal(result->chosen, problem.chosen);
            assert_true(lw_tuned_ns(result, problem.chosen) > 0);
            assert_int_equal(lw_tuned_ns(result, LW_CONV_ALGORITHM_ONEDNN), 0);
            // The next time starts from it.
            const lw_conv_algorithm chosen = problem.chosen;
            assert_int_equal(lw_tune_prepare(&problem, &shape, (lw_conv_pass)pass,
                                             (lw_conv_layout)layout, 2, &table),
                             LW_OK);
            assert_int_equal(problem.before, chosen);
            lw_tuned_table_free(&table);
        }
        lw_tune_arrays_free(&arrays);
    }
}

static void a_budget_that_is_too_small_measures_nothing(void **state)
{
    (void)state;
    lw_conv_shape shape;
    lw_tune_problem problem;
    lw_tune_arrays arrays;
    assert_int_equal(lw_conv_shape_parse(&shape, "mb2ic16ih8oc16oh8kh3ph1", NULL), LW_OK);
    assert_int_equal(
        lw_tune_prepare(&problem, &shape, LW_CONV_FORWARD, LW_CONV_LAYOUT_NCHW, 1, NULL), LW_OK);
    assert_int_equal(lw_tune_arrays_create(&arrays, &shape, LW_CONV_LAYOUT_NCHW), LW_OK);
    assert_int_equal(lw_tune_measure(&problem, &arrays, 1e-12, NULL), LW_OK);
    assert_false(problem.measured);
    assert_int_equal(problem.chosen, problem.before);
    lw_tune_arrays_free(&arrays);
    // Arrays that no machine has room for are refused before they are made.
    assert_int_equal(lw_conv_shape_parse(&shape, "mb30000ic64ih224oc64oh224kh3ph1", NULL), LW_OK);
    shape.n = 1 << 24;
    assert_int_equal(lw_tune_arrays_create(&arrays, &shape, LW_CONV_LAYOUT_NCHW), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "this machine has"));
}

// ---- plans ------------------------------------------------------------------------------------

// What a child writes: algorithm, why it was chosen, and naive's measured time.
static void describe_plan(const lw_conv_options *options)
{
    const int out = STDOUT_FILENO;
    lw_conv_shape shape;
    lw_conv_plan *plan;
    if (lw_conv_shape_parse(&shape, PROBLEM, NULL) ||
        lw_conv_plan_create(&plan, &shape, LW_CONV_FORWARD, options)) {
        dprintf(out, "%s", lw_error_message());
        return;
    }
    int64_t ns = -1;
    for (size_t i = 0; i < lw_conv_plan_candidate_count(plan); i++)
        if (lw_conv_plan_candidate(plan, i)->algorithm == LW_CONV_ALGORITHM_NAIVE)
            ns = lw_conv_plan_candidate(plan, i)->measured_ns;
    dprintf(out, "%s %s %lld", lw_conv_plan_algorithm(plan), lw_conv_plan_chosen_by(plan),
            (long long)ns);
    lw_conv_plan_destroy(&plan);
}

// Makes a plan in a child whose environment has the cache folder and one more variable.
static const char *plan_with(const char *variable, const char *value,
                             const lw_conv_options *options)
{
    static char answer[2048];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("LANEWISE_CACHE_DIR", folder, 1);
        if (variable) setenv(variable, value, 1);
        // The environment is read once a process, and this one has done so: it starts afresh.
        char words[4][16] = {"plan", "", "", ""};
        const int numbers[] = {options ? (int)options->threads : -1,
                               options ? (int)options->algorithm : 0,
                               options ? (int)options->deterministic : 0};
        for (int i = 0; i < 3; i++) snprintf(words[i + 1], sizeof words[0], "%d", numbers[i]);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execl("/proc/self/exe", "test_tuned", words[0], words[1], words[2], words[3], (char *)NULL);
        _exit(98);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while (length + 1 < sizeof answer &&
           (got = read(ends[0], answer + length, sizeof answer - 1 - length)) > 0)
        length += (size_t)got;
    answer[length] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return answer;
}

// What stands behind the algorithm's name: which one the model takes is its own affair.
static const char *behind_name(const char *answer)
{
    const char *space = strchr(answer, ' ');
    return space ? space + 1 : "";
}

// A test that starts itself anew would leave the emulator, and run on another CPU or not at all.
static void need_this_cpu(void)
{
#ifdef LW_TESTS_ARE_EMULATED
    skip();
#endif
}

static void plans_follow_the_table(void **state)
{
    (void)state;
    need_this_cpu();
    const lw_conv_options one = {.threads = 1}, two = {.threads = 2},
                          sure = {.threads = 1, .deterministic = true},
                          wanted = {.algorithm = LW_CONV_ALGORITHM_UNFOLD, .threads = 1};
    // The model would never take naive, so the table shows.
    write_file(1);
    assert_string_equal(plan_with(NULL, NULL, &one), "naive measured 10");
    assert_string_equal(plan_with("LANEWISE_DETERMINISTIC", "0", &one), "naive measured 10");
    assert_string_equal(behind_name(plan_with("LANEWISE_DETERMINISTIC", "1", &one)), "model 0");
    assert_string_equal(behind_name(plan_with(NULL, NULL, &sure)), "model 0");
    assert_string_equal(behind_name(plan_with(NULL, NULL, &two)),
                        "model 0"); // measured for one thread
    assert_string_equal(plan_with(NULL, NULL, &wanted), "unfold forced 10");
    assert_string_equal(plan_with("LANEWISE_CONV", "fwd=unfold", &one), "unfold forced 10");
    // A plan that chooses its threads by itself takes one for so little work.
    assert_string_equal(plan_with(NULL, NULL, NULL), "naive measured 10");
    const char *log = plan_with("LANEWISE_VERBOSE", "dispatch", &one);
    assert_non_null(strstr(log, "measured 0.01 us (chosen by measurement)\n"));
}

static void plans_do_without_a_bad_table(void **state)
{
    (void)state;
    need_this_cpu();
    const lw_conv_options one = {.threads = 1};
    write_bytes("rubbish\n", 8);
    assert_string_equal(behind_name(plan_with(NULL, NULL, &one)),
                        "model 0"); // and nothing on stderr
    const char *log = plan_with("LANEWISE_VERBOSE", "dispatch", &one);
    const char *note = strstr(log, "lanewise: dispatch: ");
    assert_non_null(note);
    assert_non_null(strstr(note, "ignored, since it is no tuning file"));
    assert_null(strstr(strstr(log, "ignored, since") + 1, "ignored, since")); // one line
}

static void a_table_cannot_choose_what_must_be_asked_for(void **state)
{
    (void)state;
    need_this_cpu();
    const lw_conv_options one = {.threads = 1};
    lw_tuned_table table = {0};
    const lw_tuned_key key = key_of(PROBLEM, 1);
    const lw_tuned_result onednn = {LW_CONV_ALGORITHM_ONEDNN, 1, {{LW_CONV_ALGORITHM_ONEDNN, 1}}};
    unlink(path);
    assert_int_equal(lw_tuned_table_put(&table, &key, &onednn), LW_OK);
    assert_int_equal(lw_tuned_table_merge(&table, path, NULL, 0), LW_OK);
    lw_tuned_table_free(&table);
    const char *answer = plan_with(NULL, NULL, &one);
    assert_null(strstr(answer, "onednn"));
    assert_non_null(strstr(answer, "model"));
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "plan") == 0) {
        const int32_t threads = (int32_t)strtol(argv[2], NULL, 10);
        const lw_conv_options options = {.threads = threads,
                                         .algorithm = (lw_conv_algorithm)strtol(argv[3], NULL, 10),
                                         .deterministic = argv[4][0] == '1'};
        describe_plan(threads < 0 ? NULL : &options);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found_by_every_part_of_the_key),
        cmocka_unit_test(many_entries_are_kept_and_replaced),
        cmocka_unit_test(a_file_keeps_what_was_measured),
        cmocka_unit_test(damaged_files_are_ignored_and_replaced),
        cmocka_unit_test(lines_that_say_nothing_are_damage),
        cmocka_unit_test(foreign_entries_are_kept_and_not_used),
        cmocka_unit_test(unreadable_places_get_a_sentence),
        cmocka_unit_test(writers_at_once_keep_everything),
        cmocka_unit_test(noise_does_not_turn_a_choice_around),
        cmocka_unit_test(candidates_are_measured_and_remembered),
        cmocka_unit_test(a_budget_that_is_too_small_measures_nothing),
        cmocka_unit_test(plans_follow_the_table),
        cmocka_unit_test(plans_do_without_a_bad_table),
        cmocka_unit_test(a_table_cannot_choose_what_must_be_asked_for),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
