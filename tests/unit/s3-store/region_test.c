/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket that lies in another region than the one that was asked. */
#include "suites.h"

#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNED_FOR(region) "/" region "/s3/aws4_request"

#define MALFORMED(region)                                                                          \
    {                                                                                              \
        ANSWER("400 Bad Request", "<Error><Code>AuthorizationHeaderMalformed</Code>"               \
                                  "<Message>no</Message><Region>" region "</Region></Error>"),     \
            SERVER_CLOSES                                                                          \
    }
#define MOVED(region)                                                                              \
    "HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: " region "\r\nContent-Length: "        \
    "0\r\n\r\n"

static const struct server_step put_200 = {
    "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 0\r\n\r\n", 0};

static regstore_status put(struct world *w)
{
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = "key"};
    struct regstore_upload *upload = world_upload(w, NULL);
    world_write(w, upload, 10);
    const regstore_status status = w->plugin->upload_commit(upload, &w->call, &opts, NULL);
    w->plugin->upload_close(upload);
    return status;
}

START_TEST(region_in_an_error_is_learned_and_the_same_server_asked_again)
{
    const struct server_step s3[] = {MALFORMED("eu-west-1"), put_200};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    ck_assert_msg(put(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("eu-west-1")));
    ck_assert(world_has_logged(&w, "region bucket=bucket region=eu-west-1"));
    /* Learned for good: the next one is right at once. */
    ck_assert_int_eq(put(&w), REGSTORE_OK);
    ck_assert_uint_eq(server_heads(w.s3), 3);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("eu-west-1")));
    ck_assert_uint_eq(world_count_logged(&w, "region bucket="), 1);
    world_close(&w);
}
END_TEST

START_TEST(region_in_a_header_is_learned_where_there_is_no_body)
{
    const struct server_step s3[] = {{MOVED("eu-west-1"), 0}, put_200};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    ck_assert_msg(w.plugin->stat(w.store, &w.call, "key", NULL) == REGSTORE_OK, "%s",
                  w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("eu-west-1")));
    world_close(&w);
}
END_TEST

/* What a bucket of eu-south-1, which must be opted in to, says when us-east-1 is asked for it. */
START_TEST(region_that_must_be_opted_in_to_is_learned)
{
    const struct server_step s3[] = {
        {"HTTP/1.1 400 Bad Request\r\nx-amz-bucket-region: eu-south-1\r\n"
         "Connection: close\r\n\r\n"
         "<Error><Code>IllegalLocationConstraintException</Code><Message>The eu-south-1 location "
         "constraint is incompatible for the region specific endpoint this request was sent to."
         "</Message></Error>",
         SERVER_CLOSES},
        put_200};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    ck_assert_msg(put(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("eu-south-1")));
    world_close(&w);
}
END_TEST

static const struct server_step unbelievable[] = {
    MALFORMED("cn-north-1"), /* another partition */
    MALFORMED(""),
    MALFORMED("evil.example/"),
    MALFORMED("../../x"),
};

START_TEST(region_that_cannot_be_believed_is_not)
{
    struct world w;
    world_open(&w, &unbelievable[_i], 1, NULL, 0);
    ck_assert_int_ne(put(&w), REGSTORE_OK);
    ck_assert_str_eq(w.error.code, "AuthorizationHeaderMalformed");
    ck_assert_uint_eq(server_heads(w.s3), 1);
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("us-east-1")));
    world_close(&w);
}
END_TEST

START_TEST(server_that_sends_away_for_ever_is_asked_twice)
{
    const struct server_step s3[] = {{MOVED("eu-west-1"), 0}, {MOVED("eu-west-2"), 0}};
    struct world w;
    world_open(&w, s3, 2, NULL, 0);
    ck_assert_int_eq(w.plugin->stat(w.store, &w.call, "key", NULL), REGSTORE_CONFIG);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    world_close(&w);
}
END_TEST

/* The reply of a server that sends the request to the server `to`. */
static const char *redirect_to(struct server *to, const char *status, char out[256])
{
    (void)snprintf(out, 256,
                   "HTTP/1.1 %s\r\nLocation: %s\r\nConnection: close\r\n"
                   "Content-Length: 0\r\n\r\n",
                   status, server_url(to, "/bucket/datastorage/key"));
    return out;
}

/* Neither our keys nor a byte of the blob: it does not even hear of us. */
static const char *const elsewhere[] = {"301 Moved Permanently", "302 Found", "303 See Other",
                                        "307 Temporary Redirect", "308 Permanent Redirect"};

START_TEST(redirect_to_a_foreign_host_gets_no_request_at_all)
{
    char reply[256];
    struct server *foreign = server_start(&put_200, 1);
    const struct server_step s3 = {redirect_to(foreign, elsewhere[_i], reply), SERVER_CLOSES};
    struct world w;
    world_open(&w, &s3, 1, NULL, 0);
    ck_assert_int_ne(put(&w), REGSTORE_OK);
    ck_assert_uint_eq(server_heads(w.s3), 1);
    ck_assert_uint_eq(w.error.http_status, (unsigned)strtoul(elsewhere[_i], NULL, 10));
    ck_assert_uint_eq(server_connections(foreign), 0);
    server_stop(foreign);
    world_close(&w);
}
END_TEST

/* A server's own address can stand in its script only once it is up. */
static void answer_with(struct server_step *step, struct server *to, char reply[256])
{
    *step = (struct server_step){redirect_to(to, "307 Temporary Redirect", reply), SERVER_CLOSES};
}

START_TEST(temporary_redirect_is_followed_with_a_new_signature_and_the_whole_body)
{
    char reply[256];
    struct server_step s3[] = {put_200, put_200};
    struct world w;
    size_t len;
    world_open(&w, s3, 2, NULL, 0);
    answer_with(&s3[0], w.s3, reply);
    ck_assert_msg(put(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 2);
    (void)server_bodies(w.s3, &len);
    ck_assert_uint_eq(len, 20); /* ten bytes, twice */
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), "PUT /bucket/datastorage/key HTTP/1.1"));
    ck_assert_ptr_nonnull(strstr(server_head(w.s3), SIGNED_FOR("us-east-1")));
    world_close(&w);
}
END_TEST

/* "localhost:PORT" and its bucket's name are one endpoint. */
START_TEST(temporary_redirect_may_lead_to_the_buckets_own_name)
{
    char reply[256], endpoint[64], host[64], url[REGSTORE_URL_MAX];
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .method = "GET", .ttl_s = 60};
    struct server_step steps[] = {put_200, put_200};
    struct server *s3 = server_start(steps, 2);
    const char *port = strrchr(server_url(s3, ""), ':') + 1;
    (void)snprintf(endpoint, sizeof endpoint, "http://localhost:%s", port);
    (void)snprintf(host, sizeof host, "\r\nHost: bucket.localhost:%s\r\n", port);
    (void)snprintf(reply, sizeof reply,
                   "HTTP/1.1 307 Temporary Redirect\r\nConnection: close\r\n"
                   "Location: http://bucket.localhost:%s/x\r\nx-amz-bucket-region: eu-west-1\r\n"
                   "Content-Length: 0\r\n\r\n",
                   port);
    steps[0] = (struct server_step){reply, SERVER_CLOSES};
    const struct regstore_pair more = {"endpoint_url", endpoint};
    struct world w;
    world_open_with(&w, NULL, 0, NULL, 0, &more, 1);
    ck_assert_msg(put(&w) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(s3), 2);
    ck_assert_ptr_nonnull(strstr(server_head(s3), "PUT /datastorage/key HTTP/1.1"));
    ck_assert_ptr_nonnull(strcasestr(server_head(s3), host));
    ck_assert_ptr_nonnull(strstr(server_head(s3), SIGNED_FOR("eu-west-1")));
    /* The host is for the moment only: the next one goes where all go.  But the bucket lies where
     * it lies: those who follow a URL have nobody who signs anew for them. */
    ck_assert_int_eq(put(&w), REGSTORE_OK);
    ck_assert_ptr_nonnull(strstr(server_head(s3), "PUT /bucket/datastorage/key HTTP/1.1"));
    ck_assert_ptr_nonnull(strstr(server_head(s3), SIGNED_FOR("eu-west-1")));
    ck_assert_int_eq(w.plugin->presign(w.store, &w.call, "key", &opts, url, sizeof url, NULL),
                     REGSTORE_OK);
    ck_assert_msg(strstr(url, "%2Feu-west-1%2Fs3%2F") != NULL, "%s", url);
    world_close(&w);
    server_stop(s3);
}
END_TEST

static const struct {
    const char *provider, *region; /* as set; NULL: not */
    struct server_step first;
    const char *due;   /* the region in the URL */
    unsigned requests; /* of two URLs */
} urls[] = {
    {"aws",
     NULL,
     {"HTTP/1.1 400 Bad Request\r\nx-amz-bucket-region: eu-west-1\r\n"
      "Connection: close\r\n\r\n",
      SERVER_CLOSES},
     "eu-west-1",
     2},
    {"aws", "us-west-2", {MOVED("eu-west-1"), 0}, "eu-west-1", 2},
    {"aws", "us-west-2", {ANSWER("403 Forbidden", ""), SERVER_CLOSES}, "us-west-2", 1},
    /* A region that was set is better than no URL. */
    {"aws", "us-west-2", {ANSWER("400 Bad Request", ""), SERVER_CLOSES}, "us-west-2", 1},
    {"other", "us-west-2", {ANSWER("400 Bad Request", ""), SERVER_CLOSES}, "us-west-2", 0},
};

START_TEST(process_that_only_presigns_finds_the_region_too)
{
    char url[REGSTORE_URL_MAX], scope[64];
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .method = "GET", .ttl_s = 60};
    const struct regstore_pair more[] = {{"provider", urls[_i].provider},
                                         {"s3_region", urls[_i].region}};
    const struct server_step steps[] = {urls[_i].first, put_200};
    const bool is_taught = strcmp(urls[_i].due, "eu-west-1") == 0;
    struct world w;
    world_open_with(&w, steps, is_taught ? 2 : 1, NULL, 0, more, urls[_i].region == NULL ? 1 : 2);
    (void)snprintf(scope, sizeof scope, "%%2F%s%%2Fs3%%2Faws4_request", urls[_i].due);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(w.plugin->presign(w.store, &w.call, "key", &opts, url, sizeof url, NULL) ==
                          REGSTORE_OK,
                      "%s", w.error.message);
        ck_assert_msg(strstr(url, scope) != NULL, "%s", url);
    }
    ck_assert_uint_eq(server_heads(w.s3), urls[_i].requests);
    world_close(&w);
}
END_TEST

static const struct {
    const char *presign, *style, *begins;
} seen[] = {
    {"https://cdn.example.com", "path", "https://cdn.example.com/bucket/datastorage/key?"},
    {"https://cdn.example.com:8443", "auto",
     "https://cdn.example.com:8443/bucket/datastorage/key?"},
    {"http://10.0.0.1", "auto", "http://10.0.0.1/bucket/datastorage/key?"},
    {"https://cdn.example.com", "virtual", "https://bucket.cdn.example.com/datastorage/key?"},
};

/* Clients may see S3 under another name than we do; the name is signed. */
START_TEST(presigned_url_has_the_host_that_clients_see)
{
    char url[REGSTORE_URL_MAX];
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .method = "GET", .ttl_s = 60};
    const struct regstore_pair more[] = {{"presign_endpoint_url", seen[_i].presign},
                                         {"addressing_style", seen[_i].style},
                                         {"endpoint_url", "http://localhost:1"}};
    struct world w;
    world_open_with(&w, NULL, 0, NULL, 0, more, COUNT(more));
    ck_assert_msg(w.plugin->presign(w.store, &w.call, "key", &opts, url, sizeof url, NULL) ==
                      REGSTORE_OK,
                  "%s", w.error.message);
    ck_assert_msg(strncmp(url, seen[_i].begins, strlen(seen[_i].begins)) == 0, "%s", url);
    world_close(&w);
}
END_TEST

/* A host that says so each time would keep us for ever. */
START_TEST(temporary_redirect_without_end_is_a_failure)
{
    char reply[256];
    struct server_step s3[] = {put_200};
    struct world w;
    world_open(&w, s3, 1, NULL, 0);
    answer_with(&s3[0], w.s3, reply);
    ck_assert_int_eq(put(&w), REGSTORE_UNAVAILABLE);
    ck_assert_uint_le(server_heads(w.s3), 5); /* the tries that any request has */
    world_close(&w);
}
END_TEST

Suite *region_suite(void)
{
    Suite *suite = suite_create("region");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, region_in_an_error_is_learned_and_the_same_server_asked_again);
    tcase_add_test(tcase, region_in_a_header_is_learned_where_there_is_no_body);
    tcase_add_test(tcase, region_that_must_be_opted_in_to_is_learned);
    tcase_add_loop_test(tcase, region_that_cannot_be_believed_is_not, 0, COUNT(unbelievable));
    tcase_add_test(tcase, server_that_sends_away_for_ever_is_asked_twice);
    tcase_add_loop_test(tcase, redirect_to_a_foreign_host_gets_no_request_at_all, 0,
                        COUNT(elsewhere));
    tcase_add_test(tcase, temporary_redirect_is_followed_with_a_new_signature_and_the_whole_body);
    tcase_add_loop_test(tcase, presigned_url_has_the_host_that_clients_see, 0, COUNT(seen));
    tcase_add_test(tcase, temporary_redirect_may_lead_to_the_buckets_own_name);
    tcase_add_loop_test(tcase, process_that_only_presigns_finds_the_region_too, 0, COUNT(urls));
    tcase_add_test(tcase, temporary_redirect_without_end_is_a_failure);
    suite_add_tcase(suite, tcase);
    return suite;
}
