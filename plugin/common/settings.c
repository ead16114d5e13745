/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LEN 64

size_t plug_params_count(const struct regstore_param *params)
{
    size_t n = 0;
    while (params[n].key != NULL)
        n++;
    return n;
}

/* How many letters one has to change, add, drop or swap to come from a to b; both are short. */
static size_t distance(const char *a, const char *b)
{
    const size_t la = strlen(a), lb = strlen(b);
    size_t rows[3][NAME_MAX_LEN + 1];
    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *now = rows[i % 3];
        const size_t *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[la % 3][lb];
}

static regstore_status unknown_key(struct plug_call *call, const struct regstore_param *params,
                                   const char *key)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (; params->key != NULL; params++) {
        const size_t d = distance(key, params->key);
        if (d < least) {
            least = d;
            nearest = params->key;
        }
    }
    if (nearest != NULL && least <= 1 + strlen(key) / 4)
        return plug_fail(call, REGSTORE_CONFIG, "unknown key '%.64s': did you mean '%s'?", key,
                         nearest);
    return plug_fail(
        call, REGSTORE_CONFIG,
        "unknown key '%.64s': 'regstore inspect' lists the keys that this plugin knows", key);
}

static regstore_status check_type(struct plug_call *call, const struct regstore_param *param,
                                  const char *value)
{
    uint64_t number;
    bool flag;
    if (value[0] == '\0') /* what that means is for the plugin to say */
        return REGSTORE_OK;
    if ((param->flags & REGSTORE_PARAM_INTEGER) != 0)
        return plug_setting_integer(call, param->key, value, 0, UINT64_MAX, &number);
    if ((param->flags & REGSTORE_PARAM_BOOL) != 0)
        return plug_setting_bool(call, param->key, value, &flag);
    return REGSTORE_OK;
}

static regstore_status take_pair(struct plug_call *call, const struct regstore_param *params,
                                 const struct regstore_pair *pair, const char **values)
{
    if (pair->key == NULL || pair->value == NULL)
        return plug_fail(call, REGSTORE_INVALID, "a setting's key or value is NULL");
    for (size_t i = 0; params[i].key != NULL; i++) {
        if (strcmp(params[i].key, pair->key) != 0)
            continue;
        if (values[i] != NULL)
            return plug_fail(call, REGSTORE_CONFIG, "'%s' is given twice", pair->key);
        TRY(check_type(call, &params[i], pair->value));
        values[i] = pair->value;
        return REGSTORE_OK;
    }
    return unknown_key(call, params, pair->key);
}

/* The index of KEY_file for params[i].key, or of the table's end. */
static size_t file_of(const struct regstore_param *params, size_t i)
{
    const size_t len = strlen(params[i].key);
    size_t j = 0;
    while (params[j].key != NULL && (strncmp(params[j].key, params[i].key, len) != 0 ||
                                     strcmp(params[j].key + len, "_file") != 0))
        j++;
    return j;
}

/* Given once, by itself or as a file; else its fallback. */
static regstore_status settle(struct plug_call *call, const struct regstore_param *params, size_t i,
                              const char **values)
{
    const size_t file = file_of(params, i);
    const bool has_file =
        params[file].key != NULL && values[file] != NULL && values[file][0] != '\0';
    if (has_file && values[i] != NULL && values[i][0] != '\0')
        return plug_fail(call, REGSTORE_CONFIG, "'%s' and '%s' are both given: remove one",
                         params[i].key, params[file].key);
    if (values[i] != NULL || has_file)
        return REGSTORE_OK;
    if ((params[i].flags & REGSTORE_PARAM_REQUIRED) != 0)
        return plug_fail(call, REGSTORE_CONFIG, "'%s' is missing: %s", params[i].key,
                         params[i].help);
    values[i] = params[i].fallback;
    return REGSTORE_OK;
}

regstore_status plug_settings_sort(struct plug_call *call, const struct regstore_param *params,
                                   const struct regstore_pair *pairs, size_t n, const char **values)
{
    for (size_t i = 0; params[i].key != NULL; i++)
        values[i] = NULL;
    if (n != 0 && pairs == NULL)
        return plug_fail(call, REGSTORE_INVALID, "settings is NULL");
    for (size_t i = 0; i < n; i++)
        TRY(take_pair(call, params, &pairs[i], values));
    for (size_t i = 0; params[i].key != NULL; i++)
        TRY(settle(call, params, i, values));
    return REGSTORE_OK;
}

const char *plug_setting(const struct regstore_param *params, const char *const *values,
                         const char *key)
{
    for (size_t i = 0; params[i].key != NULL; i++)
        if (strcmp(params[i].key, key) == 0)
            return values[i];
    return NULL;
}

regstore_status plug_setting_integer(struct plug_call *call, const char *key, const char *value,
                                     uint64_t low, uint64_t high, uint64_t *out)
{
    const size_t digits = strspn(value, "0123456789");
    errno = 0;
    *out = strtoull(value, NULL, 10);
    if (digits == 0 || value[digits] != '\0')
        return plug_fail(call, REGSTORE_CONFIG, "'%s' must be a whole number, not '%.64s'", key,
                         value);
    if (errno == ERANGE || *out < low || *out > high)
        return plug_fail(call, REGSTORE_CONFIG, "'%s' must lie between %llu and %llu, not %.64s",
                         key, (unsigned long long)low, (unsigned long long)high, value);
    return REGSTORE_OK;
}

regstore_status plug_setting_bool(struct plug_call *call, const char *key, const char *value,
                                  bool *out)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (size_t truth = 0; truth < 2; truth++) {
            if (strcasecmp(value, words[i][truth]) == 0) {
                *out = truth != 0;
                return REGSTORE_OK;
            }
        }
    }
    return plug_fail(call, REGSTORE_CONFIG, "'%s' must be true or false, not '%.64s'", key, value);
}

regstore_status plug_setting_choice(struct plug_call *call, const char *key, const char *value,
                                    const char *choices, unsigned *out)
{
    const size_t len = strlen(value);
    const char *at = choices;
    for (unsigned i = 0;; i++) {
        const size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, value, len) == 0) {
            *out = i;
            return REGSTORE_OK;
        }
        if (at[word] == '\0')
            break;
        at += word + 1;
    }
    return plug_fail(call, REGSTORE_CONFIG, "'%s' must be one of: %s; not '%.64s'", key, choices,
                     value);
}
