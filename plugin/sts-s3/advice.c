/* SPDX-License-Identifier: Apache-2.0 */
#include "advice.h"

#include <string.h>

static const char set_clock[] =
    "set this machine's clock (chrony or systemd-timesyncd keep it right): S3 and STS refuse what "
    "is signed 15 minutes off their time; regstore goes by theirs, other programs do not";
static const char bad_access_key[] =
    "sts_user_access_key is not known there: copy it again from the user's access keys, or create "
    "a new one (12.1)";
static const char bad_secret_key[] =
    "sts_user_secret_key is not the one that belongs to sts_user_access_key: it is shown only "
    "once, so create a new access key (12.1) and set both";
static const char bad_keys[] =
    "sts_user_access_key and sts_user_secret_key are not those of a user there, S3 refuses them "
    "too: copy both again, or create a new access key (12.1)";
static const char bad_trust[] =
    "the user's keys are good, the role refuses this user: the role's trust policy must name this "
    "user as its Principal (12.2; 'regstore policy' prints it), with the sts_external_id if it "
    "demands one, and sts_role_arn must be this role's";
static const char bad_either[] =
    "sts_user_access_key and sts_user_secret_key must be those of the user (12.1), and the role's "
    "trust policy must name that user as its Principal (12.2; 'regstore policy' prints it)";
static const char bad_duration[] =
    "see sts_duration_seconds, which the role's maximum session duration must allow (12.2), "
    "sts_role_arn and sts_external_id";
static const char no_role[] =
    "there is no such role: sts_role_arn must be the ARN of the role of section 12.2";

/* What STS says that leaves no doubt. */
static const struct {
    const char *code, *advice;
} by_code[] = {
    {"RequestTimeTooSkewed", set_clock},
    {"InvalidClientTokenId", bad_access_key},
    {"InvalidAccessKeyId", bad_access_key},
    {"SignatureDoesNotMatch", bad_secret_key},
    {"NoSuchEntity", no_role},
    {"ValidationError", bad_duration},
    {"InvalidArgument", bad_duration},
    {"RegionDisabledException",
     "STS is switched off in this region: activate it in the account's settings, or set s3_region "
     "or sts_endpoint_url to another region's"},
    {"SignatureVersionNotSupported", "see sts_endpoint_url: what answers there is no STS"},
    {"MethodNotAllowed", "see sts_endpoint_url: what answers there is no STS"},
};

/* For whoever has no keys in the settings. */
static const char no_source[] = "mend what the message names, or give sts_user_access_key and "
                                "sts_user_secret_key (12.3), which "
                                "go before everything that is looked for";
static const char bad_identity[] =
    "the role's trust policy must name the token's provider as its Federated Principal, and sub "
    "and "
    "aud as the token has them; sts_role_arn (or AWS_ROLE_ARN) must be this role's";
static const char bad_source[] =
    "the credentials that were found are not known there, or not any more: mend where they come "
    "from, which the log names as the source";
static const char bad_source_trust[] = "the role's trust policy must name as its Principal whom "
                                       "the credentials that were found belong "
                                       "to ('regstore policy' prints it), with the sts_external_id "
                                       "if it demands one, and sts_role_arn "
                                       "must be this role's";

static bool is_aws(const struct stss3_endpoint *endpoint)
{
    return stss3_provider_is_aws(stss3_provider_of_host(endpoint->host));
}

static bool is_plain_refusal(const struct plug_error *error)
{
    return error->status == REGSTORE_DENIED &&
           (strcmp(error->code, "AccessDenied") == 0 || error->code[0] == '\0');
}

bool stss3_advice_needs_keys(const struct stss3_config *config, const struct plug_error *error)
{
    return is_plain_refusal(error) && !config->is_sts_implied && !is_aws(&config->sts) &&
           config->who.kind != STSS3_WHO_WEB_IDENTITY;
}

static const char *refused(const struct stss3_config *config, enum stss3_keys_are keys)
{
    if (keys == STSS3_KEYS_BAD)
        return bad_keys;
    return keys == STSS3_KEYS_GOOD || is_aws(&config->sts) ? bad_trust : bad_either;
}

/* Credentials that are not the settings': whether they could not be had, or the role refuses them.
 */
static const char *advise_source(const struct stss3_config *config, const struct plug_error *error)
{
    static const char *const unknown[] = {"InvalidClientTokenId", "InvalidAccessKeyId",
                                          "SignatureDoesNotMatch", "ExpiredToken"};
    if (strncmp(error->message, "AssumeRole", strlen("AssumeRole")) != 0)
        return no_source;
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        if (strcmp(unknown[i], error->code) == 0 && config->who.kind != STSS3_WHO_WEB_IDENTITY)
            return bad_source;
    if (error->status != REGSTORE_DENIED || strcmp(error->code, "ValidationError") == 0)
        return NULL;
    return config->who.kind == STSS3_WHO_WEB_IDENTITY ? bad_identity : bad_source_trust;
}

const char *stss3_advice_session(const struct stss3_config *config, const struct plug_error *error,
                                 enum stss3_keys_are keys)
{
    if (config->is_sts_implied)
        return "set sts_endpoint_url: endpoint_url names a server that is not AWS, and without "
               "sts_endpoint_url the session is asked of AWS";
    const char *about_source =
        config->who.kind == STSS3_WHO_KEYS ? NULL : advise_source(config, error);
    if (about_source != NULL)
        return about_source;
    for (size_t i = 0; i < sizeof by_code / sizeof by_code[0]; i++)
        if (strcmp(by_code[i].code, error->code) == 0)
            return by_code[i].advice;
    if (is_plain_refusal(error))
        return refused(config, keys);
    switch (error->status) {
    case REGSTORE_CONFIG: /* before anything was sent: a key's file */
        return error->http_status == 0 ? "mend the file, or give the key in another way (12.3)"
                                       : no_role;
    case REGSTORE_UNAVAILABLE:
        return "the STS server does not answer: is sts_endpoint_url right, is the server up, is "
               "there a way to it, is ca_bundle the one of its certificate?";
    default:
        return bad_duration;
    }
}

const char *stss3_advice_bucket(const struct plug_error *error)
{
    switch (error->status) {
    case REGSTORE_NOT_FOUND:
    case REGSTORE_CONFIG:
        return "s3_bucket names no bucket there: correct the name, or create the bucket; "
               "endpoint_url and s3_region say where it is looked for";
    case REGSTORE_DENIED:
        return "the role may not list this bucket: give the role AmazonS3FullAccess (12.2), or at "
               "least what 'regstore policy' prints, or correct s3_bucket, which may be somebody "
               "else's";
    case REGSTORE_UNAVAILABLE:
        return "S3 does not answer: is endpoint_url right, is the server up, is there a way to it, "
               "is ca_bundle the one of its certificate?";
    default:
        return "see s3_bucket, s3_region and endpoint_url";
    }
}

const char *stss3_advice_clock(void)
{
    return set_clock;
}

static bool is_loopback(const struct stss3_endpoint *endpoint)
{
    return strcmp(endpoint->host, "localhost") == 0 || strcmp(endpoint->host, "::1") == 0 ||
           (endpoint->is_address && strncmp(endpoint->host, "127.", 4) == 0);
}

bool stss3_advice_settings(const struct stss3_config *config, struct plug_buf *out)
{
    if (config->is_endpoint_over_region)
        plug_buf_str(out, "s3_region and endpoint_url are both given: endpoint_url is obeyed here, "
                          "while Quay's own driver would ignore it");
    if (config->is_host_ignored)
        plug_buf_printf(out,
                        "%shost and port name another server than endpoint_url: leave them out",
                        out->len == 0 ? "" : "; ");
    if (config->proxies.https.is_set || config->proxies.http.is_set)
        plug_buf_printf(
            out,
            "%sthe proxy %s lies between, but for what NO_PROXY names; http_proxy: none "
            "does without",
            out->len == 0 ? "" : "; ",
            config->proxies.https.is_set ? config->proxies.https.endpoint.authority
                                         : config->proxies.http.endpoint.authority);
    if (config->role_arn != NULL && !config->sts.tls && !is_loopback(&config->sts))
        plug_buf_printf(out,
                        "%ssts_endpoint_url is http: anybody on the way can read the session "
                        "that comes back, so use https",
                        out->len == 0 ? "" : "; ");
    if (config->who.kind == STSS3_WHO_WEB_IDENTITY &&
        (config->who.keys.access_key != NULL || config->who.keys.access_key_file != NULL))
        plug_buf_printf(out,
                        "%ssts_user_access_key is given and not used: sts_web_identity_token_file "
                        "is preferred",
                        out->len == 0 ? "" : "; ");
    if (config->beyond_quay != NULL)
        plug_buf_printf(out,
                        "%sQuay's own driver does not start with these keys (TypeError), leave "
                        "them out if it is to read this location too: %s",
                        out->len == 0 ? "" : "; ", config->beyond_quay);
    return !plug_buf_failed(out);
}
