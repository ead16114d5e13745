/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "reading.h"
#include "settings.h"

#define SECRET  REGSTORE_PARAM_SECRET
#define INTEGER REGSTORE_PARAM_INTEGER
#define BOOL    REGSTORE_PARAM_BOOL

/* A key stands here together with the code that obeys it, never before. */
const struct regstore_param stss3_params[] = {
    {"storage_path", NULL, "where in the bucket all keys lie, for example /datastorage",
     REGSTORE_PARAM_REQUIRED},
    {"s3_bucket", NULL, "the name of the bucket", REGSTORE_PARAM_REQUIRED},
    {"sts_role_arn", NULL,
     "the role to assume, arn:aws:iam::<account>:role/<name>; else AWS_ROLE_ARN; without either "
     "the user's own keys go to S3",
     0},
    {"sts_source_role_arn", NULL,
     "a role to assume first, whose session then assumes sts_role_arn; chained sessions last 3600 "
     "s at the most",
     0},
    {"sts_user_access_key", NULL,
     "the access key of the user who may assume the role; empty, with the secret key: AWS's chain "
     "(environment, web identity, profile files, container, instance)",
     0},
    {"sts_user_access_key_file", NULL,
     "in its place, a file that holds it; read anew for each session", REGSTORE_PARAM_PATH},
    {"sts_user_secret_key", NULL, "the secret key of that user", SECRET},
    {"sts_user_secret_key_file", NULL,
     "in its place, a file that holds it and that nobody else may read; read anew for each session",
     REGSTORE_PARAM_PATH},
    {"sts_web_identity_token_file", NULL,
     "a file with an OpenID Connect token that may assume the role, preferred to keys; read anew "
     "for each session; else AWS_WEB_IDENTITY_TOKEN_FILE",
     REGSTORE_PARAM_PATH},
    {"sts_profile", NULL,
     "a profile of AWS's files to take the credentials from, preferred to the environment; else "
     "AWS_PROFILE, else default",
     0},
    {"s3_region", NULL,
     "the bucket's region; else AWS_REGION, AWS_DEFAULT_REGION, else the first of the partition",
     0},
    {"endpoint_url", NULL, "the URL of an S3 other than AWS's, https://host[:port]", 0},
    {"host", NULL, "the same as endpoint_url in three keys, as Quay's config-tool takes it: a host",
     0},
    {"port", NULL, "and its port, 1 to 65535; else the scheme's own", INTEGER},
    {"is_secure", "true", "and whether it is https; false is http, in the clear", BOOL},
    {"use_fips_endpoint", NULL,
     "true: AWS's endpoints of S3 and STS that keep to FIPS; else AWS_USE_FIPS_ENDPOINT", BOOL},
    {"use_dualstack_endpoint", NULL,
     "true: AWS's endpoints of S3 and STS that have IPv6 too; else AWS_USE_DUALSTACK_ENDPOINT",
     BOOL},
    {"presign_endpoint_url", NULL,
     "the URL of S3 as clients see it, for presigned URLs alone; else where S3 is asked", 0},
    {"sts_use_s3_endpoint", "false",
     "true: STS is asked where S3 is, as Ceph and MinIO have it, in place of sts_endpoint_url",
     BOOL},
    {"provider", NULL,
     "whose S3 it is: aws, ceph, minio, r2, gcs, ibm, scaleway or other; else found by "
     "endpoint_url",
     0},
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
    {"minimum_chunk_size_mb", NULL,
     "the size of the first parts of an upload, 5 to 5120 MiB; a blob that fits in one goes up in "
     "one request; else 5, or 16 where all parts must be of one size, as to Cloudflare R2: there "
     "10000 of them are all of a blob whose length is not known beforehand",
     INTEGER},
    {"signature_version", "s3v4", "s3v4 is the only one", 0},
    {"server_side_encryption", NULL,
     "how objects are encrypted at rest: AES256 (SSE-S3), aws:kms, aws:kms:dsse, or none, which "
     "leaves it to the bucket; aws:kms with sse_kms_key_id, else AES256 on AWS, else none",
     0},
    {"sse_kms_key_id", NULL,
     "the KMS key's id or ARN, for aws:kms and aws:kms:dsse; else the account's key for S3", 0},
    {"sse_bucket_key", NULL,
     "true: with aws:kms one call of KMS serves many objects (an S3 Bucket Key); else as the "
     "bucket has it",
     0},
    {"storage_class", NULL,
     "the storage class of blobs, for example STANDARD_IA or INTELLIGENT_TIERING; not GLACIER nor "
     "DEEP_ARCHIVE, which cannot be read at once; else the server's own; what an upload has not "
     "finished has that one too",
     0},
    {"checksum_algorithm", "auto",
     "the checksum that is sent with each body, beside the SHA-256 of its signature: crc32c, "
     "crc64nvme, sha256 (which S3 cannot make of a whole), md5, none, or auto: crc32c on AWS, else "
     "none; S3 keeps the first three, and a blob that is read whole is compared with what is kept: "
     "beyond 1 MiB that costs one HEAD, which md5 and none save; a bucket that demands one gets "
     "Content-MD5 in any case",
     0},
    {"ca_bundle", NULL,
     "a file of PEM certificates to trust in place of the system's; else AWS_CA_BUNDLE",
     REGSTORE_PARAM_PATH},
    {"http_proxy", NULL,
     "the proxy for S3 and STS, http://[user:password@]host:port, or none; else HTTPS_PROXY, "
     "https_proxy and http_proxy, and NO_PROXY with either",
     SECRET},
    {"http_proxy_file", NULL, "in its place, a file that holds it and that nobody else may read",
     REGSTORE_PARAM_PATH},
    {"connect_timeout_seconds", "10",
     "how long connecting may take, TLS and a proxy's answer "
     "included, 1 to 600",
     INTEGER},
    {"read_timeout_seconds", "60",
     "how long a connection may be without a byte in either direction, 1 to 86400", INTEGER},
    {"request_timeout_seconds", "0",
     "how long one try of a request may take in all, 1 to 86400; 0: no limit of its own", INTEGER},
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

_Static_assert(sizeof stss3_params / sizeof stss3_params[0] <= STSS3_PARAMS_MAX,
               "a reading has no room for all of them");

static bool is_quays_own(const char *key)
{
    for (size_t i = 0; i < sizeof quays_own / sizeof quays_own[0]; i++)
        if (strcmp(quays_own[i], key) == 0)
            return true;
    return false;
}

static regstore_status note_beyond_quay(struct stss3_reading *r,
                                        const struct regstore_pair *settings, size_t n)
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
    struct stss3_reading r = {.call = call};
    TRY(plug_settings_sort(call, stss3_params, settings, n, r.values));
    r.config = calloc(1, sizeof *r.config);
    if (r.config == NULL)
        return plug_no_memory(call);
    regstore_status (*const steps[])(struct stss3_reading *) = {
        stss3_read_identity, stss3_read_place, stss3_read_network, stss3_read_writing};
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
    stss3_who_clear(&config->who);
    stss3_proxies_clear(&config->proxies);
    free(config->beyond_quay);
    free(config->bucket);
    free(config->root);
    free(config->role_arn);
    free(config->source_role_arn);
    free(config->session_name);
    free(config->external_id);
    free(config->encryption);
    free(config->kms_key_id);
    free(config->storage_class);
    free(config->ca_bundle);
    free(config->spill_folder);
    free(config);
}
