// SPDX-License-Identifier: Apache-2.0
// This program run once more, for another instruction set. The environment of the new process is
// prepared before it starts: between fork and exec a process with threads may do next to nothing.
#include "cli/conv_options.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void lw_arguments_add(lw_arguments *arguments, const char *format, ...)
{
    if (arguments->n + 2 > arguments->capacity) {
        size_t capacity = 2 * arguments->capacity + 16;
        char **grown = realloc(arguments->words, capacity * sizeof *grown);
        if (!grown) {
            arguments->failed = true;
            return;
        }
        arguments->words = grown;
        arguments->capacity = capacity;
    }
    char word[4096];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(word, sizeof word, format, values);
    va_end(values);
    char *copy = length >= 0 && (size_t)length < sizeof word ? strdup(word) : NULL;
    if (!copy) arguments->failed = true;
    arguments->words[arguments->n] = copy;
    if (copy) arguments->words[++arguments->n] = NULL;
}

void lw_arguments_free(lw_arguments *arguments)
{
    for (size_t i = 0; i < arguments->n; i++) free(arguments->words[i]);
    free(arguments->words);
    *arguments = (lw_arguments){0};
}

static bool begins_with_name(const char *variable, const char *name)
{
    size_t length = strlen(name);
    return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

// This process's environment with the instruction set put in. oneDNN has its own word for it, under
// the name of today and the one of yore.
static void make_environment(lw_arguments *variables, const char *isa)
{
    static const char *const ours[] = {"LANEWISE_MAX_ISA", "ONEDNN_MAX_CPU_ISA",
                                       "DNNL_MAX_CPU_ISA"};
    for (char **variable = environ; *variable; variable++) {
        bool replaced = false;
        for (size_t i = 0; i < LW_COUNT(ours); i++)
            if (begins_with_name(*variable, ours[i])) replaced = true;
        if (!replaced && strlen(*variable) < 4096) lw_arguments_add(variables, "%s", *variable);
    }
    lw_arguments_add(variables, "LANEWISE_MAX_ISA=%s", isa);
    const char *onednn_isa = strcmp(isa, "avx2") == 0      ? "AVX2"
                             : strcmp(isa, "generic") == 0 ? "SSE41"
                                                           : NULL;
    for (size_t i = 1; i < LW_COUNT(ours) && onednn_isa; i++)
        lw_arguments_add(variables, "%s=%s", ours[i], onednn_isa);
}

// Where this program is; how it was called, where the system does not say.
static void find_program(char *path, size_t path_bytes, const char *program)
{
    ssize_t length = readlink("/proc/self/exe", path, path_bytes - 1);
    if (length > 0)
        path[length] = '\0';
    else
        snprintf(path, path_bytes, "%s", program);
}

// Everything that comes out of the pipe, which is closed.
static void read_all(int pipe_end, lw_text *text)
{
    char bytes[16384];
    for (;;) {
        ssize_t count = read(pipe_end, bytes, sizeof bytes);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        lw_text_append(text, bytes, (size_t)count);
    }
    close(pipe_end);
}

static lw_status start(const char *path, const lw_arguments *arguments,
                       const lw_arguments *variables, pid_t *process, int *pipe_end)
{
    int ends[2];
    if (pipe(ends)) return lw_fail(LW_ERROR_IO, "no pipe: %s", strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int error = posix_spawn(process, path, &actions, NULL, arguments->words, variables->words);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *pipe_end = ends[0];
    if (!error) return LW_OK;
    close(ends[0]);
    return lw_fail(LW_ERROR_IO, "%s: cannot be started: %s", path, strerror(error));
}

lw_status lw_run_for_isa(const char *isa, const char *program, const lw_arguments *arguments,
                         cJSON **json, int *exit_code)
{
    char path[4096];
    lw_arguments variables = {0};
    pid_t process = 0;
    int pipe_end = -1, state = 0;
    *json = NULL;
    *exit_code = -1;
    find_program(path, sizeof path, program);
    make_environment(&variables, isa);
    lw_status status = LW_OK;
    if (variables.failed || arguments->failed)
        status = lw_fail(LW_ERROR_MEMORY, "no memory for the arguments");
    fflush(stdout);
    if (!status) status = start(path, arguments, &variables, &process, &pipe_end);
    lw_arguments_free(&variables);
    if (status) return status;

    lw_text text = {0};
    read_all(pipe_end, &text);
    while (waitpid(process, &state, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(state)) *exit_code = WEXITSTATUS(state);
    if (!text.failed && text.length > 0) *json = cJSON_ParseWithLength(text.bytes, text.length);
    lw_text_free(&text);
    if (WIFSIGNALED(state))
        return lw_fail(LW_ERROR_INTERNAL, "%s: the run was ended by signal %d", isa,
                       WTERMSIG(state));
    return LW_OK;
}
