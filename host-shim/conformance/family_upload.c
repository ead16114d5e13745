/* SPDX-License-Identifier: Apache-2.0 */
/* UP-1 to UP-4: bytes go in, and come back; and what each verb says in each state. */
#include <string.h>

#include "blob.h"
#include "trap.h"

/* Around every border that a backend may have: nothing, pages, blocks, parts. */
static const uint64_t small_sizes[] = {
    0,       1,   2,      4 * KIB - 1, 4 * KIB, 4 * KIB + 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1,
    MIB - 1, MIB, MIB + 1};
static const uint64_t large_sizes[] = {5 * MIB - 1,  5 * MIB,         5 * MIB + 1,  8 * MIB,
                                       10 * MIB - 1, 10 * MIB,        10 * MIB + 1, 15 * MIB + 3,
                                       16 * MIB,     21 * MIB + 12345};

static void size_comes_back(struct world *w, uint64_t size, bool with_key)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    const struct key key = key_of(w, "size%llu", (unsigned long long)size);
    const struct content content = content_of(test_seed(w, size), size);
    struct regstore_upload *u = upload_new(w, with_key ? key.s : NULL);
    upload_must_be_at(w, u, 0);
    upload_fill(w, u, &content, size);
    content_digest(&content, "sha256", digest);
    EXPECT_OK(&c, upload_commit(w, u, &c, with_key ? NULL : key.s, digest, 0));
    upload_must_be_at(w, u, size);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
    blob_delete(w, key.s);
}

static void small_blobs_come_back_key_at_commit(struct world *w)
{
    for (size_t i = 0; i < sizeof small_sizes / sizeof small_sizes[0]; i++)
        size_comes_back(w, small_sizes[i], false);
}

static void small_blobs_come_back_key_at_open(struct world *w)
{
    for (size_t i = 0; i < sizeof small_sizes / sizeof small_sizes[0]; i++)
        size_comes_back(w, small_sizes[i], true);
}

static void large_blobs_come_back_key_at_commit(struct world *w)
{
    for (size_t i = 0; i < sizeof large_sizes / sizeof large_sizes[0]; i++)
        size_comes_back(w, large_sizes[i], false);
}

static void large_blobs_come_back_key_at_open(struct world *w)
{
    for (size_t i = 0; i < sizeof large_sizes / sizeof large_sizes[0]; i++)
        size_comes_back(w, large_sizes[i], true);
}

static void expected_length_is_only_a_hint(struct world *w)
{
    const uint64_t hints[] = {1, 6 * MIB, 6 * MIB + 17, UINT64_C(1) << 40};
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        const struct key key = key_of(w, "hint%zu", i);
        const struct content content = content_of(test_seed(w, i), 6 * MIB + 17);
        const struct regstore_upload_opts opts = {.struct_size = sizeof opts,
                                                  .expected_length = hints[i],
                                                  .content_type = "application/octet-stream",
                                                  .content_encoding = "gzip"};
        struct regstore_upload *u = upload_begin(w, &opts);
        upload_fill(w, u, &content, content.length);
        upload_finish(w, u, key.s);
        upload_end(w, u);
        blob_must_be(w, key.s, &content);
    }
}

static void writes_of_one_byte_and_of_nothing_count_right(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "bytes");
    const struct content content = content_of(test_seed(w, 1), 3000);
    struct regstore_upload *u = upload_new(w, NULL);
    for (uint64_t i = 0; i < content.length; i++) {
        unsigned char byte;
        content_fill(&content, i, &byte, 1);
        EXPECT_OK(&c, w->p->upload_write(u, &c.in, &byte, 1));
        EXPECT_OK(&c, w->p->upload_write(u, &c.in, &byte, 0));
        upload_must_be_at(w, u, i + 1);
    }
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
}

static void one_large_write_is_taken_whole(struct world *w)
{
    CALL(c);
    static unsigned char buf[17 * 1024 * 1024 + 3];
    const struct key key = key_of(w, "large");
    const struct content content = content_of(test_seed(w, 1), sizeof buf);
    struct regstore_upload *u = upload_new(w, NULL);
    content_fill(&content, 0, buf, sizeof buf);
    EXPECT_OK(&c, w->p->upload_write(u, &c.in, buf, sizeof buf));
    memset(buf, 0, sizeof buf); /* CALL-4: the buffer is the caller's again */
    upload_must_be_at(w, u, sizeof buf);
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
}

static void commit_elsewhere_with_key_at_open_is_invalid(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "told"), other = key_of(w, "other");
    const struct content content = content_of(test_seed(w, 1), 1000);
    struct regstore_upload *u = upload_new(w, key.s);
    upload_fill(w, u, &content, 500);
    EXPECT(&c, upload_commit(w, u, &c, other.s, NULL, 0), REGSTORE_INVALID);
    blob_must_be_absent(w, other.s);
    upload_fill(w, u, &content, content.length); /* INVALID leaves it OPEN */
    EXPECT_OK(&c, upload_commit(w, u, &c, key.s, NULL, 0));
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
    blob_must_be_absent(w, other.s);
}

static void must_be_nowhere(struct world *w, const char *key, const char *when)
{
    CALL(c);
    struct regstore_list *list = NULL;
    char seen[REGSTORE_KEY_MAX];
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = key};
    CLAIM(!blob_exists(w, key), "%s: stat finds a blob", when);
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, NULL));
    w->p->list_close(list);
    CLAIM(seen[0] == '\0', "%s: a list shows %s", when, seen);
    blob_must_be_absent(w, key);
}

static void nothing_shows_before_commit(struct world *w)
{
    for (unsigned with_key = 0; with_key < 2; with_key++) {
        char token[REGSTORE_TOKEN_MAX];
        const struct key key = key_of(w, "hidden%u", with_key);
        const struct content content = content_of(test_seed(w, with_key), 12 * MIB + 5);
        struct regstore_upload *u = upload_new(w, with_key ? key.s : NULL);
        must_be_nowhere(w, key.s, "after open");
        upload_fill(w, u, &content, 100);
        must_be_nowhere(w, key.s, "after 100 bytes");
        upload_fill(w, u, &content, 11 * MIB);
        must_be_nowhere(w, key.s, "after 11 MiB");
        upload_park(w, u, token);
        must_be_nowhere(w, key.s, "after suspend");
        u = upload_resume(w, token);
        upload_fill(w, u, &content, content.length);
        must_be_nowhere(w, key.s, "before commit");
        upload_finish(w, u, with_key ? NULL : key.s);
        upload_end(w, u);
        blob_must_be(w, key.s, &content);
    }
}

static void close_never_commits(struct world *w)
{
    for (unsigned with_key = 0; with_key < 2; with_key++) {
        CALL(c);
        const struct key key = key_of(w, "closed%u", with_key);
        const struct content content = content_of(test_seed(w, with_key), 6 * MIB);
        char token[REGSTORE_TOKEN_MAX];
        struct regstore_upload *u = upload_new(w, with_key ? key.s : NULL);
        upload_fill(w, u, &content, 1000);
        upload_park(w, u, token); /* so that what is left can be removed again */
        u = upload_resume(w, token);
        upload_fill(w, u, &content, content.length);
        upload_end(w, u);
        must_be_nowhere(w, key.s, "after close");
        u = upload_resume(w, token);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
    }
}

struct race {
    struct key key;
    struct content before, after;
    int32_t is_over;
};

/* Thread 0 replaces the blob, the others look at it all the while. */
static void replace_or_look(struct world *w, unsigned i, void *arg)
{
    struct race *race = arg;
    if (i == 0) {
        for (unsigned n = 0; n < 6; n++)
            blob_put(w, race->key.s, n % 2 ? &race->before : &race->after);
        __atomic_store_n(&race->is_over, 1, __ATOMIC_SEQ_CST);
        return;
    }
    while (!__atomic_load_n(&race->is_over, __ATOMIC_SEQ_CST)) {
        CALL(c);
        struct regstore_reader *r = NULL;
        struct regstore_stat st = STAT_INIT;
        unsigned char first[64];
        size_t got = 0;
        EXPECT_OK(&c, w->p->read_open(w->store, &c.in, race->key.s, NULL, &r, &st));
        const struct content *seen =
            st.length == race->before.length ? &race->before : &race->after;
        CLAIM(st.length == seen->length, "a blob of %llu bytes, which nobody wrote",
              (unsigned long long)st.length);
        const regstore_status status = w->p->read_next(r, &c.in, first, sizeof first, &got);
        EXPECT_SEEN(&c, "read_next", status, REGSTORE_OK, REGSTORE_CONFLICT, REGSTORE_CORRUPT,
                    REGSTORE_UNAVAILABLE);
        CLAIM(status != REGSTORE_OK || (got > 0 && content_differs(seen, 0, first, got) == got),
              "a blob of %llu bytes with another blob's content", (unsigned long long)st.length);
        w->p->read_close(r);
    }
}

static void key_shows_the_old_blob_or_the_new_one_whole(struct world *w)
{
    struct race race = {.key = key_of(w, "race")};
    race.before = content_of(test_seed(w, 1), 6 * MIB + 1);
    race.after = content_of(test_seed(w, 2), 300 * KIB);
    blob_put(w, race.key.s, &race.before);
    in_threads(w, 3, replace_or_look, &race);
    blob_must_be(w, race.key.s, &race.before);
}

static void sole_upload_at_its_key_drops_the_unfinished(struct world *w)
{
    const uint64_t sizes[] = {1000, 6 * MIB};
    for (size_t i = 0; i < 2; i++) {
        CALL(c);
        char token[REGSTORE_TOKEN_MAX];
        const struct key key = key_of(w, "sole%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        const struct regstore_upload_opts opts = {
            .struct_size = sizeof opts, .flags = REGSTORE_UPLOAD_SOLE, .key = key.s};
        struct regstore_upload *lost = upload_begin(w, &opts);
        upload_fill(w, lost, &content, sizes[i]);
        upload_park(w, lost, token); /* and the host dies before it keeps the token */
        struct regstore_upload *u = upload_begin(w, &opts);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        u = upload_resume(w, token);
        EXPECT(&c, upload_commit(w, u, &c, NULL, NULL, 0), REGSTORE_GONE);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        blob_must_be_absent(w, key.s);
    }
}

static void open_under_the_trap(struct world *w, void *arg)
{
    CALL(c);
    const char *token = arg;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts,
                                              .token = token[0] != '\0' ? token : NULL};
    struct regstore_upload *u = NULL;
    if (!trap_set())
        SKIP("this machine lets no process filter its own system calls");
    const regstore_status status = w->p->upload_open(w->store, &c.in, &opts, &u);
    CLAIM(trap_caught() == NULL, "upload_open made the system call %s", trap_caught());
    EXPECT_SEEN(&c, "upload_open", status, REGSTORE_OK);
    upload_must_be_at(w, u, token[0] != '\0' ? 6 * MIB : 0);
    w->p->upload_close(u);
    CLAIM(trap_caught() == NULL, "upload_close made the system call %s", trap_caught());
}

static void make_token(struct world *w, void *arg)
{
    const struct content content = content_of(test_seed(w, 1), 6 * MIB);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, content.length);
    upload_park(w, u, arg);
}

static void abort_token(struct world *w, void *arg)
{
    CALL(c);
    struct regstore_upload *u = upload_resume(w, arg);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

static void open_does_no_io(struct world *w)
{
    in_new_process(w, open_under_the_trap, world_shared(w, REGSTORE_TOKEN_MAX));
}

static void open_with_a_token_does_no_io_and_knows_its_offset(struct world *w)
{
    char *token = world_shared(w, REGSTORE_TOKEN_MAX);
    in_new_process(w, make_token, token);
    in_new_process(w, open_under_the_trap, token);
    in_new_process(w, abort_token, token);
}

static void commit_without_any_key_is_invalid_and_leaves_it_open(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 1000);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, 500);
    EXPECT(&c, upload_commit(w, u, &c, NULL, NULL, 0), REGSTORE_INVALID);
    upload_fill(w, u, &content, content.length);
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
}

static const struct test upload_tests[] = {
    {"UP-4 UP-3", "small_blobs_come_back_key_at_commit", small_blobs_come_back_key_at_commit, 0},
    {"UP-4 UP-3", "small_blobs_come_back_key_at_open", small_blobs_come_back_key_at_open, 0},
    {"UP-4 UP-3", "large_blobs_come_back_key_at_commit", large_blobs_come_back_key_at_commit, 0},
    {"UP-4 UP-3", "large_blobs_come_back_key_at_open", large_blobs_come_back_key_at_open, 0},
    {"UP-4", "expected_length_is_only_a_hint", expected_length_is_only_a_hint, 0},
    {"UP-3", "writes_of_one_byte_and_of_nothing_count_right",
     writes_of_one_byte_and_of_nothing_count_right, 0},
    {"CALL-4 UP-3", "one_large_write_is_taken_whole", one_large_write_is_taken_whole, 0},
    {"UP-2", "commit_elsewhere_with_key_at_open_is_invalid",
     commit_elsewhere_with_key_at_open_is_invalid, 0},
    {"UP-4", "nothing_shows_before_commit", nothing_shows_before_commit, 0},
    {"UP-4", "close_never_commits", close_never_commits, 0},
    {"UP-4", "key_shows_the_old_blob_or_the_new_one_whole",
     key_shows_the_old_blob_or_the_new_one_whole, 0},
    {"ABO-1", "sole_upload_at_its_key_drops_the_unfinished",
     sole_upload_at_its_key_drops_the_unfinished, 0},
    {"UP-1", "open_does_no_io", open_does_no_io, NEEDS_NO_STORE},
    {"UP-1", "open_with_a_token_does_no_io_and_knows_its_offset",
     open_with_a_token_does_no_io_and_knows_its_offset, NEEDS_NO_STORE},
    {"UP-4", "commit_without_any_key_is_invalid_and_leaves_it_open",
     commit_without_any_key_is_invalid_and_leaves_it_open, 0},
};

const struct family family_upload = FAMILY(upload);
