/* SPDX-License-Identifier: Apache-2.0 */
/* COM-2, COM-3, ABO-1 and ABO-2 within one process; IF_ABSENT. */
#include <string.h>

#include "blob.h"

static const uint64_t sizes[] = {0, 1000, 5 * MIB, 12 * MIB + 3};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void overwriting_replaces_the_whole_blob(struct world *w)
{
    const struct key key = key_of(w, "blob");
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t j = 0; j < SIZES; j++) {
            const struct content first = content_of(test_seed(w, i), sizes[i]);
            const struct content second = content_of(test_seed(w, 10 + j), sizes[j]);
            blob_put(w, key.s, &first);
            blob_put(w, key.s, &second);
            blob_must_be(w, key.s, &second);
        }
    }
}

static void commit_tells_what_stat_tells(struct world *w)
{
    for (size_t i = 0; i < SIZES; i++) {
        CALL(c);
        struct regstore_stat out = STAT_INIT, st = STAT_INIT;
        const struct key key = key_of(w, "blob%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = key.s};
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, content.length);
        EXPECT_OK(&c, w->p->upload_commit(u, &c.in, &opts, &out));
        upload_end(w, u);
        EXPECT_OK(&c, w->p->stat(w->store, &c.in, key.s, &st));
        CLAIM(out.length == sizes[i], "commit says %llu bytes", (unsigned long long)out.length);
        CLAIM(out.etag[0] == '\0' || st.etag[0] == '\0' || strcmp(out.etag, st.etag) == 0,
              "commit says etag %s, stat %s", out.etag, st.etag);
    }
}

static void commit_if_absent_over_a_blob_is_exists(struct world *w)
{
    for (size_t i = 0; i < SIZES; i++) {
        CALL(c);
        const struct key key = key_of(w, "taken%zu", i), other = key_of(w, "free%zu", i);
        const struct content old = content_of(test_seed(w, 1), 777);
        const struct content content = content_of(test_seed(w, 2), sizes[i]);
        blob_put(w, key.s, &old);
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, content.length);
        EXPECT(&c, upload_commit(w, u, &c, key.s, NULL, REGSTORE_COMMIT_IF_ABSENT),
               REGSTORE_EXISTS);
        CLAIM(blob_is(w, key.s, &old), "EXISTS, and the blob is not what it was");
        /* SEALED: no more bytes, but any key after EXISTS. */
        EXPECT(&c, w->p->upload_write(u, &c.in, "x", 1), REGSTORE_STATE);
        EXPECT_OK(&c, upload_commit(w, u, &c, other.s, NULL, REGSTORE_COMMIT_IF_ABSENT));
        upload_end(w, u);
        blob_must_be(w, other.s, &content);
        blob_must_be(w, key.s, &old);
    }
}

static void commit_if_absent_with_key_at_open_is_exists(struct world *w)
{
    for (size_t i = 0; i < SIZES; i++) {
        CALL(c);
        const struct key key = key_of(w, "taken%zu", i);
        const struct content old = content_of(test_seed(w, 1), 777);
        const struct content content = content_of(test_seed(w, 2), sizes[i]);
        struct regstore_upload *u = upload_new(w, key.s);
        upload_fill(w, u, &content, content.length);
        blob_put(w, key.s, &old); /* somebody else was faster */
        EXPECT(&c, upload_commit(w, u, &c, NULL, NULL, REGSTORE_COMMIT_IF_ABSENT), REGSTORE_EXISTS);
        CLAIM(blob_is(w, key.s, &old), "EXISTS, and the blob is not what it was");
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        blob_must_be(w, key.s, &old);
    }
}

static void wrong_digest_comes_before_exists(struct world *w)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    const struct key key = key_of(w, "taken");
    const struct content old = content_of(test_seed(w, 1), 777);
    blob_put(w, key.s, &old);
    struct regstore_upload *u = upload_new(w, NULL);
    content_digest(&old, "sha256", digest);
    EXPECT(&c, upload_commit(w, u, &c, key.s, digest, REGSTORE_COMMIT_IF_ABSENT), REGSTORE_DIGEST);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

struct race {
    struct key key;
    uint64_t length;
    unsigned winners, winner;
};

static void commit_if_absent(struct world *w, unsigned i, void *arg)
{
    struct race *race = arg;
    CALL(c);
    const struct content content = content_of(test_seed(w, i), race->length);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, content.length);
    const regstore_status status =
        upload_commit(w, u, &c, race->key.s, NULL, REGSTORE_COMMIT_IF_ABSENT);
    EXPECT_SEEN(&c, "upload_commit with IF_ABSENT", status, REGSTORE_OK, REGSTORE_EXISTS);
    if (status == REGSTORE_OK) {
        __atomic_fetch_add(&race->winners, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&race->winner, i, __ATOMIC_SEQ_CST);
    }
    (void)w->p->upload_abort(u, &c.in); /* cleaning; ABO-1 has its own tests */
    upload_end(w, u);
}

static void exactly_one_of_many_wins_an_absent_key(struct world *w)
{
    const uint64_t lengths[] = {1000, 6 * MIB};
    for (unsigned n = 0; n < 6; n++) {
        struct race race = {.key = key_of(w, "race%u", n), .length = lengths[n % 2]};
        in_threads(w, 4, commit_if_absent, &race);
        CLAIM(race.winners == 1, "%u of 4 threads were told OK", race.winners);
        const struct content content = content_of(test_seed(w, race.winner), race.length);
        CLAIM(blob_is(w, race.key.s, &content), "the key does not have the winner's bytes");
    }
}

static void abort_after_commit_leaves_the_blob(struct world *w)
{
    for (unsigned with_key = 0; with_key < 2; with_key++) {
        for (size_t i = 0; i < SIZES; i++) {
            CALL(c);
            const struct key key = key_of(w, "kept%zu-%u", i, with_key);
            const struct content content = content_of(test_seed(w, i), sizes[i]);
            struct regstore_upload *u = upload_new(w, with_key ? key.s : NULL);
            upload_fill(w, u, &content, content.length);
            upload_finish(w, u, key.s);
            EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
            blob_must_be(w, key.s, &content);
            upload_end(w, u);
            blob_must_be(w, key.s, &content);
        }
    }
}

static void abort_leaves_nothing_and_its_token_is_gone(struct world *w)
{
    for (size_t i = 1; i < SIZES; i++) {
        CALL(c);
        char token[REGSTORE_TOKEN_MAX];
        const struct key key = key_of(w, "gone%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, content.length);
        upload_park(w, u, token);
        u = upload_resume(w, token);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        u = upload_resume(w, token); /* UP-1: that it is gone does not show yet */
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        u = upload_resume(w, token);
        EXPECT(&c, upload_commit(w, u, &c, key.s, NULL, 0), REGSTORE_GONE);
        EXPECT(&c, upload_commit(w, u, &c, key.s, NULL, 0), REGSTORE_STATE); /* LOST */
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        blob_must_be_absent(w, key.s);
    }
}

static void abort_leaves_an_older_blob_at_its_key(struct world *w)
{
    for (size_t i = 0; i < SIZES; i++) {
        CALL(c);
        const struct key key = key_of(w, "older%zu", i);
        const struct content old = content_of(test_seed(w, 1), 777);
        const struct content content = content_of(test_seed(w, 2), sizes[i]);
        blob_put(w, key.s, &old);
        struct regstore_upload *u = upload_new(w, key.s);
        upload_fill(w, u, &content, content.length);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        blob_must_be(w, key.s, &old);
    }
}

static const struct test commit_tests[] = {
    {"COM-2 UP-4", "overwriting_replaces_the_whole_blob", overwriting_replaces_the_whole_blob, 0},
    {"COM-3 STAT-1", "commit_tells_what_stat_tells", commit_tells_what_stat_tells, 0},
    {"COM-3", "commit_if_absent_over_a_blob_is_exists", commit_if_absent_over_a_blob_is_exists, 0},
    {"COM-3", "commit_if_absent_with_key_at_open_is_exists",
     commit_if_absent_with_key_at_open_is_exists, 0},
    {"COM-1", "wrong_digest_comes_before_exists", wrong_digest_comes_before_exists, 0},
    {"COM-3", "exactly_one_of_many_wins_an_absent_key", exactly_one_of_many_wins_an_absent_key,
     REGSTORE_F_ATOMIC_IF_ABSENT},
    {"ABO-2", "abort_after_commit_leaves_the_blob", abort_after_commit_leaves_the_blob, 0},
    {"ABO-1", "abort_leaves_nothing_and_its_token_is_gone",
     abort_leaves_nothing_and_its_token_is_gone, 0},
    {"ABO-2", "abort_leaves_an_older_blob_at_its_key", abort_leaves_an_older_blob_at_its_key, 0},
};

const struct family family_commit = FAMILY(commit);
