// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // memfd_create
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void lw_fuzz_broken(const char *file, int line, const char *promise)
{
    fprintf(stderr, "%s:%d: a promise is broken: %s\nlast message: %s\n", file, line, promise,
            lw_error_message());
    abort();
}

void lw_fuzz_check_refusal(lw_status status)
{
    const char *message = lw_error_message();
    LW_FUZZ_CHECK(status != LW_ERROR_INTERNAL);
    LW_FUZZ_CHECK(*message);
    lw_fuzz_check_readable(message);
}

void lw_fuzz_check_readable(const char *text)
{
    for (; *text; text++) LW_FUZZ_CHECK((unsigned char)*text >= 0x20 && *text != 0x7F);
}

char *lw_fuzz_text(const uint8_t *bytes, size_t count)
{
    char *text = malloc(count + 1);
    LW_FUZZ_CHECK(text);
    if (count) memcpy(text, bytes, count);
    text[count] = '\0';
    return text;
}

const char *lw_fuzz_file(int slot, const uint8_t *bytes, size_t count)
{
    static struct {
        int descriptor; // plus 1; 0: not made yet
        char path[32];
    } files[LW_FUZZ_SLOTS];
    LW_FUZZ_CHECK(slot >= 0 && slot < LW_FUZZ_SLOTS);
    if (!files[slot].descriptor) {
        const int made = memfd_create("lanewise-fuzz", MFD_CLOEXEC);
        LW_FUZZ_CHECK(made >= 0);
        files[slot].descriptor = made + 1;
        snprintf(files[slot].path, sizeof files[slot].path, "/proc/self/fd/%d", made);
    }
    const int descriptor = files[slot].descriptor - 1;
    LW_FUZZ_CHECK(ftruncate(descriptor, 0) == 0);
    LW_FUZZ_CHECK(pwrite(descriptor, bytes, count, 0) == (ssize_t)count);
    return files[slot].path;
}

void lw_fuzz_touch(const void *bytes, size_t count)
{
    static volatile uint8_t sink;
    uint8_t sum = 0;
    for (size_t i = 0; i < count; i++) sum = (uint8_t)(sum + ((const uint8_t *)bytes)[i]);
    sink = sum;
    (void)sink;
}
