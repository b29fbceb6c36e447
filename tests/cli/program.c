// SPDX-License-Identifier: Apache-2.0
#define _XOPEN_SOURCE 700 // nftw
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

program_circumstances program_next;

static char test_folder[512];

int program_enter_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(test_folder, sizeof test_folder, "%s/lanewise-cli-XXXXXX",
             parent && *parent ? parent : "/tmp");
    return mkdtemp(test_folder) && chdir(test_folder) == 0 ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

int program_leave_folder(void **state)
{
    (void)state;
    if (chdir("/") != 0) return -1;
    return nftw(test_folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

// ---- running ----------------------------------------------------------------------------------

static void set_environment(void)
{
    unsetenv("LANEWISE_DATA_DIR");
    unsetenv("LANEWISE_VERBOSE");
    setenv("LANEWISE_OFFLINE", "1", 1);
    setenv("LANEWISE_CACHE_DIR", test_folder, 1);
    setenv("NO_COLOR", "1", 1);
    setenv("LC_ALL", "C", 1);
    if (program_next.variable) setenv(program_next.variable, program_next.value, 1);
}

static void become_program(const char *const *arguments, int out, int err)
{
    int nothing = open("/dev/null", O_RDONLY);
    if (program_next.stdout_path) out = open(program_next.stdout_path, O_WRONLY);
    if (nothing < 0 || out < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(99);
    // A shell may have started the tests with these ignored.
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    set_environment();
    if (program_next.file_limit_bytes > 0) {
        struct rlimit limit = {(rlim_t)program_next.file_limit_bytes, RLIM_INFINITY};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    execv(LW_PROGRAM, (char *const *)arguments);
    _exit(98);
}

// The whole of an open file.
static char *read_descriptor(int descriptor)
{
    off_t size = lseek(descriptor, 0, SEEK_END);
    assert_true(size >= 0);
    char *text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(pread(descriptor, text, (size_t)size, 0), size);
    return text;
}

static int open_scratch(void)
{
    char path[] = "/tmp/lanewise-output-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    unlink(path);
    return descriptor;
}

// Waits until the text shows up on stderr, then sends the signal. Half a minute is for slow
// machines under sanitizers; nothing depends on how long it really takes.
static void send_signal(pid_t child, int err)
{
#ifdef LW_TESTS_ARE_EMULATED
    enum { most_waits = 60000 };
#else
    enum { most_waits = 3000 };
#endif
    for (int i = 0; i < most_waits; i++) {
        char *text = read_descriptor(err);
        bool shown = strstr(text, program_next.interrupt_when) != NULL;
        free(text);
        if (shown) break;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    kill(child, program_next.signal);
}

enum { most_arguments = 40 };

static program_result run_list(const char *first, va_list rest)
{
    const char *arguments[most_arguments] = {"lanewise", first};
    size_t n = 2;
    // A NULL first argument is the program without any.
    while (first && n + 1 < most_arguments && (arguments[n] = va_arg(rest, const char *))) n++;
    int out = open_scratch(), err = open_scratch();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) become_program(arguments, out, err);
    if (program_next.interrupt_when) send_signal(child, err);
    if (program_next.signal_after_seconds > 0) {
        const double seconds = program_next.signal_after_seconds;
        nanosleep(&(struct timespec){.tv_sec = (time_t)seconds,
                                     .tv_nsec = (long)(fmod(seconds, 1.0) * 1e9)},
                  NULL);
        kill(child, program_next.signal);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    program_result result = {.command = first,
                             .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                             .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                             .out = read_descriptor(out),
                             .err = read_descriptor(err)};
    close(out);
    close(err);
    memset(&program_next, 0, sizeof program_next);
    return result;
}

program_result program_run(const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    program_result result = run_list(first, rest);
    va_end(rest);
    return result;
}

void program_free(program_result *result)
{
    free(result->out);
    free(result->err);
    memset(result, 0, sizeof *result);
}

void expect_code_at(const program_result *result, int code, const char *file, int line)
{
    if (result->exit_code == code) return;
    print_error(
        "lanewise %s ...: expected exit code %d, got %d (signal %d)\nstdout:\n%s\nstderr:\n%s",
        result->command ? result->command : "", code, result->exit_code, result->signal,
        result->out, result->err);
    _fail(file, line);
}

void expect_exit(int code, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    program_result result = run_list(first, rest);
    va_end(rest);
    expect_code(&result, code);
    program_free(&result);
}

void expect_failure(int code, const char *sentence, const char *first, ...)
{
    va_list rest;
    va_start(rest, first);
    program_result result = run_list(first, rest);
    va_end(rest);
    expect_code(&result, code);
    // The last line, and only that one.
    size_t length = strlen(result.err);
    bool ends = length > 0 && result.err[length - 1] == '\n';
    if (ends) result.err[length - 1] = '\0';
    char *line = strrchr(result.err, '\n');
    line = line ? line + 1 : result.err;
    if (!ends || strncmp(line, "lanewise: ", 10) != 0 || !strstr(line, sentence)) {
        print_error("lanewise %s ...: expected \"lanewise: ...%s...\", got \"%s\"\n",
                    first ? first : "", sentence, line);
        fail();
    }
    program_free(&result);
}

// ---- files ------------------------------------------------------------------------------------

bool contains(const char *text, const char *part)
{
    if (strstr(text, part)) return true;
    print_error("expected \"%s\" in:\n%s\n", part, text);
    return false;
}

void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

char *read_text(const char *path)
{
    int descriptor = open(path, O_RDONLY);
    assert_true(descriptor >= 0);
    char *text = read_descriptor(descriptor);
    close(descriptor);
    return text;
}

bool is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

void expect_same_files(const char *one, const char *other)
{
    FILE *files[2] = {fopen(one, "rb"), fopen(other, "rb")};
    if (!files[0] || !files[1]) fail_msg("%s or %s is not there", one, other);
    int a, b;
    do {
        a = fgetc(files[0]);
        b = fgetc(files[1]);
        if (a != b) fail_msg("%s and %s differ", one, other);
    } while (a != EOF);
    fclose(files[0]);
    fclose(files[1]);
}

int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) return -1;
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return count;
}
