// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include "image_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char reports[8192];

bool can_write_images(void)
{
#ifdef LW_HAVE_PNG
    return true;
#else
    puts("no libpng: skipped");
    return false;
#endif
}

void make_folders(const char *name)
{
    char path[4096];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(path, sizeof path, "%s/%.*s", folder(), (int)(slash - name), name);
        mkdir(path, 0777);
    }
}

void write_png(const char *name, int32_t height, int32_t width, int32_t channels, uint8_t value)
{
    char path[4096];
    size_t count = (size_t)height * (size_t)width;
    uint8_t *pixels = malloc(count * (size_t)channels);
    assert_non_null(pixels);
    for (size_t i = 0; i < count; i++) {
        pixels[i * (size_t)channels] = value;
        if (channels == 3) {
            pixels[3 * i + 1] = (uint8_t)(value / 2);
            pixels[3 * i + 2] = (uint8_t)(255 - value);
        }
    }
    make_folders(name);
    snprintf(path, sizeof path, "%s/%s", folder(), name);
    assert_ok(lw_image_write(path, pixels, height, width, channels));
    free(pixels);
}

void write_bytes(const char *name, const void *bytes, size_t count)
{
    make_folders(name);
    write_file(name, bytes, count);
}

static const char *cache_folder(void)
{
    static char path[4096];
    const char *cache = getenv("LANEWISE_CACHE_DIR");
    assert_non_null(cache);
    snprintf(path, sizeof path, "%s/images", cache);
    return path;
}

static int look_through_cache(bool remove_files, char *name, size_t name_bytes)
{
    int count = 0;
    DIR *directory = opendir(cache_folder());
    if (!directory) return 0;
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.') continue;
        count++;
        snprintf(name, name_bytes, "%s/%s", cache_folder(), entry->d_name);
        if (remove_files) remove(name);
    }
    closedir(directory);
    return count;
}

void empty_cache(void)
{
    char name[8192];
    look_through_cache(true, name, sizeof name);
}

int leave_images(void **state)
{
    empty_cache();
    return leave_folder(state);
}

int count_cached(void)
{
    char name[8192];
    return look_through_cache(false, name, sizeof name);
}

const char *cached_file(void)
{
    static char name[8192];
    return look_through_cache(false, name, sizeof name) ? name : NULL;
}

void keep_report(void *user, const char *sentence)
{
    (void)user;
    size_t length = strlen(reports);
    snprintf(reports + length, sizeof reports - length, "%s\n", sentence);
}

const char *take_reports(void)
{
    static char taken[sizeof reports];
    memcpy(taken, reports, sizeof taken);
    reports[0] = '\0';
    return taken;
}

lw_status open_images(lw_data_splits *splits, const char *name, lw_data_options options)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder(), name);
    options.name = path;
    options.report = keep_report;
    options.seed = 1;
    return lw_data_open(splits, &options);
}

bool has_problem(const lw_data_splits *splits, const char *part)
{
    for (size_t i = 0; i < splits->n_problems; i++)
        if (strstr(splits->problems[i], part)) return true;
    return false;
}
