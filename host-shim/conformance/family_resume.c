/* SPDX-License-Identifier: Apache-2.0 */
/* TOK-1 to TOK-4 and TOK-6: suspend, and go on in another process. */
#include <stdio.h>
#include <string.h>

#include "blob.h"
#include "trap.h"

/* What the processes of a test tell each other. */
struct relay {
    struct key key;
    struct content content;
    uint64_t stop; /* write up to here */
    char token[REGSTORE_TOKEN_MAX], older[REGSTORE_TOKEN_MAX], oldest[REGSTORE_TOKEN_MAX];
    uint64_t offset; /* of older, where that matters */
    bool with_key;
    uint64_t flags; /* of the commit */
    regstore_status status;
};

static void begin(struct world *w, void *arg)
{
    struct relay *r = arg;
    struct regstore_upload *u = upload_new(w, r->with_key ? r->key.s : NULL);
    upload_fill(w, u, &r->content, r->stop);
    upload_park(w, u, r->token);
}

static void go_on(struct world *w, void *arg)
{
    struct relay *r = arg;
    struct regstore_upload *u = upload_resume(w, r->token);
    memcpy(r->oldest, r->older, sizeof r->oldest);
    memcpy(r->older, r->token, sizeof r->older);
    upload_must_be_at(w, u, r->offset);
    upload_fill(w, u, &r->content, r->stop);
    upload_park(w, u, r->token);
}

static void commit_with_digest(struct world *w, void *arg)
{
    struct relay *r = arg;
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX], seen[REGSTORE_DIGEST_MAX];
    struct regstore_upload *u = upload_resume(w, r->token);
    upload_must_be_at(w, u, r->offset);
    upload_fill(w, u, &r->content, r->content.length);
    content_digest(&r->content, "sha256", digest);
    EXPECT_OK(&c, w->p->upload_digest(u, "sha256", seen, sizeof seen));
    CLAIM(strcmp(seen, digest) == 0, "the digest did not survive: %s, not %s", seen, digest);
    EXPECT_OK(&c, upload_commit(w, u, &c, r->with_key ? NULL : r->key.s, digest, 0));
    upload_end(w, u);
    blob_must_be(w, r->key.s, &r->content);
}

static void look_at(struct world *w, void *arg)
{
    struct relay *r = arg;
    blob_must_be(w, r->key.s, &r->content);
}

/* Suspends at each stop, each stretch in a process of its own, then commits in another. */
static void passes_through(struct world *w, struct relay *r, const uint64_t *stops, size_t n)
{
    const uint64_t length = stops[n - 1];
    r->content = content_of(test_seed(w, length), length);
    r->stop = stops[0];
    in_new_process(w, begin, r);
    for (size_t i = 1; i + 1 < n; i++) {
        r->offset = stops[i - 1];
        r->stop = stops[i];
        in_new_process(w, go_on, r);
    }
    r->offset = n > 1 ? stops[n - 2] : 0;
    in_new_process(w, commit_with_digest, r);
}

#define PASSES(...)                                                                                \
    do {                                                                                           \
        const uint64_t stops[] = {__VA_ARGS__};                                                    \
        struct relay *r = world_shared(w, sizeof *r);                                              \
        r->with_key = with_key;                                                                    \
        r->key =                                                                                   \
            key_of(w, "to%llu-%zu", (unsigned long long)stops[0], sizeof stops / sizeof stops[0]); \
        passes_through(w, r, stops, sizeof stops / sizeof stops[0]);                               \
    } while (0)

static void pass_around_borders(struct world *w, bool with_key)
{
    PASSES(0, 0);
    PASSES(0, 1000);
    PASSES(1, 2, 3);
    PASSES(1000, 64 * KIB + 1, 64 * KIB + 1); /* commit with nothing written after */
    PASSES(4 * MIB, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 5 * MIB + 2);
    PASSES(5 * MIB, 10 * MIB, 15 * MIB);
    PASSES(5 * MIB - 1, 10 * MIB - 1, 10 * MIB + 1);
    PASSES(11 * MIB + 7, 11 * MIB + 8, 21 * MIB + 3);
    PASSES(6 * MIB, 6 * MIB, 6 * MIB, 6 * MIB + 1);
}

static void upload_goes_on_in_new_processes_key_at_commit(struct world *w)
{
    const bool with_key = false;
    pass_around_borders(w, with_key);
}

static void upload_goes_on_in_new_processes_key_at_open(struct world *w)
{
    const bool with_key = true;
    pass_around_borders(w, with_key);
}

static void many_small_generations_add_up(struct world *w)
{
    const bool with_key = false;
    PASSES(100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200);
}

static void suspend_under_the_trap(struct world *w, void *arg)
{
    CALL(c);
    char token[REGSTORE_TOKEN_MAX];
    uint64_t kept = 1;
    struct regstore_upload *u = upload_new(w, NULL);
    (void)arg;
    if (!trap_set())
        SKIP("this machine lets no process filter its own system calls");
    const regstore_status status = w->p->upload_suspend(u, &c.in, token, sizeof token, &kept);
    CLAIM(trap_caught() == NULL, "upload_suspend at 0 made the system call %s", trap_caught());
    EXPECT_SEEN(&c, "upload_suspend at 0", status, REGSTORE_OK);
    CLAIM(kept == 0, "kept is %llu", (unsigned long long)kept);
    upload_end(w, u);
}

static void suspend_at_offset_0_does_no_io(struct world *w)
{
    in_new_process(w, suspend_under_the_trap, NULL);
}

/* --- tokens --- */

static void must_look_like_a_token(struct world *w, const char *token)
{
    const size_t len = strnlen(token, REGSTORE_TOKEN_MAX);
    CLAIM(len > 0, "OK and an empty token");
    CLAIM(len < REGSTORE_TOKEN_MAX, "the token has no end within TOKEN_MAX");
    for (size_t i = 0; i < len; i++)
        CLAIM(token[i] > 0x20 && token[i] < 0x7f, "the token has the byte 0x%02x",
              (unsigned char)token[i]);
}

static void must_hold_no_secret(struct world *w, const char *token)
{
    for (const struct regstore_param *param = w->p->params; param->key != NULL; param++) {
        const char *value = backend_setting(w->backend, param->key);
        if (!(param->flags & REGSTORE_PARAM_SECRET) || value == NULL || value[0] == '\0')
            continue;
        CLAIM(strstr(token, value) == NULL, "the token holds the value of %s", param->key);
    }
}

static void token_is_short_printable_ascii(struct world *w)
{
    const uint64_t sizes[] = {0, 1000, 6 * MIB, 21 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CALL(c);
        char token[REGSTORE_TOKEN_MAX];
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, content.length);
        upload_park(w, u, token);
        must_look_like_a_token(w, token);
        must_hold_no_secret(w, token);
        u = upload_resume(w, token);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
    }
}

static void small_token_buffer_is_range_and_leaves_it_open(struct world *w)
{
    CALL(c);
    char token[REGSTORE_TOKEN_MAX];
    uint64_t kept = 0;
    const size_t caps[] = {0, 1, 100, REGSTORE_TOKEN_MAX - 1};
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 6 * MIB + 10);
    struct regstore_upload *u = upload_new(w, NULL);
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        upload_fill(w, u, &content, 6 * MIB + i);
        memset(token, '#', sizeof token);
        EXPECT(&c, w->p->upload_suspend(u, &c.in, token, caps[i], &kept), REGSTORE_RANGE);
        CLAIM(token[caps[i]] == '#', "with cap %zu the byte at %zu was written", caps[i], caps[i]);
    }
    upload_fill(w, u, &content, content.length);
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
}

static void token_must_be_invalid(struct world *w, const char *token, const char *what)
{
    CALL(c);
    struct regstore_upload *u = NULL;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    const regstore_status status = w->p->upload_open(w->store, &c.in, &opts, &u);
    CLAIM(status == REGSTORE_INVALID, "%s: upload_open gave %s", what,
          regstore_host_status_name(status));
    CLAIM(u == NULL, "%s: INVALID, and *out was set", what);
}

static void garbage_token_is_invalid(struct world *w)
{
    static char huge[3 * REGSTORE_TOKEN_MAX];
    static const char *const garbage[] = {
        "",          " ",        "x",        "token", "AAAA", "../../etc/passwd",
        "{\"v\":1}", "\x01\x02", "\xff\xfe", "%s%n",  "0",    "-1"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
        token_must_be_invalid(w, garbage[i], garbage[i]);
    memset(huge, 'A', sizeof huge - 1);
    token_must_be_invalid(w, huge, "12 KiB of A");
    huge[REGSTORE_TOKEN_MAX - 1] = '\0';
    token_must_be_invalid(w, huge, "4,095 A");
}

/* The bits of a last character that mean nothing may change and leave the token the same. */
static void changed_token_is_invalid_or_the_same(struct world *w, const char *token, size_t at,
                                                 uint64_t offset)
{
    CALL(c);
    struct regstore_upload *u = NULL;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = token};
    const regstore_status status = w->p->upload_open(w->store, &c.in, &opts, &u);
    CLAIM(status == REGSTORE_INVALID || status == REGSTORE_OK,
          "the token with its character %zu changed: upload_open gave %s", at,
          regstore_host_status_name(status));
    if (status != REGSTORE_OK)
        return;
    CLAIM(w->p->upload_offset(u) == offset && at + 2 > strlen(token),
          "the token with its character %zu changed is taken", at);
    w->p->upload_close(u);
}

static void damaged_token_is_invalid(struct world *w)
{
    CALL(c);
    char token[REGSTORE_TOKEN_MAX], bad[REGSTORE_TOKEN_MAX + 1];
    const struct content content = content_of(test_seed(w, 1), 6 * MIB);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, content.length);
    upload_park(w, u, token);
    const size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        memcpy(bad, token, len + 1);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        changed_token_is_invalid_or_the_same(w, bad, i, content.length);
    }
    for (size_t cut = 1; cut < len; cut += 1 + cut / 8) {
        memcpy(bad, token, len + 1);
        bad[len - cut] = '\0';
        token_must_be_invalid(w, bad, "a token cut short");
    }
    (void)snprintf(bad, sizeof bad, "%.*sA", (int)len, token);
    if (len + 1 < REGSTORE_TOKEN_MAX)
        token_must_be_invalid(w, bad, "a token with one character more");
    u = upload_resume(w, token);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

static void resume_with_flags_is_refused(struct world *w)
{
    CALL(c);
    char token[REGSTORE_TOKEN_MAX];
    struct regstore_upload *u = upload_new(w, NULL);
    upload_park(w, u, token);
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_UPLOAD_SHA256, .token = token};
    struct regstore_upload *out = NULL;
    EXPECT(&c, w->p->upload_open(w->store, &c.in, &opts, &out), REGSTORE_INVALID);
}

/* --- older tokens --- */

/* Goes back to the token before the newest one and writes other bytes from there. */
static void go_back(struct world *w, void *arg)
{
    struct relay *r = arg;
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    struct regstore_upload *u = upload_resume(w, r->older);
    upload_must_be_at(w, u, r->offset);
    upload_fill(w, u, &r->content, r->content.length);
    content_digest(&r->content, "sha256", digest);
    EXPECT_OK(&c, upload_commit(w, u, &c, r->key.s, digest, 0));
    upload_end(w, u);
    blob_must_be(w, r->key.s, &r->content);
}

static void abort_by_token(struct world *w, void *arg)
{
    struct relay *r = arg;
    CALL(c);
    struct regstore_upload *u = upload_resume(w, r->token);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

static void token_before_the_newest_goes_back_to_its_offset(struct world *w)
{
    const struct {
        uint64_t first, second, more;
    } cases[] = {{1000, 2000, 500},
                 {0, 3000, 10},
                 {1000, 6 * MIB, 100},
                 {6 * MIB, 6 * MIB + 10, 5},
                 {6 * MIB, 12 * MIB, 3 * MIB},
                 {5 * MIB, 16 * MIB, 8 * MIB}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct relay *r = world_shared(w, sizeof *r);
        r->key = key_of(w, "back%zu", i);
        r->content = content_of(test_seed(w, i), cases[i].second);
        r->stop = cases[i].first;
        in_new_process(w, begin, r);
        r->offset = cases[i].first;
        r->stop = cases[i].second;
        in_new_process(w, go_on, r);
        r->content = content_plus(content_head(r->content, cases[i].first), test_seed(w, 100 + i),
                                  cases[i].more);
        in_new_process(w, go_back, r);
        in_new_process(w, abort_by_token, r); /* what only the newest token knows of */
        in_new_process(w, look_at, r);
    }
}

/* A token that is older still: its own offset, or GONE or CONFLICT; never other bytes. */
static void go_far_back(struct world *w, void *arg)
{
    struct relay *r = arg;
    CALL(c);
    struct regstore_upload *u = upload_resume(w, r->oldest);
    upload_must_be_at(w, u, r->offset);
    regstore_status status = upload_try_fill(w, u, &r->content, r->content.length, &c);
    EXPECT_SEEN(&c, "upload_write", status, REGSTORE_OK, REGSTORE_GONE, REGSTORE_CONFLICT);
    if (status == REGSTORE_OK) {
        call_reset(&c);
        status = upload_commit(w, u, &c, r->key.s, NULL, 0);
        EXPECT_SEEN(&c, "upload_commit", status, REGSTORE_OK, REGSTORE_GONE, REGSTORE_CONFLICT);
    }
    if (status == REGSTORE_OK)
        blob_must_be(w, r->key.s, &r->content);
    else
        CLAIM(!blob_exists(w, r->key.s), "%s, and the key shows a blob",
              regstore_host_status_name(status));
    (void)w->p->upload_abort(u, &c.in); /* cleaning; ABO-1 has its own tests */
    upload_end(w, u);
}

static void still_older_token_gives_its_own_bytes_or_gone(struct world *w)
{
    const uint64_t units[] = {1000, 6 * MIB};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        struct relay *r = world_shared(w, sizeof *r);
        r->key = key_of(w, "far%zu", i);
        r->content = content_of(test_seed(w, i), 4 * units[i]);
        r->stop = units[i];
        in_new_process(w, begin, r);
        for (uint64_t n = 1; n <= 2; n++) {
            r->offset = n * units[i];
            r->stop = (n + 1) * units[i];
            in_new_process(w, go_on, r);
        }
        r->offset = units[i];
        r->content =
            content_plus(content_head(r->content, units[i]), test_seed(w, 100 + i), units[i] / 2);
        in_new_process(w, go_far_back, r);
    }
}

static void abort_oldest(struct world *w, void *arg)
{
    struct relay *r = arg;
    CALL(c);
    struct regstore_upload *u = upload_resume(w, r->oldest);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

static void newest_is_gone(struct world *w, void *arg)
{
    struct relay *r = arg;
    CALL(c);
    struct regstore_upload *u = upload_resume(w, r->token);
    EXPECT(&c, upload_commit(w, u, &c, r->key.s, NULL, 0), REGSTORE_GONE);
    EXPECT(&c, w->p->upload_write(u, &c.in, "x", 1), REGSTORE_STATE); /* LOST */
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
    blob_must_be_absent(w, r->key.s);
}

static void oldest_token_aborts_the_whole_upload(struct world *w)
{
    const uint64_t units[] = {1000, 6 * MIB};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        for (unsigned from_0 = 0; from_0 < 2; from_0++) {
            struct relay *r = world_shared(w, sizeof *r);
            r->key = key_of(w, "aborted%zu-%u", i, from_0);
            r->content = content_of(test_seed(w, i), 4 * units[i]);
            r->stop = from_0 ? 0 : units[i];
            in_new_process(w, begin, r);
            for (uint64_t n = 2; n <= 3; n++) {
                r->offset = r->stop;
                r->stop = n * units[i];
                in_new_process(w, go_on, r);
            }
            in_new_process(w, abort_oldest, r);
            in_new_process(w, newest_is_gone, r);
        }
    }
}

static void commit_again_from_the_token(struct world *w, void *arg)
{
    struct relay *r = arg;
    CALL(c);
    struct regstore_upload *u = upload_resume(w, r->token);
    call_reset(&c);
    r->status = upload_commit(w, u, &c, r->key.s, NULL, r->flags);
    EXPECT_SEEN(&c, "upload_commit from the last token", r->status, REGSTORE_OK);
    upload_end(w, u);
}

/* The host died after commit and before the answer: the token, and commit once more. */
static void commit_again(struct world *w, uint64_t flags)
{
    const uint64_t sizes[] = {0, 1000, 5 * MIB, 12 * MIB + 3};
    for (unsigned with_key = 0; with_key < 2; with_key++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct relay *r = world_shared(w, sizeof *r);
            r->key = key_of(w, "again%zu-%u", i, with_key);
            r->with_key = with_key;
            r->flags = flags;
            r->content = content_of(test_seed(w, i), sizes[i]);
            r->stop = sizes[i];
            in_new_process(w, begin, r);
            in_new_process(w, commit_again_from_the_token, r);
            in_new_process(w, commit_again_from_the_token, r);
            in_new_process(w, look_at, r);
        }
    }
}

static void commit_again_in_a_new_process_is_ok(struct world *w)
{
    commit_again(w, 0);
}

/* What takes the key is the upload's own blob, be it empty. */
static void commit_again_if_absent_is_ok_not_exists(struct world *w)
{
    commit_again(w, REGSTORE_COMMIT_IF_ABSENT);
}

static void put_other(struct world *w, void *arg)
{
    struct relay *r = arg;
    const struct content other = content_of(~r->content.stretch[0].seed, r->content.length);
    blob_put(w, r->key.s, &other);
}

static void remove_blob(struct world *w, void *arg)
{
    struct relay *r = arg;
    blob_delete(w, r->key.s);
}

static void commit_is_not_proved(struct world *w, void *arg)
{
    struct relay *r = arg;
    CALL(c);
    struct regstore_upload *u = upload_resume(w, r->token);
    EXPECT(&c, upload_commit(w, u, &c, r->key.s, NULL, 0), REGSTORE_CONFLICT, REGSTORE_GONE);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

/* Other bytes of the same length came to the key in between. */
static void commit_again_over_another_blob_is_not_ok(struct world *w)
{
    const uint64_t sizes[] = {1000, 12 * MIB + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct relay *r = world_shared(w, sizeof *r);
        r->key = key_of(w, "other%zu", i);
        r->content = content_of(test_seed(w, i), sizes[i]);
        r->stop = sizes[i];
        in_new_process(w, begin, r);
        in_new_process(w, commit_again_from_the_token, r);
        in_new_process(w, put_other, r);
        in_new_process(w, commit_is_not_proved, r);
        r->content = content_of(~r->content.stretch[0].seed, sizes[i]);
        in_new_process(w, look_at, r); /* ABO-2: abort took nothing away either */
    }
}

static void commit_again_of_a_deleted_blob_is_not_ok(struct world *w)
{
    const uint64_t sizes[] = {1000, 12 * MIB + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct relay *r = world_shared(w, sizeof *r);
        r->key = key_of(w, "deleted%zu", i);
        r->content = content_of(test_seed(w, i), sizes[i]);
        r->stop = sizes[i];
        in_new_process(w, begin, r);
        in_new_process(w, commit_again_from_the_token, r);
        in_new_process(w, remove_blob, r);
        in_new_process(w, commit_is_not_proved, r);
    }
}

/* Registries commit, and then cancel the upload from another replica. */
static void abort_in_a_new_process_leaves_the_committed_blob(struct world *w)
{
    const uint64_t sizes[] = {0, 1000, 12 * MIB + 3};
    for (unsigned with_key = 0; with_key < 2; with_key++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct relay *r = world_shared(w, sizeof *r);
            r->key = key_of(w, "kept%zu-%u", i, with_key);
            r->with_key = with_key;
            r->content = content_of(test_seed(w, i), sizes[i]);
            r->stop = sizes[i];
            in_new_process(w, begin, r);
            in_new_process(w, commit_again_from_the_token, r);
            in_new_process(w, abort_by_token, r);
            in_new_process(w, look_at, r);
        }
    }
}

static const struct test resume_tests[] = {
    {"TOK-1 COM-1", "upload_goes_on_in_new_processes_key_at_commit",
     upload_goes_on_in_new_processes_key_at_commit, NEEDS_NO_STORE},
    {"TOK-1 COM-1", "upload_goes_on_in_new_processes_key_at_open",
     upload_goes_on_in_new_processes_key_at_open, NEEDS_NO_STORE},
    {"TOK-1", "many_small_generations_add_up", many_small_generations_add_up, NEEDS_NO_STORE},
    {"TOK-1", "suspend_at_offset_0_does_no_io", suspend_at_offset_0_does_no_io, NEEDS_NO_STORE},
    {"TOK-6", "token_is_short_printable_ascii", token_is_short_printable_ascii, 0},
    {"TOK-6", "small_token_buffer_is_range_and_leaves_it_open",
     small_token_buffer_is_range_and_leaves_it_open, 0},
    {"TOK-6", "garbage_token_is_invalid", garbage_token_is_invalid, 0},
    {"TOK-6", "damaged_token_is_invalid", damaged_token_is_invalid, 0},
    {"TOK-1", "resume_with_flags_is_refused", resume_with_flags_is_refused, 0},
    {"TOK-3", "token_before_the_newest_goes_back_to_its_offset",
     token_before_the_newest_goes_back_to_its_offset, NEEDS_NO_STORE},
    {"TOK-3", "still_older_token_gives_its_own_bytes_or_gone",
     still_older_token_gives_its_own_bytes_or_gone, NEEDS_NO_STORE},
    {"TOK-4 ABO-1", "oldest_token_aborts_the_whole_upload", oldest_token_aborts_the_whole_upload,
     NEEDS_NO_STORE},
    {"COM-2", "commit_again_in_a_new_process_is_ok", commit_again_in_a_new_process_is_ok,
     NEEDS_NO_STORE},
    {"COM-2", "commit_again_if_absent_is_ok_not_exists", commit_again_if_absent_is_ok_not_exists,
     NEEDS_NO_STORE},
    {"COM-2 ABO-2", "commit_again_over_another_blob_is_not_ok",
     commit_again_over_another_blob_is_not_ok, NEEDS_NO_STORE},
    {"COM-2", "commit_again_of_a_deleted_blob_is_not_ok", commit_again_of_a_deleted_blob_is_not_ok,
     NEEDS_NO_STORE},
    {"ABO-2", "abort_in_a_new_process_leaves_the_committed_blob",
     abort_in_a_new_process_leaves_the_committed_blob, NEEDS_NO_STORE},
};

const struct family family_resume = FAMILY(resume);
