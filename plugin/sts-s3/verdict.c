/* SPDX-License-Identifier: Apache-2.0 */
#include "verdict.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "timestamp.h"

#define RETRY_AFTER_MAX_MS 20000

#define NEVER STSS3_WORTH_NONE
#define ONCE  STSS3_WORTH_ONE
#define AGAIN STSS3_WORTH_SOME

struct rule {
    const char *code;
    regstore_status status;
    enum stss3_worth again;
};

/* By code, which says more than the HTTP status.  Sources: S3's and STS's lists of errors, what the
 * SDKs try again, and what Ceph, MinIO and R2 add. */
static const struct rule by_code[] = {
    {"NoSuchKey", REGSTORE_NOT_FOUND, NEVER},
    {"NoSuchUpload", REGSTORE_GONE, NEVER},
    {"NoSuchBucket", REGSTORE_CONFIG, NEVER},
    {"InvalidBucketName", REGSTORE_CONFIG, NEVER},
    {"AuthorizationHeaderMalformed", REGSTORE_CONFIG, NEVER}, /* after the one move of client.c */
    {"IllegalLocationConstraintException", REGSTORE_CONFIG, NEVER}, /* and after this one too */
    {"PreconditionFailed", REGSTORE_EXISTS, NEVER},
    {"ConditionalRequestConflict", REGSTORE_CONFLICT, AGAIN},
    {"OperationAborted", REGSTORE_CONFLICT, AGAIN},
    {"InvalidPart", REGSTORE_CONFLICT, NEVER},
    {"InvalidPartOrder", REGSTORE_INTERNAL, NEVER},
    {"EntityTooSmall", REGSTORE_INTERNAL, NEVER},
    {"EntityTooLarge", REGSTORE_INVALID, NEVER},
    {"KeyTooLongError", REGSTORE_INVALID, NEVER},
    {"InvalidRange", REGSTORE_RANGE, NEVER},
    {"QuotaExceeded", REGSTORE_NO_SPACE, NEVER},
    {"InsufficientStorage", REGSTORE_NO_SPACE, AGAIN},
    {"NotImplemented", REGSTORE_UNSUPPORTED, NEVER},
    {"MethodNotAllowed", REGSTORE_UNSUPPORTED, NEVER},
    {"SlowDown", REGSTORE_THROTTLED, AGAIN},
    {"SlowDownRead", REGSTORE_THROTTLED, AGAIN},
    {"SlowDownWrite", REGSTORE_THROTTLED, AGAIN},
    {"ThrottledException", REGSTORE_THROTTLED, AGAIN},
    {"RequestThrottled", REGSTORE_THROTTLED, AGAIN},
    {"RequestThrottledException", REGSTORE_THROTTLED, AGAIN},
    {"RequestLimitExceeded", REGSTORE_THROTTLED, AGAIN},
    {"LimitExceededException", REGSTORE_THROTTLED, AGAIN},
    {"BandwidthLimitExceeded", REGSTORE_THROTTLED, AGAIN},
    {"TooManyRequests", REGSTORE_THROTTLED, AGAIN},
    {"TooManyRequestsException", REGSTORE_THROTTLED, AGAIN},
    {"PriorRequestNotComplete", REGSTORE_THROTTLED, AGAIN},
    {"InternalError", REGSTORE_UNAVAILABLE, AGAIN},
    {"InternalFailure", REGSTORE_UNAVAILABLE, AGAIN}, /* STS's word for it */
    {"ServiceUnavailable", REGSTORE_UNAVAILABLE, AGAIN},
    {"RequestTimeout", REGSTORE_UNAVAILABLE, AGAIN}, /* a 400 */
    {"RequestTimeoutException", REGSTORE_UNAVAILABLE, AGAIN},
    {"STSNotInitialized", REGSTORE_UNAVAILABLE, AGAIN},
    {"IDPCommunicationError", REGSTORE_UNAVAILABLE, AGAIN}, /* a 400 */
    {"BadDigest", REGSTORE_CORRUPT, ONCE}, /* the wire's fault the first time, ours the next */
    {"XAmzContentSHA256Mismatch", REGSTORE_CORRUPT, ONCE},
    {"AccessDenied", REGSTORE_DENIED, NEVER},
    {"ExpiredToken", REGSTORE_DENIED, NEVER}, /* after the one renewal that client.c makes */
    {"ExpiredTokenException", REGSTORE_DENIED, NEVER},
    {"RequestExpired", REGSTORE_DENIED, NEVER},
    {"TokenRefreshRequired", REGSTORE_DENIED, NEVER},
    {"InvalidTokenId", REGSTORE_DENIED, NEVER},
    {"InvalidToken", REGSTORE_DENIED, NEVER},
    {"InvalidIdentityToken", REGSTORE_DENIED, AGAIN}, /* a new OIDC provider takes its time */
    {"IDPRejectedClaim", REGSTORE_DENIED, NEVER},
    {"NoSuchEntity", REGSTORE_CONFIG, NEVER}, /* Ceph's STS: no such role */
    {"RegionDisabledException", REGSTORE_CONFIG, NEVER},
    {"MalformedPolicyDocument", REGSTORE_CONFIG, NEVER},
    {"PackedPolicyTooLarge", REGSTORE_CONFIG, NEVER},
};

static const struct {
    long http_status;
    struct stss3_verdict_of verdict;
} by_status[] = {
    {301, {REGSTORE_CONFIG, NEVER}},
    {307, {REGSTORE_UNAVAILABLE, AGAIN}},
    {401, {REGSTORE_DENIED, NEVER}},
    {403, {REGSTORE_DENIED, NEVER}},
    {404, {REGSTORE_NOT_FOUND, NEVER}},
    {405, {REGSTORE_UNSUPPORTED, NEVER}},
    {STSS3_HTTP_PROXY_REFUSES, {REGSTORE_CONFIG, NEVER}},
    {408, {REGSTORE_UNAVAILABLE, AGAIN}},
    {409, {REGSTORE_CONFLICT, AGAIN}},
    {412, {REGSTORE_EXISTS, NEVER}},
    {413, {REGSTORE_INVALID, NEVER}},
    {416, {REGSTORE_RANGE, NEVER}},
    {429, {REGSTORE_THROTTLED, AGAIN}},
    {499, {REGSTORE_UNAVAILABLE, AGAIN}},
    {501, {REGSTORE_UNSUPPORTED, NEVER}},
    {505, {REGSTORE_UNSUPPORTED, NEVER}},
    {507, {REGSTORE_NO_SPACE, AGAIN}},
};

static struct stss3_verdict_of verdict_of_transport(enum stss3_transport transport)
{
    switch (transport) {
    case STSS3_TRANSPORT_TLS: /* a wrong certificate does not mend itself */
        return (struct stss3_verdict_of){REGSTORE_UNAVAILABLE, NEVER};
    case STSS3_TRANSPORT_TOO_LONG:
        return (struct stss3_verdict_of){REGSTORE_CORRUPT, NEVER};
    case STSS3_TRANSPORT_MEMORY: /* none comes of trying again at once: that is the host's to do */
        return (struct stss3_verdict_of){REGSTORE_NO_MEMORY, NEVER};
    case STSS3_TRANSPORT_INTERNAL:
        return (struct stss3_verdict_of){REGSTORE_INTERNAL, NEVER};
    default:
        return (struct stss3_verdict_of){REGSTORE_UNAVAILABLE, AGAIN};
    }
}

struct stss3_verdict_of stss3_verdict(enum stss3_transport transport, long http_status,
                                      const char *code)
{
    static const char throttling[] = "Throttling"; /* ThrottlingException, Throttling.User ... */
    if (transport != STSS3_TRANSPORT_NONE)
        return verdict_of_transport(transport);
    for (size_t i = 0; i < sizeof by_code / sizeof by_code[0]; i++)
        if (strcmp(by_code[i].code, code) == 0)
            return (struct stss3_verdict_of){by_code[i].status, by_code[i].again};
    if (strncmp(code, throttling, strlen(throttling)) == 0)
        return (struct stss3_verdict_of){REGSTORE_THROTTLED, AGAIN};
    for (size_t i = 0; i < sizeof by_status / sizeof by_status[0]; i++)
        if (by_status[i].http_status == http_status)
            return by_status[i].verdict;
    if (http_status >= 500)
        return (struct stss3_verdict_of){REGSTORE_UNAVAILABLE, AGAIN};
    return (struct stss3_verdict_of){
        http_status >= 200 && http_status < 300 ? REGSTORE_OK : REGSTORE_INTERNAL, NEVER};
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
    else if (request->http_status == STSS3_HTTP_PROXY_REFUSES)
        plug_error_set(&request->error, status,
                       "%s at %s: the proxy between wants another user or password (HTTP status "
                       "407): http_proxy has them as http://user:password@host:port",
                       request->operation, origin);
    else if (body->code[0] != '\0')
        plug_error_set(&request->error, status, "%s at %s: %s%s%.300s", request->operation, origin,
                       body->code, body->message[0] == '\0' ? "" : ": ", body->message);
    else
        plug_error_set(&request->error, status, "%s at %s: HTTP status %ld", request->operation,
                       origin, request->http_status);
}

/* Both of S3's where they fit: its support asks for both. */
static void set_request_id(struct stss3_request *request, const struct stss3_error_body *body)
{
    struct plug_error *error = &request->error;
    const size_t cap = sizeof error->request_id;
    const char *id = stss3_request_answer_header(request, "x-amz-request-id");
    const char *second = stss3_request_answer_header(request, "x-amz-id-2");
    if (id == NULL)
        id = stss3_request_answer_header(request, "x-amzn-requestid"); /* STS's */
    if (body->request_id[0] != '\0')
        id = body->request_id;
    if (second == NULL && body->host_id[0] != '\0')
        second = body->host_id;
    (void)snprintf(error->request_id, cap, "%.127s", id == NULL ? "" : id);
    const size_t len = strlen(error->request_id), more = second == NULL ? 0 : strlen(second);
    if (len != 0 && more != 0 && more < cap - len - 1) {
        error->request_id[len] = ' ';
        memcpy(error->request_id + len + 1, second, more + 1);
    }
    for (char *p = error->request_id; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

static void set_facts(struct stss3_request *request, const struct stss3_error_body *body)
{
    struct plug_error *error = &request->error;
    const char *after = stss3_request_answer_header(request, "retry-after");
    const char *date = stss3_request_answer_header(request, "date");
    int64_t now_ns, ignored_ns;
    error->http_status = (uint32_t)request->http_status;
    (void)snprintf(error->code, sizeof error->code, "%s", body->code);
    set_request_id(request, body);
    if (after == NULL)
        return;
    /* A time of day says something only beside the service's own. */
    const bool has_now = date != NULL && stss3_time_parse_http(date, &now_ns);
    if (!has_now && stss3_time_parse_http(after, &ignored_ns))
        return;
    if (!stss3_time_parse_retry_after(after, has_now ? now_ns : 0, &error->retry_after_ms))
        error->retry_after_ms = 0;
}

static void blank_out(char *text, const char *beginning, size_t len)
{
    for (char *at = strstr(text, beginning); at != NULL; at = strstr(at, beginning)) {
        const size_t n = strcspn(at, " <>\"',;");
        memset(at, '*', n < len ? len : n);
        at += n < len ? len : n;
    }
}

void stss3_verdict_redact(struct plug_error *error, const char *secret)
{
    char beginning[13];
    if (secret == NULL || strlen(secret) < sizeof beginning - 1)
        return; /* shorter ones are words that a sentence may have */
    (void)snprintf(beginning, sizeof beginning, "%s", secret);
    blank_out(error->message, beginning, sizeof beginning - 1);
    blank_out(error->code, beginning, sizeof beginning - 1);
    blank_out(error->request_id, beginning, sizeof beginning - 1);
}

static regstore_status pass_over(void *ctx, const char *path, const char *text)
{
    (void)ctx, (void)path, (void)text;
    return REGSTORE_OK;
}

enum stss3_verdict stss3_verdict_whole(struct stss3_request *request, const char *root)
{
    static const struct stss3_error_body no_body = {0};
    const struct stss3_xml_handler whole = {root, NULL, NULL, pass_over};
    struct plug_error words;
    if (stss3_xml_read(plug_buf_text(&request->answer), request->answer.len, &whole, &words) ==
        REGSTORE_OK)
        return STSS3_DONE;
    plug_error_set(&request->error, words.status, "%s: %s", request->operation, words.message);
    set_facts(request, &no_body);
    request->cause = "xml";
    return words.status == REGSTORE_NO_MEMORY ? STSS3_DONE : STSS3_AGAIN;
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
        if (body->had_no_memory) {
            request->transport = STSS3_TRANSPORT_MEMORY;
            (void)snprintf(request->transport_text, sizeof request->transport_text,
                           "out of memory");
        }
    }
    const struct stss3_verdict_of verdict =
        stss3_verdict(request->transport, http_status, body->code);
    if (verdict.status == REGSTORE_OK)
        return STSS3_DONE;
    set_words(request, verdict.status, body);
    set_facts(request, body);
    request->error.retryable = verdict.again != NEVER || verdict.status == REGSTORE_NO_MEMORY;
    /* A service that wants to be left alone for longer is the caller's to wait for. */
    if (verdict.again == NEVER || request->error.retry_after_ms > RETRY_AFTER_MAX_MS ||
        (verdict.again == ONCE && request->has_had_its_second))
        return STSS3_DONE;
    request->has_had_its_second |= verdict.again == ONCE;
    return STSS3_AGAIN;
}
