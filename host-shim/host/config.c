/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: knows which three keys of a Quay config.yaml are about storage, what shape they have, and
 * how a location is chosen. The strings are copies: the YAML document is wiped at once.
 */
#include "regstore-host.h"
#include "error.h"
#include "find.h"
#include "yaml_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_KEY     "DISTRIBUTED_STORAGE_CONFIG"
#define PREFERENCE_KEY "DISTRIBUTED_STORAGE_PREFERENCE"
#define DEFAULT_KEY    "DISTRIBUTED_STORAGE_DEFAULT_LOCATIONS"

struct location {
    struct regstore_host_location public;
    struct regstore_pair *settings; /* public.settings, writable */
    char *problem;                  /* why it cannot be picked; NULL when it can */
};

struct names {
    char **at;
    size_t n;
};

struct regstore_host_config {
    char *path;
    struct location *locations;
    size_t n_locations;
    struct names preference, defaults;
};

static regstore_status no_memory(struct regstore_error *error)
{
    return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
}

static regstore_status copy_text(char **out, const char *text, struct regstore_error *error)
{
    *out = strdup(text);
    return *out != NULL ? REGSTORE_OK : no_memory(error);
}

static void wipe_text(const char *text)
{
    if (text == NULL)
        return;
    char *copy = (char *)(uintptr_t)text; /* strdup's; const only towards the reader. */
    explicit_bzero(copy, strlen(copy));
    free(copy);
}

static void location_clear(struct location *location)
{
    for (size_t i = 0; i < location->public.n_settings; i++) {
        wipe_text(location->settings[i].key);
        wipe_text(location->settings[i].value);
    }
    free(location->settings);
    free(location->problem);
    wipe_text(location->public.name);
    wipe_text(location->public.driver);
}

static void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->at[i]);
    free(names->at);
}

static regstore_status add_setting(const struct yaml_file *file, const struct yaml_entry *entry,
                                   struct location *location, struct regstore_error *error)
{
    size_t line = yaml_line(entry->key_node);
    if (entry->key == NULL || !yaml_is_plain_text(entry->key_node))
        return host_fail(error, REGSTORE_CONFIG, "%s:%zu: the name of a setting must be text",
                         file->path, line);
    if (entry->is_repeated)
        return host_fail(error, REGSTORE_CONFIG, "%s:%zu: '%s' is there twice: remove one",
                         file->path, line, entry->key);
    if (yaml_is_null(entry->value))
        return REGSTORE_OK;
    if (!yaml_is_plain_text(entry->value))
        return host_fail(error, REGSTORE_CONFIG,
                         "%s:%zu: the value of '%s' must be text, a number, true or false",
                         file->path, line, entry->key);
    struct regstore_pair *setting = &location->settings[location->public.n_settings];
    char *key = NULL, *value = NULL;
    TRY(copy_text(&key, entry->key, error));
    setting->key = key;
    location->public.n_settings++; /* From here on location_clear frees both. */
    TRY(copy_text(&value, yaml_text(entry->value), error));
    setting->value = value;
    return REGSTORE_OK;
}

static regstore_status read_settings(struct yaml_file *file, const yaml_node_t *node,
                                     struct location *location, struct regstore_error *error)
{
    if (yaml_is_null(node))
        return REGSTORE_OK;
    if (node->type != YAML_MAPPING_NODE)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s:%zu: after the driver of location '%s' its settings must follow, as "
                         "'key: value'",
                         file->path, yaml_line(node), location->public.name);
    struct yaml_entries entries = {0};
    TRY(yaml_entries_read(file, node, &entries, error));
    regstore_status status = REGSTORE_OK;
    location->settings = calloc(entries.n > 0 ? entries.n : 1, sizeof(*location->settings));
    if (location->settings == NULL)
        status = no_memory(error);
    location->public.settings = location->settings;
    for (size_t i = 0; status == REGSTORE_OK && i < entries.n; i++)
        status = add_setting(file, &entries.at[i], location, error);
    yaml_entries_clear(&entries);
    return status;
}

/* [Driver, {settings}] */
static regstore_status read_body(struct yaml_file *file, const yaml_node_t *node,
                                 struct location *location, struct regstore_error *error)
{
    const yaml_node_item_t *items = NULL;
    size_t n = 0;
    if (node->type == YAML_SEQUENCE_NODE) {
        items = node->data.sequence.items.start;
        n = (size_t)(node->data.sequence.items.top - items);
    }
    if (n < 1 || n > 2)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s:%zu: location '%s' must be a list of two, the driver's name and its "
                         "settings",
                         file->path, yaml_line(node), location->public.name);
    const yaml_node_t *driver = yaml_document_get_node(&file->document, items[0]);
    const char *text = yaml_text(driver);
    char *copy = NULL;
    if (text != NULL) {
        TRY(copy_text(&copy, text, error));
        location->public.driver = copy;
    }
    if (text == NULL || !find_is_driver_name(text))
        return host_fail(error, REGSTORE_CONFIG,
                         "%s:%zu: the first item of location '%s' must be the name of a driver: 1 "
                         "to 64 letters, digits and _",
                         file->path, yaml_line(driver), location->public.name);
    if (n == 1)
        return REGSTORE_OK;
    return read_settings(file, yaml_document_get_node(&file->document, items[1]), location, error);
}

/* What is wrong inside a location is kept for whoever picks it. */
static regstore_status read_location(struct yaml_file *file, const struct yaml_entry *entry,
                                     struct location *location, struct regstore_error *error)
{
    char *name = NULL;
    if (entry->key == NULL || entry->key[0] == '\0')
        return host_fail(error, REGSTORE_CONFIG, "%s:%zu: the name of a location must be text",
                         file->path, yaml_line(entry->key_node));
    if (entry->is_repeated)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s:%zu: location '%s' is there twice: remove or rename one", file->path,
                         yaml_line(entry->key_node), entry->key);
    TRY(copy_text(&name, entry->key, error));
    location->public.name = name;
    struct regstore_error inside = {.struct_size = sizeof(inside)};
    regstore_status status = read_body(file, entry->value, location, &inside);
    if (status == REGSTORE_OK)
        return REGSTORE_OK;
    if (status != REGSTORE_CONFIG)
        return host_fail(error, status, "%s", inside.message);
    return copy_text(&location->problem, inside.message, error);
}

static regstore_status read_locations(struct yaml_file *file, const yaml_node_t *node,
                                      struct regstore_host_config *config,
                                      struct regstore_error *error)
{
    if (node == NULL || yaml_is_null(node))
        return host_fail(error, REGSTORE_CONFIG,
                         "%s has no " CONFIG_KEY ": is it the right config.yaml?", file->path);
    if (node->type != YAML_MAPPING_NODE)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s:%zu: " CONFIG_KEY " must be a mapping: location: [Driver, {settings}]",
                         file->path, yaml_line(node));
    struct yaml_entries entries = {0};
    TRY(yaml_entries_read(file, node, &entries, error));
    regstore_status status = REGSTORE_OK;
    if (entries.n == 0)
        status = host_fail(error, REGSTORE_CONFIG, "%s:%zu: " CONFIG_KEY " has no location",
                           file->path, yaml_line(node));
    config->locations = calloc(entries.n > 0 ? entries.n : 1, sizeof(*config->locations));
    if (config->locations == NULL)
        status = no_memory(error);
    for (size_t i = 0; status == REGSTORE_OK && i < entries.n; i++)
        status = read_location(file, &entries.at[i], &config->locations[config->n_locations++],
                               error);
    yaml_entries_clear(&entries);
    return status;
}

static regstore_status read_names(struct yaml_file *file, const char *key, const yaml_node_t *node,
                                  struct names *names, struct regstore_error *error)
{
    if (node == NULL || yaml_is_null(node))
        return REGSTORE_OK;
    if (node->type != YAML_SEQUENCE_NODE)
        return host_fail(error, REGSTORE_CONFIG, "%s:%zu: %s must be a list of locations",
                         file->path, yaml_line(node), key);
    const yaml_node_item_t *items = node->data.sequence.items.start;
    size_t n = (size_t)(node->data.sequence.items.top - items);
    names->at = calloc(n > 0 ? n : 1, sizeof(*names->at));
    if (names->at == NULL)
        return no_memory(error);
    for (size_t i = 0; i < n; i++) {
        const yaml_node_t *item = yaml_document_get_node(&file->document, items[i]);
        const char *name = yaml_text(item);
        if (name == NULL)
            return host_fail(error, REGSTORE_CONFIG, "%s:%zu: an item of %s is not a name",
                             file->path, yaml_line(item), key);
        TRY(copy_text(&names->at[names->n], name, error));
        names->n++;
    }
    return REGSTORE_OK;
}

static regstore_status read_keys(struct yaml_file *file, const struct yaml_entries *entries,
                                 struct regstore_host_config *config, struct regstore_error *error)
{
    yaml_node_t *locations, *preference, *defaults;
    TRY(yaml_entries_get(file, entries, CONFIG_KEY, &locations, error));
    TRY(yaml_entries_get(file, entries, PREFERENCE_KEY, &preference, error));
    TRY(yaml_entries_get(file, entries, DEFAULT_KEY, &defaults, error));
    TRY(read_locations(file, locations, config, error));
    TRY(read_names(file, PREFERENCE_KEY, preference, &config->preference, error));
    return read_names(file, DEFAULT_KEY, defaults, &config->defaults, error);
}

static regstore_status read_document(struct yaml_file *file, struct regstore_host_config *config,
                                     struct regstore_error *error)
{
    TRY(yaml_file_load(file, config->path, error));
    const yaml_node_t *root = yaml_file_root(file);
    if (root == NULL || root->type != YAML_MAPPING_NODE)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s is no config.yaml: it must consist of keys with values, " CONFIG_KEY
                         " among them",
                         file->path);
    struct yaml_entries entries = {0};
    TRY(yaml_entries_read(file, root, &entries, error));
    regstore_status status = read_keys(file, &entries, config, error);
    yaml_entries_clear(&entries);
    return status;
}

regstore_status regstore_host_config_read(const char *path, struct regstore_host_config **out,
                                          struct regstore_error *error)
{
    host_error_clear(error);
    struct regstore_host_config *config = calloc(1, sizeof(*config));
    if (config == NULL)
        return no_memory(error);
    struct yaml_file file = {0};
    regstore_status status = copy_text(&config->path, path, error);
    if (status == REGSTORE_OK)
        status = read_document(&file, config, error);
    yaml_file_clear(&file);
    if (status != REGSTORE_OK) {
        regstore_host_config_free(config);
        return status;
    }
    *out = config;
    return REGSTORE_OK;
}

static const struct location *find_location(const struct regstore_host_config *config,
                                            const char *name)
{
    for (size_t i = 0; i < config->n_locations; i++) {
        if (strcmp(config->locations[i].public.name, name) == 0)
            return &config->locations[i];
    }
    return NULL;
}

static const struct location *first_of(const struct regstore_host_config *config,
                                       const struct names *names)
{
    const struct location *found = NULL;
    for (size_t i = 0; found == NULL && i < names->n; i++)
        found = find_location(config, names->at[i]);
    return found;
}

static const struct location *choose(const struct regstore_host_config *config)
{
    const struct location *found = first_of(config, &config->preference);
    if (found == NULL && config->n_locations == 1)
        found = &config->locations[0];
    if (found == NULL)
        found = first_of(config, &config->defaults);
    return found;
}

static regstore_status list_names(const struct regstore_host_config *config, const char *wanted,
                                  struct regstore_error *error)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < config->n_locations && used < sizeof(names) - 1; i++) {
        int length = snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "",
                              config->locations[i].public.name);
        used += length > 0 ? (size_t)length : 0;
    }
    if (wanted != NULL)
        return host_fail(error, REGSTORE_CONFIG, "%s has no location '%s', only: %s", config->path,
                         wanted, names);
    return host_fail(error, REGSTORE_CONFIG,
                     "%s has several locations and " PREFERENCE_KEY
                     " names none of them: name one of: %s",
                     config->path, names);
}

regstore_status regstore_host_config_pick(const struct regstore_host_config *config,
                                          const char *name,
                                          const struct regstore_host_location **out,
                                          struct regstore_error *error)
{
    host_error_clear(error);
    const struct location *found = name != NULL ? find_location(config, name) : choose(config);
    if (found == NULL)
        return list_names(config, name, error);
    if (found->problem != NULL)
        return host_fail(error, REGSTORE_CONFIG, "%s", found->problem);
    *out = &found->public;
    return REGSTORE_OK;
}

void regstore_host_config_free(struct regstore_host_config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->n_locations; i++)
        location_clear(&config->locations[i]);
    free(config->locations);
    names_clear(&config->preference);
    names_clear(&config->defaults);
    free(config->path);
    free(config);
}
