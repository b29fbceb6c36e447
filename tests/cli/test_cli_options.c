// SPDX-License-Identifier: Apache-2.0
// The option parser from the inside, and the training settings: the presets in the help are the
// library's own defaults.
#include "cli/options.h"

#include "cli/train_job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

typedef struct settings {
    bool flag;
    const char *text;
    int64_t number;
    double real;
    int choice;
    lw_option_pair pair;
} settings;

static const char *const words[] = {"red", "green", NULL};

static const lw_option first_table[] = {
    {.name = "flag", .kind = LW_OPTION_FLAG, .offset = offsetof(settings, flag), .help = "a flag"},
    {.name = "text", .kind = LW_OPTION_TEXT, .offset = offsetof(settings, text), .help = "a text"},
    {.name = "number",
     .kind = LW_OPTION_INTEGER,
     .offset = offsetof(settings, number),
     .preset = "7",
     .minimum = -10,
     .maximum = 10,
     .help = "a number"},
};
static const lw_option second_table[] = {
    {.name = "real",
     .kind = LW_OPTION_REAL,
     .offset = offsetof(settings, real),
     .minimum = 0,
     .above_minimum = true,
     .maximum = 1,
     .below_maximum = true,
     .help = "a real number"},
    {.name = "choice",
     .kind = LW_OPTION_CHOICE,
     .offset = offsetof(settings, choice),
     .preset = "green",
     .choices = words,
     .help = "a word"},
    {.name = "pair",
     .kind = LW_OPTION_PAIR,
     .offset = offsetof(settings, pair),
     .preset = "3",
     .minimum = 1,
     .maximum = 9,
     .help = "one or two"},
};
static const lw_option_tables tables = {
    .tables = {first_table, second_table}, .counts = {3, 3}, .n_tables = 2};

// Parses the arguments up to NULL.
static lw_status parse(settings *values, lw_option_result *result, const char *first, ...)
{
    char *arguments[16] = {0};
    int count = 0;
    va_list rest;
    va_start(rest, first);
    for (const char *argument = first; argument; argument = va_arg(rest, const char *))
        arguments[count++] = (char *)argument;
    va_end(rest);
    memset(values, 0, sizeof *values);
    return lw_options_parse(&tables, "test", count, arguments, values, result);
}

static void presets_hold_without_options(void **state)
{
    (void)state;
    settings values;
    lw_option_result result;
    assert_int_equal(parse(&values, &result, NULL), LW_OK);
    assert_int_equal(values.number, 7);
    assert_int_equal(values.choice, 1);
    assert_int_equal(values.pair.first, 3);
    assert_int_equal(values.pair.second, 3);
    assert_null(values.text);
    assert_false(values.flag);
    assert_int_equal(result.n_operands, 0);
    assert_false(lw_option_given(&result, "number"));
    free(result.operands);
}

static void every_form_is_read(void **state)
{
    (void)state;
    settings values;
    lw_option_result result;
    assert_int_equal(parse(&values, &result, "a", "--flag", "--text=x=y", "--number", "-3",
                           "--real=0.5", "b", "--choice", "red", "--pair", "4x5", "-", "--",
                           "--flag", NULL),
                     LW_OK);
    assert_true(values.flag);
    assert_string_equal(values.text, "x=y");
    assert_int_equal(values.number, -3);
    assert_true(values.real == 0.5);
    assert_int_equal(values.choice, 0);
    assert_int_equal(values.pair.first, 4);
    assert_int_equal(values.pair.second, 5);
    assert_int_equal(result.n_operands, 4);
    assert_string_equal(result.operands[0], "a");
    assert_string_equal(result.operands[1], "b");
    assert_string_equal(result.operands[2], "-");
    assert_string_equal(result.operands[3], "--flag");
    assert_true(lw_option_given(&result, "number"));
    assert_false(result.help);
    free(result.operands);
}

static void mistakes_are_refused(void **state)
{
    (void)state;
    static const char *const mistakes[][2] = {
        {"--number", NULL},     {"--number", "11"},  {"--number", "1.0"}, {"--number=", NULL},
        {"--number", "--flag"}, {"--real", "0"},     {"--real", "1"},     {"--real", "inf"},
        {"--choice", "blue"},   {"--pair", "0"},     {"--pair", "4x10"},  {"--pair", "x4"},
        {"--flag=1", NULL},     {"--unknown", NULL}, {"--fla", NULL},     {"--", "--unknown"},
        {"-flag", NULL},        {"--=x", NULL},      {"--flag", "--flag"}};
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        settings values;
        lw_option_result result;
        lw_status status = parse(&values, &result, mistakes[i][0], mistakes[i][1], NULL);
        bool ended = strcmp(mistakes[i][0], "--") == 0; // an operand then, no mistake
        if ((status == LW_OK) != ended)
            print_error("%s %s\n", mistakes[i][0], mistakes[i][1] ? mistakes[i][1] : "");
        assert_int_equal(status, ended ? LW_OK : LW_ERROR_ARGUMENT);
        free(result.operands);
    }
}

static void help_stops_the_parsing(void **state)
{
    (void)state;
    settings values;
    lw_option_result result;
    assert_int_equal(parse(&values, &result, "-h", "--nonsense", NULL), LW_OK);
    assert_true(result.help);
    free(result.operands);
    // As the value of an option it is a forgotten value; behind "--" it is an operand.
    assert_int_equal(parse(&values, &result, "--text", "--help", NULL), LW_ERROR_ARGUMENT);
    free(result.operands);
    assert_int_equal(parse(&values, &result, "--", "--help", NULL), LW_OK);
    assert_false(result.help);
    free(result.operands);
}

static void long_help_is_wrapped(void **state)
{
    (void)state;
    char *text;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    assert_non_null(file);
    lw_print_wrapped(file, "one two\n  kept spaces\n\nlast", 0, 2);
    fflush(file);
    assert_string_equal(text, "  one two\n    kept spaces\n\n  last\n");
    fclose(file);
    free(text);
    file = open_memstream(&text, &length);
    for (int i = 0; i < 30; i++)
        lw_print_wrapped(file, "word word word word word word word", 78, 4);
    fflush(file);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_in_range(strcspn(line, "\n"), 0, 80);
    fclose(file);
    free(text);
}

// ---- the settings of `train` ------------------------------------------------------------------

static const lw_option_tables train_tables = {
    .tables = {lw_train_option_table}, .counts = {LW_N_TRAIN_OPTIONS}, .n_tables = 1};

static lw_status configure(lw_train_config *config, const char *first, ...)
{
    char *arguments[16] = {0};
    int count = 0;
    lw_train_settings values;
    lw_option_result result;
    va_list rest;
    va_start(rest, first);
    for (const char *argument = first; argument; argument = va_arg(rest, const char *))
        arguments[count++] = (char *)argument;
    va_end(rest);
    memset(&values, 0, sizeof values);
    lw_status status = lw_options_parse(&train_tables, "test", count, arguments, &values, &result);
    if (!status) status = lw_train_configure(config, &values, &result);
    free(result.operands);
    return status;
}

static void presets_are_the_defaults_of_the_library(void **state)
{
    (void)state;
    lw_train_config config, defaults = lw_train_config_default();
    assert_int_equal(configure(&config, NULL), LW_OK);
    assert_int_equal(config.epochs, defaults.epochs);
    assert_int_equal(config.batch, defaults.batch);
    assert_int_equal(config.seed, defaults.seed);
    assert_int_equal(config.threads, defaults.threads);
    assert_int_equal(config.max_steps, defaults.max_steps);
    assert_int_equal(config.no_shuffle, defaults.no_shuffle);
    assert_int_equal(config.optimizer.kind, defaults.optimizer.kind);
    assert_true(config.optimizer.learning_rate == defaults.optimizer.learning_rate);
    assert_true(config.optimizer.beta1 == defaults.optimizer.beta1);
    assert_true(config.optimizer.beta2 == defaults.optimizer.beta2);
    assert_true(config.optimizer.epsilon == defaults.optimizer.epsilon);
    assert_true(config.optimizer.weight_decay == defaults.optimizer.weight_decay);
    assert_int_equal(config.schedule.kind, defaults.schedule.kind);
    assert_true(config.schedule.warmup_fraction == defaults.schedule.warmup_fraction);
}

static void training_options_arrive(void **state)
{
    (void)state;
    lw_train_config config;
    assert_int_equal(configure(&config, "--optimizer", "sgd", "--nesterov", "--schedule", "step",
                               "--step-epochs", "2", "--steps", "9", "--seed", "9007199254740991",
                               "--no-shuffle", NULL),
                     LW_OK);
    assert_int_equal(config.optimizer.kind, LW_OPTIMIZER_SGD);
    assert_true(config.optimizer.learning_rate == 0.01);
    assert_true(config.optimizer.momentum == 0.9);
    assert_true(config.optimizer.nesterov);
    assert_int_equal(config.schedule.kind, LW_SCHEDULE_STEP);
    assert_true(config.schedule.step_epochs == 2);
    assert_true(config.schedule.gamma == 0.1);
    assert_int_equal(config.max_steps, 9);
    assert_true(config.seed == 9007199254740991u);
    assert_true(config.no_shuffle);

    assert_int_equal(configure(&config, "--optimizer", "adamw", "--schedule", "one-cycle", NULL),
                     LW_OK);
    assert_int_equal(config.optimizer.kind, LW_OPTIMIZER_ADAMW);
    assert_true(config.optimizer.weight_decay == 0.01);
    assert_int_equal(config.schedule.kind, LW_SCHEDULE_ONE_CYCLE);
    assert_true(config.schedule.warmup_fraction == 0.3);
    // The rates of a whole cycle: up from a twenty-fifth, down to almost nothing.
    double first = lw_schedule_rate(&config.schedule, 1, 0, 100, 10);
    double last = lw_schedule_rate(&config.schedule, 1, 99, 100, 10);
    assert_true(first > 0.039 && first < 0.041);
    assert_true(last >= 0 && last < 1e-4);
}

static void an_accuracy_is_in_per_cent(void **state)
{
    (void)state;
    lw_train_config config;
    assert_int_equal(configure(&config, NULL), LW_OK);
    assert_true(config.until_accuracy == 0);
    assert_int_equal(configure(&config, "--until", "98.5", NULL), LW_OK);
    assert_true(config.until_accuracy == 0.985);
    assert_int_equal(configure(&config, "--until", "100", NULL), LW_OK);
    assert_int_equal(configure(&config, "--until", "0.99", NULL), LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "--until 99"));
    static const char *const refused[] = {"0", "1", "100.5", "-3", "nan", "most"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(configure(&config, "--until", refused[i], NULL), LW_ERROR_ARGUMENT);
    assert_int_equal(configure(&config, "--until", "99", "--validation", "0", NULL),
                     LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "validation images"));
}

static void weights_are_smoothed_averaged_clipped_and_chosen(void **state)
{
    (void)state;
    lw_train_config config;
    assert_int_equal(configure(&config, NULL), LW_OK);
    assert_true(config.label_smoothing == 0 && config.ema_decay == 0 && config.clip_norm == 0);
    assert_true(config.patience == 0 && !config.keep_best);
    assert_int_equal(configure(&config, "--label-smoothing", "0.1", "--ema", "0.999", "--clip",
                               "2.5", "--patience", "4", "--keep-best", NULL),
                     LW_OK);
    assert_true(config.label_smoothing == 0.1 && config.ema_decay == 0.999);
    assert_true(config.clip_norm == 2.5 && config.patience == 4 && config.keep_best);
    static const char *const refused[][2] = {
        {"--label-smoothing", "1"},
        {"--label-smoothing", "-0.1"},
        {"--ema", "1"},
        {"--ema", "-1"},
        {"--ema", "nan"},
        {"--clip", "0"},
        {"--clip", "-1"},
        {"--clip", "inf"},
        {"--patience", "0"},
        {"--patience", "1.5"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(configure(&config, refused[i][0], refused[i][1], NULL), LW_ERROR_ARGUMENT);
        assert_non_null(strstr(lw_error_message(), refused[i][0]));
    }
    assert_int_equal(configure(&config, "--patience", "3", "--validation", "0", NULL),
                     LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "--patience looks at the validation images"));
    assert_int_equal(configure(&config, "--keep-best", "--validation", "0", NULL),
                     LW_ERROR_ARGUMENT);
    assert_non_null(strstr(lw_error_message(), "--keep-best looks at the validation images"));
}

static void times_and_shares_are_read(void **state)
{
    (void)state;
    double value;
    assert_true(lw_parse_time("250ms", &value) && value > 0.2499 && value < 0.2501);
    assert_true(lw_parse_time("2s", &value) && value > 1.99 && value < 2.01);
    assert_true(lw_parse_time("1.5min", &value) && value > 89.9 && value < 90.1);
    assert_true(lw_parse_time("3", &value) && value > 2.99 && value < 3.01);
    static const char *const bad_times[] = {"", "s", "0", "-1s", "5h", "1 s", "nan", "2sms"};
    for (size_t i = 0; i < sizeof bad_times / sizeof *bad_times; i++)
        assert_false(lw_parse_time(bad_times[i], &value));
    assert_true(lw_parse_share("3%", &value) && value > 0.0299 && value < 0.0301);
    assert_true(lw_parse_share("0.5", &value) && value > 0.00499 && value < 0.00501);
    assert_true(lw_parse_share("0", &value) && lw_parse_share("100%", &value));
    static const char *const bad_shares[] = {"", "%", "-1%", "101", "3%%", "x"};
    for (size_t i = 0; i < sizeof bad_shares / sizeof *bad_shares; i++)
        assert_false(lw_parse_share(bad_shares[i], &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_and_shares_are_read),
        cmocka_unit_test(presets_hold_without_options),
        cmocka_unit_test(every_form_is_read),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(help_stops_the_parsing),
        cmocka_unit_test(long_help_is_wrapped),
        cmocka_unit_test(presets_are_the_defaults_of_the_library),
        cmocka_unit_test(training_options_arrive),
        cmocka_unit_test(an_accuracy_is_in_per_cent),
        cmocka_unit_test(weights_are_smoothed_averaged_clipped_and_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
