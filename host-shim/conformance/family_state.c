/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb-by-state table of the manual (abi/README.md), swept: each state that can be reached
 * without faults, each verb in it, and the state after.  ABORTING takes a failing backend.
 */
#include <string.h>

#include "blob.h"

enum state { OPEN, SEALED, COMMITTED, SUSPENDED, ABORTED, LOST, STATES };

static const char *const state_names[STATES] = {"OPEN",      "SEALED",  "COMMITTED",
                                                "SUSPENDED", "ABORTED", "LOST"};

/* An upload on its way through the states. */
struct scene {
    struct regstore_upload *u;
    struct key key, other;  /* where it is committed, and another that stays absent */
    struct key taken;       /* has the blob old */
    struct content content; /* of what is written, and of one byte more */
    struct content old;
    char token[REGSTORE_TOKEN_MAX]; /* what suspend gave */
    const char *committed_to;
};

static struct content so_far(struct world *w, const struct scene *s)
{
    return content_head(s->content, w->p->upload_offset(s->u));
}

/* --- verbs --- */

static regstore_status do_write(struct world *w, struct scene *s, struct call *c)
{
    unsigned char byte = 0;
    const uint64_t offset = w->p->upload_offset(s->u);
    if (offset < s->content.length)
        content_fill(&s->content, offset, &byte, 1);
    return w->p->upload_write(s->u, &c->in, &byte, 1);
}

static regstore_status do_suspend(struct world *w, struct scene *s, struct call *c)
{
    char token[REGSTORE_TOKEN_MAX] = "";
    uint64_t kept = 0;
    const regstore_status status = w->p->upload_suspend(s->u, &c->in, token, sizeof token, &kept);
    if (status == REGSTORE_OK)
        memcpy(s->token, token, sizeof token);
    return status;
}

static regstore_status commit_to(struct world *w, struct scene *s, struct call *c, const char *key,
                                 const char *digest)
{
    const regstore_status status = upload_commit(w, s->u, c, key, digest, 0);
    if (status == REGSTORE_OK)
        s->committed_to = key;
    return status;
}

static regstore_status do_commit(struct world *w, struct scene *s, struct call *c)
{
    char digest[REGSTORE_DIGEST_MAX];
    const struct content content = so_far(w, s);
    content_digest(&content, "sha256", digest);
    return commit_to(w, s, c, s->committed_to != NULL ? s->committed_to : s->key.s, digest);
}

/* This key, or the usual one where this one is what the upload was committed to. */
static const char *another(const struct scene *s, const struct key *key)
{
    return s->committed_to == key->s ? s->key.s : key->s;
}

static regstore_status do_commit_elsewhere(struct world *w, struct scene *s, struct call *c)
{
    return commit_to(w, s, c, another(s, &s->other), NULL);
}

/* To the key that was taken: the same key when the upload is SEALED by EXISTS. */
static regstore_status do_commit_over(struct world *w, struct scene *s, struct call *c)
{
    return commit_to(w, s, c, another(s, &s->taken), NULL);
}

static regstore_status do_commit_wrong_digest(struct world *w, struct scene *s, struct call *c)
{
    char digest[REGSTORE_DIGEST_MAX];
    content_digest(&s->old, "sha256", digest);
    return commit_to(w, s, c, s->key.s, digest);
}

static regstore_status do_commit_bad_key(struct world *w, struct scene *s, struct call *c)
{
    return commit_to(w, s, c, "bad//key", NULL);
}

static regstore_status do_commit_unknown_flag(struct world *w, struct scene *s, struct call *c)
{
    return upload_commit(w, s->u, c, s->key.s, NULL, UINT64_C(1) << 40);
}

static regstore_status do_abort(struct world *w, struct scene *s, struct call *c)
{
    return w->p->upload_abort(s->u, &c->in);
}

/* --- the table --- */

struct cell {
    regstore_status due;
    enum state then;
};
#define OK_THEN(state)                                                                             \
    {                                                                                              \
        REGSTORE_OK, state                                                                         \
    }
#define REFUSED(state)                                                                             \
    {                                                                                              \
        REGSTORE_STATE, state                                                                      \
    }
#define SAYS(status, state)                                                                        \
    {                                                                                              \
        REGSTORE_##status, state                                                                   \
    }
/* Two rules meet, and the header does not say which comes first. */
#define NOT_SAID                                                                                   \
    {                                                                                              \
        -1, OPEN                                                                                   \
    }

static const struct row {
    const char *verb;
    regstore_status (*go)(struct world *w, struct scene *s, struct call *c);
    struct cell in[STATES]; /* OPEN, SEALED, COMMITTED, SUSPENDED, ABORTED, LOST */
} table[] = {
    {"write",
     do_write,
     {OK_THEN(OPEN), REFUSED(SEALED), REFUSED(COMMITTED), REFUSED(SUSPENDED), REFUSED(ABORTED),
      REFUSED(LOST)}},
    {"suspend",
     do_suspend,
     {OK_THEN(SUSPENDED), OK_THEN(SUSPENDED), REFUSED(COMMITTED), REFUSED(SUSPENDED),
      REFUSED(ABORTED), REFUSED(LOST)}},
    {"commit",
     do_commit,
     {OK_THEN(COMMITTED), OK_THEN(COMMITTED), OK_THEN(COMMITTED), REFUSED(SUSPENDED),
      REFUSED(ABORTED), REFUSED(LOST)}},
    {"commit elsewhere",
     do_commit_elsewhere,
     {OK_THEN(COMMITTED), OK_THEN(COMMITTED), REFUSED(COMMITTED), REFUSED(SUSPENDED),
      REFUSED(ABORTED), REFUSED(LOST)}},
    {"commit over a blob",
     do_commit_over,
     {OK_THEN(COMMITTED), OK_THEN(COMMITTED), REFUSED(COMMITTED), REFUSED(SUSPENDED),
      REFUSED(ABORTED), REFUSED(LOST)}},
    {"commit with a wrong digest",
     do_commit_wrong_digest,
     {SAYS(DIGEST, OPEN), SAYS(DIGEST, SEALED), NOT_SAID, NOT_SAID, NOT_SAID, NOT_SAID}},
    {"commit to a bad key",
     do_commit_bad_key,
     {SAYS(INVALID, OPEN), SAYS(INVALID, SEALED), NOT_SAID, NOT_SAID, NOT_SAID, NOT_SAID}},
    {"commit with an unknown flag",
     do_commit_unknown_flag,
     {SAYS(UNSUPPORTED, OPEN), SAYS(UNSUPPORTED, SEALED), NOT_SAID, NOT_SAID, NOT_SAID, NOT_SAID}},
    {"abort",
     do_abort,
     {OK_THEN(ABORTED), OK_THEN(ABORTED), OK_THEN(COMMITTED), REFUSED(SUSPENDED), OK_THEN(ABORTED),
      OK_THEN(ABORTED)}},
};
enum { ROWS = sizeof table / sizeof table[0] };

/* --- reaching a state --- */

static void seal(struct world *w, struct scene *s)
{
    CALL(c);
    EXPECT(&c, upload_commit(w, s->u, &c, s->taken.s, NULL, REGSTORE_COMMIT_IF_ABSENT),
           REGSTORE_EXISTS);
}

/* Another handle aborts the upload; commit must send something, and finds it gone. */
static void lose(struct world *w, struct scene *s)
{
    CALL(c);
    upload_park(w, s->u, s->token);
    s->u = upload_resume(w, s->token);
    struct regstore_upload *second = upload_resume(w, s->token);
    EXPECT_OK(&c, w->p->upload_abort(second, &c.in));
    upload_end(w, second);
    EXPECT(&c, upload_commit(w, s->u, &c, s->key.s, NULL, 0), REGSTORE_GONE);
}

static void reach(struct world *w, struct scene *s, enum state state)
{
    CALL(c);
    switch (state) {
    case SEALED:
        seal(w, s);
        break;
    case COMMITTED:
        EXPECT_OK(&c, do_commit(w, s, &c));
        break;
    case SUSPENDED:
        EXPECT_OK(&c, do_suspend(w, s, &c));
        break;
    case ABORTED:
        EXPECT_OK(&c, do_abort(w, s, &c));
        break;
    case LOST:
        lose(w, s);
        break;
    default:
        break;
    }
}

static void scene_set(struct world *w, struct scene *s, uint64_t length)
{
    memset(s, 0, sizeof *s);
    s->key = key_of(w, "key");
    s->other = key_of(w, "other");
    s->taken = key_of(w, "taken");
    s->content = content_of(test_seed(w, length), length + 1);
    s->old = content_of(test_seed(w, 999), 777);
    blob_put(w, s->taken.s, &s->old);
    s->u = upload_new(w, NULL);
    upload_fill(w, s->u, &s->content, length);
}

static void scene_clear(struct world *w, struct scene *s, enum state state)
{
    CALL(c);
    upload_end(w, s->u);
    if (state == SUSPENDED) {
        s->u = upload_resume(w, s->token);
        EXPECT_OK(&c, w->p->upload_abort(s->u, &c.in));
        upload_end(w, s->u);
    }
    blob_delete(w, s->key.s);
    blob_delete(w, s->other.s);
    blob_delete(w, s->taken.s);
}

/* --- what is seen there --- */

static void must_answer(struct world *w, struct scene *s, uint64_t offset, enum state state)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX], wanted[REGSTORE_DIGEST_MAX];
    upload_must_be_at(w, s->u, offset);
    const struct content content = so_far(w, s);
    content_digest(&content, "sha256", wanted);
    EXPECT_OK(&c, w->p->upload_digest(s->u, "sha256", digest, sizeof digest));
    CLAIM(strcmp(digest, wanted) == 0, "%s: the digest is %s, not %s", state_names[state], digest,
          wanted);
}

static void go(struct world *w, struct scene *s, const struct row *row, enum state state)
{
    CALL(c);
    const regstore_status status = row->go(w, s, &c);
    CLAIM(status == row->in[state].due, "%s in %s gave %s, due was %s: \"%.511s\"", row->verb,
          state_names[state], regstore_host_status_name(status),
          regstore_host_status_name(row->in[state].due), c.error.message);
}

/* All that leaves the state as it is and does nothing; then the state has been seen. */
static void must_be_in(struct world *w, struct scene *s, enum state state)
{
    const uint64_t offset = w->p->upload_offset(s->u);
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].in[state].due > REGSTORE_OK)
            go(w, s, &table[i], state);
    must_answer(w, s, offset, state);
    CLAIM(state == COMMITTED || (!blob_exists(w, s->key.s) && !blob_exists(w, s->other.s)),
          "%s: a key shows a blob", state_names[state]);
    CLAIM(state == COMMITTED || blob_is(w, s->taken.s, &s->old),
          "%s: the blob that was there is another one", state_names[state]);
}

static void key_must_show_it(struct world *w, struct scene *s)
{
    const struct content content = so_far(w, s);
    blob_must_be(w, s->committed_to, &content);
    CLAIM(s->committed_to == s->other.s || !blob_exists(w, s->other.s),
          "a key to which nothing was committed has a blob");
    CLAIM(s->committed_to == s->taken.s || blob_is(w, s->taken.s, &s->old),
          "the blob at a key to which nothing was committed is another one");
}

/* Each verb that does something in this state, on an upload of its own. */
static void sweep(struct world *w, enum state state, uint64_t length)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct cell *cell = &table[i].in[state];
        struct scene s;
        if (cell->due != REGSTORE_OK && i > 0)
            continue; /* must_be_in() has it; once is enough where all is refused */
        scene_set(w, &s, length);
        reach(w, &s, state);
        must_be_in(w, &s, state);
        go(w, &s, &table[i], state);
        upload_must_be_at(w, s.u, length + (table[i].go == do_write && state == OPEN));
        must_be_in(w, &s, cell->then);
        if (cell->then == COMMITTED)
            key_must_show_it(w, &s);
        if (cell->then == OPEN || cell->then == SEALED)
            go(w, &s, &table[ROWS - 1], cell->then); /* abort: nothing shall be left */
        scene_clear(w, &s, cell->then);
    }
}

static const uint64_t lengths[] = {0, 1000, 6 * MIB};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static void sweep_all_lengths(struct world *w, enum state state)
{
    for (size_t i = 0; i < LENGTHS; i++)
        if (state != LOST || lengths[i] > 0) /* nothing can be gone of what was never sent */
            sweep(w, state, lengths[i]);
}

static void open_upload_takes_every_verb(struct world *w)
{
    sweep_all_lengths(w, OPEN);
}

static void sealed_upload_takes_no_more_bytes(struct world *w)
{
    sweep_all_lengths(w, SEALED);
}

static void committed_upload_takes_commit_to_its_key_and_abort(struct world *w)
{
    sweep_all_lengths(w, COMMITTED);
}

static void suspended_upload_takes_nothing_more(struct world *w)
{
    sweep_all_lengths(w, SUSPENDED);
}

static void aborted_upload_takes_abort_alone(struct world *w)
{
    sweep_all_lengths(w, ABORTED);
}

static void lost_upload_takes_abort_alone(struct world *w)
{
    sweep_all_lengths(w, LOST);
}

static void sealed_upload_goes_on_from_its_token(struct world *w)
{
    for (size_t i = 0; i < LENGTHS; i++) {
        struct scene s;
        CALL(c);
        scene_set(w, &s, lengths[i]);
        seal(w, &s);
        EXPECT_OK(&c, do_suspend(w, &s, &c));
        upload_end(w, s.u);
        s.u = upload_resume(w, s.token);
        must_answer(w, &s, lengths[i], SEALED);
        EXPECT_OK(&c, do_commit(w, &s, &c));
        key_must_show_it(w, &s);
        scene_clear(w, &s, COMMITTED);
    }
}

static const struct test state_tests[] = {
    {"COM-1 UP-3", "open_upload_takes_every_verb", open_upload_takes_every_verb, 0},
    {"COM-3", "sealed_upload_takes_no_more_bytes", sealed_upload_takes_no_more_bytes, 0},
    {"COM-2 ABO-2", "committed_upload_takes_commit_to_its_key_and_abort",
     committed_upload_takes_commit_to_its_key_and_abort, 0},
    {"TOK-1", "suspended_upload_takes_nothing_more", suspended_upload_takes_nothing_more, 0},
    {"ABO-1", "aborted_upload_takes_abort_alone", aborted_upload_takes_abort_alone, 0},
    {"ABO-1 TOK-4", "lost_upload_takes_abort_alone", lost_upload_takes_abort_alone, 0},
    {"TOK-1 COM-3", "sealed_upload_goes_on_from_its_token", sealed_upload_goes_on_from_its_token,
     0},
};

const struct family family_state = FAMILY(state);
