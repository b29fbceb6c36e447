// SPDX-License-Identifier: Apache-2.0
#include "report/progress.h"

#include "base/text.h"
#include "report/format.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

// Ten times a second looks smooth and costs nothing; a file wants few lines.
static const double redraw_seconds = 0.1, line_seconds = 5;

lw_progress lw_progress_begin(FILE *file, bool validation, double now)
{
    lw_terminal terminal = lw_terminal_of(file);
    // A file gets its first line after the pause, a terminal its bar at once.
    return (lw_progress){.file = file,
                         .terminal = terminal,
                         .validation = validation,
                         .begun = now,
                         .last_shown = terminal.interactive ? now - redraw_seconds : now};
}

// Seconds to the end of the last epoch at the present speed; negative when it is not known yet.
static double seconds_left(const lw_train_progress *state)
{
    if (state->step <= 0 || state->seconds <= 0) return -1;
    double steps = (double)(state->steps - state->step) +
                   (double)(state->epochs - state->epoch) * (double)state->steps;
    return steps * state->seconds / (double)state->step;
}

static double fraction_done(const lw_train_progress *state)
{
    if (state->steps <= 0) return 0;
    return fmin(fmax((double)state->step / (double)state->steps, 0), 1);
}

// The bar: full blocks up to the fraction, then a light line. `width` characters.
static void print_bar(lw_text *text, const lw_terminal *terminal, double fraction, int width)
{
    int full = (int)(fraction * width + 0.5);
    lw_text_print(text, "%s", lw_style_begin(terminal, LW_STYLE_GOOD));
    for (int i = 0; i < full; i++) lw_text_print(text, "%s", terminal->unicode ? "\u2501" : "#");
    lw_text_print(text, "%s%s", lw_style_end(terminal, LW_STYLE_GOOD),
                  lw_style_begin(terminal, LW_STYLE_DIM));
    for (int i = full; i < width; i++)
        lw_text_print(text, "%s", terminal->unicode ? "\u2500" : ".");
    lw_text_print(text, "%s", lw_style_end(terminal, LW_STYLE_DIM));
}

// What stands right of the bar, as much of it as fits `columns`: the parts are in the order of
// their worth to someone who waits. A terminal gets short words.
static void print_figures(lw_text *text, const lw_train_progress *state, bool brief, size_t columns)
{
    char parts[4][64];
    snprintf(parts[0], sizeof parts[0], "%s left", lw_format_clock(seconds_left(state)).text);
    snprintf(parts[1], sizeof parts[1], "loss %s", lw_format_loss(state->loss).text);
    snprintf(parts[2], sizeof parts[2], "%s %s", brief ? "acc" : "accuracy",
             lw_format_percent(state->accuracy).text);
    snprintf(parts[3], sizeof parts[3], "%s %s",
             lw_format_count(llround(fmin(state->images_per_second, 1e15))).text,
             brief ? "img/s" : "images/s");
    size_t used = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t needed = strlen(parts[i]) + 2;
        if (used + needed > columns) return;
        lw_text_print(text, "  %s", parts[i]);
        used += needed;
    }
}

// Epoch and percentage are always there, then the figures, then a bar in what is left of the line.
// The line is built first and written at once: a terminal never shows half of it. Clearing to the
// end of the line comes after the text, so nothing is blank in between.
static void draw_bar(lw_progress *progress, const lw_train_progress *state)
{
    enum { percentage = 6, least_bar = 8, most_bar = 40 };
    lw_text line = {0}, figures = {0};
    lw_text_print(&line, "\repoch %d/%d ", state->epoch, state->epochs);
    // One column stays free: a character in the last one makes some terminals wrap.
    size_t columns = (size_t)lw_terminal_columns(progress->file) - 1;
    size_t used = line.length - 1 + percentage;
    if (used + least_bar < columns)
        print_figures(&figures, state, true, columns - used - least_bar);
    used += figures.length;
    size_t bar = used < columns ? columns - used : 0;
    if (bar > most_bar) bar = most_bar;
    if (bar >= least_bar) print_bar(&line, &progress->terminal, fraction_done(state), (int)bar);
    lw_text_print(&line, " %3d %%%s\x1b[K", (int)(100 * fraction_done(state)),
                  figures.length > 0 ? figures.bytes : "");
    if (!line.failed) {
        fwrite(line.bytes, 1, line.length, progress->file);
        fflush(progress->file);
        progress->drawn = true;
    }
    lw_text_free(&figures);
    lw_text_free(&line);
}

static void print_line(lw_progress *progress, const lw_train_progress *state)
{
    lw_text line = {0};
    lw_text_print(&line, "epoch %d/%d  %3d %%", state->epoch, state->epochs,
                  (int)(100 * fraction_done(state)));
    print_figures(&line, state, false, SIZE_MAX);
    if (!line.failed) fprintf(progress->file, "%s\n", line.bytes);
    fflush(progress->file);
    lw_text_free(&line);
}

void lw_progress_update(lw_progress *progress, const lw_train_progress *state, double now)
{
    double pause = progress->terminal.interactive ? redraw_seconds : line_seconds;
    if (now - progress->last_shown < pause) return;
    progress->last_shown = now;
    if (progress->terminal.interactive)
        draw_bar(progress, state);
    else
        print_line(progress, state);
}

void lw_progress_work(lw_progress *progress, const char *what, double fraction, double now)
{
    enum { percentage = 6, least_bar = 8, most_bar = 40 };
    // What is over in a moment needs no bar.
    const double patience = 2;
    const double pause = progress->terminal.interactive ? redraw_seconds : line_seconds;
    if (now - progress->begun < patience || now - progress->last_shown < pause) return;
    progress->last_shown = now;
    int percent = (int)(100 * fmin(fmax(fraction, 0), 1));
    if (!progress->terminal.interactive) {
        fprintf(progress->file, "%s  %3d %%\n", what, percent);
        fflush(progress->file);
        return;
    }
    size_t columns = (size_t)lw_terminal_columns(progress->file) - 1;
    char label[128];
    lw_text_cut(label, sizeof label, what, columns > percentage ? columns - percentage : 0);
    size_t used = lw_text_columns(label) + 1 + percentage;
    size_t bar = used < columns ? columns - used : 0;
    if (bar > most_bar) bar = most_bar;
    lw_text line = {0};
    lw_text_print(&line, "\r%s ", label);
    if (bar >= least_bar)
        print_bar(&line, &progress->terminal, fmin(fmax(fraction, 0), 1), (int)bar);
    lw_text_print(&line, " %3d %%\x1b[K", percent);
    if (!line.failed) {
        fwrite(line.bytes, 1, line.length, progress->file);
        fflush(progress->file);
        progress->drawn = true;
    }
    lw_text_free(&line);
}

void lw_progress_clear(lw_progress *progress)
{
    if (!progress->drawn) return;
    fputs("\r\x1b[K", progress->file);
    fflush(progress->file);
    progress->drawn = false;
}

void lw_progress_epoch(lw_progress *progress, const lw_epoch_result *result, int32_t epochs,
                       double now)
{
    lw_progress_clear(progress);
    progress->last_shown = progress->terminal.interactive ? now - redraw_seconds : now;
    fprintf(progress->file, "epoch %d/%d  loss %s  accuracy %s", result->epoch, epochs,
            lw_format_loss(result->train_loss).text,
            lw_format_percent(result->train_accuracy).text);
    if (progress->validation)
        fprintf(progress->file, "  validation %s",
                lw_format_percent(result->validation_accuracy).text);
    fprintf(progress->file, "  %s  %s images/s\n", lw_format_seconds(result->seconds).text,
            lw_format_count(llround(fmin(result->images_per_second, 1e15))).text);
    fflush(progress->file);
}
