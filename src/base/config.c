// SPDX-License-Identifier: Apache-2.0
#include "base/config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lw_config config;
static pthread_once_t config_once = PTHREAD_ONCE_INIT;

static void read_variable(const char *name, char *value, size_t value_bytes)
{
    const char *text = getenv(name);
    snprintf(value, value_bytes, "%s", text ? text : "");
}

// On with any value but 0.
static bool read_switch(const char *name)
{
    const char *text = getenv(name);
    return text && text[0] && strcmp(text, "0") != 0;
}

static void read_environment(void)
{
    read_variable("LANEWISE_DATA_DIR", config.data_dir, sizeof config.data_dir);
    read_variable("LANEWISE_MAX_ISA", config.max_isa, sizeof config.max_isa);
    read_variable("LANEWISE_CONV", config.conv, sizeof config.conv);
    read_variable("LANEWISE_VERBOSE", config.verbose, sizeof config.verbose);
    config.offline = read_switch("LANEWISE_OFFLINE");
    config.deterministic = read_switch("LANEWISE_DETERMINISTIC");
    config.oversubscribe = read_switch("LANEWISE_OVERSUBSCRIBE");

    read_variable("LANEWISE_CACHE_DIR", config.cache_dir, sizeof config.cache_dir);
    const char *xdg_cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (config.cache_dir[0]) return;
    if (xdg_cache && xdg_cache[0])
        snprintf(config.cache_dir, sizeof config.cache_dir, "%s/lanewise", xdg_cache);
    else if (home && home[0])
        snprintf(config.cache_dir, sizeof config.cache_dir, "%s/.cache/lanewise", home);
}

const lw_config *lw_config_get(void)
{
    pthread_once(&config_once, read_environment);
    return &config;
}

bool lw_config_verbose(const char *topic)
{
    const char *list = lw_config_get()->verbose;
    size_t topic_length = strlen(topic);
    while (*list) {
        size_t length = strcspn(list, ",");
        if (length == topic_length && memcmp(list, topic, length) == 0) return true;
        list += length + (list[length] == ',');
    }
    return false;
}
