/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents of section 12.2 of the Quay manual for this store.  The table of actions is what
 * the code asks of S3: whoever adds an operation adds its action here, and tests/rgw/policy.sh
 * proves that they suffice and that none is idle.
 */
#include "policy.h"

#include <string.h>

#include "chain.h"
#include "store.h"
#include "user_request.h"

/* On the bucket itself, or on the objects under storage_path. */
static const struct action {
    bool is_for_bucket;
    const char *name, *purpose;
} actions[] = {
    {true, "s3:ListBucket", "list keys, and tell a key that is not there from one that is denied"},
    {true, "s3:ListBucketMultipartUploads", "find unfinished uploads: purge, abort of a sole key"},
    {false, "s3:PutObject", "store blobs, park the tail of an upload, copy"},
    {false, "s3:GetObject", "read blobs, copy, commit what was staged elsewhere"},
    {false, "s3:DeleteObject", "delete blobs, and what an upload has staged"},
    {false, "s3:AbortMultipartUpload", "abort and purge uploads"},
    {false, "s3:ListMultipartUploadParts", "go on with an upload in another process"},
};

#define N_ACTIONS (sizeof actions / sizeof actions[0])

/* A user, or a role that assumes the other role, or an account's root. */
static bool is_principal(const char *arn)
{
    const size_t len = strlen(arn);
    if (len > 2048 || strncmp(arn, "arn:", 4) != 0)
        return false;
    for (const char *p = arn; *p != '\0'; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '\\' || *p == '*')
            return false;
    return strstr(arn, ":iam:") != NULL || strstr(arn, ":sts:") != NULL;
}

static void json_text(struct plug_buf *out, const char *text)
{
    plug_buf_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            plug_buf_printf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            plug_buf_printf(out, "\\u%04x", (unsigned)*text);
        else
            plug_buf_char(out, *text);
    }
    plug_buf_char(out, '"');
}

static void write_trust(const struct stss3_config *config, const char *user, struct plug_buf *out)
{
    plug_buf_str(out, "{\n"
                      "    \"Version\": \"2012-10-17\",\n"
                      "    \"Statement\": [\n"
                      "        {\n"
                      "            \"Sid\": \"Statement1\",\n"
                      "            \"Effect\": \"Allow\",\n"
                      "            \"Principal\": {\n"
                      "                \"AWS\": ");
    json_text(out, user);
    plug_buf_str(out, "\n            },\n"
                      "            \"Action\": \"sts:AssumeRole\"");
    if (config->external_id != NULL) {
        plug_buf_str(out, ",\n            \"Condition\": {\n"
                          "                \"StringEquals\": {\n"
                          "                    \"sts:ExternalId\": ");
        json_text(out, config->external_id);
        plug_buf_str(out, "\n                }\n            }");
    }
    plug_buf_str(out, "\n        }\n    ]\n}\n");
}

/* "arn:aws:s3:::bucket", or "arn:aws:s3:::bucket/datastorage/" and '*'.  In a pattern '*' and '?'
 * of the path would mean themselves and more; they are rare, and cost no right that matters. */
static void add_resource(const struct stss3_config *config, bool is_for_bucket,
                         struct plug_buf *out)
{
    const struct stss3_partition *partition = config->partition;
    plug_buf_printf(out, "arn:%s:s3:::%s", partition == NULL ? "aws" : partition->name,
                    config->bucket);
    if (!is_for_bucket)
        plug_buf_printf(out, "/%s*", config->root);
}

static void write_statement(bool is_for_bucket, const char *resource, struct plug_buf *out)
{
    bool is_first = true;
    plug_buf_printf(out,
                    "        {\n"
                    "            \"Sid\": \"%s\",\n"
                    "            \"Effect\": \"Allow\",\n"
                    "            \"Action\": [",
                    is_for_bucket ? "Bucket" : "Objects");
    for (size_t i = 0; i < N_ACTIONS; i++) {
        if (actions[i].is_for_bucket != is_for_bucket)
            continue;
        plug_buf_printf(out, "%s\n                \"%s\"", is_first ? "" : ",", actions[i].name);
        is_first = false;
    }
    plug_buf_str(out, "\n            ],\n            \"Resource\": ");
    json_text(out, resource);
    plug_buf_str(out, "\n        }");
}

/* With KMS, S3 asks for a data key as whoever writes, and decrypts as whoever reads, copies, or
 * goes on with an upload of parts. */
static bool needs_kms(const struct stss3_config *config)
{
    return config->encryption != NULL && strncmp(config->encryption, "aws:kms", 7) == 0;
}

static void write_kms_statement(const struct stss3_config *config, struct plug_buf *out)
{
    const char *key = config->kms_key_id;
    const bool is_arn = key != NULL && strncmp(key, "arn:", 4) == 0;
    struct plug_buf resource = {0};
    if (is_arn && strstr(key, ":key/") != NULL)
        plug_buf_str(&resource, key);
    else
        plug_buf_printf(&resource, "arn:%s:kms:*:*:key/%s",
                        config->partition == NULL ? "aws" : config->partition->name,
                        key == NULL || is_arn ? "*" : key);
    plug_buf_str(out, ",\n        {\n"
                      "            \"Sid\": \"Key\",\n"
                      "            \"Effect\": \"Allow\",\n"
                      "            \"Action\": [\n"
                      "                \"kms:GenerateDataKey\",\n"
                      "                \"kms:Decrypt\"\n"
                      "            ],\n            \"Resource\": ");
    json_text(out, plug_buf_text(&resource));
    plug_buf_str(out, "\n        }");
    out->failed |= resource.failed;
    plug_buf_clear(&resource);
}

static regstore_status tell_trust(const struct stss3_store *store, struct plug_call *call,
                                  const struct regstore_policy_opts *opts)
{
    struct plug_buf user = {0}, json = {0};
    struct stss3_running *running = store->running;
    const struct stss3_user_ask ask = {store->config, &running->clocks, running->http,
                                       stss3_chain_user(running->sessions)};
    regstore_status status = REGSTORE_OK;
    if (opts->user != NULL)
        plug_buf_str(&user, opts->user);
    else
        status = stss3_user_arn(&ask, call, &user);
    if (status != REGSTORE_OK) {
        const struct plug_error said = call->error;
        status = plug_fail(call, status,
                           "STS does not say who the user is (%.250s): give the ARN of section "
                           "12.1 with --user-arn",
                           said.message);
    } else if (!is_principal(plug_buf_text(&user))) {
        status = plug_fail(call, REGSTORE_INVALID,
                           "this is not the ARN of a user: arn:aws:iam::<account>:user/<name>");
    }
    if (status == REGSTORE_OK) {
        write_trust(store->config, plug_buf_text(&user), &json);
        status =
            plug_buf_failed(&user) || plug_buf_failed(&json) ? plug_no_memory(call) : REGSTORE_OK;
    }
    if (status == REGSTORE_OK && opts->document != NULL)
        opts->document(opts->ctx, "trust_policy", "the role's trust policy (12.2, step 4)",
                       plug_buf_text(&json));
    if (status == REGSTORE_OK && opts->action != NULL)
        opts->action(opts->ctx, "sts:AssumeRole", plug_buf_text(&user), "become the role");
    plug_buf_clear(&user);
    plug_buf_clear(&json);
    return status;
}

static regstore_status tell_permissions(const struct stss3_store *store, struct plug_call *call,
                                        const struct regstore_policy_opts *opts)
{
    struct plug_buf bucket = {0}, objects = {0}, json = {0};
    regstore_status status = REGSTORE_OK;
    add_resource(store->config, true, &bucket);
    add_resource(store->config, false, &objects);
    plug_buf_str(&json, "{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n");
    write_statement(true, plug_buf_text(&bucket), &json);
    plug_buf_str(&json, ",\n");
    write_statement(false, plug_buf_text(&objects), &json);
    if (needs_kms(store->config))
        write_kms_statement(store->config, &json);
    plug_buf_str(&json, "\n    ]\n}\n");
    if (plug_buf_failed(&bucket) || plug_buf_failed(&objects) || plug_buf_failed(&json))
        status = plug_no_memory(call);
    if (status == REGSTORE_OK && opts->document != NULL)
        opts->document(opts->ctx, "permissions",
                       "the role's permissions, in place of AmazonS3FullAccess (12.2, step 6)",
                       plug_buf_text(&json));
    for (size_t i = 0; status == REGSTORE_OK && opts->action != NULL && i < N_ACTIONS; i++)
        opts->action(opts->ctx, actions[i].name,
                     plug_buf_text(actions[i].is_for_bucket ? &bucket : &objects),
                     actions[i].purpose);
    plug_buf_clear(&bucket);
    plug_buf_clear(&objects);
    plug_buf_clear(&json);
    return status;
}

/* Whom the role must trust can be told: a user, or the role that assumes it.  Of a token's provider
 * only the token knows, and whose it is stands in the platform's own documents. */
static bool has_user(const struct stss3_store *store, const struct regstore_policy_opts *opts)
{
    const struct stss3_sessions *sessions = store->running->sessions;
    return store->config->role_arn != NULL &&
           (opts->user != NULL || stss3_sessions_source(sessions)->signer != NULL);
}

static regstore_status explain(struct regstore_store *store, const struct regstore_call *call,
                               const struct regstore_policy_opts *host_opts)
{
    struct stss3_store *s = stss3_store_of(store);
    struct regstore_policy_opts opts;
    struct plug_call c;
    regstore_status status = plug_call_begin(&c, call);
    if (status == REGSTORE_OK)
        status = plug_take(&c, &opts, sizeof opts, host_opts, "policy_opts");
    if (status == REGSTORE_OK)
        status = plug_take_flags(&c, opts.flags, 0, "policy_opts");
    if (status == REGSTORE_OK)
        status = stss3_store_enter(s, &c);
    if (status == REGSTORE_OK && has_user(s, &opts))
        status = tell_trust(s, &c, &opts);
    if (status == REGSTORE_OK)
        status = tell_permissions(s, &c, &opts);
    return plug_call_end(&c, status);
}

const struct regstore_policy stss3_policy = {.struct_size = sizeof stss3_policy,
                                             .explain = explain};
