/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "settings.h"

#define SECRET  REGSTORE_PARAM_SECRET
#define INTEGER REGSTORE_PARAM_INTEGER

/* A key stands here together with the code that obeys it, never before. */
const struct regstore_param stss3_params[] = {
    {"storage_path", NULL, "where in the bucket all keys lie, for example /datastorage",
     REGSTORE_PARAM_REQUIRED},
    {"s3_bucket", NULL, "the name of the bucket", REGSTORE_PARAM_REQUIRED},
    {"sts_role_arn", NULL,
     "the role to assume, arn:aws:iam::<account>:role/<name>; else AWS_ROLE_ARN; without either "
     "the user's own keys go to S3",
     0},
    {"sts_user_access_key", NULL, "the access key of the user who may assume the role",
     REGSTORE_PARAM_REQUIRED},
    {"sts_user_access_key_file", NULL,
     "in its place, a file that holds it; read anew for each session", REGSTORE_PARAM_PATH},
    {"sts_user_secret_key", NULL, "the secret key of that user", REGSTORE_PARAM_REQUIRED | SECRET},
    {"sts_user_secret_key_file", NULL,
     "in its place, a file that holds it and that nobody else may read; read anew for each session",
     REGSTORE_PARAM_PATH},
    {"s3_region", NULL,
     "the bucket's region; else AWS_REGION, AWS_DEFAULT_REGION, else the first of the partition",
     0},
    {"endpoint_url", NULL, "the URL of an S3 other than AWS's, https://host[:port]", 0},
    {"sts_endpoint_url", NULL,
     "the URL of the STS to ask, https://host[:port]; else AWS's for the region", 0},
    {"sts_role_session_name", NULL,
     "the session's name in audit logs; else AWS_ROLE_SESSION_NAME, "
     "else quay",
     0},
    {"sts_external_id", NULL, "the external id that the role's trust policy demands", 0},
    {"sts_duration_seconds", "3600",
     "how long a session lasts: 900 to the role's maximum, 43200 "
     "at the most",
     INTEGER},
    {"maximum_chunk_size_gb", "5", "the largest part of a server-side copy, 1 to 5 GiB", INTEGER},
    {"minimum_chunk_size_mb", "5",
     "the size of the first parts of an upload, 5 to 5120 MiB; a blob "
     "that fits in one goes up in one request",
     INTEGER},
    {"signature_version", "s3v4", "s3v4 is the only one", 0},
    {"server_side_encryption", NULL, "AES256 or none; AES256 on AWS, else none", 0},
    {"ca_bundle", NULL, "a file of PEM certificates to trust in place of the system's",
     REGSTORE_PARAM_PATH},
    {"addressing_style", "auto",
     "path, virtual (the bucket in the host's name) or auto: virtual on AWS, path elsewhere", 0},
    {"memory_limit_mb", "48",
     "for the buffers of all uploads and reads of a store together, "
     "16 to 65536 MiB; what does not fit waits in unlinked files",
     INTEGER},
    {"io_threads", "1", "event loops that carry the transfers, 1 to 16", INTEGER},
    {NULL, NULL, NULL, 0},
};

/* What Quay's STSS3Storage takes; any other key is a TypeError there, at start. */
static const char *const quays_own[] = {
    "storage_path",          "s3_bucket",           "sts_role_arn",
    "sts_user_access_key",   "sts_user_secret_key", "s3_region",
    "maximum_chunk_size_gb", "signature_version",   "endpoint_url",
};

#define N_PARAMS (sizeof stss3_params / sizeof stss3_params[0])

/* A config in the making. */
struct reading {
    struct plug_call *call;
    const char *values[N_PARAMS];
    struct stss3_config *config;
};

/* "" means the same as leaving the key out, as it does to Quay. */
static const char *value_of(const struct reading *r, const char *key)
{
    const char *value = plug_setting(stss3_params, r->values, key);
    if (value != NULL && value[0] != '\0')
        return value;
    for (size_t i = 0; i < N_PARAMS - 1; i++)
        if (strcmp(stss3_params[i].key, key) == 0)
            return stss3_params[i].fallback;
    return NULL;
}

/* The setting, else the first of the environment's variables that is set. */
static const char *value_or_env(const struct reading *r, const char *key, const char *first,
                                const char *second)
{
    const char *value = value_of(r, key);
    if (value == NULL && first != NULL)
        value = secure_getenv(first);
    if ((value == NULL || value[0] == '\0') && second != NULL)
        value = secure_getenv(second);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static regstore_status copy_text(struct reading *r, const char *value, char **out)
{
    if (value == NULL)
        return REGSTORE_OK;
    *out = strdup(value);
    return *out == NULL ? plug_no_memory(r->call) : REGSTORE_OK;
}

static regstore_status wrong(struct reading *r, const char *key, const char *words)
{
    return plug_fail(r->call, REGSTORE_CONFIG, "'%s' %s", key, words);
}

/* As Quay joins it: one leading '/' goes; "" and "/" are the bucket's root. */
static regstore_status read_root(struct reading *r)
{
    const char *path = plug_setting(stss3_params, r->values, "storage_path");
    struct plug_buf root = {0};
    if (path[0] == '/')
        path++;
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/')
        len--;
    if (len > 512)
        return wrong(r, "storage_path", "is longer than 512 bytes");
    if (len > 0 && path[0] == '/')
        return wrong(r, "storage_path", "begins with '//': give it with one '/' at the most");
    plug_buf_add(&root, path, len);
    if (len > 0)
        plug_buf_char(&root, '/');
    r->config->root = plug_buf_steal(&root);
    return r->config->root == NULL ? plug_no_memory(r->call) : REGSTORE_OK;
}

static regstore_status read_bucket(struct reading *r)
{
    const char *bucket = value_of(r, "s3_bucket");
    if (bucket == NULL)
        return wrong(r, "s3_bucket", "is empty");
    const size_t len = strlen(bucket);
    /* Ceph allows capitals, '_' and tenants ("tenant:bucket"); '/' would name another bucket. */
    if (len > 255 || strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789.-_:") != len)
        return wrong(r, "s3_bucket", "is no bucket's name: letters, digits, '.', '-' and '_' only");
    return copy_text(r, bucket, &r->config->bucket);
}

static regstore_status read_key(struct reading *r, const char *key, const char *file_key,
                                const char *(*check)(const char *text), char **out, char **out_file)
{
    const char *value = value_of(r, key), *file = value_of(r, file_key);
    if (value == NULL && file == NULL)
        return wrong(r, key,
                     "is empty: copy it from the user's access key (section 12.1 of the manual)");
    const char *bad = value == NULL ? NULL : check(value);
    if (bad != NULL)
        return wrong(r, key, bad);
    TRY(copy_text(r, value, out));
    return copy_text(r, file, out_file);
}

static regstore_status read_user(struct reading *r)
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

static regstore_status read_role(struct reading *r)
{
    const char *arn = value_or_env(r, "sts_role_arn", "AWS_ROLE_ARN", NULL);
    const char *name = value_or_env(r, "sts_role_session_name", "AWS_ROLE_SESSION_NAME", NULL);
    if (arn != NULL) {
        const char *bad = stss3_role_arn_check(arn, &r->config->partition);
        if (bad != NULL)
            return wrong(r, "sts_role_arn", bad);
    }
    TRY(copy_text(r, arn, &r->config->role_arn));
    if (name != NULL && !is_session_name(name))
        return wrong(r, "sts_role_session_name",
                     "must be 2 to 64 letters, digits or any of +=,.@_-");
    TRY(copy_text(r, name == NULL ? "quay" : name, &r->config->session_name));
    TRY(copy_text(r, value_of(r, "sts_external_id"), &r->config->external_id));
    return plug_setting_integer(r->call, "sts_duration_seconds",
                                value_of(r, "sts_duration_seconds"), 900, 43200,
                                &r->config->duration_s);
}

static regstore_status read_region(struct reading *r)
{
    struct stss3_config *c = r->config;
    const char *region = value_or_env(r, "s3_region", "AWS_REGION", "AWS_DEFAULT_REGION");
    if (region != NULL && !stss3_region_is_valid(region))
        return wrong(r, "s3_region", "(or AWS_REGION) is no region: 'us-east-1' is one");
    if (c->partition == NULL)
        c->partition = region != NULL ? stss3_partition_of_region(region)
                                      : stss3_partition_named("aws", strlen("aws"));
    (void)snprintf(c->region, sizeof c->region, "%s",
                   region != NULL ? region : c->partition->first_region);
    return REGSTORE_OK;
}

static void aws_endpoint(const char *service, const char *region, struct stss3_endpoint *out)
{
    char url[STSS3_HOST_MAX + 16], host[STSS3_HOST_MAX];
    stss3_aws_host(service, region, host);
    (void)snprintf(url, sizeof url, "https://%s", host);
    (void)stss3_endpoint_parse(url, out); /* our own words: cannot fail */
}

void stss3_config_endpoint(const struct stss3_config *config, const char *region,
                           struct stss3_endpoint *out)
{
    if (config->is_aws_s3)
        aws_endpoint("s3", region, out);
    else
        *out = config->s3;
}

/* True for a host of the partition's own: an endpoint_url may well name one. */
static bool is_aws_host(const struct stss3_config *c)
{
    const size_t len = strlen(c->s3.host), tail = strlen(c->partition->dns_suffix);
    return len > tail + 1 && c->s3.host[len - tail - 1] == '.' &&
           strcmp(c->s3.host + len - tail, c->partition->dns_suffix) == 0;
}

static regstore_status read_endpoints(struct reading *r)
{
    struct stss3_config *c = r->config;
    const char *s3 = value_of(r, "endpoint_url"), *sts = value_of(r, "sts_endpoint_url");
    const char *bad = s3 == NULL ? NULL : stss3_endpoint_parse(s3, &c->s3);
    if (bad != NULL)
        return wrong(r, "endpoint_url", bad);
    bad = sts == NULL ? NULL : stss3_endpoint_parse(sts, &c->sts);
    if (bad != NULL)
        return wrong(r, "sts_endpoint_url", bad);
    c->is_aws_s3 = s3 == NULL;
    if (s3 == NULL)
        aws_endpoint("s3", c->region, &c->s3);
    if (sts == NULL)
        aws_endpoint("sts", c->region, &c->sts);
    c->is_sts_implied = s3 != NULL && sts == NULL && !is_aws_host(c);
    c->is_region_assumed = s3 == NULL && value_of(r, "s3_region") == NULL;
    c->is_endpoint_over_region = s3 != NULL && value_of(r, "s3_region") != NULL;
    return REGSTORE_OK;
}

/* A bucket with a dot would not match the certificate of *.s3.<region>; capitals and '_' are no
 * host name. */
static bool fits_host_name(const char *bucket)
{
    const size_t len = strlen(bucket);
    return len >= 3 && len <= 63 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static regstore_status read_addressing(struct reading *r)
{
    struct stss3_config *c = r->config;
    unsigned style;
    TRY(plug_setting_choice(r->call, "addressing_style", value_of(r, "addressing_style"),
                            "auto path virtual", &style));
    if (style == 2 && (c->s3.is_address || !fits_host_name(c->bucket)))
        return wrong(r, "addressing_style",
                     c->s3.is_address ? "cannot be virtual: endpoint_url names an IP address"
                                      : "cannot be virtual: the bucket's name is no host name");
    c->is_virtual_host = style == 2 || (style == 0 && is_aws_host(c) && fits_host_name(c->bucket));
    return REGSTORE_OK;
}

static regstore_status read_sizes(struct reading *r)
{
    struct stss3_config *c = r->config;
    uint64_t copy_gb, part_mb, memory_mb, loops;
    TRY(plug_setting_integer(r->call, "maximum_chunk_size_gb", value_of(r, "maximum_chunk_size_gb"),
                             1, UINT32_MAX, &copy_gb));
    TRY(plug_setting_integer(r->call, "minimum_chunk_size_mb", value_of(r, "minimum_chunk_size_mb"),
                             5, 5120, &part_mb));
    TRY(plug_setting_integer(r->call, "memory_limit_mb", value_of(r, "memory_limit_mb"), 16, 65536,
                             &memory_mb));
    TRY(plug_setting_integer(r->call, "io_threads", value_of(r, "io_threads"), 1, 16, &loops));
    c->copy_part_bytes = (copy_gb > 5 ? 5 : copy_gb) * STSS3_GIB; /* S3 copies no more at once */
    c->part_bytes = part_mb * STSS3_MIB;
    c->memory_bytes = memory_mb * STSS3_MIB;
    c->loops = (unsigned)loops;
    return REGSTORE_OK;
}

static regstore_status read_rest(struct reading *r)
{
    struct stss3_config *c = r->config;
    unsigned choice;
    const char *folder = secure_getenv("TMPDIR");
    TRY(plug_setting_choice(r->call, "signature_version", value_of(r, "signature_version"), "s3v4",
                            &choice));
    const char *sse = value_of(r, "server_side_encryption");
    c->is_sse_s3 = is_aws_host(c);
    if (sse != NULL) {
        TRY(plug_setting_choice(r->call, "server_side_encryption", sse, "none AES256", &choice));
        c->is_sse_s3 = choice == 1;
    }
    TRY(copy_text(r, value_of(r, "ca_bundle"), &c->ca_bundle));
    /* Not /tmp: it may be memory, and memory is what ran out. */
    return copy_text(r, folder == NULL || folder[0] != '/' ? "/var/tmp" : folder, &c->spill_folder);
}

static bool is_quays_own(const char *key)
{
    for (size_t i = 0; i < sizeof quays_own / sizeof quays_own[0]; i++)
        if (strcmp(quays_own[i], key) == 0)
            return true;
    return false;
}

static regstore_status note_beyond_quay(struct reading *r, const struct regstore_pair *settings,
                                        size_t n)
{
    struct plug_buf keys = {0};
    for (size_t i = 0; i < n; i++)
        if (!is_quays_own(settings[i].key))
            plug_buf_printf(&keys, "%s%s", keys.len == 0 ? "" : ", ", settings[i].key);
    if (keys.len == 0 && !plug_buf_failed(&keys))
        return REGSTORE_OK;
    r->config->beyond_quay = plug_buf_steal(&keys);
    return r->config->beyond_quay == NULL ? plug_no_memory(r->call) : REGSTORE_OK;
}

regstore_status stss3_config_new(struct plug_call *call, const struct regstore_pair *settings,
                                 size_t n, struct stss3_config **out)
{
    struct reading r = {.call = call};
    TRY(plug_settings_sort(call, stss3_params, settings, n, r.values));
    r.config = calloc(1, sizeof *r.config);
    if (r.config == NULL)
        return plug_no_memory(call);
    regstore_status (*const steps[])(struct reading *) = {
        read_root,      read_bucket,     read_user,  read_role, read_region,
        read_endpoints, read_addressing, read_sizes, read_rest,
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const regstore_status status = steps[i](&r);
        if (status != REGSTORE_OK) {
            stss3_config_free(r.config);
            return status;
        }
    }
    const regstore_status status = note_beyond_quay(&r, settings, n);
    if (status != REGSTORE_OK) {
        stss3_config_free(r.config);
        return status;
    }
    *out = r.config;
    return REGSTORE_OK;
}

void stss3_config_free(struct stss3_config *config)
{
    if (config == NULL)
        return;
    stss3_keys_clear(&config->user);
    free(config->beyond_quay);
    free(config->bucket);
    free(config->root);
    free(config->role_arn);
    free(config->session_name);
    free(config->external_id);
    free(config->ca_bundle);
    free(config->spill_folder);
    free(config);
}
