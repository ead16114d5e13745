/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer means. */
#include "suites.h"

#include "request.h"
#include "verdict.h"

#include <string.h>

static const struct {
    enum stss3_transport transport;
    long http_status;
    const char *code;
    regstore_status status;
    bool again;
} verdicts[] = {
    {STSS3_TRANSPORT_RESOLVE, 0, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_CONNECT, 0, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_BROKEN, 0, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_BROKEN, 200, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_STALLED, 200, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_TLS, 0, "", REGSTORE_UNAVAILABLE, false},
    {STSS3_TRANSPORT_TOO_LONG, 200, "", REGSTORE_CORRUPT, false},
    {STSS3_TRANSPORT_INTERNAL, 0, "", REGSTORE_INTERNAL, false},
    {STSS3_TRANSPORT_NONE, 200, "", REGSTORE_OK, false},
    {STSS3_TRANSPORT_NONE, 204, "", REGSTORE_OK, false},
    {STSS3_TRANSPORT_NONE, 206, "", REGSTORE_OK, false},
    {STSS3_TRANSPORT_NONE, 304, "", REGSTORE_INTERNAL, false},
    {STSS3_TRANSPORT_NONE, 307, "TemporaryRedirect", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 400, "InvalidArgument", REGSTORE_INTERNAL, false},
    {STSS3_TRANSPORT_NONE, 400, "RequestTimeout", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 400, "BadDigest", REGSTORE_CORRUPT, true},
    {STSS3_TRANSPORT_NONE, 400, "EntityTooLarge", REGSTORE_INVALID, false},
    {STSS3_TRANSPORT_NONE, 400, "InvalidPart", REGSTORE_CONFLICT, false},
    {STSS3_TRANSPORT_NONE, 400, "Throttling", REGSTORE_THROTTLED, true},
    {STSS3_TRANSPORT_NONE, 400, "ExpiredToken", REGSTORE_DENIED, false},
    {STSS3_TRANSPORT_NONE, 400, "InvalidToken", REGSTORE_DENIED, false},
    {STSS3_TRANSPORT_NONE, 401, "", REGSTORE_DENIED, false},
    {STSS3_TRANSPORT_NONE, 403, "", REGSTORE_DENIED, false},
    {STSS3_TRANSPORT_NONE, 403, "AccessDenied", REGSTORE_DENIED, false},
    {STSS3_TRANSPORT_NONE, 403, "InvalidAccessKeyId", REGSTORE_DENIED, false},
    {STSS3_TRANSPORT_NONE, 403, "SignatureDoesNotMatch", REGSTORE_DENIED, false},
    {STSS3_TRANSPORT_NONE, 403, "QuotaExceeded", REGSTORE_NO_SPACE, false},
    {STSS3_TRANSPORT_NONE, 404, "", REGSTORE_NOT_FOUND, false},
    {STSS3_TRANSPORT_NONE, 404, "NoSuchKey", REGSTORE_NOT_FOUND, false},
    {STSS3_TRANSPORT_NONE, 404, "NoSuchUpload", REGSTORE_GONE, false},
    {STSS3_TRANSPORT_NONE, 404, "NoSuchBucket", REGSTORE_CONFIG, false},
    {STSS3_TRANSPORT_NONE, 405, "", REGSTORE_UNSUPPORTED, false},
    {STSS3_TRANSPORT_NONE, 408, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 409, "OperationAborted", REGSTORE_CONFLICT, true},
    {STSS3_TRANSPORT_NONE, 412, "", REGSTORE_EXISTS, false},
    {STSS3_TRANSPORT_NONE, 412, "PreconditionFailed", REGSTORE_EXISTS, false},
    {STSS3_TRANSPORT_NONE, 416, "", REGSTORE_RANGE, false},
    {STSS3_TRANSPORT_NONE, 429, "", REGSTORE_THROTTLED, true},
    {STSS3_TRANSPORT_NONE, 499, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 500, "InternalError", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 500, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 501, "", REGSTORE_UNSUPPORTED, false},
    {STSS3_TRANSPORT_NONE, 501, "NotImplemented", REGSTORE_UNSUPPORTED, false},
    {STSS3_TRANSPORT_NONE, 502, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 503, "SlowDown", REGSTORE_THROTTLED, true},
    {STSS3_TRANSPORT_NONE, 503, "ServiceUnavailable", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 503, "STSNotInitialized", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 504, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 507, "", REGSTORE_NO_SPACE, true},
    {STSS3_TRANSPORT_NONE, 520, "", REGSTORE_UNAVAILABLE, true},
    {STSS3_TRANSPORT_NONE, 400, "slowdown", REGSTORE_INTERNAL, false},
    {STSS3_TRANSPORT_NONE, 400, "NotSlowDown", REGSTORE_INTERNAL, false},
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
    tcase_add_test(tcase, retry_after_is_told);
    tcase_add_test(tcase, only_a_session_that_has_ended_is_stale);
    suite_add_tcase(suite, tcase);
    return suite;
}
