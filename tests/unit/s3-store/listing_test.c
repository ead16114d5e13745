/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of lists as servers that differ give them: by version, by encoding, by how they go on. */
#include "suites.h"

#include "world.h"

#include <stdio.h>
#include <string.h>

#define LIST(body)                                                                                 \
    {                                                                                              \
        ANSWER("200 OK", "<ListBucketResult>" body "</ListBucketResult>"), SERVER_CLOSES           \
    }
#define KEY(key)     "<Contents><Key>datastorage/" key "</Key><Size>1</Size></Contents>"
#define FOLDER(name) "<CommonPrefixes><Prefix>datastorage/" name "</Prefix></CommonPrefixes>"
#define MORE         "<IsTruncated>true</IsTruncated>"
#define END          "<IsTruncated>false</IsTruncated>"
#define ENCODED      "<EncodingType>url</EncodingType>"
#define REFUSED(status, code)                                                                      \
    {                                                                                              \
        ANSWER(status, "<Error><Code>" code "</Code></Error>"), SERVER_CLOSES                      \
    }

#define STEPS_MAX 4

static const struct {
    const char *provider;
    struct server_step steps[STEPS_MAX];
    const char *delimiter;
    const char *keys;               /* that the host sees, each with a blank behind */
    const char *queries[STEPS_MAX]; /* what each request line must have; a leading '!': must not */
    unsigned requests;
} walks[] = {
    /* ListObjects: without a delimiter S3 names no marker, and the last key is one. */
    {"ceph",
     {LIST(MORE KEY("a") KEY("b")), LIST(END KEY("c"))},
     NULL,
     "a b c ",
     {"!list-type", "marker=datastorage%2Fb&"},
     2},
    {"ceph", {LIST(END KEY("a"))}, NULL, "a ", {"!encoding-type"}, 1},
    {"ceph", {LIST(END KEY("a"))}, NULL, "a ", {"!marker"}, 1},
    /* A marker that it does name is taken, encoded when the answer says so. */
    {"ceph",
     {LIST(MORE "<NextMarker>datastorage/b+b%</NextMarker>" KEY("a")), LIST(END KEY("c"))},
     "/",
     "a c ",
     {"delimiter=%2F", "marker=datastorage%2Fb%2Bb%25&"},
     2},
    {"other",
     {LIST(ENCODED MORE "<NextMarker>datastorage/b%2Bb</NextMarker>" KEY("a")), LIST(END KEY("c"))},
     "/",
     "a c ",
     {"", "marker=datastorage%2Fb%2Bb&"},
     2},
    /* Without one, all of the last folder is passed over. */
    {"other",
     {LIST(MORE KEY("a") FOLDER("b/")), LIST(END KEY("c"))},
     "/",
     "a b/ c ",
     {"", "marker=datastorage%2Fb%2F%F4%8F%BF%BF&"},
     2},
    /* A page with nothing on it that is a key of ours is no end. */
    {"other",
     {LIST(MORE KEY("")), LIST(END KEY("c"))},
     NULL,
     "c ",
     {"", "marker=datastorage%2F&"},
     2},
    /* ListObjectsV2 */
    {"aws",
     {LIST(MORE ENCODED "<NextContinuationToken>t+1</NextContinuationToken>" KEY("a%2Bb")),
      LIST(END ENCODED KEY("c+d"))},
     NULL,
     "a+b c d ",
     {"list-type=2", "continuation-token=t%2B1&"},
     2},
    {"aws", {LIST(END ENCODED KEY("a"))}, NULL, "a ", {"encoding-type=url"}, 1},
    /* Where an answer does not say that it is encoded, it is not; it may say so at its end. */
    {"aws", {LIST(END KEY("a%2Bb"))}, NULL, "a%2Bb ", {""}, 1},
    {"aws", {LIST(END KEY("a%2Bb") ENCODED)}, NULL, "a+b ", {""}, 1},
    /* Servers that know less than was thought. */
    {"minio",
     {REFUSED("501 Not Implemented", "NotImplemented"), LIST(END KEY("a"))},
     NULL,
     "a ",
     {"list-type=2", "!list-type"},
     2},
    {"minio",
     {LIST(MORE KEY("a")), LIST(MORE KEY("a")), LIST(END KEY("b"))},
     NULL,
     "a b ",
     {"list-type=2", "!list-type", "marker=datastorage%2Fa&"},
     3},
    /* XML has no way to write some characters. */
    {"ceph",
     {LIST(END KEY("a&#1;b")), LIST(END ENCODED KEY("a%01b") KEY("c"))},
     NULL,
     "c ",
     {"!encoding-type", "encoding-type=url"},
     2},
};

/* The i-th request line, without the rest of its head. */
static void line_of(struct server *server, unsigned i, char out[1024])
{
    const char *at = server_all_heads(server);
    for (; i > 0; i--)
        at = strstr(at, "\r\n\r\n") + 4;
    (void)snprintf(out, 1024, "%.*s", (int)strcspn(at, "\r"), at);
    for (char *blank = out; (blank = strchr(blank, ' ')) != NULL;)
        *blank = '&'; /* so that the last parameter ends like the others */
}

static regstore_status walk(struct world *w, const char *delimiter, struct plug_buf *keys)
{
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .delimiter = delimiter};
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX];
    regstore_status status = w->plugin->list_open(w->store, &w->call, &opts, &list);
    while (status == REGSTORE_OK) {
        status = w->plugin->list_next(list, &w->call, key, sizeof key, NULL);
        if (status != REGSTORE_OK || key[0] == '\0')
            break;
        plug_buf_printf(keys, "%s ", key);
    }
    w->plugin->list_close(list);
    return status;
}

START_TEST(list_is_walked_as_the_server_knows_it)
{
    size_t steps = 0;
    while (steps < STEPS_MAX && walks[_i].steps[steps].reply != NULL)
        steps++;
    const struct regstore_pair provider = {"provider", walks[_i].provider};
    struct plug_buf keys = {0};
    struct world w;
    world_open_with(&w, walks[_i].steps, steps, NULL, 0, &provider, 1);
    ck_assert_msg(walk(&w, walks[_i].delimiter, &keys) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_str_eq(plug_buf_text(&keys), walks[_i].keys);
    ck_assert_uint_eq(server_heads(w.s3), walks[_i].requests);
    for (unsigned i = 0; i < walks[_i].requests; i++) {
        char line[1024];
        const char *query = walks[_i].queries[i] == NULL ? "" : walks[_i].queries[i];
        line_of(w.s3, i, line);
        if (query[0] == '!')
            ck_assert_msg(strstr(line, query + 1) == NULL, "%s has %s", line, query + 1);
        else
            ck_assert_msg(strstr(line, query) != NULL, "%s lacks %s", line, query);
    }
    plug_buf_clear(&keys);
    world_close(&w);
}
END_TEST

/* Lists that would go on for ever, or leave out what is there without a word. */
static const struct {
    const char *provider;
    struct server_step steps[STEPS_MAX];
} dead_ends[] = {
    {"ceph", {LIST(MORE KEY("b")), LIST(MORE KEY("b")), LIST(END KEY("b"))}},
    {"ceph",
     {LIST(MORE "<NextMarker>datastorage/a</NextMarker>" KEY("b")),
      LIST(MORE "<NextMarker>datastorage/a</NextMarker>" KEY("b"))}},
    {"ceph", {LIST(MORE)}},
    {"aws",
     {LIST(MORE "<NextContinuationToken>t</NextContinuationToken>" KEY("a")), LIST(MORE KEY("b")),
      LIST(END KEY("b"))}},
};

START_TEST(list_that_does_not_go_on_is_a_failure)
{
    size_t steps = 0;
    while (steps < STEPS_MAX && dead_ends[_i].steps[steps].reply != NULL)
        steps++;
    const struct regstore_pair provider = {"provider", dead_ends[_i].provider};
    struct plug_buf keys = {0};
    struct world w;
    world_open_with(&w, dead_ends[_i].steps, steps, NULL, 0, &provider, 1);
    ck_assert_int_eq(walk(&w, NULL, &keys), REGSTORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(w.error.message, "not from where"));
    plug_buf_clear(&keys);
    world_close(&w);
}
END_TEST

/* What one walk has learnt spares the next one the question. */
START_TEST(what_a_server_does_not_know_is_asked_once)
{
    const struct server_step steps[] = {REFUSED("501 Not Implemented", "NotImplemented"),
                                        LIST(END KEY("a"))};
    const struct regstore_pair provider = {"provider", "minio"};
    struct plug_buf keys = {0};
    struct world w;
    world_open_with(&w, steps, 2, NULL, 0, &provider, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(walk(&w, NULL, &keys) == REGSTORE_OK, "%s", w.error.message);
    ck_assert_uint_eq(server_heads(w.s3), 4);
    ck_assert_uint_eq(world_count_logged(&w, "fallback operation=ListObjectsV2"), 1);
    plug_buf_clear(&keys);
    world_close(&w);
}
END_TEST

#define LIST_UPLOADS(body)                                                                         \
    {                                                                                              \
        ANSWER("200 OK", "<ListMultipartUploadsResult>" body END "</ListMultipartUploadsResult>"), \
            SERVER_CLOSES                                                                          \
    }
#define LONG_AGO "2001-01-01T00:00:00Z"
#define ID_A     "uploads/00000000-0000-4000-8000-00000000000a"
#define ID_B     "uploads/00000000-0000-4000-8000-00000000000b"

static const struct {
    uint64_t flags;
    struct server_step steps[6];
    unsigned requests;
    uint64_t removed;
} lacking[] = {
    {REGSTORE_PURGE_OBJECTS,
     {LIST("<Contents><Key>datastorage/" ID_A "</Key><LastModified>" LONG_AGO
           "</LastModified></Contents><Contents><Key>datastorage/" ID_B "</Key></Contents>" END),
      LIST_UPLOADS(""),
      {"HTTP/1.1 204 No Content\r\n\r\n", 0}},
     3,
     1},
    {REGSTORE_PURGE_UPLOADS,
     {LIST_UPLOADS("<Upload><Key>datastorage/" ID_A
                   "</Key><UploadId>a</UploadId><Initiated>" LONG_AGO "</Initiated></Upload>"
                   "<Upload><Key>datastorage/" ID_B "</Key><UploadId>b</UploadId></Upload>"),
      {ANSWER("200 OK", "<ListPartsResult>" END "</ListPartsResult>"), SERVER_CLOSES},
      LIST(END),
      {"HTTP/1.1 204 No Content\r\n\r\n", 0},
      REFUSED("404 Not Found", "NoSuchUpload")},
     5,
     1},
    /* A DELETE with an empty uploadId is the object's own, to Ceph. */
    {REGSTORE_PURGE_UPLOADS,
     {LIST_UPLOADS("<Upload><Key>datastorage/key</Key><Initiated>" LONG_AGO
                   "</Initiated></Upload>"),
      {ANSWER("200 OK", "<ListPartsResult>" END "</ListPartsResult>"), SERVER_CLOSES},
      LIST(END),
      {"HTTP/1.1 204 No Content\r\n\r\n", 0},
      REFUSED("404 Not Found", "NoSuchUpload")},
     1,
     0},
};

/* What a list says of one entry it does not say of the next. */
START_TEST(what_a_list_leaves_out_is_not_its_neighbours)
{
    const struct regstore_purge_opts opts = {
        .struct_size = sizeof opts, .flags = lacking[_i].flags, .older_than_s = 60};
    struct regstore_purged done = {.struct_size = sizeof done};
    struct world w;
    world_open(&w, lacking[_i].steps, COUNT(lacking[_i].steps), NULL, 0);
    ck_assert_msg(w.plugin->purge(w.store, &w.call, &opts, &done) == REGSTORE_OK, "%s",
                  w.error.message);
    ck_assert_uint_eq(done.objects + done.uploads, lacking[_i].removed);
    ck_assert_uint_eq(server_heads(w.s3), lacking[_i].requests);
    ck_assert_ptr_null(strstr(server_all_heads(w.s3), "uploadId=b"));
    ck_assert_ptr_null(strstr(server_all_heads(w.s3), "POST "));
    world_close(&w);
}
END_TEST

Suite *listing_suite(void)
{
    Suite *suite = suite_create("listing");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, list_is_walked_as_the_server_knows_it, 0, COUNT(walks));
    tcase_add_loop_test(tcase, list_that_does_not_go_on_is_a_failure, 0, COUNT(dead_ends));
    tcase_add_test(tcase, what_a_server_does_not_know_is_asked_once);
    tcase_add_loop_test(tcase, what_a_list_leaves_out_is_not_its_neighbours, 0, COUNT(lacking));
    suite_add_tcase(suite, tcase);
    return suite;
}
