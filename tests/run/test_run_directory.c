// SPDX-License-Identifier: Apache-2.0
// The life of a run directory: it appears whole or not at all, and nothing that was there is lost.
#include "support.h"

#include "run/records.h"
#include "run/run_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

static const char network_text[] = "input 1x6x6\nconv 3x3 2\nrelu\nlinear 3\n"
                                   "softmax_cross_entropy # gr\xC3\xBC\xC3\x9F\n";
static char start_folder[4096];
static lw_network *network;
static lw_model *model;

// Each test works in an empty folder of its own, which is also the current one.
static int set_up(void **state)
{
    assert_int_equal(enter_folder(state), 0);
    assert_non_null(getcwd(start_folder, sizeof start_folder));
    assert_int_equal(chdir(folder), 0);
    assert_ok(lw_network_parse(&network, network_text, sizeof network_text - 1, "nets/tiny.net"));
    assert_ok(lw_model_create(&model, network, 5));
    return 0;
}

static int tear_down(void **state)
{
    lw_model_destroy(&model);
    lw_network_destroy(&network);
    assert_int_equal(chdir(start_folder), 0);
    return leave_folder(state);
}

// A run with a model, ready to be finished.
static lw_run *begin_run(const char *out)
{
    lw_run *run;
    assert_ok(lw_run_begin(&run, out, network));
    assert_ok(lw_run_put_model(run, model));
    return run;
}

static void expect_text(const char *path, const char *expected)
{
    char *text = read_text(path);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void check_whole_run(void **state)
{
    (void)state;
    lw_run *run;
    assert_ok(lw_run_begin(&run, "deep/er/out/", network));
    assert_string_equal(lw_run_path(run), "deep/er/out");
    assert_false(access("deep/er/out", F_OK) == 0);
    assert_int_equal(count_entries("deep/er"), 1);

    cJSON *record = cJSON_CreateObject();
    cJSON_AddStringToObject(record, "event", "two\nlines, \xFF");
    cJSON_AddNumberToObject(record, "loss", 0.1);
    assert_ok(lw_run_log(run, record));
    assert_ok(lw_run_log(run, record));
    assert_ok(lw_run_put_json(run, LW_RUN_CONFIG_FILE, record));
    assert_ok(lw_run_put_text(run, "note.txt", "first"));
    assert_ok(lw_run_put_text(run, "note.txt", "second"));
    assert_ok(lw_run_put_model(run, model));
    cJSON_Delete(record);
    assert_ok(lw_run_finish(run));
    assert_failed_with(lw_run_finish(run), LW_ERROR_ARGUMENT, "finished already");
    assert_string_equal(lw_run_path(run), "deep/er/out");
    lw_run_abandon(&run);
    assert_null(run);
    lw_run_abandon(&run);
    lw_run_abandon(NULL);

    assert_int_equal(count_entries("deep/er"), 1);
    assert_int_equal(count_entries("deep/er/out"), 5);
    expect_text("deep/er/out/network.net", network_text);
    expect_text("deep/er/out/note.txt", "second");
    static const char line[] = "{\"event\":\"two\\nlines, ?\",\"loss\":0.1}\n";
    char lines[2 * sizeof line];
    snprintf(lines, sizeof lines, "%s%s", line, line);
    expect_text("deep/er/out/log.jsonl", lines);
    expect_text("deep/er/out/config.json",
                "{\n\t\"event\":\t\"two\\nlines, ?\",\n\t\"loss\":\t0.1\n}\n");

    char model_path[path_bytes];
    assert_ok(lw_run_find_model("deep/er/out", model_path, sizeof model_path));
    assert_string_equal(model_path, "deep/er/out/model.safetensors");
    lw_model *loaded;
    assert_ok(lw_model_load(&loaded, model_path));
    lw_model_destroy(&loaded);
}

static void check_abandoned(void **state)
{
    (void)state;
    lw_run *run = begin_run("out");
    lw_run_abandon(&run);
    assert_null(run);
    assert_int_equal(count_entries("."), 0);
    // Also one that replaces an empty folder: that stays.
    assert_int_equal(mkdir("empty", 0755), 0);
    run = begin_run("empty");
    lw_run_abandon(&run);
    assert_int_equal(count_entries("."), 1);
    assert_int_equal(count_entries("empty"), 0);
}

static void check_empty_folder(void **state)
{
    (void)state;
    assert_int_equal(mkdir("empty", 0755), 0);
    lw_run *run = begin_run("empty");
    assert_int_equal(count_entries("empty"), 0);
    assert_ok(lw_run_finish(run));
    lw_run_abandon(&run);
    assert_int_equal(count_entries("empty"), 3);
    assert_int_equal(count_entries("."), 1);
}

static void check_refused_targets(void **state)
{
    (void)state;
    assert_int_equal(mkdir("full", 0755), 0);
    write_file("full/.thesis", "precious", 8);
    write_file("file", "precious", 8);
    assert_int_equal(symlink("nowhere", "link"), 0);
    static const struct {
        const char *out;
        lw_status status;
        const char *parts;
    } cases[] = {
        {"full", LW_ERROR_INPUT,
         "full: expected a new or empty folder|.thesis|nothing was changed"},
        {"full/", LW_ERROR_INPUT, "full: expected a new or empty folder"},
        {"file", LW_ERROR_INPUT, "found a file"},
        {"link", LW_ERROR_INPUT, "a symbolic link"},
        {"file/out", LW_ERROR_IO, "file/out: cannot"},
        {"", LW_ERROR_INPUT, "empty"},
        {".", LW_ERROR_INPUT, "expected the name of a new folder"},
        {"full/..", LW_ERROR_INPUT, "expected the name of a new folder"},
        {"/", LW_ERROR_INPUT, "expected the name of a new folder"},
        {"/proc", LW_ERROR_INPUT, "/proc: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lw_run *run;
        lw_status status = lw_run_begin(&run, cases[i].out, network);
        if (!failed_with(status, cases[i].status, cases[i].parts))
            fail_msg("'%s': got '%s' with [%s]", cases[i].out, lw_status_name(status),
                     lw_error_message());
        assert_null(run);
    }
    char *longest = malloc(5001);
    assert_non_null(longest);
    memset(longest, 'a', 5000);
    longest[5000] = '\0';
    lw_run *run;
    assert_failed_with(lw_run_begin(&run, longest, network), LW_ERROR_INPUT, "too long");
    longest[300] = '\0'; // longer than any file system's names
    assert_failed_with(lw_run_begin(&run, longest, network), LW_ERROR_IO, "cannot");
    free(longest);
    assert_failed_with(lw_run_begin(&run, "out", NULL), LW_ERROR_ARGUMENT, "network is NULL");
    assert_int_equal(count_entries("."), 3);
    expect_text("full/.thesis", "precious");
    expect_text("file", "precious");
}

static void check_default_names(void **state)
{
    (void)state;
    for (int i = 1; i <= 2; i++) {
        lw_run *run = begin_run(NULL);
        assert_ok(lw_run_finish(run));
        char expected[32];
        snprintf(expected, sizeof expected, "runs/tiny-%d", i);
        assert_string_equal(lw_run_path(run), expected);
        lw_run_abandon(&run);
        assert_int_equal(count_entries(expected), 3);
    }
    // A gap is filled; a file takes a number, too.
    write_file("runs/tiny-3", "", 0);
    lw_run *run = begin_run(NULL);
    assert_string_equal(lw_run_path(run), "runs/tiny-4");
    lw_run_abandon(&run);
    remove_tree("runs/tiny-1");
    run = begin_run(NULL);
    assert_string_equal(lw_run_path(run), "runs/tiny-1");
    lw_run_abandon(&run);
}

// Runs that go on at the same time do not meet, and a name that something else took is passed over.
static void check_default_name_race(void **state)
{
    (void)state;
    lw_run *first = begin_run(NULL), *second = begin_run(NULL), *third = begin_run(NULL);
    assert_ok(lw_run_put_text(first, "who", "first"));
    assert_ok(lw_run_put_text(second, "who", "second"));
    assert_ok(lw_run_finish(second));
    assert_int_equal(mkdir("runs/tiny-1", 0755), 0);
    write_file("runs/tiny-1/thesis", "precious", 8);
    write_file("runs/tiny-4", "precious", 8);
    lw_run_abandon(&third);
    write_file("runs/tiny-3", "precious", 8);
    assert_ok(lw_run_finish(first));
    assert_string_equal(lw_run_path(second), "runs/tiny-2");
    assert_string_equal(lw_run_path(first), "runs/tiny-5");
    expect_text("runs/tiny-2/who", "second");
    expect_text("runs/tiny-5/who", "first");
    expect_text("runs/tiny-1/thesis", "precious");
    expect_text("runs/tiny-4", "precious");
    lw_run_abandon(&first);
    lw_run_abandon(&second);
    assert_int_equal(count_entries("runs"), 5);
}

// A given name that was taken meanwhile: neither side is lost.
static void check_given_name_race(void **state)
{
    (void)state;
    lw_run *run = begin_run("out");
    assert_int_equal(mkdir("out", 0755), 0);
    write_file("out/thesis", "precious", 8);
    assert_failed_with(lw_run_finish(run), LW_ERROR_IO, "out: |complete in out-2");
    assert_string_equal(lw_run_path(run), "out-2");
    lw_run_abandon(&run);
    expect_text("out/thesis", "precious");
    assert_int_equal(count_entries("out-2"), 3);
    assert_int_equal(count_entries("."), 2);

    // Even if its parent went away: the files then stay where they are.
    assert_int_equal(mkdir("a", 0755), 0);
    run = begin_run("a/out");
    write_file("a/out", "precious", 8);
    assert_failed_with(lw_run_finish(run), LW_ERROR_IO, "complete in a/out-2");
    lw_run_abandon(&run);
    expect_text("a/out", "precious");
}

// What a process left behind that was killed before its first checkpoint makes room; its number is not taken
// by another run.
static void check_left_behind(void **state)
{
    (void)state;
    assert_int_equal(mkdir("out.partial", 0755), 0);
    write_file("out.partial/log.jsonl", "old", 3);
    write_file("out.partial/old", "old", 3);
    lw_run *run = begin_run("out");
    assert_int_equal(count_entries("out.partial"), 3);
    assert_ok(lw_run_finish(run));
    lw_run_abandon(&run);
    expect_text("out/log.jsonl", "");
    assert_int_equal(mkdir("runs", 0755), 0);
    assert_int_equal(mkdir("runs/tiny-1.partial", 0755), 0);
    run = begin_run(NULL);
    assert_string_equal(lw_run_path(run), "runs/tiny-2");
    lw_run_abandon(&run);
}

// Two processes do not write the same run.
static void check_taken_names(void **state)
{
    (void)state;
    lw_run *run = begin_run("out"), *other;
    assert_failed_with(lw_run_begin(&other, "out", network), LW_ERROR_INPUT,
                       "out.partial: another process is working on this run");
    assert_null(other);
    assert_failed_with(lw_run_resume(&other, "out"), LW_ERROR_INPUT, "another process");
    assert_null(other);
    assert_ok(lw_run_finish(run));
    lw_run_abandon(&run);
    assert_failed_with(lw_run_resume(&other, "out/"), LW_ERROR_INPUT, "out: this run is finished");
    assert_failed_with(lw_run_resume(&other, "none"), LW_ERROR_NOT_FOUND, "none: no such run");
}

static void check_bad_names(void **state)
{
    (void)state;
    static const char *const names[] = {"", ".", "..", ".hidden", "a/b", "/tmp/x", "../x"};
    cJSON *json = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        lw_run *run = begin_run("out");
        assert_failed_with(lw_run_put_text(run, names[i], "x"), LW_ERROR_ARGUMENT, "cannot be");
        assert_failed_with(lw_run_put_json(run, names[i], json), LW_ERROR_ARGUMENT, "cannot be");
        lw_run_abandon(&run);
    }
    cJSON_Delete(json);
    assert_int_equal(count_entries("."), 0);
}

static void check_unfinished(void **state)
{
    (void)state;
    lw_run *run;
    assert_ok(lw_run_begin(&run, "out", network));
    assert_failed_with(lw_run_finish(run), LW_ERROR_ARGUMENT, "out: |no model");
    assert_ok(lw_run_put_model(run, model)); // not too late
    assert_failed_with(lw_run_log(run, NULL), LW_ERROR_MEMORY, "no memory");
    assert_failed_with(lw_run_finish(run), LW_ERROR_IO, "an earlier write failed");
    lw_run_abandon(&run);
    assert_failed_with(lw_run_begin(&run, "out", NULL), LW_ERROR_ARGUMENT, "NULL");
    assert_int_equal(count_entries("."), 0);
}

// A file size limit stands in for a full disk: the write fails in the middle of a file.
static void check_full_disk(void **state)
{
    (void)state;
    struct rlimit limit, before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    limit = before;
    static const rlim_t limits[] = {10, 150, 600}; // fails at the network, the log, the model
    lw_status begun[3], logged[3] = {LW_OK}, put[3] = {LW_OK}, finished[3] = {LW_OK};
    char first_message[3][1024];
    cJSON *record = lw_record_step(1, 0.25);
    for (int i = 0; i < 3; i++) {
        first_message[i][0] = '\0';
        limit.rlim_cur = limits[i];
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        lw_run *run;
        begun[i] = lw_run_begin(&run, "out", network);
        for (int k = 0; run && k < 5 && !logged[i]; k++) logged[i] = lw_run_log(run, record);
        if (run && !logged[i]) put[i] = lw_run_put_model(run, model);
        snprintf(first_message[i], sizeof first_message[i], "%s", lw_error_message());
        if (run) finished[i] = lw_run_finish(run);
        lw_run_abandon(&run);
        // Lifted before anything is asserted: a failing assert writes, too.
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(count_entries("."), 0);
    }
    cJSON_Delete(record);
    signal(SIGXFSZ, handler);
    assert_int_equal(begun[0], LW_ERROR_IO);
    assert_non_null(strstr(first_message[0], "network.net: cannot write: File too large"));
    assert_int_equal(logged[1], LW_ERROR_IO);
    assert_non_null(strstr(first_message[1], "cannot write the log: File too large"));
    assert_int_equal(finished[1], LW_ERROR_IO);
    assert_int_equal(put[2], LW_ERROR_IO);
    assert_non_null(strstr(first_message[2], "model.safetensors: cannot write: File too large"));
    assert_int_equal(finished[2], LW_ERROR_IO);
}

// What lw_run_begin refuses is refused, and nothing stays.
static void check_try(void **state)
{
    (void)state;
    assert_ok(lw_run_try("out", network));
    assert_ok(lw_run_try(NULL, network));
    assert_int_equal(count_entries("runs"), 0);
    assert_int_equal(rmdir("runs"), 0);
    assert_int_equal(count_entries("."), 0);
    assert_int_equal(lw_run_try("out", NULL), LW_ERROR_ARGUMENT);

    assert_int_equal(mkdir("full", 0777), 0);
    FILE *something = fopen("full/something", "w");
    assert_non_null(something);
    assert_int_equal(fclose(something), 0);
    assert_int_equal(lw_run_try("full", network), LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "it holds 'something'"));
    assert_int_equal(count_entries("full"), 1);
    assert_int_equal(count_entries("."), 1);

    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    lw_status status = lw_run_try("out", network);
    char message[512];
    snprintf(message, sizeof message, "%s", lw_error_message());
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, LW_ERROR_IO);
    assert_non_null(strstr(message, "network.net: cannot write: File too large"));
    assert_int_equal(count_entries("."), 1);
}

static void check_read_only(void **state)
{
    (void)state;
    assert_int_equal(mkdir("locked", 0555), 0);
    assert_int_equal(chmod(".", 0755), 0);
    uid_t user = geteuid();
    // The superuser may write everywhere, so it becomes nobody for a moment.
    if (user == 0 && seteuid(65534) != 0) skip();
    lw_run *run, *deeper;
    lw_status status = lw_run_begin(&run, "locked/out", network);
    char message[1024];
    snprintf(message, sizeof message, "%s", lw_error_message());
    lw_status deeper_status = lw_run_begin(&deeper, "locked/a/out", network);
    bool deeper_said = strstr(lw_error_message(), "locked/a: cannot make the folder: Permission");
    if (user == 0) assert_int_equal(seteuid(user), 0);
    assert_int_equal(status, LW_ERROR_IO);
    assert_non_null(strstr(message, "locked/out.partial"));
    assert_non_null(strstr(message, "cannot make the folder: Permission denied"));
    assert_int_equal(deeper_status, LW_ERROR_IO);
    assert_true(deeper_said);
    assert_int_equal(count_entries("locked"), 0);
    assert_int_equal(count_entries("."), 1);
}

static void check_find_model(void **state)
{
    (void)state;
    assert_int_equal(mkdir("bare", 0755), 0);
    assert_int_equal(mkdir("dead.partial", 0755), 0);
    assert_int_equal(mkdir("done.partial", 0755), 0);
    write_file("done.partial/model.safetensors", "", 0);
    write_file("weights.safetensors", "", 0);
    write_file("fixed.net", "", 0);
    lw_run *run = begin_run("running");
    static const struct {
        const char *path;
        lw_status status;
        const char *expected; // the model's path, or what the message holds
    } cases[] = {
        {"weights.safetensors", LW_OK, "weights.safetensors"},
        {"done.partial/model.safetensors", LW_OK, "done.partial/model.safetensors"},
        {"absent", LW_ERROR_NOT_FOUND, "absent: no such run directory or model file"},
        {"absent.safetensors", LW_ERROR_NOT_FOUND, "no such"},
        {"", LW_ERROR_INPUT, "empty"},
        {"bare", LW_ERROR_INPUT, "bare: |without model.safetensors"},
        {"bare/", LW_ERROR_INPUT, "bare: |without model.safetensors"},
        {"fixed.net", LW_ERROR_INPUT, "fixed.net: expected a run directory or a .safetensors file"},
        {"fixed.net/x", LW_ERROR_IO, "fixed.net/x: cannot use"},
        {"dead.partial", LW_ERROR_NOT_FOUND, "not finished"},
        {"done.partial", LW_ERROR_NOT_FOUND, "not finished; to use its model anyway"},
        {"dead", LW_ERROR_NOT_FOUND,
         "dead: |not finished|dead.partial is there|--resume dead goes on"},
        {"running", LW_ERROR_NOT_FOUND, "running: |not finished|running.partial is there"},
        {".safetensors", LW_ERROR_NOT_FOUND, "no such"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char found[path_bytes] = "";
        lw_status status = lw_run_find_model(cases[i].path, found, sizeof found);
        bool ok = cases[i].status ? failed_with(status, cases[i].status, cases[i].expected)
                                  : !status && strcmp(found, cases[i].expected) == 0;
        if (!ok)
            fail_msg("'%s': got '%s' with '%s' [%s]", cases[i].path, lw_status_name(status), found,
                     lw_error_message());
    }
    assert_ok(lw_run_finish(run));
    lw_run_abandon(&run);
    char found[path_bytes], small[8];
    assert_ok(lw_run_find_model("running/", found, sizeof found));
    assert_string_equal(found, "running/model.safetensors");
    assert_failed_with(lw_run_find_model("running", small, sizeof small), LW_ERROR_INPUT,
                       "too long");
}

static void expect_json(cJSON *json, const char *expected)
{
    assert_non_null(json);
    char *text = cJSON_PrintUnformatted(json);
    assert_non_null(text);
    assert_string_equal(text, expected);
    cJSON_free(text);
    cJSON_Delete(json);
}

static void check_records(void **state)
{
    (void)state;
    const lw_epoch_result epoch = {.epoch = 2,
                                   .train_loss = 0.5,
                                   .train_accuracy = 0.75,
                                   .validation_loss = 0.25,
                                   .validation_accuracy = 1,
                                   .learning_rate = 1e-3,
                                   .seconds = 1.5,
                                   .images_per_second = 100,
                                   .best = true};
    expect_json(lw_record_epoch(&epoch),
                "{\"event\":\"epoch\",\"epoch\":2,\"train_loss\":0.5,\"train_accuracy\":0.75,"
                "\"validation_loss\":0.25,\"validation_accuracy\":1,\"learning_rate\":0.001,"
                "\"seconds\":1.5,\"images_per_second\":100,\"best\":true}");
    const lw_epoch_result alone = {.epoch = 1, .train_loss = 0.5};
    expect_json(lw_record_epoch(&alone),
                "{\"event\":\"epoch\",\"epoch\":1,\"train_loss\":0.5,\"train_accuracy\":0,"
                "\"validation_loss\":null,\"validation_accuracy\":null,\"learning_rate\":0,"
                "\"seconds\":0,\"images_per_second\":0,\"best\":null}");
    expect_json(lw_record_step(7, 0.125), "{\"event\":\"step\",\"step\":7,\"loss\":0.125}");

    lw_train_config config = {.epochs = 3, .batch = 16, .seed = UINT64_MAX, .threads = 2};
    config.optimizer = (lw_optimizer_config){.kind = LW_OPTIMIZER_ADAMW,
                                             .learning_rate = 0.01,
                                             .beta1 = 0.5,
                                             .beta2 = 0.25,
                                             .epsilon = 1e-8};
    config.schedule = (lw_schedule_config){.kind = LW_SCHEDULE_COSINE, .final_fraction = 0.125};
    expect_json(lw_record_config(&config),
                "{\"epochs\":3,\"batch\":16,\"seed\":18446744073709551615,\"threads\":2,"
                "\"max_steps\":0,\"until_accuracy\":0,\"patience\":0,\"keep_best\":false,"
                "\"label_smoothing\":0,\"ema_decay\":0,\"clip_norm\":0,\"augment\":null,\"scale_"
                "jitter\":null,"
                "\"shuffle\":true,\"order\":\"mixed\","
                "\"optimizer\":{\"name\":\"adamw\",\"learning_rate\":0.01,\"weight_decay\":0,"
                "\"beta1\":0.5,\"beta2\":0.25,\"epsilon\":1e-08},"
                "\"schedule\":{\"name\":\"cosine\",\"warmup_fraction\":0,"
                "\"final_fraction\":0.125}}");
    config.seed = 7;
    config.max_steps = 100;
    config.until_accuracy = 0.5;
    config.patience = 4;
    config.keep_best = true;
    config.label_smoothing = 0.125;
    config.ema_decay = 0.75;
    config.clip_norm = 2;
    config.no_shuffle = true;
    config.order = LW_TRAIN_ORDER_BY_SIZE;
    config.optimizer =
        (lw_optimizer_config){.kind = LW_OPTIMIZER_SGD, .momentum = 0.5, .nesterov = true};
    config.schedule =
        (lw_schedule_config){.kind = LW_SCHEDULE_STEP, .step_epochs = 2, .gamma = 0.5};
    expect_json(lw_record_config(&config),
                "{\"epochs\":3,\"batch\":16,\"seed\":7,\"threads\":2,"
                "\"max_steps\":100,\"until_accuracy\":0.5,\"patience\":4,\"keep_best\":true,"
                "\"label_smoothing\":0.125,\"ema_decay\":0.75,\"clip_norm\":2,\"augment\":null,"
                "\"scale_jitter\":null,"
                "\"shuffle\":false,\"order\":\"by-size\","
                "\"optimizer\":{\"name\":\"sgd\",\"learning_rate\":0,\"weight_decay\":0,"
                "\"momentum\":0.5,\"nesterov\":true},"
                "\"schedule\":{\"name\":\"step\",\"warmup_fraction\":0,\"step_epochs\":2,"
                "\"gamma\":0.5}}");

    int64_t confusion[4] = {3, 1, 0, 4};
    lw_metrics metrics = {
        .count = 8, .correct = 7, .loss = 0.5, .classes = 2, .confusion = confusion};
    expect_json(lw_record_metrics(&metrics), "{\"count\":8,\"correct\":7,\"accuracy\":0.875,"
                                             "\"loss\":0.5,\"confusion\":[[3,1],[0,4]]}");
    metrics.confusion = NULL;
    expect_json(lw_record_metrics(&metrics),
                "{\"count\":8,\"correct\":7,\"accuracy\":0.875,\"loss\":0.5}");
}

#define TEST(check) cmocka_unit_test_setup_teardown(check, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(check_whole_run),         TEST(check_try),
        TEST(check_abandoned),         TEST(check_empty_folder),
        TEST(check_refused_targets),   TEST(check_default_names),
        TEST(check_default_name_race), TEST(check_given_name_race),
        TEST(check_left_behind),       TEST(check_taken_names),
        TEST(check_bad_names),         TEST(check_unfinished),
        TEST(check_full_disk),         TEST(check_read_only),
        TEST(check_find_model),        cmocka_unit_test(check_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
