// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/config.h"

#include <stdarg.h>
#include <stdio.h>

bool lw_log_wanted(const char *topic)
{
    return lw_config_verbose(topic);
}

void lw_log(const char *topic, const char *format, ...)
{
    if (!lw_log_wanted(topic)) return;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    // One call, so that the lines of several threads do not mix.
    fprintf(stderr, "lanewise: %s: %s\n", topic, text);
}
