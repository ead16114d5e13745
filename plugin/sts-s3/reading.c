/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

#include <stdlib.h>
#include <string.h>

#include "settings.h"

const char *stss3_reading_value(const struct stss3_reading *r, const char *key)
{
    const char *value = plug_setting(stss3_params, r->values, key);
    if (value != NULL && value[0] != '\0')
        return value;
    for (size_t i = 0; stss3_params[i].key != NULL; i++)
        if (strcmp(stss3_params[i].key, key) == 0)
            return stss3_params[i].fallback;
    return NULL;
}

const char *stss3_reading_value_or_env(const struct stss3_reading *r, const char *key,
                                       const char *first, const char *second)
{
    const char *value = stss3_reading_value(r, key);
    if (value == NULL && first != NULL)
        value = secure_getenv(first);
    if ((value == NULL || value[0] == '\0') && second != NULL)
        value = secure_getenv(second);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

regstore_status stss3_reading_copy(struct stss3_reading *r, const char *value, char **out)
{
    if (value == NULL)
        return REGSTORE_OK;
    *out = strdup(value);
    return *out == NULL ? plug_no_memory(r->call) : REGSTORE_OK;
}

regstore_status stss3_reading_wrong(struct stss3_reading *r, const char *key, const char *words)
{
    return plug_fail(r->call, REGSTORE_CONFIG, "'%s' %s", key, words);
}
