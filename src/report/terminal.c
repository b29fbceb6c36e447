// SPDX-License-Identifier: Apache-2.0
#include "report/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { default_columns = 80, least_columns = 20 };

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && value[0];
}

// The first of the three that is set decides, as in setlocale; the program itself stays in the "C"
// locale, so that numbers keep their decimal point.
static bool locale_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (!value || !value[0]) continue;
        const char *charset = strchr(value, '.');
        return charset &&
               (strncasecmp(charset, ".utf-8", 6) == 0 || strncasecmp(charset, ".utf8", 5) == 0);
    }
    return false;
}

int lw_terminal_columns(FILE *file)
{
    struct winsize size;
    int descriptor = fileno(file);
    if (descriptor < 0 || ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return default_columns;
    return size.ws_col < least_columns ? least_columns : size.ws_col;
}

lw_terminal lw_terminal_of(FILE *file)
{
    lw_terminal terminal = {.unicode = locale_is_utf8(), .columns = lw_terminal_columns(file)};
    int descriptor = fileno(file); // -1 for a stream in memory
    const char *term = getenv("TERM");
    terminal.interactive =
        descriptor >= 0 && isatty(descriptor) && term && term[0] && strcmp(term, "dumb") != 0;
    terminal.colour = terminal.interactive && !is_set("NO_COLOR");
    return terminal;
}

const char *lw_style_begin(const lw_terminal *terminal, lw_style style)
{
    if (!terminal->colour) return "";
    switch (style) {
    case LW_STYLE_PLAIN: return "";
    case LW_STYLE_BOLD: return "\x1b[1m";
    case LW_STYLE_DIM: return "\x1b[2m";
    case LW_STYLE_GOOD: return "\x1b[32m";
    case LW_STYLE_BAD: return "\x1b[31m";
    }
    return "";
}

const char *lw_style_end(const lw_terminal *terminal, lw_style style)
{
    return terminal->colour && style != LW_STYLE_PLAIN ? "\x1b[0m" : "";
}
