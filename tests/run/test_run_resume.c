// SPDX-License-Identifier: Apache-2.0
// Unfinished runs: their checkpoints, two generations of them, and taking them up again.
#include "support.h"

#include "base/error.h"
#include "run/records.h"
#include "run/run_directory.h"
#include "train/state.h"

#include <lanewise/lanewise.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static lw_network *network;
static lw_model *model;
static char before[path_bytes];

static int set_up(void **state)
{
    static const char text[] = "input 1x4x4\nlinear 2\nsoftmax_cross_entropy\n";
    assert_ok(lw_network_parse(&network, text, strlen(text), "tiny.net"));
    assert_ok(lw_model_create(&model, network, 1));
    assert_int_equal(enter_folder(state), 0);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(chdir(before), 0);
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    return leave_folder(state);
}

static lw_train_state *make_state(int64_t step)
{
    const lw_parameter_info parameter = {
        .name = "linear1.bias", .rank = 1, .shape = {2}, .count = 2};
    const lw_train_config config = lw_train_config_default();
    lw_train_state *state;
    assert_ok(lw_state_create(&state, &parameter, 1));
    assert_ok(lw_state_describe(state, model, &config));
    state->numbers.step = step;
    state->numbers.epoch_steps = 1000;
    return state;
}

static void put_checkpoint(lw_run *run, int64_t step)
{
    lw_train_state *state = make_state(step);
    assert_ok(lw_run_put_checkpoint(run, state));
    lw_train_state_destroy(&state);
}

static void log_step(lw_run *run, int64_t step)
{
    cJSON *record = lw_record_step(step, 0.5);
    assert_ok(lw_run_log(run, record));
    cJSON_Delete(record);
}

// A run that was stopped after `checkpoints` checkpoints, 100 steps from one to the next, with a line in the log
// before and after each.
static void leave_run(const char *out, int checkpoints)
{
    lw_run *run;
    assert_ok(lw_run_begin(&run, out, network));
    assert_ok(lw_run_put_text(run, LW_RUN_RESUME_FILE, "{}\n"));
    for (int i = 1; i <= checkpoints; i++) {
        log_step(run, 100 * i);
        put_checkpoint(run, 100 * i);
        log_step(run, 100 * i + 1);
    }
    lw_run_keep(run);
    lw_run_abandon(&run);
}

static char report_text[4096];

static void report(void *user, const char *sentence)
{
    (void)user;
    const size_t length = strlen(report_text);
    snprintf(report_text + length, sizeof report_text - length, "%s\n", sentence);
}

// Takes the run up again; the step of its checkpoint, -1 without any.
static int64_t resume(lw_run **run, const char *path)
{
    lw_train_state *state;
    report_text[0] = '\0';
    assert_ok(lw_run_resume(run, path));
    assert_ok(lw_run_read_checkpoint(*run, &state, report, NULL));
    const int64_t step = state ? lw_train_state_position(state).step : -1;
    lw_train_state_destroy(&state);
    return step;
}

static int count_lines(const char *path)
{
    char *text = read_text(path);
    int lines = 0;
    assert_non_null(text);
    for (const char *at = text; *at; at++) lines += *at == '\n';
    free(text);
    return lines;
}

static void damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 300, SEEK_SET), 0);
    assert_int_equal(fputc('~', file), '~');
    assert_int_equal(fclose(file), 0);
}

static void check_two_generations(void **state)
{
    (void)state;
    lw_run *run;
    leave_run("out", 4);
    assert_true(access("out.partial/checkpoint-2.safetensors", F_OK) != 0);
    assert_true(access("out.partial/checkpoint-3.safetensors", F_OK) == 0);
    assert_true(access("out.partial/checkpoint-4.safetensors", F_OK) == 0);
    assert_int_equal(count_lines("out.partial/log.jsonl"), 8);
    write_file("out.partial/checkpoint-5.safetensors.tmp-1", "half", 4); // of a killed process
    assert_int_equal(resume(&run, "out"), 400);
    assert_string_equal(report_text, "");
    assert_true(access("out.partial/checkpoint-5.safetensors.tmp-1", F_OK) != 0);
    // The log is what it was then, and goes on from there.
    assert_int_equal(count_lines("out.partial/log.jsonl"), 7);
    log_step(run, 401);
    put_checkpoint(run, 500);
    assert_true(access("out.partial/checkpoint-3.safetensors", F_OK) != 0);
    assert_true(access("out.partial/checkpoint-5.safetensors", F_OK) == 0);
    assert_int_equal(lw_run_put_model(run, model), LW_OK);
    assert_ok(lw_run_finish(run));
    lw_run_abandon(&run);
    assert_int_equal(count_entries("out"), 3); // network, log, model
    assert_int_equal(count_lines("out/log.jsonl"), 8);
    assert_int_equal(count_entries("."), 1);
}

static void check_damaged_checkpoints(void **state)
{
    (void)state;
    lw_run *run;
    lw_train_state *read;
    leave_run("out", 3);
    damage("out.partial/checkpoint-3.safetensors");
    assert_int_equal(resume(&run, "out.partial/"), 200);
    assert_non_null(strstr(report_text, "checkpoint-3.safetensors: the checkpoint is damaged"));
    assert_non_null(strstr(report_text, "the checkpoint before it is taken"));
    assert_int_equal(count_lines("out.partial/log.jsonl"), 3);
    put_checkpoint(run, 300); // two whole ones again
    lw_run_abandon(&run);
    assert_int_equal(resume(&run, "out"), 300);
    assert_string_equal(report_text, "");
    lw_run_abandon(&run);
    damage("out.partial/checkpoint-2.safetensors");
    damage("out.partial/checkpoint-3.safetensors");
    assert_ok(lw_run_resume(&run, "out"));
    assert_failed_with(lw_run_read_checkpoint(run, &read, report, NULL), LW_ERROR_INPUT,
                       "checkpoint-2.safetensors: |damaged|no other one");
    assert_null(read);
    lw_run_abandon(&run);
    // Nothing of it was removed.
    assert_true(access("out.partial/checkpoint-2.safetensors", F_OK) == 0);
    assert_true(access("out.partial/checkpoint-3.safetensors", F_OK) == 0);
    assert_failed_with(lw_run_begin(&run, "out", network), LW_ERROR_INPUT,
                       "out: an unfinished run of that name is there|--resume out goes on");
}

static void check_no_checkpoint(void **state)
{
    (void)state;
    lw_run *run;
    leave_run("out", 0);
    write_file("out.partial/log.jsonl", "{}\n", 3);
    assert_int_equal(resume(&run, "out"), -1);
    assert_int_equal(count_lines("out.partial/log.jsonl"), 0);
    lw_run_abandon(&run);
    assert_int_equal(unlink("out.partial/" LW_RUN_RESUME_FILE), 0);
    assert_failed_with(lw_run_resume(&run, "out"), LW_ERROR_INPUT, "cannot be gone on with");
}

// The weights do not depend on the log, so a log that the disk lost is no reason to stop.
static void check_lost_log(void **state)
{
    (void)state;
    lw_run *run;
    leave_run("out", 2);
    assert_int_equal(truncate("out.partial/log.jsonl", 40), 0);
    assert_int_equal(resume(&run, "out"), 200);
    assert_non_null(strstr(report_text, "log.jsonl has lost lines"));
    assert_int_equal(count_lines("out.partial/log.jsonl"), 1);
    lw_run_abandon(&run);
}

// A checkpoint that cannot be written leaves the earlier ones as they are: on a full disk, and in a folder that
// may not be written to.
static void check_refused_checkpoints(void **state)
{
    (void)state;
    struct rlimit limit, no_limit;
    lw_run *run;
    leave_run("out", 2);
    assert_int_equal(resume(&run, "out"), 200);
    lw_train_state *more = make_state(300);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &no_limit), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    limit = no_limit;
    limit.rlim_cur = 500;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    lw_status status = lw_run_put_checkpoint(run, more);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &no_limit), 0);
    signal(SIGXFSZ, handler);
    assert_failed_with(status, LW_ERROR_IO, "checkpoint-3.safetensors: cannot write");
    const uid_t user = geteuid();
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod("out.partial", 0555), 0);
    // The superuser may write everywhere, so it becomes nobody for a moment.
    if (user != 0 || seteuid(65534) == 0) {
        status = lw_run_put_checkpoint(run, more);
        if (user == 0) assert_int_equal(seteuid(user), 0);
        assert_failed_with(status, LW_ERROR_IO, "checkpoint-3.safetensors: cannot write");
    }
    assert_int_equal(chmod("out.partial", 0755), 0);
    lw_run_abandon(&run);
    assert_int_equal(count_entries("out.partial"), 5); // network, log, options, two checkpoints
    assert_int_equal(resume(&run, "out"), 200);
    assert_string_equal(report_text, "");
    assert_ok(lw_run_put_checkpoint(run, more));
    lw_run_abandon(&run);
    assert_int_equal(resume(&run, "out"), 300);
    lw_run_abandon(&run);
    lw_train_state_destroy(&more);
}

#define TEST(check) cmocka_unit_test_setup_teardown(check, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(check_two_generations), TEST(check_damaged_checkpoints), TEST(check_no_checkpoint),
        TEST(check_lost_log),        TEST(check_refused_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
