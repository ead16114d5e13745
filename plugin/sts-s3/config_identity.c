/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are: the user's keys and the role. */
#include <string.h>

#include "reading.h"
#include "settings.h"

static regstore_status read_key(struct stss3_reading *r, const char *key, const char *file_key,
                                const char *(*check)(const char *text), char **out, char **out_file)
{
    const char *value = stss3_reading_value(r, key), *file = stss3_reading_value(r, file_key);
    if (value == NULL && file == NULL)
        return stss3_reading_wrong(
            r, key, "is empty: copy it from the user's access key (section 12.1 of the manual)");
    const char *bad = value == NULL ? NULL : check(value);
    if (bad != NULL)
        return stss3_reading_wrong(r, key, bad);
    TRY(stss3_reading_copy(r, value, out));
    return stss3_reading_copy(r, file, out_file);
}

static regstore_status read_user(struct stss3_reading *r)
{
    struct stss3_keys *user = &r->config->user;
    TRY(read_key(r, "sts_user_access_key", "sts_user_access_key_file", stss3_access_key_check,
                 &user->access_key, &user->access_key_file));
    return read_key(r, "sts_user_secret_key", "sts_user_secret_key_file", stss3_secret_key_check,
                    &user->secret_key, &user->secret_key_file);
}

static bool is_session_name(const char *name)
{
    const size_t len = strlen(name);
    return len >= 2 && len <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-") ==
               len;
}

static regstore_status read_role(struct stss3_reading *r)
{
    const char *arn = stss3_reading_value_or_env(r, "sts_role_arn", "AWS_ROLE_ARN", NULL);
    const char *name =
        stss3_reading_value_or_env(r, "sts_role_session_name", "AWS_ROLE_SESSION_NAME", NULL);
    if (arn != NULL) {
        const char *bad = stss3_role_arn_check(arn, &r->config->partition);
        if (bad != NULL)
            return stss3_reading_wrong(r, "sts_role_arn", bad);
    }
    TRY(stss3_reading_copy(r, arn, &r->config->role_arn));
    if (name != NULL && !is_session_name(name))
        return stss3_reading_wrong(r, "sts_role_session_name",
                                   "must be 2 to 64 letters, digits or any of +=,.@_-");
    TRY(stss3_reading_copy(r, name == NULL ? "quay" : name, &r->config->session_name));
    TRY(stss3_reading_copy(r, stss3_reading_value(r, "sts_external_id"), &r->config->external_id));
    return plug_setting_integer(r->call, "sts_duration_seconds",
                                stss3_reading_value(r, "sts_duration_seconds"), 900, 43200,
                                &r->config->duration_s);
}

regstore_status stss3_read_identity(struct stss3_reading *r)
{
    TRY(read_user(r));
    return read_role(r);
}
