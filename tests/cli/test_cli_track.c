// SPDX-License-Identifier: Apache-2.0
// `lanewise track` as a user runs it: comparisons, the gate, the history and its page, and every kind
// of wrong input. The programs are scripts whose times are known.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/answer.h"
#include "cli/program.h"
#include "track/fake_program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Where nothing else takes the machine away, these take moments.
#define PATIENT "--budget=10min"
#define ONCE "--repetitions=1"

static void make_programs(void)
{
    fake_program("old", "conv/a conv/b gone", "1000 * (1 + 0.01 * r)", "");
    fake_program("same", "conv/a conv/b", "1000 * (1 + 0.01 * r)", "");
    fake_program("slow", "conv/a conv/b fresh",
                 "(name == \"conv/a\" ? 1200 : 1000) * (1 + 0.01 * r)", "");
}

// ---- ab ---------------------------------------------------------------------------------------

static void a_slowdown_is_exit_code_1(void **state)
{
    (void)state;
    make_programs();
    program_result result = program_run("track", "ab", "old", "slow", PATIENT, ONCE, "--json",
                                        "--markdown", "a.md", "--junit", "a.xml", NULL);
    expect_code(&result, 1);
    cJSON *json = json_parse(result.out);
    assert_string_equal(json_word(json, "outcome"), "regression");
    assert_int_equal(json_number(json, "compared"), 2);
    assert_int_equal(json_number(json, "regressions"), 1);
    const cJSON *rows = json_member(json, "benchmarks");
    assert_int_equal(cJSON_GetArraySize(rows), 2);
    const cJSON *row = cJSON_GetArrayItem(rows, 0);
    assert_string_equal(json_word(row, "name"), "conv/a");
    assert_string_equal(json_word(row, "verdict"), "slower");
    assert_true(fabs(json_number(row, "ratio") - 1.2) < 0.02);
    assert_true(json_number(row, "ratio_low") > 1.1 && json_number(row, "ratio_high") < 1.3);
    assert_string_equal(json_word(cJSON_GetArrayItem(rows, 1), "verdict"), "same");
    assert_string_equal(cJSON_GetArrayItem(json_member(json, "appeared"), 0)->valuestring, "fresh");
    assert_string_equal(cJSON_GetArrayItem(json_member(json, "vanished"), 0)->valuestring, "gone");
    assert_true(json_number(json_member(json, "session"), "blocks") >= 16);
    cJSON_Delete(json);
    program_free(&result);
    char *markdown = read_text("a.md"), *junit = read_text("a.xml");
    assert_true(contains(markdown, "| `conv/a` | +"));
    assert_true(contains(junit, "<failure message=\"slower"));
    free(markdown);
    free(junit);
}

static void no_slowdown_is_exit_code_0(void **state)
{
    (void)state;
    make_programs();
    program_result result =
        program_run("track", "ab", "same", "same", PATIENT, ONCE, "--filter", "a$", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "pass: 1 compared, 0 slower, 0 inconclusive"));
    assert_true(contains(result.out, "same"));
    expect_narrow(result.out, 100);
    program_free(&result);
    expect_exit(0, "track", "ab", "slow", "same", PATIENT, ONCE, "--quiet", NULL); // faster
}

static void what_all_names_end_in_is_said_once(void **state)
{
    (void)state;
    fake_program("named", "a/threads:1/cpu b/threads:1/cpu", "1000", "");
    program_result result = program_run("track", "ab", "named", "named", PATIENT, ONCE, NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "\na "));
    assert_true(contains(result.out, "\nb "));
    assert_true(contains(result.out, "all names end in /threads:1/cpu\n"));
    program_free(&result);
}

static void too_little_time_is_exit_code_3(void **state)
{
    (void)state;
    fake_program("wild", "a", "1000 * (1 + r)", "");
    program_result result = program_run("track", "ab", "wild", "wild", "--budget=1s", ONCE, NULL);
    expect_code(&result, 3);
    assert_true(contains(result.out, "inconclusive"));
    assert_true(contains(result.err, "which was the budget"));
    program_free(&result);
}

static void wrong_comparisons_are_refused(void **state)
{
    (void)state;
    make_programs();
    fake_program("crash", "a", "1", "kill -SEGV $$");
    fake_program("hangs", "a", "1", "sleep 100");
    fake_program("other", "x", "1", "");
    write_text("text", "no program");
    expect_failure(2, "expected two programs", "track", "ab", NULL);
    expect_failure(2, "expected two programs", "track", "ab", "old", NULL);
    expect_failure(2, "there is no such program", "track", "ab", "old", "nothing", NULL);
    expect_failure(2, "got a file that is none", "track", "ab", "old", "text", NULL);
    expect_failure(2, "signal 11", "track", "ab", "old", "crash", NULL);
    expect_failure(2, "did not end within 1 s", "track", "ab", "hangs", "old", "--timeout=1s",
                   NULL);
    expect_failure(2, "no benchmark in common", "track", "ab", "old", "other", NULL);
    expect_failure(2, "none of its 3 benchmarks", "track", "ab", "old", "old", "--filter=xyz",
                   NULL);
    expect_failure(2, "the filter", "track", "ab", "old", "old", "--filter=(", NULL);
    expect_failure(2, "--budget: expected a time", "track", "ab", "old", "old", "--budget=long",
                   NULL);
    expect_failure(2, "--budget: expected 0.1 s to", "track", "ab", "old", "old", "--budget=1ms",
                   NULL);
    expect_failure(2, "--margin: expected per cent", "track", "ab", "old", "old", "--margin=x%",
                   NULL);
    expect_failure(2, "--pin: expected a processor", "track", "ab", "old", "old", "--pin=1000",
                   NULL);
    expect_failure(2, "--build is of use with --ref", "track", "ab", "old", "old", "--build=make",
                   NULL);
}

// ---- gate -------------------------------------------------------------------------------------

static void the_gate_compares_programs(void **state)
{
    (void)state;
    make_programs();
    expect_exit(1, "track", "gate", "slow", "--against=./old", PATIENT, ONCE, NULL);
    expect_exit(0, "track", "gate", "slow", "--against=./old", PATIENT, ONCE, "--max-slowdown=40%",
                NULL);
    expect_exit(0, "track", "gate", "same", "--against=./old", PATIENT, ONCE, NULL);
    expect_failure(2, "--max-slowdown", "track", "gate", "same", "--against=./old",
                   "--max-slowdown=-3", NULL);
}

static void run_shell(const char *command)
{
    if (system(command) != 0) fail_msg("%s", command);
}

static void the_gate_builds_commits(void **state)
{
    (void)state;
    if (system("git --version >/dev/null 2>&1") != 0) skip();
    // A project whose build copies a script; the working tree has the slow one.
    run_shell("rm -rf tree && mkdir tree && cd tree && git init -q . && git config user.name t && "
              "git config user.email t@example.org");
    make_programs();
    run_shell("cp old tree/source && cd tree && git add source && git commit -qm one && git tag v1 "
              "&& cp ../slow source");
    assert_int_equal(chdir("tree"), 0);
    expect_exit(1, "track", "gate", "bench", "--against=v1", "--build=cp source bench", PATIENT,
                ONCE, NULL);
    expect_exit(1, "track", "ab", "--ref=v1", "bench", "--build=cp source bench", PATIENT, ONCE,
                NULL);
    expect_failure(2, "no such commit", "track", "gate", "bench", "--against=v2", NULL);
    expect_failure(2, "the build \"echo broken >&2; false\" failed: broken", "track", "gate",
                   "bench", "--against=v1", "--build=echo broken >&2; false", NULL);
    expect_failure(2, "made no such program", "track", "gate", "nothing", "--against=v1",
                   "--build=true", NULL);
    assert_int_equal(chdir(".."), 0);
}

static void the_gate_knows_the_history(void **state)
{
    (void)state;
    make_programs();
    remove("g.db");
    expect_failure(2, "there is no history yet", "track", "gate", "same", "--against=history",
                   "--history=g.db", NULL);
    for (int i = 0; i < 6; i++)
        expect_exit(0, "track", "record", "same", "--history=g.db", "--repetitions=3", NULL);
    expect_exit(0, "track", "gate", "same", "--against=history", "--history=g.db", NULL);
    program_result result = program_run("track", "gate", "slow", "--against=history",
                                        "--history=g.db", "--filter=conv", NULL);
    expect_code(&result, 1);
    assert_true(contains(result.out, "slower"));
    program_free(&result);
    // A benchmark without a history is not compared, and alone no pass.
    expect_failure(2, "nothing was compared", "track", "gate", "slow", "--against=history",
                   "--history=g.db", "--filter=fresh", NULL);
    expect_failure(2, "no run of this machine", "track", "gate", "same", "--against=history",
                   "--history=g.db", "--machine=another", NULL);
}

// ---- history ----------------------------------------------------------------------------------

// Sixteen runs, slower by a quarter from the ninth on; made once for all tests.
static void make_history(void)
{
    if (is_there("h.db")) return;
    fake_program("before", "step/a step/b", "1000 * (1 + 0.01 * r)", "");
    fake_program("after", "step/a step/b", "(name == \"step/a\" ? 1250 : 1000) * (1 + 0.01 * r)",
                 "");
    for (int i = 0; i < 16; i++) {
        char commit[32];
        snprintf(commit, sizeof commit, "--commit=c%02d", i);
        expect_exit(0, "track", "record", i < 8 ? "before" : "after", "--history=h.db",
                    "--repetitions=3", commit, NULL);
    }
}

static void changes_are_found_in_the_history(void **state)
{
    (void)state;
    make_history();
    program_result result = program_run("track", "changes", "--history=h.db", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json), 1);
    const cJSON *change = cJSON_GetArrayItem(json, 0);
    assert_string_equal(json_word(change, "name"), "step/a");
    assert_string_equal(json_word(change, "commit"), "c08");
    assert_string_equal(json_word(change, "previous_commit"), "c07");
    assert_true(fabs(json_number(change, "ratio") - 1.25) < 0.02);
    assert_true(json_number(change, "p") < 0.004);
    cJSON_Delete(json);
    program_free(&result);

    result = program_run("track", "changes", "--history=h.db", NULL);
    assert_true(contains(result.out, "c07..c08"));
    assert_true(contains(result.out, "1 change in 2 series"));
    expect_narrow(result.out, 100);
    program_free(&result);

    result = program_run("track", "history", "step/a", "--history=h.db", "--svg", "a.svg", NULL);
    expect_code(&result, 0);
    assert_true(contains(result.out, "+2"));
    expect_narrow(result.out, 100);
    program_free(&result);
    char *svg = read_text("a.svg");
    assert_true(contains(svg, "class=\"worse\""));
    free(svg);

    result = program_run("track", "history", "step/b", "--history=h.db", "--json", NULL);
    json = json_parse(result.out);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "points")), 16);
    assert_int_equal(cJSON_GetArraySize(json_member(json, "changes")), 0);
    cJSON_Delete(json);
    program_free(&result);

    expect_failure(2, "2 benchmarks have that in their names: step/a, step/b", "track", "history",
                   "step", "--history=h.db", NULL);
    expect_failure(2, "no benchmark of that name", "track", "history", "xyz", "--history=h.db",
                   NULL);
}

static void the_page_has_everything(void **state)
{
    (void)state;
    make_history();
    write_text("y.json", "{\"context\": {}, \"benchmarks\": ["
                         "{\"name\": \"<p>/fwd/onednn/x\", \"real_time\": 30, \"cpu_time\": 30},"
                         "{\"name\": \"<p>/fwd/direct/x\", \"real_time\": 20, \"cpu_time\": 20},"
                         "{\"name\": \"<p>/fwd/naive/x\", \"real_time\": 1, \"cpu_time\": 1}]}");
    expect_exit(0, "track", "import", "y.json", "--history=y.db", "--machine=far away", NULL);
    expect_exit(0, "track", "report", "--history=y.db", "--out=y.html", NULL);
    char *page = read_text("y.html");
    assert_true(contains(page, "Beside oneDNN"));
    assert_true(contains(page, ">1.50</td>"));
    assert_true(contains(page, "&lt;p&gt;/fwd"));
    assert_true(strstr(page, "<p>/fwd") == NULL);
    free(page);
    program_result result =
        program_run("track", "report", "--history=h.db", "--out=h.html", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_string_equal(json_word(json, "page"), "h.html");
    assert_int_equal(json_number(json, "benchmarks"), 2);
    cJSON_Delete(json);
    program_free(&result);
    page = read_text("h.html");
    assert_true(contains(page, "slower +2"));
    assert_true(strstr(page, "slower +2") < strstr(page, "steady"));
    assert_true(strstr(page, "Beside oneDNN") == NULL);
    assert_true(strstr(page, "http-equiv") == NULL && strstr(page, "src=") == NULL);
    free(page);
}

static void exports_come_back(void **state)
{
    (void)state;
    make_history();
    remove("i.db");
    expect_exit(0, "track", "export", "--history=h.db", "--out=h.jsonl", NULL);
    program_result result =
        program_run("track", "import", "h.jsonl", "--history=i.db", "--json", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    assert_int_equal(json_number(json, "runs_added"), 16);
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("track", "import", "h.jsonl", "--history=i.db", NULL);
    assert_true(contains(result.out, "16 were there already"));
    program_free(&result);
    result = program_run("track", "export", "--history=i.db", NULL);
    char *text = read_text("h.jsonl");
    assert_string_equal(result.out, text);
    free(text);
    program_free(&result);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    make_programs();
    write_text("broken.json", "{\"benchmarks\": [");
    write_text("other.json", "{\"a\": 1}");
    write_text("zero.json", "{\"benchmarks\": [{\"name\": \"a\", \"real_time\": 0}]}");
    remove("n.db");
    expect_failure(2, "not JSON", "track", "import", "broken.json", "--history=n.db", NULL);
    expect_failure(2, "no array \"benchmarks\"", "track", "import", "other.json", "--history=n.db",
                   NULL);
    expect_failure(2, "no benchmark has a time", "track", "import", "zero.json", "--history=n.db",
                   NULL);
    expect_failure(2, "cannot open", "track", "import", "nothing.json", "--history=n.db", NULL);
    write_text("text.db", "this is not a history of lanewise, and of no other kind");
    expect_failure(2, "expected a history of lanewise", "track", "changes", "--history=text.db",
                   NULL);
    expect_failure(2, "expected a history of lanewise", "track", "record", "same",
                   "--history=text.db", NULL);
    expect_failure(2, "there is no history yet", "track", "report", "--history=none.db", NULL);
    // A program that fails leaves no history behind.
    fake_program("crash", "a", "1", "kill -SEGV $$");
    remove("new.db");
    expect_failure(2, "signal 11", "track", "record", "crash", "--history=new.db", NULL);
    assert_false(is_there("new.db"));
    expect_failure(2, "expected one PROGRAM", "track", "record", "same", "old", NULL);
}

static void trainings_are_a_series(void **state)
{
    (void)state;
    run_shell("rm -rf r1 r2 && mkdir r1 r2");
    write_text("r1/metrics.json", "{\"seconds\": 1.5, \"test_accuracy\": 0.98}");
    write_text("r2/metrics.json", "{\"seconds\": 2.5, \"test_accuracy\": 0.99}");
    remove("t.db");
    expect_exit(0, "track", "record", "--run=record", "r1", "r2", "--history=t.db", NULL);
    program_result result =
        program_run("track", "history", "record/test accuracy", "--history=t.db", "--json", NULL);
    cJSON *json = json_parse(result.out);
    assert_string_equal(json_word(json, "unit"), "%");
    const cJSON *point = cJSON_GetArrayItem(json_member(json, "points"), 0);
    assert_true(fabs(json_number(point, "median") - 98.5) < 1e-9);
    assert_int_equal(json_number(point, "repetitions"), 2);
    cJSON_Delete(json);
    program_free(&result);
    expect_failure(2, "metrics.json", "track", "record", "--run=record", "r3", "--history=t.db",
                   NULL);
    write_text("r2/metrics.json", "{\"seconds\": 0}");
    expect_failure(2, "above zero", "track", "record", "--run=record", "r2", "--history=t.db",
                   NULL);
}

// ---- self-test --------------------------------------------------------------------------------

static void recordings_are_rehearsed(void **state)
{
    (void)state;
    // 20 benchmarks with half a per cent of noise, and one that is slower by 5 %.
    FILE *file = fopen("blocks.csv", "w");
    assert_non_null(file);
    fprintf(file, "planted_percent,old_s,old_s,new_s,new_s,wall_s,benchmark\n");
    for (int b = 0; b < 20; b++)
        for (int i = 0; i < 30; i++) {
            const double wobble = 1e-8 * ((i * 7919 + b * 104729) % 100 - 50) / 10;
            fprintf(file, "0,1e-6,1e-6,%.9g,%.9g,0.2,bench/%d\n", 1e-6 + 0.1 * wobble,
                    1e-6 + 0.1 * wobble, b);
            fprintf(file, "5,1e-6,1e-6,%.9g,%.9g,0.2,bench/%d\n", 1.05e-6 + 0.1 * wobble,
                    1.05e-6 + 0.1 * wobble, b);
        }
    assert_int_equal(fclose(file), 0);
    program_result result = program_run("track", "self-test", "blocks.csv", "--levels=0,5",
                                        "--trials=20", "--json", "--save=copy.csv", NULL);
    expect_code(&result, 0);
    cJSON *json = json_parse(result.out);
    const cJSON *levels = json_member(json, "levels");
    assert_true(cJSON_IsTrue(json_member(json, "good_enough")));
    assert_int_equal(json_number(cJSON_GetArrayItem(levels, 0), "wrong"), 0);
    assert_int_equal(json_number(cJSON_GetArrayItem(levels, 1), "found"), 20);
    assert_int_equal(json_number(cJSON_GetArrayItem(levels, 1), "benchmarks"), 20);
    cJSON_Delete(json);
    program_free(&result);
    result = program_run("track", "self-test", "copy.csv", "--levels=0,5", "--trials=5", NULL);
    expect_code(&result, 0);
    expect_narrow(result.out, 100);
    program_free(&result);
    // A gate that cannot find what is planted says so by its exit code.
    expect_exit(1, "track", "self-test", "copy.csv", "--levels=5", "--trials=5", "--session=0.5s",
                NULL);
    expect_failure(2, "slowdown of 3 %", "track", "self-test", "copy.csv", "--levels=3", NULL);
    write_text("bad.csv", "planted_percent\n1,2,3\n");
    expect_failure(2, "bad.csv:", "track", "self-test", "bad.csv", NULL);
    expect_failure(2, "--levels", "track", "self-test", "copy.csv", "--levels=x", NULL);
}

static void self_test_measures(void **state)
{
    (void)state;
    // A program that plants as `planted` does: by the name that it is called by.
    fake_program("plant", "a b", "(ENVIRON[\"P\"] ? 1100 : 1000) * (1 + 0.002 * r)",
                 "case $0 in *+10) export P=1;; esac");
    program_result result =
        program_run("track", "self-test", "--program=./plant", "--levels=0,10", "--budget=1s",
                    "--trials=5", "--repetitions=1", "--save=measured.csv", "--quiet", NULL);
    assert_true(result.exit_code == 0 || result.exit_code == 1);
    assert_true(contains(result.out, "10 %"));
    program_free(&result);
    char *blocks = read_text("measured.csv");
    const char *line = strstr(blocks, "\n10,");
    double old_seconds[2], new_seconds[2];
    assert_non_null(line);
    assert_int_equal(sscanf(line, "\n10,%lf,%lf,%lf,%lf", &old_seconds[0], &old_seconds[1],
                            &new_seconds[0], &new_seconds[1]),
                     4);
    assert_true(fabs(new_seconds[0] / old_seconds[0] - 1.1) < 0.01);
    free(blocks);
    expect_failure(2, "no such program", "track", "self-test", "--program=./nothing", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slowdown_is_exit_code_1),
        cmocka_unit_test(no_slowdown_is_exit_code_0),
        cmocka_unit_test(what_all_names_end_in_is_said_once),
        cmocka_unit_test(too_little_time_is_exit_code_3),
        cmocka_unit_test(wrong_comparisons_are_refused),
        cmocka_unit_test(the_gate_compares_programs),
        cmocka_unit_test(the_gate_builds_commits),
        cmocka_unit_test(the_gate_knows_the_history),
        cmocka_unit_test(changes_are_found_in_the_history),
        cmocka_unit_test(the_page_has_everything),
        cmocka_unit_test(exports_come_back),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(trainings_are_a_series),
        cmocka_unit_test(recordings_are_rehearsed),
        cmocka_unit_test(self_test_measures),
    };
    return cmocka_run_group_tests(tests, program_enter_folder, program_leave_folder);
}
