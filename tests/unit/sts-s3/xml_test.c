/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "xml.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static const char list[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<ListBucketResult" XMLNS "><Name>b</Name><KeyCount>2</KeyCount>\n"
    "<Contents><Key>a&amp;b</Key><Size>5</Size><Owner><ID>o</ID></Owner></Contents>\n"
    "<Contents><Key> c\xc3\xa9&#13;</Key><Size>0</Size></Contents>"
    "<CommonPrefixes><Prefix><![CDATA[<x>]]></Prefix></CommonPrefixes>"
    "<Empty/></ListBucketResult>\n";

/* Everything that the reader says, as text. */
struct trace {
    struct plug_buf text;
    const char *stop_at; /* the path whose end is answered with CANCELLED */
};

static regstore_status trace_begin(void *ctx, const char *path)
{
    struct trace *t = ctx;
    plug_buf_printf(&t->text, "+%s\n", path);
    return REGSTORE_OK;
}

static regstore_status trace_end(void *ctx, const char *path, const char *text)
{
    struct trace *t = ctx;
    plug_buf_printf(&t->text, "-%s=%s\n", path, text);
    return t->stop_at != NULL && strcmp(path, t->stop_at) == 0 ? REGSTORE_CANCELLED : REGSTORE_OK;
}

static regstore_status read_text(const char *xml, size_t len, const char *root, struct trace *t,
                                 struct plug_error *error)
{
    const struct stss3_xml_handler handler = {
        .root = root, .ctx = t, .begin = trace_begin, .end = trace_end};
    return stss3_xml_read(xml, len, &handler, error);
}

static regstore_status status_of(const char *xml, const char *root)
{
    struct trace t = {.stop_at = NULL};
    struct plug_error error = {0};
    const regstore_status status = read_text(xml, strlen(xml), root, &t, &error);
    ck_assert_int_eq(error.status, status);
    if (status != REGSTORE_OK)
        ck_assert_str_ne(error.message, "");
    plug_buf_clear(&t.text);
    return status;
}

START_TEST(reader_tells_every_element_with_its_path_and_the_text_of_leaves)
{
    struct trace t = {.stop_at = NULL};
    struct plug_error error = {0};
    ck_assert_int_eq(read_text(list, strlen(list), "ListBucketResult", &t, &error), REGSTORE_OK);
    ck_assert_str_eq(plug_buf_text(&t.text),
                     "+\n"
                     "+Name\n-Name=b\n+KeyCount\n-KeyCount=2\n"
                     "+Contents\n+Contents/Key\n-Contents/Key=a&b\n+Contents/Size\n"
                     "-Contents/Size=5\n+Contents/Owner\n+Contents/Owner/ID\n"
                     "-Contents/Owner/ID=o\n-Contents/Owner=\n-Contents=\n"
                     "+Contents\n+Contents/Key\n-Contents/Key= c\xc3\xa9\r\n+Contents/Size\n"
                     "-Contents/Size=0\n-Contents=\n"
                     "+CommonPrefixes\n+CommonPrefixes/Prefix\n-CommonPrefixes/Prefix=<x>\n"
                     "-CommonPrefixes=\n+Empty\n-Empty=\n-=\n");
    plug_buf_clear(&t.text);
}
END_TEST

START_TEST(no_prefix_of_an_answer_is_an_answer)
{
    const size_t whole = strlen(list) - 1; /* the line end behind it may be missing */
    for (size_t len = 0; len < whole; len++) {
        struct trace t = {.stop_at = NULL};
        struct plug_error error = {0};
        char *cut = malloc(len + 1); /* of its own, for ASan to see what is read past the end */
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, list, len);
        cut = realloc(cut, len == 0 ? 1 : len);
        const regstore_status status = read_text(cut, len, "ListBucketResult", &t, &error);
        if (status != REGSTORE_UNAVAILABLE || !error.retryable)
            ck_abort_msg("%zu bytes: status %d", len, (int)status);
        free(cut);
        plug_buf_clear(&t.text);
    }
}
END_TEST

START_TEST(answer_with_one_byte_changed_never_crashes)
{
    char changed[sizeof list];
    static const char bytes[] = {0, '<', '>', '&', '/', '"', ' ', '!', '\xff', 'x'};

    for (size_t at = 0; at < sizeof list - 1; at++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            struct trace t = {.stop_at = NULL};
            struct plug_error error = {0};
            memcpy(changed, list, sizeof list);
            changed[at] = bytes[i];
            const regstore_status status =
                read_text(changed, sizeof list - 1, NULL, &t, &error);
            if (status != REGSTORE_OK && status != REGSTORE_UNAVAILABLE)
                ck_abort_msg("byte %zu: status %d", at, (int)status);
            plug_buf_clear(&t.text);
        }
    }
}
END_TEST

static const struct {
    const char *xml, *root;
    regstore_status status;
} documents[] = {
    {"<R/>", "R", REGSTORE_OK},
    {"<R/>", NULL, REGSTORE_OK},
    {"   \r\n\t  \n<?xml version=\"1.0\"?><R/>", "R", REGSTORE_OK},
    {"\xef\xbb\xbf<?xml version=\"1.0\"?><R/>", "R", REGSTORE_OK},
    {"<s:R xmlns:s=\"urn:x\"><s:A/></s:R>", "R", REGSTORE_OK},
    {"<s:R/>", "R", REGSTORE_OK},
    {"<R xmlns=\"urn:x\" a=\"1\"/>", "R", REGSTORE_OK},
    {"<Error/>", "R", REGSTORE_UNAVAILABLE},
    {"<r/>", "R", REGSTORE_UNAVAILABLE},
    {"", "R", REGSTORE_UNAVAILABLE},
    {"     \n", "R", REGSTORE_UNAVAILABLE},
    {"<R></R><R></R>", "R", REGSTORE_UNAVAILABLE},
    {"<R></R>x", "R", REGSTORE_UNAVAILABLE},
    {"<R><A></R></A>", "R", REGSTORE_UNAVAILABLE},
    {"<R>&unknown;</R>", "R", REGSTORE_UNAVAILABLE},
    {"<R>\xff</R>", "R", REGSTORE_UNAVAILABLE},
    {"<R>&#0;</R>", "R", REGSTORE_UNAVAILABLE},
    {"<html><body>busy</body>", "R", REGSTORE_UNAVAILABLE},
    {"upstream timed out", "R", REGSTORE_UNAVAILABLE},
    {"<!DOCTYPE R><R/>", "R", REGSTORE_UNAVAILABLE},
    {"<!DOCTYPE R [<!ENTITY a \"b\">]><R>&a;</R>", "R", REGSTORE_UNAVAILABLE},
    {"<!DOCTYPE R SYSTEM \"file:///etc/passwd\"><R/>", "R", REGSTORE_UNAVAILABLE},
};

START_TEST(document_is_taken_or_refused_as_a_whole)
{
    ck_assert_msg(status_of(documents[_i].xml, documents[_i].root) == documents[_i].status, "%s",
                  documents[_i].xml);
}
END_TEST

START_TEST(wrong_root_is_named)
{
    struct trace t = {.stop_at = NULL};
    struct plug_error error = {0};
    ck_assert_int_eq(read_text("<Error/>", 8, "CopyObjectResult", &t, &error),
                     REGSTORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.message, "<Error>"));
    ck_assert_ptr_nonnull(strstr(error.message, "<CopyObjectResult>"));
    ck_assert_uint_eq(t.text.len, 0);
    plug_buf_clear(&t.text);
}
END_TEST

START_TEST(status_of_a_handler_stops_the_reading)
{
    struct trace t = {.stop_at = "Name"};
    struct plug_error error = {.message = "mine"};
    ck_assert_int_eq(read_text(list, strlen(list), NULL, &t, &error), REGSTORE_CANCELLED);
    ck_assert_str_eq(plug_buf_text(&t.text), "+\n+Name\n-Name=b\n");
    ck_assert_str_eq(error.message, "mine");
    plug_buf_clear(&t.text);
}
END_TEST

static regstore_status status_of_depth(int depth, const char *name)
{
    struct plug_buf xml = {0};
    for (int i = 0; i < depth; i++)
        plug_buf_printf(&xml, "<%s>", name);
    for (int i = 0; i < depth; i++)
        plug_buf_printf(&xml, "</%s>", name);
    const regstore_status status = status_of(plug_buf_text(&xml), NULL);
    plug_buf_clear(&xml);
    return status;
}

START_TEST(depth_and_length_of_names_are_bounded)
{
    char name[STSS3_XML_PATH_MAX + 1];

    ck_assert_int_eq(status_of_depth(STSS3_XML_DEPTH_MAX, "a"), REGSTORE_OK);
    ck_assert_int_eq(status_of_depth(STSS3_XML_DEPTH_MAX + 1, "a"), REGSTORE_UNAVAILABLE);
    ck_assert_int_eq(status_of_depth(100000, "a"), REGSTORE_UNAVAILABLE);
    memset(name, 'n', sizeof name);
    name[STSS3_XML_PATH_MAX] = '\0';
    ck_assert_int_eq(status_of_depth(2, name), REGSTORE_UNAVAILABLE);
    name[STSS3_XML_PATH_MAX - 2] = '\0';
    ck_assert_int_eq(status_of_depth(2, name), REGSTORE_OK);
    name[120] = '\0';
    ck_assert_int_eq(status_of_depth(3, name), REGSTORE_OK);
    ck_assert_int_eq(status_of_depth(4, name), REGSTORE_UNAVAILABLE);
}
END_TEST

START_TEST(answer_over_the_size_limit_is_refused)
{
    const size_t size = STSS3_XML_BYTES_MAX;
    struct trace t = {.stop_at = NULL};
    struct plug_error error = {0};
    char *xml = malloc(size + 1);

    ck_assert_ptr_nonnull(xml);
    memset(xml, ' ', size + 1);
    memcpy(xml, "<R>", 3);
    memcpy(xml + size - 4, "</R>", 4);
    ck_assert_int_eq(read_text(xml, size, "R", &t, &error), REGSTORE_OK);
    ck_assert_int_eq(read_text(xml, size + 1, "R", &t, &error), REGSTORE_UNAVAILABLE);
    free(xml);
    plug_buf_clear(&t.text);
}
END_TEST

static const char *const assumed[] = {
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
    "<AssumedRoleUser><Arn>arn:x</Arn></AssumedRoleUser><Credentials>"
    "<AccessKeyId>AK</AccessKeyId><SessionToken>t+/=</SessionToken></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>",
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AK</AccessKeyId>"
    "<AccessKeyId>second</AccessKeyId><SessionToken>t+/=</SessionToken></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>",
};

START_TEST(small_answer_gives_the_text_of_each_wanted_path)
{
    struct plug_buf key = {0}, token = {0}, missing = {0};
    struct plug_error error = {0};
    const struct stss3_xml_field fields[] = {
        {"AssumeRoleResult/Credentials/AccessKeyId", &key},
        {"AssumeRoleResult/Credentials/SessionToken", &token},
        {"Credentials/SessionToken", &missing},
    };
    ck_assert_int_eq(stss3_xml_pick(assumed[_i], strlen(assumed[_i]), "AssumeRoleResponse", fields,
                                    COUNT(fields), &error),
                     REGSTORE_OK);
    ck_assert_str_eq(plug_buf_text(&key), "AK");
    ck_assert_str_eq(plug_buf_text(&token), "t+/=");
    ck_assert_uint_eq(missing.len, 0);
    plug_buf_clear(&key);
    plug_buf_clear(&token);
    plug_buf_clear(&missing);
}
END_TEST

static const struct {
    const char *xml, *code, *message, *request_id, *region;
    int64_t server_time_ns;
} errors[] = {
    {"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>The key.</Message>"
     "<Key>k</Key><RequestId>R1</RequestId><HostId>h</HostId></Error>",
     "NoSuchKey", "The key.", "R1", "", 0},
    {"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
     "</Type><Code>AccessDenied</Code><Message>Not you.</Message></Error><RequestId>R2"
     "</RequestId></ErrorResponse>",
     "AccessDenied", "Not you.", "R2", "", 0},
    {"<Error><Code>MalformedPolicy</Code><RequestId>tx0</RequestId></Error>", "MalformedPolicy",
     "", "tx0", "", 0},
    {"  \n<Error" XMLNS "><Code>RequestTimeTooSkewed</Code><ServerTime>2026-10-18T07:05:09Z"
     "</ServerTime></Error>",
     "RequestTimeTooSkewed", "", "", "", INT64_C(1792307109000000000)},
    {"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
     "AuthorizationHeaderMalformed", "", "", "eu-west-1", 0},
    {"<Error><Code>X</Code><Message>a\x01" "b</Message></Error>", NULL, "", "", "", 0},
    {"<Error><Code>X</Code><Message>a\n\xc3\xa9&#9;b</Message><ServerTime>now</ServerTime>"
     "</Error>",
     "X", "a????b", "", "", 0},
    {"<Error><Code>First</Code><Code>Second</Code></Error>", "First", "", "", "", 0},
    {"<Error><Code></Code><Message>m</Message></Error>", NULL, "", "", "", 0},
    {"<Error><Code>NoSuchKey</Code>", NULL, "", "", "", 0},
    {"<CompleteMultipartUploadResult><Error><Code>X</Code></Error>"
     "</CompleteMultipartUploadResult>",
     NULL, "", "", "", 0},
    {"<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>", NULL, "",
     "", "", 0},
    {"<html><body><h1>503</h1></body></html>", NULL, "", "", "", 0},
    {"", NULL, "", "", "", 0},
};

START_TEST(error_is_told_by_its_root_and_read_in_each_dialect)
{
    struct stss3_error_body body;
    memset(&body, 'x', sizeof body);
    const bool is_error = stss3_error_body_parse(errors[_i].xml, strlen(errors[_i].xml), &body);
    ck_assert_msg(is_error == (errors[_i].code != NULL), "%s", errors[_i].xml);
    ck_assert_str_eq(body.code, is_error ? errors[_i].code : "");
    ck_assert_str_eq(body.message, errors[_i].message);
    ck_assert_str_eq(body.request_id, errors[_i].request_id);
    ck_assert_str_eq(body.region, errors[_i].region);
    ck_assert_int_eq(body.server_time_ns, errors[_i].server_time_ns);
}
END_TEST

START_TEST(long_texts_of_an_error_are_cut_to_size)
{
    struct stss3_error_body body;
    struct plug_buf xml = {0};

    plug_buf_str(&xml, "<Error><Code>");
    for (int i = 0; i < 1000; i++)
        plug_buf_char(&xml, 'c');
    plug_buf_str(&xml, "</Code><Message>");
    for (int i = 0; i < 1000; i++)
        plug_buf_char(&xml, 'm');
    plug_buf_str(&xml, "</Message></Error>");
    ck_assert(stss3_error_body_parse(plug_buf_text(&xml), xml.len, &body));
    ck_assert_uint_eq(strlen(body.code), sizeof body.code - 1);
    ck_assert_uint_eq(strlen(body.message), sizeof body.message - 1);
    plug_buf_clear(&xml);
}
END_TEST

START_TEST(echoed_session_token_is_not_kept)
{
    static const char xml[] =
        "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message>"
        "<Token-0>SECRET</Token-0></Error>";
    struct stss3_error_body body;
    ck_assert(stss3_error_body_parse(xml, strlen(xml), &body));
    ck_assert_ptr_null(memmem(&body, sizeof body, "SECRET", 6));
}
END_TEST

START_TEST(escaped_text_is_read_back_as_it_was)
{
    static const char text[] = " a&b<c>d\"e'f\rg\nh\ti\r\n]]>&amp; ";
    struct plug_buf xml = {0}, back = {0};
    struct plug_error error = {0};
    const struct stss3_xml_field field = {"K", &back};

    plug_buf_str(&xml, "<R><K>");
    stss3_xml_escape(&xml, text);
    plug_buf_str(&xml, "</K></R>");
    ck_assert_ptr_null(strpbrk(plug_buf_text(&xml), "\r\n\t\"'"));
    ck_assert_int_eq(stss3_xml_pick(plug_buf_text(&xml), xml.len, "R", &field, 1, &error),
                     REGSTORE_OK);
    ck_assert_str_eq(plug_buf_text(&back), text);
    plug_buf_clear(&xml);
    plug_buf_clear(&back);
}
END_TEST

Suite *xml_suite(void)
{
    Suite *suite = suite_create("xml");
    TCase *c = tcase_create("xml");
    tcase_add_test(c, reader_tells_every_element_with_its_path_and_the_text_of_leaves);
    tcase_add_test(c, no_prefix_of_an_answer_is_an_answer);
    tcase_add_test(c, answer_with_one_byte_changed_never_crashes);
    tcase_add_loop_test(c, document_is_taken_or_refused_as_a_whole, 0, COUNT(documents));
    tcase_add_test(c, wrong_root_is_named);
    tcase_add_test(c, status_of_a_handler_stops_the_reading);
    tcase_add_test(c, depth_and_length_of_names_are_bounded);
    tcase_add_test(c, answer_over_the_size_limit_is_refused);
    tcase_add_loop_test(c, small_answer_gives_the_text_of_each_wanted_path, 0, COUNT(assumed));
    tcase_add_loop_test(c, error_is_told_by_its_root_and_read_in_each_dialect, 0, COUNT(errors));
    tcase_add_test(c, long_texts_of_an_error_are_cut_to_size);
    tcase_add_test(c, echoed_session_token_is_not_kept);
    tcase_add_test(c, escaped_text_is_read_back_as_it_was);
    suite_add_tcase(suite, c);
    return suite;
}
