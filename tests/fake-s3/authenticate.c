/* SPDX-License-Identifier: Apache-2.0 */
/* Who signed a request of S3. The order of the checks is AWS's as far as it can be seen. */
#include "authenticate.h"

#include "clock.h"
#include "codec.h"
#include "exchange.h"
#include "operations.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

enum { LONGEST_PRESIGNED_S = 7 * 24 * 3600 };

static void become(struct caller *c, const char *access_key, const char *secret)
{
    c->access_key = copy_text(access_key);
    c->secret = copy_text(secret);
}

enum token_state find_caller(struct exchange *x, const char *token)
{
    const struct identities *all = &x->server->identities;
    const char *access_key = x->claim.access_key;
    const struct user *user = identities_user(all, access_key);
    const struct session *session = identities_session(all, access_key);

    if (user != NULL && token == NULL) {
        become(&x->caller, access_key, user->secret);
        x->caller.user = user;
        x->caller.arn = copy_text(user->arn);
        x->caller.id = copy_text(user->id);
        return TOKEN_GOOD;
    }
    if (user != NULL)
        return TOKEN_WRONG;
    if (session == NULL)
        return token == NULL ? KEY_UNKNOWN : TOKEN_WRONG;
    if (token == NULL)
        return KEY_UNKNOWN;
    if (strcmp(token, session->token) != 0)
        return TOKEN_WRONG;
    if (server_now_ms(x->server) >= session->expires_ms)
        return TOKEN_EXPIRED;
    become(&x->caller, access_key, session->secret);
    x->caller.role = session->role;
    x->caller.arn = copy_text(session->arn);
    x->caller.id = copy_text(session->id);
    return TOKEN_GOOD;
}

bool signature_matches(struct exchange *x, enum path_rule rule, const char *payload_hash,
                       struct text *canonical, struct text *to_sign)
{
    const struct signed_request request = {x->method, x->path, x->query_text, &x->headers};
    unsigned char *key = x->body.chunks.key;
    char signature[SIGNATURE_HEX + 1];

    signing_key(key, x->caller.secret, &x->claim);
    canonical_request(canonical, &request, &x->claim, rule, payload_hash);
    string_to_sign(to_sign, &x->claim, text_str(canonical));
    sign_text(signature, key, text_str(to_sign));
    return strlen(x->claim.signature) == SIGNATURE_HEX &&
           CRYPTO_memcmp(signature, x->claim.signature, SIGNATURE_HEX) == 0;
}

static bool malformed(struct exchange *x, const char *words)
{
    if (x->claim.is_in_query)
        return refuse_saying(x, "AuthorizationQueryParametersError", "%s", words);
    return refuse_saying(x, "AuthorizationHeaderMalformed",
                         "The authorization header is malformed; %s", words);
}

/* Version 2, which no newer region of AWS takes. */
static bool old_signature(struct exchange *x)
{
    return refuse_saying(x, "InvalidRequest",
                         "The authorization mechanism you have provided is not "
                         "supported. Please use AWS4-HMAC-SHA256.");
}

static bool read_header_claim(struct exchange *x, const char *authorization)
{
    static const char parts[] = "the authorization header requires three components: Credential, "
                                "SignedHeaders, and Signature.";
    struct claim *c = &x->claim;
    const char *amz_date = header(x, "x-amz-date"), *date = header(x, "Date");
    char text[TIME_TEXT];
    int64_t time_ms;

    bool is_whole = claim_read_header(c, authorization);
    if (strcmp(c->algorithm, "AWS") == 0)
        return old_signature(x);
    if (strcmp(c->algorithm, "AWS4-HMAC-SHA256") != 0) {
        (void)refuse_saying(x, "InvalidArgument", "Unsupported Authorization Type");
        refuse_detail(x, "ArgumentName", "Authorization");
        refuse_detail(x, "ArgumentValue", authorization);
        return false;
    }
    if (!is_whole && strstr(authorization, "Credential=") != NULL && c->terminator == NULL)
        return malformed(x, "the Credential is mal-formed; expecting "
                            "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    if (!is_whole || c->terminator == NULL || c->signed_headers == NULL || c->signature == NULL)
        return malformed(x, parts);
    if (amz_date == NULL && date != NULL && read_http_date(date, &time_ms)) {
        write_amz_date(text, time_ms);
        amz_date = text;
    }
    if (amz_date == NULL || !read_amz_date(amz_date, &time_ms))
        return refuse_saying(x, "AccessDenied",
                             "AWS authentication requires a valid Date or x-amz-date header");
    c->amz_date = copy_text(amz_date);
    return true;
}

static bool read_query_claim(struct exchange *x)
{
    struct claim *c = &x->claim;
    const char *credential = parameter(x, "X-Amz-Credential");
    const char *expires = parameter(x, "X-Amz-Expires");
    uint64_t expires_s;
    int64_t time_ms;

    claim_read_query(c, &x->query);
    if (c->algorithm == NULL || credential == NULL || expires == NULL || c->amz_date == NULL ||
        c->signature == NULL || c->signed_headers == NULL)
        return malformed(x, "Query-string authentication version 4 requires the X-Amz-Algorithm, "
                            "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, "
                            "and X-Amz-Expires parameters.");
    if (strcmp(c->algorithm, "AWS4-HMAC-SHA256") != 0)
        return malformed(x, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and "
                            "AWS4-ECDSA-P256-SHA256\"");
    if (!claim_read_credential(c, credential))
        return malformed(x, "Error parsing the X-Amz-Credential parameter; the Credential is "
                            "mal-formed; expecting "
                            "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    if (!read_amz_date(c->amz_date, &time_ms))
        return malformed(x, "X-Amz-Date must be in the ISO8601 Long Format "
                            "\"yyyyMMdd'T'HHmmss'Z'\"");
    if (*expires == '-')
        return malformed(x, "X-Amz-Expires must be non-negative");
    if (!read_number(expires, UINT32_MAX, &expires_s))
        return malformed(x, "X-Amz-Expires should be a number");
    if (expires_s > LONGEST_PRESIGNED_S)
        return malformed(x, "X-Amz-Expires must be less than a week (in seconds); that is, the "
                            "given X-Amz-Expires must be less than 604800 seconds");
    return true;
}

static bool wrong_region(struct exchange *x, const char *expected)
{
    struct text words = {0};
    text_format(&words, "the region '%s' is wrong; expecting '%s'", x->claim.region, expected);
    (void)malformed(x, text_str(&words));
    refuse_detail(x, "Region", expected);
    text_clear(&words);
    return false;
}

/* On AWS the global name of a bucket leads to the region where the bucket is. */
static const char *expected_region(const struct exchange *x)
{
    const struct bucket *b =
        x->bucket_name == NULL ? NULL : store_bucket(&x->server->store, x->bucket_name);
    bool is_led = x->is_virtual_host && x->is_global_host;
    return is_led && b != NULL ? b->region : x->region;
}

static bool check_scope(struct exchange *x)
{
    const struct claim *c = &x->claim;
    struct text words = {0};
    bool is_right = false;

    if (strlen(c->date) != 8 || strspn(c->date, "0123456789") != 8)
        text_format(&words,
                    "incorrect date format \"%s\". This date in the credential must be in "
                    "the format \"yyyyMMdd\".",
                    c->date);
    else if (strcmp(c->service, "s3") != 0)
        text_format(&words, "incorrect service \"%s\". This endpoint belongs to \"s3\".",
                    c->service);
    else if (strcmp(c->terminator, "aws4_request") != 0)
        text_format(&words, "incorrect terminal \"%s\". This endpoint uses \"aws4_request\".",
                    c->terminator);
    else if (strncmp(c->date, c->amz_date, 8) != 0)
        text_format(&words,
                    "Invalid credential date \"%s\". This date is not the same as "
                    "X-Amz-Date: \"%.8s\".",
                    c->date, c->amz_date);
    else
        is_right = true;
    if (!is_right)
        (void)malformed(x, text_str(&words));
    text_clear(&words);
    if (is_right && strcmp(c->region, expected_region(x)) != 0)
        return wrong_region(x, expected_region(x));
    return is_right;
}

static void tell_times(struct exchange *x, const char *name, int64_t time_ms)
{
    char text[TIME_TEXT];
    write_iso(text, time_ms);
    refuse_detail(x, name, text);
    write_iso(text, server_now_ms(x->server));
    refuse_detail(x, "ServerTime", text);
}

static bool check_time(struct exchange *x)
{
    const struct claim *c = &x->claim;
    int64_t now_ms = server_now_ms(x->server), time_ms = 0, end_ms;
    uint64_t expires_s = 0;

    (void)read_amz_date(c->amz_date, &time_ms);
    if (!c->is_in_query) {
        if (time_ms >= now_ms - SKEW_MS && time_ms <= now_ms + SKEW_MS)
            return true;
        (void)refuse(x, "RequestTimeTooSkewed");
        refuse_detail(x, "RequestTime", c->amz_date);
        tell_times(x, "ClientTime", time_ms);
        refuse_detail(x, "MaxAllowedSkewMilliseconds", "900000");
        return false;
    }
    (void)read_number(parameter(x, "X-Amz-Expires"), UINT32_MAX, &expires_s);
    end_ms = time_ms + (int64_t)expires_s * 1000;
    if (time_ms > now_ms + SKEW_MS) {
        (void)refuse_saying(x, "AccessDenied", "Request is not yet valid");
        tell_times(x, "RequestTime", time_ms);
        return false;
    }
    if (now_ms >= end_ms) {
        (void)refuse_saying(x, "AccessDenied", "Request has expired");
        refuse_detail(x, "X-Amz-Expires", parameter(x, "X-Amz-Expires"));
        tell_times(x, "Expires", end_ms);
        return false;
    }
    return true;
}

static bool check_caller(struct exchange *x)
{
    const char *in_header = header(x, "x-amz-security-token");
    const char *in_query = parameter(x, "X-Amz-Security-Token");
    const char *token = x->claim.is_in_query && in_query != NULL ? in_query : in_header;

    switch (find_caller(x, token)) {
    case TOKEN_GOOD:
        return true;
    case TOKEN_EXPIRED:
        if (x->server->denies_expired)
            return refuse(x, "AccessDenied");
        (void)refuse(x, "ExpiredToken");
        refuse_detail(x, "Token-0", token);
        return false;
    case TOKEN_WRONG:
        (void)refuse(x, "InvalidToken");
        refuse_detail(x, "Token-0", token);
        return false;
    default:
        (void)refuse(x, "InvalidAccessKeyId");
        refuse_detail(x, "AWSAccessKeyId", x->claim.access_key);
        return false;
    }
}

/* Host and all of x-amz-* must be signed. */
static bool check_signed_headers(struct exchange *x)
{
    struct text missing = {0};
    if (!claim_signs(&x->claim, "host"))
        text_add(&missing, "host");
    for (size_t i = 0; i < x->headers.count; i++) {
        const char *name = x->headers.items[i].name;
        if (strncasecmp(name, "x-amz-", 6) == 0 && !claim_signs(&x->claim, name))
            text_format(&missing, "%s%s", missing.length == 0 ? "" : ", ", name);
    }
    if (missing.length > 0) {
        (void)refuse_saying(x, "AccessDenied",
                            "There were headers present in the request which were not signed");
        refuse_detail(x, "HeadersNotSigned", text_str(&missing));
    }
    text_clear(&missing);
    return !is_refused(x);
}

static bool check_payload_hash(struct exchange *x)
{
    static const char *const streams[] = {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                                          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                                          "STREAMING-UNSIGNED-PAYLOAD-TRAILER"};
    const char *hash = header(x, "x-amz-content-sha256");

    if (x->claim.is_in_query) {
        x->payload_hash = copy_text(hash == NULL ? "UNSIGNED-PAYLOAD" : hash);
        return true;
    }
    if (hash == NULL)
        return refuse_saying(x, "InvalidRequest",
                             "Missing required header for this request: x-amz-content-sha256");
    bool is_known = is_hex(hash, 64) || strcmp(hash, "UNSIGNED-PAYLOAD") == 0;
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
        is_known = is_known || (strcmp(hash, streams[i]) == 0 && x->operation->takes_checksum);
    if (!is_known) {
        (void)refuse_saying(x, "InvalidArgument",
                            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                            "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-"
                            "PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid "
                            "sha256 value.");
        refuse_detail(x, "ArgumentName", "x-amz-content-sha256");
        refuse_detail(x, "ArgumentValue", hash);
        return false;
    }
    if (!x->is_secure && strstr(hash, "UNSIGNED") != NULL)
        return refuse_saying(x, "InvalidRequest", "An unsigned payload needs HTTPS.");
    x->payload_hash = copy_text(hash);
    return true;
}

static bool check_signature(struct exchange *x)
{
    struct text canonical = {0}, to_sign = {0};
    if (!signature_matches(x, PATH_S3, x->payload_hash, &canonical, &to_sign)) {
        (void)refuse(x, "SignatureDoesNotMatch");
        refuse_detail(x, "AWSAccessKeyId", x->claim.access_key);
        refuse_detail(x, "StringToSign", text_str(&to_sign));
        refuse_detail(x, "SignatureProvided", x->claim.signature);
        refuse_detail(x, "CanonicalRequest", text_str(&canonical));
    }
    text_clear(&canonical);
    text_clear(&to_sign);
    return !is_refused(x);
}

bool authenticate_s3(struct exchange *x)
{
    const char *authorization = header(x, "Authorization");
    bool is_presigned = parameter(x, "X-Amz-Algorithm") != NULL ||
                        parameter(x, "X-Amz-Signature") != NULL ||
                        parameter(x, "X-Amz-Credential") != NULL;

    if (authorization == NULL && parameter(x, "AWSAccessKeyId") != NULL)
        return old_signature(x);
    if (authorization == NULL && !is_presigned)
        return refuse(x, "AccessDenied"); /* Nothing here is public. */
    if (authorization != NULL && is_presigned)
        return refuse_saying(x, "InvalidArgument",
                             "Only one auth mechanism allowed; only the X-Amz-Algorithm query "
                             "parameter, Signature query string parameter or the Authorization "
                             "header should be specified");
    if (authorization != NULL ? !read_header_claim(x, authorization) : !read_query_claim(x))
        return false;
    return check_scope(x) && check_time(x) && check_caller(x) && check_signed_headers(x) &&
           check_payload_hash(x) && check_signature(x);
}
