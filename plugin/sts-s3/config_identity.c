/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are: the role and its session; whose credentials assume it stands in config_who.c. */
#include <string.h>

#include "reading.h"
#include "settings.h"
#include "sts.h"

static bool is_session_name(const char *name)
{
    const size_t len = strlen(name);
    return len >= 2 && len <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=,.@_-") ==
               len;
}

static regstore_status read_arn(struct stss3_reading *r, const char *key, const char *arn,
                                char **out)
{
    const struct stss3_partition *partition = NULL;
    const char *bad = arn == NULL ? NULL : stss3_role_arn_check(arn, &partition);
    if (bad != NULL)
        return stss3_reading_wrong(r, key, bad);
    if (partition != NULL && r->config->partition == NULL)
        r->config->partition = partition;
    return stss3_reading_copy(r, arn, out);
}

static regstore_status read_duration(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    TRY(plug_setting_integer(r->call, "sts_duration_seconds",
                             stss3_reading_value(r, "sts_duration_seconds"), 900, 43200,
                             &c->duration_s));
    if (c->source_role_arn != NULL && c->duration_s > STSS3_CHAINED_MAX_S)
        return stss3_reading_wrong(r, "sts_duration_seconds",
                                   "must be 3600 at the most with sts_source_role_arn: AWS lets "
                                   "a chained session last no longer");
    return REGSTORE_OK;
}

static regstore_status read_role(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    const char *arn = stss3_reading_value_or_env(r, "sts_role_arn", "AWS_ROLE_ARN", NULL);
    const char *source = stss3_reading_value(r, "sts_source_role_arn");
    const char *name =
        stss3_reading_value_or_env(r, "sts_role_session_name", "AWS_ROLE_SESSION_NAME", NULL);
    TRY(read_arn(r, "sts_role_arn", arn, &c->role_arn));
    if (source != NULL && arn == NULL)
        return stss3_reading_wrong(r, "sts_source_role_arn",
                                   "is the role that assumes sts_role_arn, which is missing");
    TRY(read_arn(r, "sts_source_role_arn", source, &c->source_role_arn));
    if (name != NULL && !is_session_name(name))
        return stss3_reading_wrong(r, "sts_role_session_name",
                                   "must be 2 to 64 letters, digits or any of +=,.@_-");
    TRY(stss3_reading_copy(r, name == NULL ? "quay" : name, &c->session_name));
    TRY(stss3_reading_copy(r, stss3_reading_value(r, "sts_external_id"), &c->external_id));
    return read_duration(r);
}

regstore_status stss3_read_identity(struct stss3_reading *r)
{
    TRY(read_role(r));
    return stss3_read_who(r);
}
