/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include <regstore-host.h>

static struct regstore_error error = {.struct_size = sizeof error};
static const struct regstore_call call = {
    .struct_size = sizeof call,
    .timeout_ms = 30000,
    .error = &error,
};

/* What a location of config.yaml takes until its store is open. */
struct location {
    struct regstore_host_config *config;
    struct regstore_host_plugin *plugin;
    struct regstore_host_settings *settings;
};

static regstore_status open_store(const char *path,
                                  const char *name,
                                  struct location *l,
                                  struct regstore_store **store)
{
    const struct regstore_host_location *found = NULL;
    regstore_status status =
        regstore_host_config_read(path, &l->config, &error);
    if (status == REGSTORE_OK)
        status = regstore_host_config_pick(l->config, name, &found,
                                           &error);
    if (status == REGSTORE_OK)
        status = regstore_host_load_driver(found->driver, NULL,
                                           &l->plugin, &error);
    if (status != REGSTORE_OK)
        return status;
    const struct regstore_plugin *table =
        regstore_host_table(l->plugin);
    status = regstore_host_settings_new(found, table, &l->settings,
                                        &error);
    if (status != REGSTORE_OK)
        return status;
    size_t n = 0;
    const struct regstore_pair *pairs =
        regstore_host_settings_pairs(l->settings, &n);
    return table->store_open(&call, NULL, pairs, n, store);
}

static regstore_status print_keys(
    const struct regstore_plugin *table,
    struct regstore_store *store)
{
    struct regstore_stat stat = {.struct_size = sizeof stat};
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX] = "";
    regstore_status status =
        table->list_open(store, &call, NULL, &list);
    while (status == REGSTORE_OK) {
        status = table->list_next(list, &call, key, sizeof key,
                                  &stat);
        if (status != REGSTORE_OK || key[0] == '\0')
            break;
        printf("%" PRIu64 " %s\n", stat.length, key);
    }
    table->list_close(list);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: keys CONFIG.YAML [LOCATION]\n");
        return 2;
    }
    struct location l = {NULL, NULL, NULL};
    struct regstore_store *store = NULL;
    regstore_status status =
        open_store(argv[1], argc == 3 ? argv[2] : NULL, &l, &store);
    if (status == REGSTORE_OK) {
        const struct regstore_plugin *table =
            regstore_host_table(l.plugin);
        status = print_keys(table, store);
        table->store_close(store);
    }
    if (status != REGSTORE_OK)
        fprintf(stderr, "%s: %s\n",
                regstore_host_status_name(status), error.message);
    regstore_host_settings_free(l.settings);
    regstore_host_plugin_free(l.plugin);
    regstore_host_config_free(l.config);
    return status == REGSTORE_OK ? 0 : 1;
}
