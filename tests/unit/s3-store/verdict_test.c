/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer means. */
#include "suites.h"

#include "request.h"
#include "verdict.h"

#include <stdio.h>
#include <string.h>

#define NONE STSS3_WORTH_NONE
#define ONE  STSS3_WORTH_ONE
#define SOME STSS3_WORTH_SOME

static const struct {
    enum stss3_transport transport;
    long http_status;
    const char *code;
    regstore_status status;
    enum stss3_worth again;
} verdicts[] = {
    {STSS3_TRANSPORT_RESOLVE, 0, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_CONNECT, 0, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_BROKEN, 0, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_BROKEN, 200, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_STALLED, 200, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_TLS, 0, "", REGSTORE_UNAVAILABLE, NONE},
    {STSS3_TRANSPORT_TOO_LONG, 200, "", REGSTORE_CORRUPT, NONE},
    {STSS3_TRANSPORT_INTERNAL, 0, "", REGSTORE_INTERNAL, NONE},
    {STSS3_TRANSPORT_MEMORY, 0, "", REGSTORE_NO_MEMORY, NONE},
    {STSS3_TRANSPORT_NONE, 200, "", REGSTORE_OK, NONE},
    {STSS3_TRANSPORT_NONE, 204, "", REGSTORE_OK, NONE},
    {STSS3_TRANSPORT_NONE, 206, "", REGSTORE_OK, NONE},
    {STSS3_TRANSPORT_NONE, 304, "", REGSTORE_INTERNAL, NONE},
    {STSS3_TRANSPORT_NONE, 307, "TemporaryRedirect", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 400, "InvalidArgument", REGSTORE_INTERNAL, NONE},
    {STSS3_TRANSPORT_NONE, 400, "RequestTimeout", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 400, "BadDigest", REGSTORE_CORRUPT, ONE},
    {STSS3_TRANSPORT_NONE, 400, "EntityTooLarge", REGSTORE_INVALID, NONE},
    {STSS3_TRANSPORT_NONE, 400, "InvalidPart", REGSTORE_CONFLICT, NONE},
    {STSS3_TRANSPORT_NONE, 400, "Throttling", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 400, "ExpiredToken", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 400, "InvalidToken", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 401, "", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 403, "", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 403, "AccessDenied", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 403, "InvalidAccessKeyId", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 403, "SignatureDoesNotMatch", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 403, "QuotaExceeded", REGSTORE_NO_SPACE, NONE},
    {STSS3_TRANSPORT_NONE, 404, "", REGSTORE_NOT_FOUND, NONE},
    {STSS3_TRANSPORT_NONE, 404, "NoSuchKey", REGSTORE_NOT_FOUND, NONE},
    {STSS3_TRANSPORT_NONE, 404, "NoSuchUpload", REGSTORE_GONE, NONE},
    {STSS3_TRANSPORT_NONE, 404, "NoSuchBucket", REGSTORE_CONFIG, NONE},
    {STSS3_TRANSPORT_NONE, 405, "", REGSTORE_UNSUPPORTED, NONE},
    {STSS3_TRANSPORT_NONE, 408, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 409, "OperationAborted", REGSTORE_CONFLICT, SOME},
    {STSS3_TRANSPORT_NONE, 412, "", REGSTORE_EXISTS, NONE},
    {STSS3_TRANSPORT_NONE, 412, "PreconditionFailed", REGSTORE_EXISTS, NONE},
    {STSS3_TRANSPORT_NONE, 416, "", REGSTORE_RANGE, NONE},
    {STSS3_TRANSPORT_NONE, 407, "", REGSTORE_CONFIG, NONE},
    {STSS3_TRANSPORT_NONE, 429, "", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 499, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 500, "InternalError", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 500, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 501, "", REGSTORE_UNSUPPORTED, NONE},
    {STSS3_TRANSPORT_NONE, 501, "NotImplemented", REGSTORE_UNSUPPORTED, NONE},
    {STSS3_TRANSPORT_NONE, 502, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 503, "SlowDown", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 503, "ServiceUnavailable", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 503, "STSNotInitialized", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 504, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 507, "", REGSTORE_NO_SPACE, SOME},
    {STSS3_TRANSPORT_NONE, 520, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_STALE, 0, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_STALLED, 0, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_TLS, 200, "SlowDown", REGSTORE_UNAVAILABLE, NONE},
    {STSS3_TRANSPORT_NONE, 301, "PermanentRedirect", REGSTORE_CONFIG, NONE},
    {STSS3_TRANSPORT_NONE, 400, "XAmzContentSHA256Mismatch", REGSTORE_CORRUPT, ONE},
    {STSS3_TRANSPORT_NONE, 400, "AuthorizationHeaderMalformed", REGSTORE_CONFIG, NONE},
    {STSS3_TRANSPORT_NONE, 400, "MalformedXML", REGSTORE_INTERNAL, NONE},
    {STSS3_TRANSPORT_NONE, 400, "RequestTimeoutException", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 400, "ThrottlingException", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 400, "Throttling.User", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 400, "RequestLimitExceeded", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 400, "BandwidthLimitExceeded", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 503, "SlowDownRead", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 503, "SlowDownWrite", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 503, "XMinioServerNotInitialized", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 429, "TooManyRequests", REGSTORE_THROTTLED, SOME},
    {STSS3_TRANSPORT_NONE, 499, "ClientDisconnect", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 503, "", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 505, "", REGSTORE_UNSUPPORTED, NONE},
    {STSS3_TRANSPORT_NONE, 599, "Unheard", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 409, "ConditionalRequestConflict", REGSTORE_CONFLICT, SOME},
    {STSS3_TRANSPORT_NONE, 409, "", REGSTORE_CONFLICT, SOME},
    {STSS3_TRANSPORT_NONE, 400, "ExpiredTokenException", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 400, "IDPCommunicationError", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 400, "InvalidIdentityToken", REGSTORE_DENIED, SOME},
    {STSS3_TRANSPORT_NONE, 403, "IDPRejectedClaim", REGSTORE_DENIED, NONE},
    {STSS3_TRANSPORT_NONE, 400, "MalformedPolicyDocument", REGSTORE_CONFIG, NONE},
    {STSS3_TRANSPORT_NONE, 400, "PackedPolicyTooLarge", REGSTORE_CONFIG, NONE},
    {STSS3_TRANSPORT_NONE, 403, "RegionDisabledException", REGSTORE_CONFIG, NONE},
    {STSS3_TRANSPORT_NONE, 500, "InternalFailure", REGSTORE_UNAVAILABLE, SOME},
    {STSS3_TRANSPORT_NONE, 400, "slowdown", REGSTORE_INTERNAL, NONE},
    {STSS3_TRANSPORT_NONE, 400, "NotSlowDown", REGSTORE_INTERNAL, NONE},
};

START_TEST(answer_has_one_meaning)
{
    const struct stss3_verdict_of v =
        stss3_verdict(verdicts[_i].transport, verdicts[_i].http_status, verdicts[_i].code);
    ck_assert_int_eq(v.status, verdicts[_i].status);
    ck_assert_int_eq(v.again, verdicts[_i].again);
}
END_TEST

/* A request as the engine leaves it after a try. */
static const struct stss3_request_hooks no_hooks = {NULL, NULL, NULL, NULL};

static struct stss3_request *answered(long http_status, const char *body)
{
    struct stss3_request *r = stss3_request_new(&no_hooks, NULL, "POST", "CompleteMultipartUpload");
    ck_assert_ptr_nonnull(r);
    plug_buf_str(&r->url, "https://minio:9000/bucket/key?uploadId=u&X-Amz-Signature=deadbeef");
    r->http_status = http_status;
    plug_buf_str(&r->answer, body);
    return r;
}

static void answer_header(struct stss3_request *r, const char *name, const char *value)
{
    plug_buf_add(&r->state->answer_headers, name, strlen(name) + 1);
    plug_buf_add(&r->state->answer_headers, value, strlen(value) + 1);
}

#define ERROR_BODY(code)                                                                           \
    "\n  \n<?xml version=\"1.0\"?><Error><Code>" code                                              \
    "</Code><Message>Words.</Message><RequestId>R-1</RequestId></Error>"

START_TEST(good_status_with_an_error_inside_is_an_error)
{
    struct stss3_error_body body;
    struct stss3_request *r = answered(200, ERROR_BODY("InternalError"));
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_AGAIN);
    ck_assert_int_eq(r->error.status, REGSTORE_UNAVAILABLE);
    ck_assert_str_eq(r->error.code, "InternalError");
    ck_assert_uint_eq(r->error.retryable, 1);
    stss3_request_unref(r);
    r = answered(200, ERROR_BODY("AccessDenied"));
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_DONE);
    ck_assert_int_eq(r->error.status, REGSTORE_DENIED);
    stss3_request_unref(r);
    r = answered(200, ERROR_BODY("SomethingNew"));
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_AGAIN);
    ck_assert_int_eq(r->error.status, REGSTORE_UNAVAILABLE);
    stss3_request_unref(r);
}
END_TEST

START_TEST(blob_that_looks_like_an_error_is_a_blob)
{
    struct stss3_error_body body;
    struct stss3_request *r = answered(200, ERROR_BODY("InternalError"));
    ck_assert_int_eq(stss3_verdict_judge(r, false, &body), STSS3_DONE);
    ck_assert_int_eq(r->error.status, REGSTORE_OK);
    stss3_request_unref(r);
}
END_TEST

START_TEST(good_answer_with_the_word_error_in_it_is_good)
{
    struct stss3_error_body body;
    struct stss3_request *r = answered(
        200, "<CompleteMultipartUploadResult><Key>Error/InternalError</Key><Error><Code>SlowDown"
             "</Code></Error></CompleteMultipartUploadResult>");
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_DONE);
    ck_assert_int_eq(r->error.status, REGSTORE_OK);
    stss3_request_unref(r);
}
END_TEST

START_TEST(message_names_operation_and_server_but_no_path_and_no_query)
{
    static const struct {
        long http_status;
        const char *body, *words;
    } cases[] = {
        {403, ERROR_BODY("AccessDenied"), "AccessDenied: Words."},
        {404, "", "HTTP status 404"},
        {503, "<html>busy</html>", "HTTP status 503"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stss3_error_body body;
        struct stss3_request *r = answered(cases[i].http_status, cases[i].body);
        (void)stss3_verdict_judge(r, true, &body);
        ck_assert_ptr_nonnull(strstr(r->error.message, cases[i].words));
        ck_assert_ptr_nonnull(
            strstr(r->error.message, "CompleteMultipartUpload at https://minio:9000: "));
        ck_assert_ptr_null(strstr(r->error.message, "deadbeef"));
        ck_assert_ptr_null(strchr(r->error.message, '?'));
        ck_assert_ptr_null(strstr(r->error.message, "/bucket"));
        ck_assert_uint_eq(r->error.http_status, (uint32_t)cases[i].http_status);
        stss3_request_unref(r);
    }
}
END_TEST

START_TEST(failure_below_http_is_told_in_curls_words)
{
    struct stss3_error_body body;
    struct stss3_request *r = answered(0, "");
    r->transport = STSS3_TRANSPORT_CONNECT;
    memcpy(r->transport_text, "connection refused", 19);
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_AGAIN);
    ck_assert_str_eq(r->error.message,
                     "CompleteMultipartUpload at https://minio:9000: connection refused");
    stss3_request_unref(r);
}
END_TEST

START_TEST(half_an_answer_is_not_believed)
{
    struct stss3_error_body body;
    struct stss3_request *r = answered(404, ERROR_BODY("NoSuchUpload"));
    r->transport = STSS3_TRANSPORT_BROKEN;
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_AGAIN);
    ck_assert_int_eq(r->error.status, REGSTORE_UNAVAILABLE);
    ck_assert_str_eq(body.code, "");
    stss3_request_unref(r);
}
END_TEST

START_TEST(request_id_is_the_bodys_or_else_the_headers)
{
    struct stss3_error_body body;
    struct stss3_request *r = answered(403, ERROR_BODY("AccessDenied"));
    answer_header(r, "x-amz-request-id", "H-1");
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_str_eq(r->error.request_id, "R-1");
    stss3_request_unref(r);
    r = answered(403, "");
    answer_header(r, "x-amz-request-id", "H-1\x01\xff");
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_str_eq(r->error.request_id, "H-1??");
    stss3_request_unref(r);
}
END_TEST

START_TEST(second_id_of_s3_stands_behind_the_first_where_it_fits)
{
    static const char long_id[] = "0123456789012345678901234567890123456789012345678901234567890"
                                  "12345678901234567890123456789012345678901234567890123456789";
    struct stss3_error_body body;
    struct stss3_request *r = answered(403, "");
    answer_header(r, "x-amz-request-id", "H-1");
    answer_header(r, "x-amz-id-2", "abc/+=");
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_str_eq(r->error.request_id, "H-1 abc/+=");
    stss3_request_unref(r);
    r = answered(403, "<Error><Code>A</Code><RequestId>R-1</RequestId><HostId>h/=</HostId>"
                      "</Error>");
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_str_eq(r->error.request_id, "R-1 h/=");
    stss3_request_unref(r);
    r = answered(403, "");
    answer_header(r, "x-amz-request-id", "H-1234567890");
    answer_header(r, "x-amz-id-2", long_id);
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_str_eq(r->error.request_id, "H-1234567890");
    stss3_request_unref(r);
    r = answered(403, "");
    answer_header(r, "x-amzn-requestid", "of-sts");
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_str_eq(r->error.request_id, "of-sts");
    stss3_request_unref(r);
}
END_TEST

START_TEST(what_is_worth_one_more_try_is_tried_once_more)
{
    struct stss3_error_body body;
    struct stss3_request *r = answered(503, ERROR_BODY("SlowDown"));
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_AGAIN);
    plug_buf_reset(&r->answer);
    plug_buf_str(&r->answer, ERROR_BODY("BadDigest"));
    r->http_status = 400;
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_AGAIN);
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_DONE);
    ck_assert_int_eq(r->error.status, REGSTORE_CORRUPT);
    ck_assert_uint_eq(r->error.retryable, 1); /* the host may have better luck */
    stss3_request_unref(r);
}
END_TEST

START_TEST(echoed_secret_is_blanked_also_when_it_was_cut)
{
    static const char token[] = "IQoJb3JpZ2luX2VjEPX//////////wEaCXVzLWVhc3QtMSJHMEUCIQ";
    struct plug_error error;
    plug_error_set(&error, REGSTORE_DENIED, "no '%s' here, nor %.20s", token, token);
    (void)snprintf(error.code, sizeof error.code, "%.40s", token);
    (void)snprintf(error.request_id, sizeof error.request_id, "id %.40s", token);
    stss3_verdict_redact(&error, token);
    ck_assert_ptr_null(strstr(error.message, "IQoJ"));
    ck_assert_ptr_null(strstr(error.message, "CIQ"));
    ck_assert_ptr_nonnull(strstr(error.message, "***' here, nor ***"));
    ck_assert_ptr_null(strstr(error.code, "IQoJ"));
    ck_assert_ptr_null(strstr(error.request_id, "IQoJ"));
    plug_error_set(&error, REGSTORE_DENIED, "short");
    stss3_verdict_redact(&error, "short");
    stss3_verdict_redact(&error, NULL);
    ck_assert_str_eq(error.message, "short");
}
END_TEST

START_TEST(retry_after_is_told)
{
    struct stss3_error_body body;
    struct stss3_request *r = answered(503, "");
    answer_header(r, "retry-after", "7");
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_AGAIN);
    ck_assert_uint_eq(r->error.retry_after_ms, 7000);
    stss3_request_unref(r);
    r = answered(503, "");
    answer_header(r, "retry-after", "Fri, 01 Jan 2021 00:00:09 GMT");
    answer_header(r, "date", "Fri, 01 Jan 2021 00:00:00 GMT");
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_uint_eq(r->error.retry_after_ms, 9000);
    stss3_request_unref(r);
    r = answered(503, "");
    answer_header(r, "retry-after", "soon");
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_uint_eq(r->error.retry_after_ms, 0);
    stss3_request_unref(r);
    /* A time of day without the service's own tells nothing; seconds do. */
    r = answered(503, "");
    answer_header(r, "retry-after", "Fri, 01 Jan 2021 00:00:09 GMT");
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_AGAIN);
    ck_assert_uint_eq(r->error.retry_after_ms, 0);
    stss3_request_unref(r);
    r = answered(503, "");
    answer_header(r, "retry-after", "3");
    answer_header(r, "date", "yesterday");
    (void)stss3_verdict_judge(r, true, &body);
    ck_assert_uint_eq(r->error.retry_after_ms, 3000);
    stss3_request_unref(r);
    /* Longer than anybody should sit in a call for: the host is told, and may come again. */
    r = answered(503, "");
    answer_header(r, "retry-after", "21");
    ck_assert_int_eq(stss3_verdict_judge(r, true, &body), STSS3_DONE);
    ck_assert_uint_eq(r->error.retry_after_ms, 21000);
    ck_assert_uint_eq(r->error.retryable, 1);
    stss3_request_unref(r);
}
END_TEST

START_TEST(only_a_session_that_has_ended_is_stale)
{
    static const char *const stale[] = {"ExpiredToken", "ExpiredTokenException", "RequestExpired",
                                        "TokenRefreshRequired", "InvalidTokenId"};
    static const char *const others[] = {"InvalidToken", "InvalidAccessKeyId",
                                         "AccessDenied", "SignatureDoesNotMatch",
                                         "expiredtoken", ""};
    for (size_t i = 0; i < COUNT(stale); i++)
        ck_assert(stss3_code_is_stale_session(stale[i]));
    for (size_t i = 0; i < COUNT(others); i++)
        ck_assert(!stss3_code_is_stale_session(others[i]));
}
END_TEST

Suite *verdict_suite(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, answer_has_one_meaning, 0, COUNT(verdicts));
    tcase_add_test(tcase, good_status_with_an_error_inside_is_an_error);
    tcase_add_test(tcase, blob_that_looks_like_an_error_is_a_blob);
    tcase_add_test(tcase, good_answer_with_the_word_error_in_it_is_good);
    tcase_add_test(tcase, message_names_operation_and_server_but_no_path_and_no_query);
    tcase_add_test(tcase, failure_below_http_is_told_in_curls_words);
    tcase_add_test(tcase, half_an_answer_is_not_believed);
    tcase_add_test(tcase, request_id_is_the_bodys_or_else_the_headers);
    tcase_add_test(tcase, second_id_of_s3_stands_behind_the_first_where_it_fits);
    tcase_add_test(tcase, what_is_worth_one_more_try_is_tried_once_more);
    tcase_add_test(tcase, echoed_secret_is_blanked_also_when_it_was_cut);
    tcase_add_test(tcase, retry_after_is_told);
    tcase_add_test(tcase, only_a_session_that_has_ended_is_stale);
    suite_add_tcase(suite, tcase);
    return suite;
}
