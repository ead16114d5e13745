/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: knows how a file becomes a table that can be trusted: dlopen, the rules of regstore.h that
 * can be seen in the table, and stand-ins for the slots that a plugin may leave out.
 */
#include "regstore-host.h"
#include "error.h"
#include "find.h"
#include "guard.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What a table of minor 0 has; later minors append. */
#define MINOR_0_SIZE (offsetof(struct regstore_plugin, purge) + sizeof(void *))

/* Nobody has so many settings: a table without its end is found in time, as a rule. */
#define PARAMS_MAX 512

struct regstore_host_plugin {
    char *path;
    const struct regstore_plugin *published;
    struct regstore_plugin table;
};

struct slot {
    const char *name;
    size_t offset;
};
#define SLOT(member)                                                                               \
    {                                                                                              \
        #member, offsetof(struct regstore_plugin, member)                                          \
    }

static const struct slot required_slots[] = {
    SLOT(name),         SLOT(version),       SLOT(description),  SLOT(params),
    SLOT(store_open),   SLOT(store_features), SLOT(store_close), SLOT(check),
    SLOT(upload_open),  SLOT(upload_write),  SLOT(upload_offset), SLOT(upload_digest),
    SLOT(upload_suspend), SLOT(upload_commit), SLOT(upload_abort), SLOT(upload_close),
    SLOT(read_open),    SLOT(read_next),     SLOT(read_close),   SLOT(stat),
    SLOT(delete_blobs), SLOT(list_open),     SLOT(list_next),    SLOT(list_close),
    SLOT(purge),
};

static const void *no_extension(const char *id)
{
    (void)id; /* None is offered, whichever is asked for. */
    return NULL;
}

static regstore_status no_copy(struct regstore_store *store, const struct regstore_call *call,
                               const char *from, const char *to,
                               const struct regstore_copy_opts *opts)
{
    (void)store, (void)from, (void)to, (void)opts; /* Not offered, whatever is asked for. */
    return host_fail(call->error, REGSTORE_UNSUPPORTED, "this plugin does not offer copy");
}

static regstore_status no_presign(struct regstore_store *store, const struct regstore_call *call,
                                  const char *key, const struct regstore_presign_opts *opts,
                                  char *url, size_t cap, int64_t *expires_ns)
{
    (void)store, (void)key, (void)opts, (void)url, (void)cap, (void)expires_ns; /* As above. */
    return host_fail(call->error, REGSTORE_UNSUPPORTED, "this plugin does not offer presign");
}

static regstore_status check_slots(const char *path, const struct regstore_plugin *table,
                                   struct regstore_error *error)
{
    for (size_t i = 0; i < sizeof(required_slots) / sizeof(required_slots[0]); i++) {
        const void *value;
        memcpy(&value, (const char *)table + required_slots[i].offset, sizeof(value));
        if (value == NULL)
            return host_fail(error, REGSTORE_CONFIG,
                             "%s: the plugin's table has no %s, which every plugin must have", path,
                             required_slots[i].name);
    }
    if ((table->features & REGSTORE_F_SERVER_COPY) != 0 && table->copy == NULL)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s: the plugin claims to copy, but its table has no copy", path);
    if ((table->features & (REGSTORE_F_PRESIGN_GET | REGSTORE_F_PRESIGN_PUT)) != 0 &&
        table->presign == NULL)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s: the plugin claims to presign, but its table has no presign", path);
    return REGSTORE_OK;
}

static bool is_given_before(const struct regstore_param *params, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(params[i].key, params[n].key) == 0)
            return true;
    }
    return false;
}

static regstore_status check_params(const char *path, const struct regstore_param *params,
                                    struct regstore_error *error)
{
    size_t n = 0;
    for (; n < PARAMS_MAX && params[n].key != NULL; n++) {
        if (params[n].key[0] == '\0' || params[n].help == NULL)
            return host_fail(error, REGSTORE_CONFIG,
                             "%s: setting %zu of the plugin's table has no key or no help", path,
                             n + 1);
        if (is_given_before(params, n))
            return host_fail(error, REGSTORE_CONFIG,
                             "%s: the plugin's table has the setting '%s' twice", path,
                             params[n].key);
    }
    if (n == PARAMS_MAX)
        return host_fail(error, REGSTORE_CONFIG, "%s: the plugin's table of settings has no end",
                         path);
    return REGSTORE_OK;
}

static regstore_status check_table(const char *path, const struct regstore_plugin *table,
                                   struct regstore_error *error)
{
    if (table == NULL)
        return host_fail(error, REGSTORE_CONFIG, "%s: regstore_plugin_v1 returned no table", path);
    if (table->struct_size < MINOR_0_SIZE || table->struct_size % 8 != 0)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s: the plugin's table has %llu bytes, where major 1 has %zu and then "
                         "whole 8: build it against regstore.h of major 1",
                         path, (unsigned long long)table->struct_size, MINOR_0_SIZE);
    if (table->zero != 0)
        return host_fail(error, REGSTORE_CONFIG, "%s: 'zero' in the plugin's table is not 0", path);
    TRY(check_slots(path, table, error));
    return check_params(path, table->params, error);
}

/* No v1: is it a plugin of a later major, or none at all? */
static regstore_status explain_no_symbol(const char *path, void *module,
                                         struct regstore_error *error)
{
    char symbol[] = "regstore_plugin_v2";
    for (char *digit = &symbol[sizeof(symbol) - 2]; *digit <= '9'; ++*digit) {
        if (dlsym(module, symbol) != NULL)
            return host_fail(error, REGSTORE_CONFIG,
                             "%s is a plugin for major %c of the ABI, this host speaks major 1: "
                             "use a newer host, or a build of the plugin for major 1",
                             path, *digit);
    }
    return host_fail(error, REGSTORE_CONFIG,
                     "%s is not a regstore plugin: it has no symbol regstore_plugin_v1", path);
}

static regstore_status open_module(const char *path, const struct regstore_plugin **table,
                                   struct regstore_error *error)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        const char *why = dlerror();
        return host_fail(error, REGSTORE_CONFIG, "%s cannot be loaded: %s", path,
                         why != NULL ? why : "no reason given");
    }
    const struct regstore_plugin *(*entry)(void);
    void *symbol = dlsym(module, "regstore_plugin_v1");
    if (symbol == NULL)
        return explain_no_symbol(path, module, error);
    memcpy(&entry, &symbol, sizeof(entry)); /* C has no cast from an object to a function. */
    *table = entry();
    return check_table(path, *table, error);
}

static void fill_table(struct regstore_host_plugin *plugin)
{
    struct regstore_plugin *table = &plugin->table;
    uint64_t size = plugin->published->struct_size;
    memcpy(table, plugin->published, size < sizeof(*table) ? size : sizeof(*table));
    table->struct_size = sizeof(*table);
    if (table->extension == NULL)
        table->extension = no_extension;
    if (table->copy == NULL)
        table->copy = no_copy;
    if (table->presign == NULL)
        table->presign = no_presign;
}

regstore_status regstore_host_load_file(const char *path, struct regstore_host_plugin **out,
                                        struct regstore_error *error)
{
    host_error_clear(error);
    struct regstore_host_plugin *plugin = calloc(1, sizeof(*plugin));
    if (plugin == NULL)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    regstore_status status = guard_check(path, &plugin->path, error);
    if (status == REGSTORE_OK)
        status = guard_check_library(plugin->path, error);
    if (status == REGSTORE_OK)
        status = open_module(plugin->path, &plugin->published, error);
    if (status != REGSTORE_OK) {
        regstore_host_plugin_free(plugin);
        return status;
    }
    fill_table(plugin);
    *out = plugin;
    return REGSTORE_OK;
}

regstore_status regstore_host_load_driver(const char *driver, const char *plugin_dir,
                                          struct regstore_host_plugin **out,
                                          struct regstore_error *error)
{
    char *path = NULL;
    host_error_clear(error);
    TRY(find_driver(driver, plugin_dir, &path, error));
    regstore_status status = regstore_host_load_file(path, out, error);
    free(path);
    return status;
}

const struct regstore_plugin *regstore_host_table(const struct regstore_host_plugin *plugin)
{
    return &plugin->table;
}

const struct regstore_plugin *
regstore_host_published_table(const struct regstore_host_plugin *plugin)
{
    return plugin->published;
}

const char *regstore_host_path(const struct regstore_host_plugin *plugin)
{
    return plugin->path;
}

void regstore_host_plugin_free(struct regstore_host_plugin *plugin)
{
    if (plugin == NULL)
        return;
    free(plugin->path);
    free(plugin);
}
