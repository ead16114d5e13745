/* SPDX-License-Identifier: Apache-2.0 */
/* STAT-1: what is told of a blob. */
#include <string.h>
#include <time.h>

#include "blob.h"

static void stat_of_a_missing_key_is_not_found(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "absent"), deep = key_of(w, "no/such/folder");
    struct regstore_stat st = STAT_INIT;
    EXPECT(&c, w->p->stat(w->store, &c.in, key.s, &st), REGSTORE_NOT_FOUND);
    EXPECT(&c, w->p->stat(w->store, &c.in, deep.s, &st), REGSTORE_NOT_FOUND);
}

static void must_be_true(struct world *w, const struct regstore_stat *st, const struct content *c,
                         int64_t begin_s)
{
    static const int64_t slack_s =
        15 * 60; /* the service's clock may be off by what S3 tolerates */
    char digest[REGSTORE_DIGEST_MAX];
    const int64_t mtime_s = st->mtime_ns / 1000000000;
    content_digest(c, strncmp(st->digest, "sha512:", 7) == 0 ? "sha512" : "sha256", digest);
    CLAIM(st->length == c->length, "length is %llu, not %llu", (unsigned long long)st->length,
          (unsigned long long)c->length);
    CLAIM(st->flags == 0, "flags are 0x%llx", (unsigned long long)st->flags);
    CLAIM(mtime_s >= begin_s - slack_s && mtime_s <= time(NULL) + slack_s,
          "mtime is %lld s, written after %lld s", (long long)mtime_s, (long long)begin_s);
    CLAIM(st->digest[0] == '\0' || strcmp(st->digest, digest) == 0, "digest is %s, not %s",
          st->digest, digest);
    CLAIM(memchr(st->etag, '\0', sizeof st->etag) != NULL, "etag has no end");
    CLAIM(strchr(st->etag, '"') == NULL, "etag has quotes: %s", st->etag);
}

static void stat_tells_length_time_digest_and_etag(struct world *w)
{
    const uint64_t sizes[] = {0, 1000, 5 * MIB, 12 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CALL(c);
        const int64_t begin_s = time(NULL);
        const struct key key = key_of(w, "blob%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        struct regstore_stat st = STAT_INIT, again = STAT_INIT, read = STAT_INIT;
        struct regstore_reader *r = NULL;
        blob_put(w, key.s, &content);
        EXPECT_OK(&c, w->p->stat(w->store, &c.in, key.s, &st));
        must_be_true(w, &st, &content, begin_s);
        EXPECT_OK(&c, w->p->stat(w->store, &c.in, key.s, &again));
        CLAIM(st.mtime_ns == again.mtime_ns && strcmp(st.etag, again.etag) == 0 &&
                  strcmp(st.digest, again.digest) == 0,
              "stat tells two things of a blob that did not change");
        EXPECT_OK(&c, w->p->read_open(w->store, &c.in, key.s, NULL, &r, &read));
        w->p->read_close(r);
        CLAIM(strcmp(st.etag, read.etag) == 0, "stat says etag %s, read_open %s", st.etag,
              read.etag);
        CLAIM(read.length == st.length, "stat says %llu bytes, read_open %llu",
              (unsigned long long)st.length, (unsigned long long)read.length);
    }
}

static void list_tells_the_length_that_stat_tells(struct world *w)
{
    CALL(c);
    const struct key prefix = key_of(w, "in-list/");
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix.s};
    struct regstore_list *list = NULL;
    const int64_t begin_s = time(NULL);
    for (unsigned i = 0; i < 5; i++) {
        const struct key key = key_of(w, "in-list/%u", i);
        const struct content content = content_of(test_seed(w, i), i * 1000);
        blob_put(w, key.s, &content);
    }
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    for (unsigned i = 0; i < 5; i++) {
        char key[REGSTORE_KEY_MAX];
        struct regstore_stat st = STAT_INIT;
        const struct content content = content_of(test_seed(w, i), i * 1000);
        EXPECT_OK(&c, w->p->list_next(list, &c.in, key, sizeof key, &st));
        must_be_true(w, &st, &content, begin_s);
    }
    w->p->list_close(list);
}

static const struct test stat_tests[] = {
    {"STAT-1", "stat_of_a_missing_key_is_not_found", stat_of_a_missing_key_is_not_found, 0},
    {"STAT-1", "stat_tells_length_time_digest_and_etag", stat_tells_length_time_digest_and_etag, 0},
    {"STAT-1", "list_tells_the_length_that_stat_tells", list_tells_the_length_that_stat_tells, 0},
};

const struct family family_stat = FAMILY(stat);
