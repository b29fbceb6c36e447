// SPDX-License-Identifier: Apache-2.0
// Compiled as C and as C++: calls through the public header, so a missing extern "C" fails to link.
#include <lanewise/lanewise.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", LW_VERSION_MAJOR, LW_VERSION_MINOR,
             LW_VERSION_PATCH);
    if (strcmp(lw_version(), expected) != 0) {
        fprintf(stderr, "the headers are of version %s, the library is of %s\n", expected,
                lw_version());
        return 1;
    }
    return strcmp(lw_status_name(LW_OK), "ok") != 0;
}
