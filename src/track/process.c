// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // sched_setaffinity, pipe2
#include "track/process.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/perf_event.h>
#include <sys/syscall.h>
#endif

enum { most_output_bytes = 64 << 20, most_errors_bytes = 64 << 10 };

// ---- counting instructions --------------------------------------------------------------------

// A counter of a process that begins when it becomes another program; -1 where there is none.
static int open_counter(pid_t process)
{
#ifdef __linux__
    struct perf_event_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
    attributes.disabled = 1;
    attributes.inherit = 1;
    attributes.enable_on_exec = 1;
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    return (int)syscall(SYS_perf_event_open, &attributes, process, -1, -1, PERF_FLAG_FD_CLOEXEC);
#else
    (void)process;
    return -1;
#endif
}

static int64_t read_counter(int counter)
{
    int64_t count;
    if (counter < 0 || read(counter, &count, sizeof count) != (ssize_t)sizeof count) return -1;
    return count;
}

bool lw_process_can_count(void)
{
    const int counter = open_counter(0);
    if (counter < 0) return false;
    close(counter);
    return true;
}

// ---- the child --------------------------------------------------------------------------------

// The ends of the pipes as both processes know them. `go` holds the child back until its parent has
// attached the counter.
typedef struct pipes {
    int output[2], errors[2], go[2];
} pipes;

static void close_end(int *end)
{
    if (*end >= 0) close(*end);
    *end = -1;
}

static void close_pipes(pipes *p)
{
    for (int i = 0; i < 2; i++) {
        close_end(&p->output[i]);
        close_end(&p->errors[i]);
        close_end(&p->go[i]);
    }
}

static lw_status open_pipes(pipes *p)
{
    *p = (pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(p->output, O_CLOEXEC) == 0 && pipe2(p->errors, O_CLOEXEC) == 0 &&
        pipe2(p->go, O_CLOEXEC) == 0)
        return LW_OK;
    const int code = errno;
    close_pipes(p);
    return lw_fail(LW_ERROR_IO, "no pipe: %s", strerror(code));
}

static void complain_and_leave(const char *program)
{
    const char *reason = strerror(errno);
    const char *const parts[] = {program, ": cannot be started: ", reason, "\n"};
    for (size_t i = 0; i < 4; i++)
        if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0) break;
    _exit(127);
}

static void become(const lw_process_options *options, const pipes *p)
{
    char word;
    // A group of its own, so that what it starts can be ended with it.
    setpgid(0, 0);
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(p->output[1], STDOUT_FILENO) < 0 ||
        dup2(p->errors[1], STDERR_FILENO) < 0)
        _exit(127);
    close(p->go[1]);
    if (read(p->go[0], &word, 1) < 0) _exit(127);
    if (options->cpu >= 0) {
        cpu_set_t mask;
        CPU_ZERO(&mask);
        CPU_SET((unsigned)options->cpu, &mask);
        if (sched_setaffinity(0, sizeof mask, &mask) != 0) complain_and_leave("pinning");
    }
    if (options->folder && chdir(options->folder) != 0) complain_and_leave(options->folder);
    execvp(options->arguments[0], (char *const *)options->arguments);
    complain_and_leave(options->arguments[0]);
}

// ---- the parent -------------------------------------------------------------------------------

// Takes what is there; false at the end of the pipe. What goes beyond the limit is read and dropped,
// so that the program does not wait for ever.
static bool drain(int end, lw_text *text, size_t limit_bytes)
{
    char bytes[16384];
    const ssize_t count = read(end, bytes, sizeof bytes);
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    const size_t room = text->length < limit_bytes ? limit_bytes - text->length : 0;
    lw_text_append(text, bytes, (size_t)count < room ? (size_t)count : room);
    return count > 0;
}

typedef struct watch {
    const lw_process_options *options;
    double begun;
    bool stopped, timed_out;
} watch;

// True when the child has to go.
static bool must_end(watch *w)
{
    const lw_process_options *options = w->options;
    const double limit = options->timeout_seconds;
    w->stopped = w->stopped || (options->stop && options->stop(options->user));
    w->timed_out = w->timed_out || (limit > 0 && lw_clock_seconds() - w->begun > limit);
    return w->stopped || w->timed_out;
}

// Reads both pipes until the child closes them or has to go.
static void listen_to(pipes *p, lw_process_result *result, watch *w)
{
    struct pollfd ends[2] = {{.fd = p->output[0], .events = POLLIN},
                             {.fd = p->errors[0], .events = POLLIN}};
    lw_text *const texts[2] = {&result->output, &result->errors};
    const size_t limits[2] = {most_output_bytes, most_errors_bytes};
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        const int ready = poll(ends, 2, 100);
        if (must_end(w)) return;
        for (int i = 0; i < 2 && ready > 0; i++)
            if (ends[i].revents && !drain(ends[i].fd, texts[i], limits[i])) ends[i].fd = -1;
    }
}

// Waits for the end. A program may close its output and go on, so the time is watched here too.
static int wait_for(pid_t child, watch *w)
{
    int state = 0;
    bool killed = false;
    for (;;) {
        const pid_t done = waitpid(child, &state, killed ? 0 : WNOHANG);
        if (done == child || (done < 0 && errno != EINTR)) return state;
        if (!killed && must_end(w)) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            killed = true;
        } else if (!killed) {
            nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        }
    }
}

lw_status lw_process_run(lw_process_result *result, const lw_process_options *options)
{
    *result = (lw_process_result){.exit_code = -1, .instructions = -1};
    pipes p;
    LW_TRY(open_pipes(&p));
    watch w = {.options = options, .begun = lw_clock_seconds()};
    const pid_t child = fork();
    if (child < 0) {
        const int code = errno;
        close_pipes(&p);
        return lw_fail(LW_ERROR_IO, "no process: %s", strerror(code));
    }
    if (child == 0) become(options, &p);
    setpgid(child, child);
    const int counter = options->count_instructions ? open_counter(child) : -1;
    close_end(&p.output[1]);
    close_end(&p.errors[1]);
    close_end(&p.go[0]);
    close_end(&p.go[1]);
    listen_to(&p, result, &w);
    const int state = wait_for(child, &w);
    // What it left running in the background would disturb every later measurement.
    kill(-child, SIGKILL);
    close_pipes(&p);
    result->instructions = read_counter(counter);
    if (counter >= 0) close(counter);
    result->seconds = lw_clock_seconds() - w.begun;
    result->timed_out = w.timed_out;
    if (WIFEXITED(state)) result->exit_code = WEXITSTATUS(state);
    if (WIFSIGNALED(state)) result->signal = WTERMSIG(state);
    if (w.stopped) return lw_fail(LW_ERROR_INTERRUPTED, "interrupted");
    if (result->output.failed || result->errors.failed)
        return lw_fail(LW_ERROR_MEMORY, "%s: no memory for its output", options->arguments[0]);
    return LW_OK;
}

void lw_process_free(lw_process_result *result)
{
    lw_text_free(&result->output);
    lw_text_free(&result->errors);
}

// The last line of a text that is not empty; it is cut off behind it.
static const char *last_line(lw_text *text)
{
    if (!text->bytes) return "";
    size_t end = text->length;
    while (end > 0 && (text->bytes[end - 1] == '\n' || text->bytes[end - 1] == '\r')) end--;
    text->bytes[end] = '\0';
    const char *newline = strrchr(text->bytes, '\n');
    return newline ? newline + 1 : text->bytes;
}

lw_status lw_process_check(const lw_process_result *result, const char *program)
{
    lw_text errors = {0};
    if (result->errors.bytes) lw_text_append(&errors, result->errors.bytes, result->errors.length);
    const char *line = last_line(&errors), *colon = *line ? ": " : "";
    lw_status status = LW_OK;
    if (result->timed_out)
        status = lw_fail(LW_ERROR_INPUT, "%s: did not end within %.0f s and was killed", program,
                         floor(result->seconds));
    else if (result->signal)
        status = lw_fail(LW_ERROR_INPUT, "%s: was ended by signal %d (%s)%s%s", program,
                         result->signal, strsignal(result->signal), colon, line);
    else if (result->exit_code == 127 && strstr(line, "cannot be started"))
        status = lw_fail(LW_ERROR_INPUT, "%s", line);
    else if (result->exit_code != 0)
        status = lw_fail(LW_ERROR_INPUT, "%s: ended with exit code %d%s%s", program,
                         result->exit_code, colon, line);
    lw_text_free(&errors);
    return status;
}
