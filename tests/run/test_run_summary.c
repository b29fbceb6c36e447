// SPDX-License-Identifier: Apache-2.0
// Reading runs back: everything in the files arrives, and every kind of damage has its sentence. The runs
// are written by hand, so that each can be wrong in one place.
#include "run/run_summary.h"

#include "base/error.h"
#include "run/run_directory.h"
#include "run/support.h"

#include <math.h>

static const char config_text[] =
    "{\"format\": 1, \"version\": \"0.1.0\", \"network\": \"tiny\", \"parameters\": 42,"
    " \"data\": {\"name\": \"mnist\", \"open\": \"mnist\", \"source\": \"from here\","
    " \"validation\": -1, \"train_images\": 50, \"validation_images\": 10, \"test_images\": 10},"
    " \"training\": {\"epochs\": 2, \"batch\": 16, \"seed\": 7, \"threads\": 2,"
    " \"optimizer\": {\"name\": \"adam\", \"learning_rate\": 0.001}},"
    " \"init\": null, \"exact\": false,"
    " \"machine\": {\"cpu\": \"a CPU\", \"isa\": \"avx2\", \"threads\": 2}}";
static const char metrics_text[] =
    "{\"train_accuracy\": 0.9, \"train_loss\": 0.3, \"validation_accuracy\": 0.8,"
    " \"validation_loss\": 0.4, \"test_accuracy\": 0.7, \"test_loss\": 0.5, \"seconds\": 1.5,"
    " \"images_per_second\": 66.6,"
    " \"test_sizes\": [{\"height\": 20, \"width\": 30, \"images\": 10, \"correct\": 7,"
    " \"accuracy\": 0.7, \"loss\": 0.5}],"
    " \"time\": {\"peak_gflops\": 100, \"rows\": [{\"layer\": \"conv1\", \"work\": \"conv\","
    " \"pass\": \"fwd\", \"algorithm\": \"direct\", \"seconds\": 1, \"gflops\": 3},"
    " {\"layer\": null, \"work\": \"loss\", \"pass\": null, \"algorithm\": null, \"seconds\": 0.5,"
    " \"gflops\": null}]},"
    " \"classes\": [\"a\", \"b\"], \"confusion\": [[4, 1], [2, 3]]}";
static const char log_text[] =
    "{\"event\":\"step\",\"step\":1,\"loss\":2.3}\n"
    "{\"event\":\"epoch\",\"epoch\":1,\"train_loss\":0.5,\"train_accuracy\":0.8,"
    "\"validation_loss\":null,\"validation_accuracy\":null,\"learning_rate\":0.001,\"seconds\":0.7,"
    "\"images_per_second\":70}\n"
    "{\"event\":\"something new\"}\n"
    "{\"event\":\"epoch\",\"epoch\":2,\"train_loss\":null,\"train_accuracy\":0.9,"
    "\"validation_loss\":0.4,\"validation_accuracy\":0.8,\"learning_rate\":0.001,\"seconds\":0.8,"
    "\"images_per_second\":60}\n";

static void put(const char *run, const char *name, const char *text)
{
    char path[2 * path_bytes];
    snprintf(path, sizeof path, "%s/%s", run, name);
    write_file(path, text, strlen(text));
}

// Writes a run of that name and returns its path, in a static buffer of in_folder.
static const char *make_run(const char *name)
{
    const char *run = in_folder(name);
    remove_tree(run);
    assert_int_equal(mkdir(run, 0777), 0);
    put(run, LW_RUN_NETWORK_FILE, "input 1x28x28\n");
    put(run, LW_RUN_CONFIG_FILE, config_text);
    put(run, LW_RUN_METRICS_FILE, metrics_text);
    put(run, LW_RUN_LOG_FILE, log_text);
    put(run, LW_RUN_MODEL_FILE, "not looked at");
    return run;
}

// A run in one of whose files one text is replaced.
static const char *make_changed(const char *name, const char *file, const char *text,
                                const char *from, const char *to)
{
    const char *run = make_run(name), *at = strstr(text, from);
    char changed[4096];
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    put(run, file, changed);
    return run;
}

static void everything_arrives(void **state)
{
    (void)state;
    lw_run_summary *run;
    char path[2 * path_bytes];
    snprintf(path, sizeof path, "%s//", make_run("good"));
    assert_ok(lw_run_summary_read(&run, path));
    assert_string_equal(run->path, in_folder("good"));
    assert_string_equal(run->network_text, "input 1x28x28\n");
    assert_string_equal(run->network, "tiny");
    assert_string_equal(run->data, "mnist");
    assert_string_equal(run->cpu, "a CPU");
    assert_int_equal(run->seed, 7);
    assert_int_equal(run->parameters, 42);
    assert_int_equal(run->threads, 2);
    assert_int_equal(run->test_images, 10);
    assert_true(fabs(run->test.accuracy - 0.7) < 1e-12);
    assert_true(fabs(run->validation.loss - 0.4) < 1e-12);
    assert_int_equal(run->n_epochs, 2);
    assert_int_equal(run->epochs[1].epoch, 2);
    assert_true(isnan(run->epochs[0].validation_accuracy));
    assert_true(isnan(run->epochs[1].train_loss));
    assert_int_equal(run->confusion.classes, 2);
    assert_int_equal(run->confusion.count, 10);
    assert_int_equal(run->confusion.correct, 7);
    assert_int_equal(run->confusion.confusion[1], 1);
    assert_string_equal(run->class_names[1], "b");
    assert_int_equal(run->n_sizes, 1);
    assert_int_equal(run->sizes[0].width, 30);
    assert_int_equal(run->n_times, 2);
    assert_string_equal(run->times[0].algorithm, "direct");
    assert_true(fabs(run->times[0].flops - 3e9) < 1);
    assert_string_equal(run->times[1].layer, "");
    assert_true(run->times[1].flops == 0);
    lw_run_summary_destroy(&run);
    assert_null(run);
    lw_run_summary_destroy(&run);
}

// What a run without test images and options leaves out.
static void a_run_may_have_less(void **state)
{
    (void)state;
    lw_run_summary *run;
    const char *path = make_changed("less", LW_RUN_CONFIG_FILE, config_text, "\"format\": 1, ", "");
    put(path, LW_RUN_METRICS_FILE,
        "{\"train_accuracy\": 0.9, \"train_loss\": null, \"validation_accuracy\": null,"
        " \"test_accuracy\": null, \"seconds\": 1, \"images_per_second\": 5, \"classes\": "
        "[\"a\"]}");
    put(path, LW_RUN_LOG_FILE, "");
    assert_ok(lw_run_summary_read(&run, path));
    assert_true(isnan(run->test.accuracy) && isnan(run->train.loss));
    assert_int_equal(run->n_epochs + run->n_sizes + run->n_times, 0);
    assert_int_equal(run->confusion.classes, 0);
    lw_run_summary_destroy(&run);
}

static void expect_refused(const char *path, lw_status status, const char *parts)
{
    lw_run_summary *run;
    assert_failed_with(lw_run_summary_read(&run, path), status, parts);
    assert_null(run);
}

static void what_is_no_finished_run_is_refused(void **state)
{
    (void)state;
    expect_refused(in_folder("nothing"), LW_ERROR_NOT_FOUND, "no such run directory");
    const char *run = make_run("whole");
    expect_refused(below(run, LW_RUN_MODEL_FILE), LW_ERROR_INPUT,
                   "expected a run directory, found a model file");
    expect_refused(make_run("x.partial"), LW_ERROR_NOT_FOUND, "this run is not finished");
    expect_refused(in_folder("x"), LW_ERROR_NOT_FOUND, "this run is not finished");
    static const char *const files[] = {LW_RUN_NETWORK_FILE, LW_RUN_CONFIG_FILE,
                                        LW_RUN_METRICS_FILE, LW_RUN_LOG_FILE};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        run = make_run("lacks");
        unlink(below(run, files[i]));
        expect_refused(run, LW_ERROR_INPUT, "the run is damaged: it has no");
        assert_non_null(strstr(lw_error_message(), files[i]));
    }
}

static void wrong_settings_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *parts;
        lw_status status;
    } cases[] = {
        {"\"format\": 1", "\"format\": 2", "written by lanewise 0.1.0|newer", LW_ERROR_UNSUPPORTED},
        {"\"format\": 1", "\"format\": \"x\"", "config.json: format|found a text", LW_ERROR_INPUT},
        {"{\"format\"", "[{\"format\"", "config.json: the file is damaged", LW_ERROR_INPUT},
        {"\"version\": \"0.1.0\"", "\"version\": 3", "version: expected a text", LW_ERROR_INPUT},
        {"\"parameters\": 42", "\"parameters\": 4.5", "parameters: expected a whole number",
         LW_ERROR_INPUT},
        {"\"parameters\": 42", "\"parameters\": -1", "parameters: expected a number from 1",
         LW_ERROR_INPUT},
        {"\"data\": {", "\"date\": {", "data: expected an object, found nothing", LW_ERROR_INPUT},
        {"\"seed\": 7", "\"seed\": null", "seed: expected a number|found null", LW_ERROR_INPUT},
        {"\"machine\": {", "\"machine\": [], \"m\": {", "machine: expected an object|an array",
         LW_ERROR_INPUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(
            make_changed("wrong", LW_RUN_CONFIG_FILE, config_text, cases[i].from, cases[i].to),
            cases[i].status, cases[i].parts);
}

static void wrong_figures_are_named(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"{\"train_accuracy\"", "\"train_accuracy\"", "metrics.json: the file is damaged"},
        {"\"test_accuracy\": 0.7", "\"test_accuracy\": 70",
         "test_accuracy: expected a number from 0 to 1"},
        {"\"test_loss\": 0.5", "\"test_loss\": true", "test_loss|true or false"},
        {"\"seconds\": 1.5", "\"second\": 1.5", "seconds: expected a number"},
        {"[\"a\", \"b\"]", "[\"a\", 5]", "classes: expected an array of texts"},
        {"[\"a\", \"b\"]", "[]", "classes: expected the names of 1 to 1024 classes"},
        {"[[4, 1], [2, 3]]", "[[4, 1]]", "confusion: expected a row for each class"},
        {"[2, 3]]", "[2]]", "confusion: expected a row of counts"},
        {"[2, 3]]", "[2, -3]]", "confusion: expected a row of counts"},
        {"[2, 3]]", "[2, 3, 4]]", "confusion: expected a row of counts"},
        {"[2, 3]]", "7]", "confusion: expected a row of counts"},
        {"[2, 3]]", "[2, 4]]", "confusion: expected 10 test images in all, found 11"},
        {"\"correct\": 7", "\"correct\": 70", "correct: expected a number from 0 to 10"},
        {"\"rows\": [", "\"lines\": [", "rows: expected an array"},
        {"\"seconds\": 1,", "\"seconds\": -1,", "seconds: expected a number from 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(
            make_changed("wrong", LW_RUN_METRICS_FILE, metrics_text, cases[i][0], cases[i][1]),
            LW_ERROR_INPUT, cases[i][2]);
}

static void wrong_logs_are_named(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"60}\n", "60", "log.jsonl:4: the log is damaged"},
        {"\"epoch\":2", "\"epoch\":1", "log.jsonl: epoch: expected a number from 2"},
        {"\"train_accuracy\":0.9", "\"train_accuracy\":9", "train_accuracy: expected a number"},
        {"{\"event\":\"something new\"}", "\"event\"", "log.jsonl:3: the log is damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(make_changed("wrong", LW_RUN_LOG_FILE, log_text, cases[i][0], cases[i][1]),
                       LW_ERROR_INPUT, cases[i][2]);
}

// Reads two runs, the second changed in its configuration, and tells whether they are of one recipe.
static bool same_recipe(const char *from, const char *to, lw_status *comparable)
{
    lw_run_summary *a, *b;
    assert_ok(lw_run_summary_read(&a, make_run("a")));
    const char *path = make_changed("b", LW_RUN_CONFIG_FILE, config_text, from, to);
    assert_ok(lw_run_summary_read(&b, path));
    const bool same = lw_run_summary_same_recipe(a, b);
    assert_true(same == lw_run_summary_same_recipe(b, a));
    *comparable = lw_run_summary_check_comparable(a, b);
    lw_run_summary_destroy(&a);
    lw_run_summary_destroy(&b);
    return same;
}

static void recipes_and_data_are_compared(void **state)
{
    (void)state;
    lw_status comparable;
    assert_true(same_recipe("\"seed\": 7", "\"seed\": 8", &comparable));
    assert_int_equal(comparable, LW_OK);
    assert_true(same_recipe("\"threads\": 2,", "\"threads\": 1,", &comparable));
    assert_true(same_recipe("\"cpu\": \"a CPU\"", "\"cpu\": \"another\"", &comparable));
    assert_true(same_recipe("\"source\": \"from here\"", "\"source\": \"there\"", &comparable));
    assert_false(same_recipe("0.001", "0.002", &comparable));
    assert_int_equal(comparable, LW_OK);
    assert_false(same_recipe("\"exact\": false", "\"exact\": true", &comparable));
    assert_false(same_recipe("\"init\": null", "\"init\": \"x\"", &comparable));
    assert_false(same_recipe("\"batch\": 16,", "", &comparable));
    // What another version did not know is off.
    assert_true(same_recipe(" \"init\": null,", "", &comparable));
    assert_true(same_recipe("\"batch\": 16,",
                            "\"batch\": 16, \"patience\": 0, \"augment\": null, \"words\": [], "
                            "\"keep_best\": false,",
                            &comparable));
    assert_false(same_recipe("\"batch\": 16,", "\"batch\": 16, \"patience\": 2,", &comparable));
    assert_true(same_recipe("\"adam\",", "\"adam\", \"nesterov\": false,", &comparable));
    assert_false(same_recipe("\"adam\",", "\"adam\", \"nesterov\": true,", &comparable));
    assert_false(same_recipe("\"train_images\": 50", "\"train_images\": 40", &comparable));
    assert_int_equal(comparable, LW_OK); // judged on the same images all the same
    assert_false(same_recipe("\"name\": \"mnist\"", "\"name\": \"digits\"", &comparable));
    assert_int_equal(comparable, LW_ERROR_INPUT);
    assert_non_null(strstr(lw_error_message(), "10 test images of mnist"));
    assert_non_null(strstr(lw_error_message(), "cannot be compared"));
}

// As it is where nothing is forced, or by a version that did not write down what was.
static void forced_convolutions_are_told_apart(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"\"conv\": null", "", "as chosen"},
        {"\"conv\": \"conv2.fwd=naive\"", "", "conv2.fwd=naive"},
        {"\"conv\": \"fwd=naive,bwd_d=naive,bwd_w=naive\"", "", "naive"},
        {"\"conv\": \"fwd=naive,bwd_d=naive,bwd_w=unfold\"", "",
         "fwd=naive,bwd_d=naive,bwd_w=unfold"},
        {"\"convolutions\": {\"a\": {\"fwd\": \"direct\", \"bwd_w\": \"direct\"}}", "", "direct"},
        {"\"convolutions\": {\"a\": {\"fwd\": \"direct\", \"bwd_w\": \"unfold\"}, \"b\": "
         "{\"fwd\": \"winograd\", \"bwd_d\": \"unfold\", \"bwd_w\": \"unfold\"}}",
         "", "direct+unfold+winograd"},
    };
    enum { n = sizeof cases / sizeof *cases };
    lw_run_summary *runs[n];
    for (size_t i = 0; i < n; i++) {
        char to[400], name[8], text[128];
        snprintf(to, sizeof to, "\"exact\": false, %s", cases[i][0]);
        snprintf(name, sizeof name, "r%zu", i);
        assert_ok(lw_run_summary_read(
            &runs[i], make_changed(name, LW_RUN_CONFIG_FILE, config_text, "\"exact\": false", to)));
        lw_run_summary_convolutions(runs[i], text, sizeof text);
        assert_string_equal(text, cases[i][2]);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            assert_true(lw_run_summary_same_settings(runs[i], runs[k]));
            // Of the same kind; a run with `conv` and one with nothing but `convolutions` say too little.
            if ((i < 4) == (k < 4))
                assert_int_equal(lw_run_summary_same_recipe(runs[i], runs[k]), i == k);
        }
    for (size_t i = 0; i < n; i++) lw_run_summary_destroy(&runs[i]);
}

static void other_networks_are_other_recipes(void **state)
{
    (void)state;
    lw_run_summary *a, *b;
    assert_ok(lw_run_summary_read(&a, make_run("a")));
    const char *path = make_run("b");
    put(path, LW_RUN_NETWORK_FILE, "input 1x32x32\n");
    assert_ok(lw_run_summary_read(&b, path));
    assert_false(lw_run_summary_same_recipe(a, b));
    lw_run_summary_destroy(&a);
    lw_run_summary_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_arrives),
        cmocka_unit_test(a_run_may_have_less),
        cmocka_unit_test(what_is_no_finished_run_is_refused),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(wrong_figures_are_named),
        cmocka_unit_test(wrong_logs_are_named),
        cmocka_unit_test(recipes_and_data_are_compared),
        cmocka_unit_test(forced_convolutions_are_told_apart),
        cmocka_unit_test(other_networks_are_other_recipes),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
