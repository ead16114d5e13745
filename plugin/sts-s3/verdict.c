/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "timestamp.h"

#define RETRY_AFTER_MAX_MS 20000

struct rule {
    const char *code;
    regstore_status status;
    bool again;
};

/* By code, which says more than the HTTP status.  Sources: S3's and STS's lists of errors, and what
 * Ceph, MinIO and R2 add. */
static const struct rule by_code[] = {
    {"NoSuchKey", REGSTORE_NOT_FOUND, false},
    {"NoSuchUpload", REGSTORE_GONE, false},
    {"NoSuchBucket", REGSTORE_CONFIG, false},
    {"InvalidBucketName", REGSTORE_CONFIG, false},
    {"PreconditionFailed", REGSTORE_EXISTS, false},
    {"ConditionalRequestConflict", REGSTORE_CONFLICT, true},
    {"OperationAborted", REGSTORE_CONFLICT, true},
    {"InvalidPart", REGSTORE_CONFLICT, false},
    {"InvalidPartOrder", REGSTORE_INTERNAL, false},
    {"EntityTooSmall", REGSTORE_INTERNAL, false},
    {"EntityTooLarge", REGSTORE_INVALID, false},
    {"KeyTooLongError", REGSTORE_INVALID, false},
    {"InvalidRange", REGSTORE_RANGE, false},
    {"QuotaExceeded", REGSTORE_NO_SPACE, false},
    {"InsufficientStorage", REGSTORE_NO_SPACE, true},
    {"NotImplemented", REGSTORE_UNSUPPORTED, false},
    {"MethodNotAllowed", REGSTORE_UNSUPPORTED, false},
    {"SlowDown", REGSTORE_THROTTLED, true},
    {"SlowDownRead", REGSTORE_THROTTLED, true},
    {"SlowDownWrite", REGSTORE_THROTTLED, true},
    {"Throttling", REGSTORE_THROTTLED, true},
    {"ThrottlingException", REGSTORE_THROTTLED, true},
    {"ThrottledException", REGSTORE_THROTTLED, true},
    {"RequestThrottled", REGSTORE_THROTTLED, true},
    {"RequestThrottledException", REGSTORE_THROTTLED, true},
    {"RequestLimitExceeded", REGSTORE_THROTTLED, true},
    {"BandwidthLimitExceeded", REGSTORE_THROTTLED, true},
    {"TooManyRequestsException", REGSTORE_THROTTLED, true},
    {"PriorRequestNotComplete", REGSTORE_THROTTLED, true},
    {"InternalError", REGSTORE_UNAVAILABLE, true},
    {"ServiceUnavailable", REGSTORE_UNAVAILABLE, true},
    {"RequestTimeout", REGSTORE_UNAVAILABLE, true},
    {"RequestTimeoutException", REGSTORE_UNAVAILABLE, true},
    {"STSNotInitialized", REGSTORE_UNAVAILABLE, true},
    {"BadDigest", REGSTORE_CORRUPT, true},
    {"XAmzContentSHA256Mismatch", REGSTORE_CORRUPT, true},
    {"AccessDenied", REGSTORE_DENIED, false},
    {"ExpiredToken", REGSTORE_DENIED, false}, /* after the one renewal that client.c makes */
    {"ExpiredTokenException", REGSTORE_DENIED, false},
    {"RequestExpired", REGSTORE_DENIED, false},
    {"TokenRefreshRequired", REGSTORE_DENIED, false},
    {"InvalidTokenId", REGSTORE_DENIED, false},
    {"InvalidToken", REGSTORE_DENIED, false},
    {"NoSuchEntity", REGSTORE_CONFIG, false}, /* Ceph's STS: no such role */
    {"RegionDisabledException", REGSTORE_CONFIG, false},
};

static const struct {
    long http_status;
    struct stss3_verdict_of verdict;
} by_status[] = {
    {301, {REGSTORE_CONFIG, false}},     {307, {REGSTORE_UNAVAILABLE, true}},
    {401, {REGSTORE_DENIED, false}},     {403, {REGSTORE_DENIED, false}},
    {404, {REGSTORE_NOT_FOUND, false}},  {405, {REGSTORE_UNSUPPORTED, false}},
    {408, {REGSTORE_UNAVAILABLE, true}}, {409, {REGSTORE_CONFLICT, true}},
    {412, {REGSTORE_EXISTS, false}},     {413, {REGSTORE_INVALID, false}},
    {416, {REGSTORE_RANGE, false}},      {429, {REGSTORE_THROTTLED, true}},
    {499, {REGSTORE_UNAVAILABLE, true}}, {501, {REGSTORE_UNSUPPORTED, false}},
    {507, {REGSTORE_NO_SPACE, true}},
};

struct stss3_verdict_of stss3_verdict(enum stss3_transport transport, long http_status,
                                      const char *code)
{
    switch (transport) {
    case STSS3_TRANSPORT_NONE:
        break;
    case STSS3_TRANSPORT_TLS: /* a wrong certificate does not mend itself */
        return (struct stss3_verdict_of){REGSTORE_UNAVAILABLE, false};
    case STSS3_TRANSPORT_TOO_LONG:
        return (struct stss3_verdict_of){REGSTORE_CORRUPT, false};
    case STSS3_TRANSPORT_INTERNAL:
        return (struct stss3_verdict_of){REGSTORE_INTERNAL, false};
    default:
        return (struct stss3_verdict_of){REGSTORE_UNAVAILABLE, true};
    }
    for (size_t i = 0; i < sizeof by_code / sizeof by_code[0]; i++)
        if (strcmp(by_code[i].code, code) == 0)
            return (struct stss3_verdict_of){by_code[i].status, by_code[i].again};
    for (size_t i = 0; i < sizeof by_status / sizeof by_status[0]; i++)
        if (by_status[i].http_status == http_status)
            return by_status[i].verdict;
    if (http_status >= 500)
        return (struct stss3_verdict_of){REGSTORE_UNAVAILABLE, true};
    return (struct stss3_verdict_of){
        http_status >= 200 && http_status < 300 ? REGSTORE_OK : REGSTORE_INTERNAL, false};
}

bool stss3_code_is_stale_session(const char *code)
{
    static const char *const codes[] = {"ExpiredToken", "ExpiredTokenException", "RequestExpired",
                                        "TokenRefreshRequired", "InvalidTokenId"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(codes[i], code) == 0)
            return true;
    return false;
}

/* "https://host:port": never the path or the query, in which a signature may stand. */
static void origin_of(const struct stss3_request *request, char *out, size_t cap)
{
    const char *url = plug_buf_text(&request->url);
    const char *host = strstr(url, "://");
    const size_t len = host == NULL ? 0 : (size_t)(host - url) + 3 + strcspn(host + 3, "/?");
    (void)snprintf(out, cap, "%.*s", (int)len, url);
}

static void set_words(struct stss3_request *request, regstore_status status,
                      const struct stss3_error_body *body)
{
    char origin[300];
    origin_of(request, origin, sizeof origin);
    if (request->transport != STSS3_TRANSPORT_NONE)
        plug_error_set(&request->error, status, "%s at %s: %s%s", request->operation, origin,
                       request->transport_text,
                       request->transport == STSS3_TRANSPORT_TLS
                           ? "; ca_bundle must have the CA of its certificate, or without it the "
                             "system's bundle"
                           : "");
    else if (body->code[0] != '\0')
        plug_error_set(&request->error, status, "%s at %s: %s%s%.300s", request->operation, origin,
                       body->code, body->message[0] == '\0' ? "" : ": ", body->message);
    else
        plug_error_set(&request->error, status, "%s at %s: HTTP status %ld", request->operation,
                       origin, request->http_status);
}

static void set_facts(struct stss3_request *request, const struct stss3_error_body *body)
{
    struct plug_error *error = &request->error;
    int64_t now_ns = 0;
    const char *id = stss3_request_answer_header(request, "x-amz-request-id");
    const char *after = stss3_request_answer_header(request, "retry-after");
    const char *date = stss3_request_answer_header(request, "date");
    error->http_status = (uint32_t)request->http_status;
    (void)snprintf(error->code, sizeof error->code, "%s", body->code);
    (void)snprintf(error->request_id, sizeof error->request_id, "%.127s",
                   body->request_id[0] != '\0' ? body->request_id
                   : id != NULL                ? id
                                               : "");
    for (char *p = error->request_id; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    if (after == NULL || (date != NULL && !stss3_time_parse_http(date, &now_ns)))
        return;
    if (!stss3_time_parse_retry_after(after, now_ns, &error->retry_after_ms))
        error->retry_after_ms = 0;
}

bool stss3_verdict_clock_gap(const struct stss3_request *request, int64_t now_ns, int64_t *ahead_ns)
{
    const char *date = stss3_request_answer_header(request, "date");
    int64_t service_ns;
    if (date == NULL || !stss3_time_parse_http(date, &service_ns))
        return false;
    *ahead_ns = now_ns - service_ns;
    return true;
}

enum stss3_verdict stss3_verdict_judge(struct stss3_request *request, bool is_xml,
                                       struct stss3_error_body *body)
{
    memset(body, 0, sizeof *body);
    long http_status = request->http_status;
    if (request->transport == STSS3_TRANSPORT_NONE) {
        const bool is_good = http_status >= 200 && http_status < 300;
        if ((!is_good || is_xml) && request->answer.len != 0 &&
            stss3_error_body_parse(request->answer.data, request->answer.len, body) && is_good)
            http_status = 500; /* 200 with an error inside */
    }
    const struct stss3_verdict_of verdict =
        stss3_verdict(request->transport, http_status, body->code);
    if (verdict.status == REGSTORE_OK)
        return STSS3_DONE;
    set_words(request, verdict.status, body);
    set_facts(request, body);
    request->error.retryable = verdict.again;
    /* A service that wants to be left alone for longer is the caller's to wait for. */
    const bool is_worth_it = request->error.retry_after_ms <= RETRY_AFTER_MAX_MS;
    return verdict.again && is_worth_it ? STSS3_AGAIN : STSS3_DONE;
}
