// SPDX-License-Identifier: Apache-2.0
// The program `lanewise`: finds the subcommand, reads its options, runs it, and turns its status
// into an exit code.
#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <lanewise/version.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static const lw_command *const commands[] = {
    &lw_command_train,        &lw_command_sweep,           &lw_command_eval,
    &lw_command_predict,      &lw_command_report,          &lw_command_info,
    &lw_command_why,          &lw_command_shape,           &lw_command_bench,
    &lw_command_check,        &lw_command_data_list,       &lw_command_data_fetch,
    &lw_command_data_info,    &lw_command_data_show,       &lw_command_data_varres,
    &lw_command_data_export,  &lw_command_match,           &lw_command_tune,
    &lw_command_track_ab,     &lw_command_track_record,    &lw_command_track_import,
    &lw_command_track_export, &lw_command_track_history,   &lw_command_track_changes,
    &lw_command_track_gate,   &lw_command_track_self_test, &lw_command_track_report,
    &lw_command_study_list,   &lw_command_study_show,      &lw_command_study_run,
    &lw_command_version};

enum { exit_done = 0, exit_failed = 1, exit_usage = 2, exit_signal_base = 128 };

static int exit_code(lw_status status)
{
    switch (status) {
    case LW_OK: return exit_done;
    case LW_ERROR_ARGUMENT:
    case LW_ERROR_INPUT:
    case LW_ERROR_NOT_FOUND:
    case LW_ERROR_UNSUPPORTED: return exit_usage;
    case LW_ERROR_IO:
    case LW_ERROR_MEMORY:
    case LW_ERROR_NOT_FINITE:
    case LW_ERROR_INTERNAL: return exit_failed;
    case LW_ERROR_INTERRUPTED: // the shell's convention: 130 after Ctrl-C
        return lw_interrupt_signal() ? exit_signal_base + lw_interrupt_signal() : exit_failed;
    }
    return exit_failed;
}

static int report_failure(lw_status status)
{
    fflush(stdout);
    fprintf(stderr, "lanewise: %s\n", lw_error_message());
    return exit_code(status);
}

// The number of words of `name` that argv begins with, 0 when not all of them are there.
static int match_name(const char *name, int argc, char *const *argv)
{
    int words = 0;
    while (*name) {
        size_t length = strcspn(name, " ");
        if (words >= argc || strlen(argv[words]) != length ||
            memcmp(argv[words], name, length) != 0)
            return 0;
        name += length + (name[length] == ' ');
        words++;
    }
    return words;
}

static const lw_command *find_command(int argc, char *const *argv, int *words)
{
    for (size_t i = 0; i < LW_COUNT(commands); i++)
        if ((*words = match_name(commands[i]->name, argc, argv)) > 0) return commands[i];
    return NULL;
}

static bool begins_with_word(const char *name, const char *word)
{
    size_t length = strlen(word);
    return strncmp(name, word, length) == 0 && name[length] == ' ';
}

// Lists the commands, or only those that begin with the word `group`.
static void list_commands(FILE *file, const char *group)
{
    for (size_t i = 0; i < LW_COUNT(commands); i++)
        if (!group || begins_with_word(commands[i]->name, group))
            fprintf(file, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
}

static void print_program_help(FILE *file)
{
    fprintf(file, "Usage: lanewise COMMAND [options]\n\n"
                  "Trains small convolutional networks on CPUs.\n\n"
                  "Commands:\n");
    list_commands(file, NULL);
    fprintf(file, "\nExamples:\n"
                  "  lanewise train                       train the shipped network `fixed`\n"
                  "  lanewise train lab --epochs 5        train another one\n"
                  "  lanewise eval runs/fixed-1           test it again\n"
                  "  lanewise predict runs/fixed-1 a.png  what is in this image?\n\n"
                  "\"lanewise COMMAND --help\" explains a command and its options.\n"
                  "Exit codes: 0 done, 1 the work failed, 2 wrong usage or bad input.\n");
}

static lw_option_tables options_of(const lw_command *command)
{
    lw_option_tables options = command->options;
    if (command->complete) command->complete(&options);
    return options;
}

static void print_command_help(const lw_command *command, FILE *file)
{
    fprintf(file, "Usage: lanewise %s%s%s [options]\n\n", command->name,
            command->operands[0] ? " " : "", command->operands);
    lw_print_wrapped(file, command->description, 0, 0);
    const lw_option_tables options = options_of(command);
    fprintf(file, "\nOptions:\n");
    lw_options_print_help(&options, file);
    fprintf(file, "\nExamples:\n%s", command->examples);
}

// True when some command has `word` as the first of two words.
static bool is_group(const char *word)
{
    for (size_t i = 0; i < LW_COUNT(commands); i++)
        if (begins_with_word(commands[i]->name, word)) return true;
    return false;
}

static void print_group_help(const char *group, FILE *file)
{
    fprintf(file, "Usage: lanewise %s COMMAND [options]\n\nCommands:\n", group);
    list_commands(file, group);
    fprintf(file, "\n\"lanewise %s COMMAND --help\" explains a command and its options.\n", group);
}

// The second words of a group's commands, or the first words of all; returns how many.
static size_t list_words(const char *group, char words[LW_COUNT(commands)][16])
{
    size_t n = 0;
    for (size_t i = 0; i < LW_COUNT(commands); i++) {
        const char *name = commands[i]->name;
        if (group && !begins_with_word(name, group)) continue;
        if (group) name += strlen(group) + 1;
        snprintf(words[n++], sizeof words[0], "%.*s", (int)strcspn(name, " "), name);
    }
    return n;
}

static lw_status fail_unknown_command(int argc, char *const *argv)
{
    const bool grouped = is_group(argv[0]);
    const char *group = grouped ? argv[0] : NULL;
    char words[LW_COUNT(commands)][16];
    const char *pointers[LW_COUNT(commands)];
    size_t n = list_words(group, words);
    for (size_t i = 0; i < n; i++) pointers[i] = words[i];
    if (grouped && argc < 2)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: which command? \"lanewise %s --help\" lists them",
                       group, group);
    const char *word = grouped ? argv[1] : argv[0];
    const char *kind = word[0] == '-' ? "option" : "command";
    const char *nearest = lw_nearest_word(word, pointers, n);
    const char *space = group ? " " : "", *prefix = group ? group : "";
    if (nearest)
        return lw_fail(LW_ERROR_ARGUMENT, "unknown %s \"%s%s%s\"; did you mean \"%s%s%s\"?", kind,
                       prefix, space, word, prefix, space, nearest);
    return lw_fail(LW_ERROR_ARGUMENT,
                   "unknown %s \"%s%s%s\"; \"lanewise%s%s --help\" lists the commands", kind,
                   prefix, space, word, space, prefix);
}

static bool is_help_word(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

// Handles "lanewise --help", "lanewise help train", "lanewise data --help", "lanewise --version".
// True when the arguments were one of these, with the exit code.
static bool answer_help(int argc, char *const *argv, int *code)
{
    *code = exit_done;
    if (argc == 2 && is_group(argv[0]) && is_help_word(argv[1])) {
        print_group_help(argv[0], stdout);
        return true;
    }
    if (!is_help_word(argv[0])) return false;
    int words;
    const lw_command *command = find_command(argc - 1, argv + 1, &words);
    if (argc == 1)
        print_program_help(stdout);
    else if (command && words == argc - 1)
        print_command_help(command, stdout);
    else if (argc == 2 && is_group(argv[1]))
        print_group_help(argv[1], stdout);
    else
        *code = report_failure(command ? lw_fail(LW_ERROR_ARGUMENT, "help takes one command")
                                       : fail_unknown_command(argc - 1, argv + 1));
    return true;
}

static lw_status check_operands(const lw_command *command, const lw_option_result *arguments)
{
    size_t n = arguments->n_operands;
    if (n < command->least_operands)
        return lw_fail(LW_ERROR_ARGUMENT,
                       "%s: expected %s, got %zu argument%s; \"lanewise %s --help\" shows examples",
                       command->name, command->operands, n, n == 1 ? "" : "s", command->name);
    if (n > command->most_operands)
        return lw_fail(LW_ERROR_ARGUMENT, "%s: unexpected argument \"%s\"", command->name,
                       arguments->operands[command->most_operands]);
    for (size_t i = 0; i < n; i++)
        if (!arguments->operands[i][0])
            return lw_fail(LW_ERROR_ARGUMENT, "%s: an argument is empty", command->name);
    return LW_OK;
}

static lw_output make_output(const lw_common_settings *settings)
{
    FILE *result = settings->json ? stderr : stdout;
    return (lw_output){.result = result,
                       .notes = settings->quiet ? NULL : stderr,
                       .terminal = lw_terminal_of(result),
                       .json = settings->json,
                       .quiet = settings->quiet};
}

static lw_status run_command(const lw_command *command, const char *program, int argc,
                             char *const *argv, int *answer)
{
    void *settings = calloc(1, command->settings_bytes);
    if (!settings) return lw_fail(LW_ERROR_MEMORY, "no memory for the settings");
    char name[64];
    snprintf(name, sizeof name, "lanewise %s", command->name);
    lw_option_result arguments;
    const lw_option_tables options = options_of(command);
    lw_status status = lw_options_parse(&options, name, argc, argv, settings, &arguments);
    if (!status && arguments.help) {
        print_command_help(command, stdout);
    } else if (!status && !(status = check_operands(command, &arguments))) {
        lw_invocation invocation = {.settings = settings,
                                    .arguments = &arguments,
                                    .output = make_output(settings),
                                    .program = program,
                                    .exit_code = answer};
        status = command->run(&invocation);
    }
    free(arguments.operands);
    free(settings);
    return status;
}

// A full disk shows only when the buffer is written: a result that did not arrive is a failure.
static int close_output(int code)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed || code != exit_done) return code;
    lw_fail(LW_ERROR_IO, "standard output: cannot write: %s", strerror(errno));
    return report_failure(LW_ERROR_IO);
}

// Large blocks go back to the system when they are freed. By itself glibc's malloc keeps all blocks as large as the largest
// that was freed so far among the small ones from then on, where later ones cut them up: each evaluation of a training
// took some more memory than the one before, as chance would have it.
static void keep_large_blocks_apart(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 512 * 1024);
#endif
}

int main(int argc, char **argv)
{
    const char *program = argc > 0 ? argv[0] : "lanewise";
    keep_large_blocks_apart();
    lw_interrupt_ignore_limits();
    argc--;
    argv++;
    if (argc <= 0) {
        print_program_help(stderr);
        return exit_usage;
    }
    int code, words;
    if (strcmp(argv[0], "--version") == 0 && argc == 1) {
        printf("lanewise %s\n", lw_version());
        return close_output(exit_done);
    }
    if (answer_help(argc, argv, &code)) return close_output(code);
    const lw_command *command = find_command(argc, argv, &words);
    int answer = exit_done;
    lw_status status = command ? run_command(command, program, argc - words, argv + words, &answer)
                               : fail_unknown_command(argc, argv);
    return close_output(status ? report_failure(status) : answer);
}
