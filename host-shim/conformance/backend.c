/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin and its settings, found and loaded by the host library. */
#include "backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool pick(struct backend *b, char *why, size_t cap)
{
    struct regstore_error error = {.struct_size = sizeof error};
    if (b->source.config == NULL)
        return true;
    if (regstore_host_config_read(b->source.config, &b->config, &error) == REGSTORE_OK &&
        regstore_host_config_pick(b->config, b->source.location, &b->location, &error) ==
            REGSTORE_OK)
        return true;
    (void)snprintf(why, cap, "%s", error.message);
    return false;
}

/* What --set names replaces what the location says. */
static void set(struct backend *b, const struct regstore_pair *pair)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->settings[i].key, pair->key) == 0) {
            b->settings[i].value = pair->value;
            return;
        }
    }
    b->settings[b->n++] = *pair;
}

bool backend_init(struct backend *b, const struct backend_source *source, char *why, size_t cap)
{
    memset(b, 0, sizeof *b);
    b->source = *source;
    if (!pick(b, why, cap))
        return false;
    b->driver = source->plugin != NULL ? source->plugin : b->location ? b->location->driver : NULL;
    if (b->driver == NULL)
        (void)snprintf(why, cap, "say which plugin: --plugin NAME or FILE.so, or --config FILE");
    return b->driver != NULL;
}

void backend_clear(struct backend *b)
{
    free(b->settings);
    regstore_host_settings_free(b->of_location);
    regstore_host_config_free(b->config);
    memset(b, 0, sizeof *b);
}

/* What the run makes lies in a folder of its own, and what is unfinished there is nobody else's. */
static bool move_below(struct backend *b, char *why, size_t cap)
{
    for (size_t i = 0; i < b->n && b->source.below != NULL; i++) {
        if (strcmp(b->settings[i].key, "storage_path") != 0 || b->settings[i].value[0] == '\0')
            continue;
        size_t len = strlen(b->settings[i].value);
        while (len > 0 && b->settings[i].value[len - 1] == '/')
            len--;
        const int whole = snprintf(b->place, sizeof b->place, "%.*s/%s", (int)len,
                                   b->settings[i].value, b->source.below);
        if (whole < 0 || (size_t)whole >= sizeof b->place) {
            (void)snprintf(why, cap, "storage_path is too long");
            return false;
        }
        b->settings[i].value = b->place;
    }
    return true;
}

/* By the road that the command takes. */
static bool fill_settings(struct backend *b, const struct regstore_plugin *table, char *why,
                          size_t cap)
{
    struct regstore_error error = {.struct_size = sizeof error};
    const struct regstore_pair *pairs = NULL;
    size_t n = 0;
    if (b->settings != NULL)
        return true;
    if (b->location != NULL &&
        regstore_host_settings_new(b->location, table, &b->of_location, &error) != REGSTORE_OK) {
        (void)snprintf(why, cap, "%s", error.message);
        return false;
    }
    if (b->of_location != NULL)
        pairs = regstore_host_settings_pairs(b->of_location, &n);
    b->settings = calloc(n + b->source.n_set + 1, sizeof *b->settings);
    if (b->settings == NULL) {
        (void)snprintf(why, cap, "out of memory");
        return false;
    }
    for (; b->n < n; b->n++)
        b->settings[b->n] = pairs[b->n];
    for (size_t i = 0; i < b->source.n_set; i++)
        set(b, &b->source.set[i]);
    return move_below(b, why, cap);
}

static bool is_file(const char *driver)
{
    return strchr(driver, '/') != NULL || strstr(driver, ".so") != NULL;
}

const struct regstore_plugin *backend_load(struct backend *b, char *path, char *why, size_t cap)
{
    struct regstore_error error = {.struct_size = sizeof error};
    struct regstore_host_plugin *plugin = NULL;
    const regstore_status status =
        is_file(b->driver)
            ? regstore_host_load_file(b->driver, &plugin, &error)
            : regstore_host_load_driver(b->driver, b->source.plugin_dir, &plugin, &error);
    if (status != REGSTORE_OK) {
        (void)snprintf(why, cap, "%s", error.message);
        return NULL;
    }
    const struct regstore_plugin *table = regstore_host_published_table(plugin);
    if (!fill_settings(b, regstore_host_table(plugin), why, cap))
        table = NULL;
    (void)snprintf(path, PATH_MAX, "%s", regstore_host_path(plugin));
    regstore_host_plugin_free(plugin);
    return table;
}

const char *backend_setting(const struct backend *b, const char *key)
{
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->settings[i].key, key) == 0)
            return b->settings[i].value;
    return NULL;
}
