/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials as JSON: which are some, and which are none. */
#include "suites.h"

#include "credentials_json.h"

#include <string.h>

static const struct stss3_credentials_form form = {"source", "SessionToken", true};

static const char whole[] =
    "{\"Version\":1,\"AccessKeyId\":\"AKIA\",\"SecretAccessKey\":\"HIDDEN\","
    "\"SessionToken\":\"TOKEN\",\"Expiration\":\"2026-01-01T00:00:00Z\"}";

START_TEST(whole_answer_is_a_session)
{
    struct stss3_session *session;
    struct plug_error error = {0};
    ck_assert_int_eq(stss3_credentials_read(&form, whole, strlen(whole), &session, &error),
                     REGSTORE_OK);
    ck_assert_str_eq(session->access_key, "AKIA");
    ck_assert_str_eq(session->secret_key, "HIDDEN");
    ck_assert_str_eq(session->token, "TOKEN");
    ck_assert_int_eq(session->expires_ns, INT64_C(1767225600) * 1000000000);
    stss3_session_unref(session);
}
END_TEST

START_TEST(token_and_end_may_be_missing)
{
    static const char text[] =
        "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"SessionToken\":null}";
    struct stss3_session *session;
    struct plug_error error = {0};
    ck_assert_int_eq(stss3_credentials_read(&form, text, strlen(text), &session, &error),
                     REGSTORE_OK);
    ck_assert_ptr_null(session->token);
    ck_assert_int_eq(session->expires_ns, INT64_MAX);
    stss3_session_unref(session);
}
END_TEST

static const struct {
    const char *text, *words;
} wrong[] = {
    {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HIDDEN\"}", "Version"},
    {"{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HIDDEN\"}", "Version"},
    {"{\"Version\":1,\"SecretAccessKey\":\"HIDDEN\"}", "AccessKeyId"},
    {"{\"Version\":1,\"AccessKeyId\":\"HIDDEN HIDDEN\",\"SecretAccessKey\":\"S\"}", "AccessKeyId"},
    {"{\"Version\":1,\"AccessKeyId\":\"A\"}", "SecretAccessKey"},
    {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HIDDEN\\nHIDDEN\"}",
     "SecretAccessKey"},
    {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"SessionToken\":"
     "\"HIDDEN\\r\"}",
     "token"},
    {"{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"HIDDEN\",\"Expiration\":\"soon\"}",
     "Expiration"},
    {"{\"Code\":\"Failed\",\"Message\":\"no role\\u0007\",\"SecretAccessKey\":\"HIDDEN\"}",
     "Failed: no role?"},
    {"HIDDEN", "no JSON object"},
};

START_TEST(what_is_no_session_is_told_without_a_word_of_it)
{
    struct stss3_session *session;
    struct plug_error error = {0};
    ck_assert_int_eq(
        stss3_credentials_read(&form, wrong[_i].text, strlen(wrong[_i].text), &session, &error),
        REGSTORE_UNAVAILABLE);
    ck_assert_ptr_null(session);
    ck_assert_msg(strstr(error.message, wrong[_i].words) != NULL, "%s", error.message);
    ck_assert_ptr_null(strstr(error.message, "HIDDEN"));
}
END_TEST

Suite *json_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, whole_answer_is_a_session);
    tcase_add_test(tcase, token_and_end_may_be_missing);
    tcase_add_loop_test(tcase, what_is_no_session_is_told_without_a_word_of_it, 0,
                        (int)COUNT(wrong));
    suite_add_tcase(suite, tcase);
    return suite;
}
