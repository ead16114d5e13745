/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings: knows the second place where a secret of a location may stand, the environment, and how
 * the variable is called.
 */
#include "regstore-host.h"
#include "error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 256

struct regstore_host_settings {
    struct regstore_pair *pairs; /* keys and values are the location's, but for those of secrets */
    size_t n;
    char **secrets; /* values out of the environment */
    size_t n_secrets;
};

static char upper(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

/* False: too long for a name that anybody would write. */
static bool variable_name(const char *location, const char *key, char *name)
{
    int length = snprintf(name, NAME_MAX_BYTES, "REGSTORE_%s_%s", location, key);
    if (length < 0 || length >= NAME_MAX_BYTES)
        return false;
    for (; *name != '\0'; name++)
        *name = upper(*name);
    return true;
}

/* The key of the location that already says what the parameter is; NULL when there is none. To Quay
 * an empty text is none. */
static const char *given_as(const struct regstore_host_location *location, const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < location->n_settings; i++) {
        const char *given = location->settings[i].key;
        if (strncmp(given, key, length) == 0 && location->settings[i].value[0] != '\0' &&
            (given[length] == '\0' || strcmp(given + length, "_file") == 0))
            return given;
    }
    return NULL;
}

/* In place of the location's empty one, or as a new one. */
static void set_pair(struct regstore_host_settings *settings, const char *key, const char *value)
{
    size_t i = 0;
    while (i < settings->n && strcmp(settings->pairs[i].key, key) != 0)
        i++;
    settings->pairs[i] = (struct regstore_pair){.key = key, .value = value};
    settings->n += i == settings->n ? 1 : 0;
}

static regstore_status take_secret(struct regstore_host_settings *settings,
                                   const struct regstore_host_location *location,
                                   const struct regstore_param *param,
                                   struct regstore_error *error)
{
    char name[NAME_MAX_BYTES];
    if (!variable_name(location->name, param->key, name))
        return REGSTORE_OK;
    const char *value = secure_getenv(name);
    if (value == NULL || value[0] == '\0')
        return REGSTORE_OK;
    const char *given = given_as(location, param->key);
    if (given != NULL)
        return host_fail(error, REGSTORE_CONFIG,
                         "'%s' of location '%s' has two sources, '%s' in its settings and %s in "
                         "the environment: remove one",
                         param->key, location->name, given, name);
    char *copy = strdup(value);
    if (copy == NULL)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    settings->secrets[settings->n_secrets++] = copy;
    set_pair(settings, param->key, copy);
    return REGSTORE_OK;
}

static regstore_status fill(struct regstore_host_settings *settings,
                            const struct regstore_host_location *location,
                            const struct regstore_param *params, struct regstore_error *error)
{
    size_t n_params = 0;
    while (params[n_params].key != NULL)
        n_params++;
    settings->pairs = calloc(location->n_settings + n_params + 1, sizeof(*settings->pairs));
    settings->secrets = calloc(n_params + 1, sizeof(*settings->secrets));
    if (settings->pairs == NULL || settings->secrets == NULL)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    for (size_t i = 0; i < location->n_settings; i++)
        settings->pairs[settings->n++] = location->settings[i];
    for (size_t i = 0; i < n_params; i++) {
        if ((params[i].flags & REGSTORE_PARAM_SECRET) != 0)
            TRY(take_secret(settings, location, &params[i], error));
    }
    return REGSTORE_OK;
}

regstore_status regstore_host_settings_new(const struct regstore_host_location *location,
                                           const struct regstore_plugin *table,
                                           struct regstore_host_settings **out,
                                           struct regstore_error *error)
{
    host_error_clear(error);
    struct regstore_host_settings *settings = calloc(1, sizeof(*settings));
    if (settings == NULL)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    regstore_status status = fill(settings, location, table->params, error);
    if (status != REGSTORE_OK) {
        regstore_host_settings_free(settings);
        return status;
    }
    *out = settings;
    return REGSTORE_OK;
}

const struct regstore_pair *
regstore_host_settings_pairs(const struct regstore_host_settings *settings, size_t *n)
{
    *n = settings->n;
    return settings->pairs;
}

void regstore_host_settings_free(struct regstore_host_settings *settings)
{
    if (settings == NULL)
        return;
    for (size_t i = 0; i < settings->n_secrets; i++) {
        explicit_bzero(settings->secrets[i], strlen(settings->secrets[i]));
        free(settings->secrets[i]);
    }
    free(settings->secrets);
    free(settings->pairs);
    free(settings);
}
