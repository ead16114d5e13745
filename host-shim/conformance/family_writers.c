/* SPDX-License-Identifier: Apache-2.0 */
/* TOK-5: two handles on one upload. */
#include <semaphore.h>
#include <string.h>

#include "blob.h"

/* A handle's part in the quarrel: what it wants at its key, and how far it came. */
struct writer {
    struct key key;
    struct content content;
    regstore_status status; /* the first that was not OK; commit's in the end */
};

static bool is_refusal(regstore_status status)
{
    return status == REGSTORE_CONFLICT || status == REGSTORE_GONE;
}

static void write_some(struct world *w, struct regstore_upload *u, struct writer *writer,
                       uint64_t end)
{
    CALL(c);
    if (writer->status != REGSTORE_OK)
        return;
    writer->status = upload_try_fill(w, u, &writer->content, end, &c);
    EXPECT_SEEN(&c, "upload_write of a second handle", writer->status, REGSTORE_OK,
                REGSTORE_CONFLICT, REGSTORE_GONE);
}

static void commit(struct world *w, struct regstore_upload *u, struct writer *writer)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    if (writer->status != REGSTORE_OK)
        return;
    content_digest(&writer->content, "sha256", digest);
    writer->status = upload_commit(w, u, &c, writer->key.s, digest, 0);
    EXPECT_SEEN(&c, "upload_commit of a second handle", writer->status, REGSTORE_OK,
                REGSTORE_CONFLICT, REGSTORE_GONE);
}

/* Whoever was told OK had its own bytes at its key: where both were told so for one key, which a
 * backend that kept nothing at the service cannot help, the second one's lie there now.  Whoever
 * was refused shows nothing. */
static void judge(struct world *w, const struct writer writers[2])
{
    const bool is_shared = strcmp(writers[0].key.s, writers[1].key.s) == 0;
    for (unsigned i = 0; i < 2; i++) {
        const struct key *key = &writers[i].key;
        const bool is_last = i == 1 || !is_shared || writers[1].status != REGSTORE_OK;
        if (writers[i].status == REGSTORE_OK && is_last)
            CLAIM(blob_is(w, key->s, &writers[i].content),
                  "handle %u was told OK and the key does not have its bytes", i);
        else if (is_refusal(writers[i].status) && !is_shared)
            CLAIM(!blob_exists(w, key->s), "handle %u was refused and its key shows a blob", i);
    }
    if (is_shared && is_refusal(writers[0].status) && is_refusal(writers[1].status))
        CLAIM(!blob_exists(w, writers[0].key.s), "both were refused and the key shows a blob");
}

static void make_writers(struct world *w, struct writer writers[2], uint64_t base, uint64_t more,
                         bool is_shared)
{
    const struct content head = content_of(test_seed(w, 1), base);
    for (unsigned i = 0; i < 2; i++) {
        writers[i].key =
            key_of(w, "by%u-%llu-%d", is_shared ? 0 : i, (unsigned long long)base, is_shared);
        writers[i].content = content_plus(head, test_seed(w, 10 + i), more);
        writers[i].status = REGSTORE_OK;
    }
}

/* In one process, the writes in turn. */
static void quarrel(struct world *w, uint64_t base, uint64_t more, bool is_shared)
{
    struct writer writers[2];
    struct regstore_upload *u[2];
    char token[REGSTORE_TOKEN_MAX];
    CALL(c);
    make_writers(w, writers, base, more, is_shared);
    struct regstore_upload *first = upload_new(w, NULL);
    upload_fill(w, first, &writers[0].content, base);
    upload_park(w, first, token);
    for (unsigned i = 0; i < 2; i++)
        u[i] = upload_resume(w, token);
    for (unsigned part = 1; part <= 3; part++)
        for (unsigned i = 0; i < 2; i++)
            write_some(w, u[i], &writers[i], base + more * part / 3);
    for (unsigned i = 0; i < 2; i++)
        commit(w, u[i], &writers[i]);
    judge(w, writers);
    for (unsigned i = 0; i < 2; i++) {
        (void)w->p->upload_abort(u[i], &c.in); /* cleaning; ABO-1 has its own tests */
        upload_end(w, u[i]);
    }
    judge(w, writers); /* ABO-2: the loser's abort took nothing away */
}

static void two_handles_of_a_small_upload_never_mix(struct world *w)
{
    quarrel(w, 1000, 3000, true);
    quarrel(w, 1000, 3000, false);
    quarrel(w, 0, 3000, true);
}

static void two_handles_of_a_large_upload_never_mix(struct world *w)
{
    quarrel(w, 6 * MIB, 12 * MIB, true);
    quarrel(w, 6 * MIB, 12 * MIB, false);
    quarrel(w, 1000, 12 * MIB, true);
}

static void close_it(struct world *w, void *arg)
{
    upload_end(w, arg);
}

/* FORK-2: what a child's close does to the first handle's lock, where there is one, the second one
 * would find. */
static void two_handles_never_mix_when_a_child_has_closed_one(struct world *w)
{
    const uint64_t bases[] = {1000, 6 * MIB};
    for (size_t n = 0; n < sizeof bases / sizeof bases[0]; n++) {
        CALL(c);
        struct writer writers[2];
        char token[REGSTORE_TOKEN_MAX];
        const uint64_t base = bases[n];
        make_writers(w, writers, base, 2 * base, false);
        struct regstore_upload *u[2] = {upload_new(w, NULL), NULL};
        upload_fill(w, u[0], &writers[0].content, base);
        upload_park(w, u[0], token);
        u[0] = upload_resume(w, token);
        write_some(w, u[0], &writers[0], 2 * base);
        process_wait(w, process_start(w, close_it, u[0], false));
        u[1] = upload_resume(w, token);
        write_some(w, u[1], &writers[1], 3 * base);
        write_some(w, u[0], &writers[0], 3 * base);
        for (unsigned i = 0; i < 2; i++)
            commit(w, u[i], &writers[i]);
        judge(w, writers);
        for (unsigned i = 0; i < 2; i++) {
            (void)w->p->upload_abort(u[i], &c.in); /* cleaning; ABO-1 has its own tests */
            upload_end(w, u[i]);
        }
    }
}

/* Who comes second may be refused while the first one is at work, and then only so long.  What is
 * under way when its handle is closed may be stored after the second one's bytes, which then has
 * CONFLICT by right: suspended before, nothing of a large one is. */
static void refused_handle_goes_on_when_the_other_is_closed(struct world *w)
{
    const uint64_t bases[] = {1000, 6 * MIB};
    for (size_t n = 0; n < sizeof bases / sizeof bases[0]; n++) {
        CALL(c);
        struct writer writers[2];
        char token[REGSTORE_TOKEN_MAX];
        uint64_t kept = 0;
        const uint64_t base = bases[n];
        make_writers(w, writers, base, 2 * base, false);
        struct regstore_upload *u[2] = {upload_new(w, NULL), NULL};
        upload_fill(w, u[0], &writers[0].content, base);
        upload_park(w, u[0], token);
        for (unsigned i = 0; i < 2; i++)
            u[i] = upload_resume(w, token);
        upload_fill(w, u[0], &writers[0].content, 2 * base);
        const regstore_status status =
            upload_try_fill(w, u[1], &writers[1].content, base + 100, &c);
        EXPECT_SEEN(&c, "the second handle's first write", status, REGSTORE_OK, REGSTORE_CONFLICT);
        CLAIM(status == REGSTORE_OK || c.error.retryable != 0,
              "CONFLICT with a handle that is at work is not retryable");
        if (base > MIB)
            EXPECT(&c, w->p->upload_suspend(u[0], &c.in, token, sizeof token, &kept), REGSTORE_OK,
                   REGSTORE_CONFLICT);
        upload_end(w, u[0]);
        upload_fill(w, u[1], &writers[1].content, writers[1].content.length);
        upload_finish(w, u[1], writers[1].key.s);
        upload_end(w, u[1]);
        blob_must_be(w, writers[1].key.s, &writers[1].content);
    }
}

struct duel {
    char token[REGSTORE_TOKEN_MAX];
    struct writer writers[2];
    uint64_t base;
    sem_t turn[2];
};

/* Each process writes a third, then lets the other one write. */
static void duellist(struct world *w, struct duel *duel, unsigned me)
{
    CALL(c);
    struct writer *writer = &duel->writers[me];
    struct regstore_upload *u = upload_resume(w, duel->token);
    const uint64_t more = writer->content.length - duel->base;
    for (unsigned part = 1; part <= 4; part++) {
        while (sem_wait(&duel->turn[me]) != 0)
            ;
        if (part <= 3)
            write_some(w, u, writer, duel->base + more * part / 3);
        else
            commit(w, u, writer);
        (void)sem_post(&duel->turn[1 - me]); /* cannot overflow */
    }
    (void)w->p->upload_abort(u, &c.in); /* cleaning; ABO-1 has its own tests */
    upload_end(w, u);
}

static void first_duellist(struct world *w, void *arg)
{
    duellist(w, arg, 0);
}

static void second_duellist(struct world *w, void *arg)
{
    duellist(w, arg, 1);
}

static void begin_duel(struct world *w, void *arg)
{
    struct duel *duel = arg;
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &duel->writers[0].content, duel->base);
    upload_park(w, u, duel->token);
}

static void judge_duel(struct world *w, void *arg)
{
    struct duel *duel = arg;
    judge(w, duel->writers);
}

static void two_processes_on_one_upload_never_mix(struct world *w)
{
    const uint64_t bases[] = {1000, 6 * MIB};
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        struct duel *duel = world_shared(w, sizeof *duel);
        duel->base = bases[i];
        make_writers(w, duel->writers, bases[i], 2 * bases[i], true);
        CLAIM(sem_init(&duel->turn[0], 1, 1) == 0 && sem_init(&duel->turn[1], 1, 0) == 0,
              "the test could not make its semaphores");
        in_new_process(w, begin_duel, duel);
        const pid_t first = process_start(w, first_duellist, duel, true);
        const pid_t second = process_start(w, second_duellist, duel, true);
        process_wait(w, first);
        process_wait(w, second);
        in_new_process(w, judge_duel, duel);
    }
}

/* Both processes go on from one token at once, and each at its own pace. */
static void racer(struct world *w, struct duel *race, unsigned me)
{
    CALL(c);
    struct writer *writer = &race->writers[me];
    struct regstore_upload *u = upload_resume(w, race->token);
    const uint64_t more = writer->content.length - race->base;
    (void)sem_post(&race->turn[1 - me]); /* cannot overflow */
    while (sem_wait(&race->turn[me]) != 0)
        ;
    for (unsigned part = 1; part <= 7; part++)
        write_some(w, u, writer, race->base + more * part / 7);
    commit(w, u, writer);
    (void)w->p->upload_abort(u, &c.in); /* cleaning; ABO-1 has its own tests */
    upload_end(w, u);
}

static void first_racer(struct world *w, void *arg)
{
    racer(w, arg, 0);
}

static void second_racer(struct world *w, void *arg)
{
    racer(w, arg, 1);
}

/* Both may have been told OK, and nobody can say who was last. */
static void judge_race(struct world *w, void *arg)
{
    const struct duel *race = arg;
    const struct writer *one = &race->writers[0], *two = &race->writers[1];
    const char *key = one->key.s;
    const bool shows_one = one->status == REGSTORE_OK && blob_is(w, key, &one->content);
    const bool shows_two = two->status == REGSTORE_OK && blob_is(w, key, &two->content);
    if (one->status == REGSTORE_OK || two->status == REGSTORE_OK)
        CLAIM(shows_one || shows_two, "the key has the bytes of neither who was told OK");
    else
        CLAIM(!blob_exists(w, key), "both were refused and the key shows a blob");
    blob_delete(w, key); /* the next round's */
}

static void two_processes_racing_on_one_token_never_mix(struct world *w)
{
    for (unsigned round = 0; round < 8; round++) {
        struct duel *race = world_shared(w, sizeof *race);
        race->base = round % 2 == 0 ? 1000 : 6 * MIB;
        make_writers(w, race->writers, race->base, (round + 1) * MIB, true);
        CLAIM(sem_init(&race->turn[0], 1, 0) == 0 && sem_init(&race->turn[1], 1, 0) == 0,
              "the test could not make its semaphores");
        in_new_process(w, begin_duel, race);
        const pid_t first = process_start(w, first_racer, race, true);
        const pid_t second = process_start(w, second_racer, race, true);
        process_wait(w, first);
        process_wait(w, second);
        in_new_process(w, judge_race, race);
    }
}

/* --- one after the other --- */

static void write_after_commit_elsewhere_is_gone(struct world *w)
{
    const uint64_t bases[] = {1000, 6 * MIB};
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        CALL(c);
        char token[REGSTORE_TOKEN_MAX];
        const struct key key = key_of(w, "first%zu", i), other = key_of(w, "second%zu", i);
        const struct content content = content_of(test_seed(w, i), bases[i]);
        const struct content longer = content_plus(content, test_seed(w, 9), 12 * MIB);
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, content.length);
        upload_park(w, u, token);
        u = upload_resume(w, token);
        upload_finish(w, u, key.s);
        upload_end(w, u);
        u = upload_resume(w, token);
        regstore_status status = upload_try_fill(w, u, &longer, longer.length, &c);
        EXPECT_SEEN(&c, "upload_write after commit elsewhere", status, REGSTORE_OK, REGSTORE_GONE,
                    REGSTORE_CONFLICT);
        if (status == REGSTORE_OK)
            EXPECT(&c, upload_commit(w, u, &c, other.s, NULL, 0), REGSTORE_GONE, REGSTORE_CONFLICT);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        blob_must_be_absent(w, other.s);
        blob_must_be(w, key.s, &content);
    }
}

static void commit_to_another_key_after_commit_elsewhere_is_not_ok(struct world *w)
{
    const uint64_t sizes[] = {1000, 6 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CALL(c);
        char token[REGSTORE_TOKEN_MAX];
        const struct key key = key_of(w, "first%zu", i), other = key_of(w, "second%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, content.length);
        upload_park(w, u, token);
        u = upload_resume(w, token);
        upload_finish(w, u, key.s);
        upload_end(w, u);
        u = upload_resume(w, token);
        EXPECT(&c, upload_commit(w, u, &c, other.s, NULL, 0), REGSTORE_GONE, REGSTORE_CONFLICT);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        blob_must_be_absent(w, other.s);
        blob_must_be(w, key.s, &content);
    }
}

static const struct test writers_tests[] = {
    {"TOK-5", "two_handles_of_a_small_upload_never_mix", two_handles_of_a_small_upload_never_mix,
     0},
    {"TOK-5", "two_handles_of_a_large_upload_never_mix", two_handles_of_a_large_upload_never_mix,
     0},
    {"TOK-5 FORK-2", "two_handles_never_mix_when_a_child_has_closed_one",
     two_handles_never_mix_when_a_child_has_closed_one, 0},
    {"TOK-5", "refused_handle_goes_on_when_the_other_is_closed",
     refused_handle_goes_on_when_the_other_is_closed, 0},
    {"TOK-5", "two_processes_on_one_upload_never_mix", two_processes_on_one_upload_never_mix,
     NEEDS_NO_STORE},
    {"TOK-5", "two_processes_racing_on_one_token_never_mix",
     two_processes_racing_on_one_token_never_mix, NEEDS_NO_STORE},
    {"TOK-5 COM-2", "write_after_commit_elsewhere_is_gone", write_after_commit_elsewhere_is_gone,
     0},
    {"COM-2", "commit_to_another_key_after_commit_elsewhere_is_not_ok",
     commit_to_another_key_after_commit_elsewhere_is_not_ok, 0},
};

const struct family family_writers = FAMILY(writers);
