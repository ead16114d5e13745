/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PURGE-1 to PURGE-3.  A purge takes what is old all over the store: tests that let it take what is
 * seconds old are only for a store of the suite's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verbs.h"

enum { AGE_S = 1, SOON_MS = 20000 };

static const uint64_t parked_lengths[] = {1000, 6 * MIB, 11 * MIB + 7};
enum { PARKED = sizeof parked_lengths / sizeof parked_lengths[0] };

/* Uploads of several sizes that nobody works on, with the key at open every other time. */
struct parked {
    struct key key[PARKED];
    struct content content[PARKED];
    char token[PARKED][REGSTORE_TOKEN_MAX];
};

static void park_some(struct world *w, struct parked *p)
{
    for (size_t i = 0; i < PARKED; i++) {
        p->key[i] = key_of(w, "parked%zu", i);
        p->content[i] = content_of(test_seed(w, i), parked_lengths[i]);
        struct regstore_upload *u = upload_new(w, i % 2 ? p->key[i].s : NULL);
        upload_fill(w, u, &p->content[i], p->content[i].length);
        upload_park(w, u, p->token[i]);
    }
}

static void parked_must_be_whole(struct world *w, struct parked *p)
{
    for (size_t i = 0; i < PARKED; i++) {
        struct regstore_upload *u = upload_resume(w, p->token[i]);
        upload_finish(w, u, p->key[i].s);
        upload_end(w, u);
        blob_must_be(w, p->key[i].s, &p->content[i]);
    }
}

static regstore_status try_purge(struct world *w, struct call *c, uint64_t flags, uint64_t age_s,
                                 struct regstore_purged *out)
{
    const struct regstore_purge_opts opts = {
        .struct_size = sizeof opts, .flags = flags, .older_than_s = age_s};
    *out = (struct regstore_purged){.struct_size = sizeof *out};
    call_reset(c);
    return w->p->purge(w->store, &c->in, &opts, out);
}

static struct regstore_purged purge(struct world *w, uint64_t flags, uint64_t age_s)
{
    CALL(c);
    struct regstore_purged out;
    EXPECT_OK(&c, try_purge(w, &c, flags, age_s, &out));
    CLAIM(out.failed == 0, "purge gave OK, and %llu failed", (unsigned long long)out.failed);
    return out;
}

static uint64_t taken(const struct regstore_purged *p)
{
    return p->objects + p->uploads;
}

static void look_again(struct world *w, int64_t begin, const char *what)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
    CLAIM(now_ms() - begin < SOON_MS, "after %d s %s", SOON_MS / 1000, what);
    (void)nanosleep(&pause, NULL); /* between two looks */
}

/* Other tests left things behind, as they may.  Afterwards the counts speak of this test alone. */
static void empty_the_store(struct world *w)
{
    const int64_t begin = now_ms();
    for (;;) {
        (void)purge(w, 0, AGE_S);
        const struct regstore_purged left = purge(w, REGSTORE_PURGE_DRY_RUN, AGE_S);
        if (taken(&left) == 0 && left.spared == 0)
            return;
        look_again(w, begin, "purge still finds what it should have removed");
    }
}

/* Until all that was parked is old; returns what a purge would remove then. */
static struct regstore_purged wait_until_old(struct world *w)
{
    const int64_t begin = now_ms();
    for (;;) {
        const struct regstore_purged out = purge(w, REGSTORE_PURGE_DRY_RUN, AGE_S);
        if (out.spared == 0)
            return out;
        look_again(w, begin, "an upload that nobody touches is still not a second old");
    }
}

/* --- tests --- */

static void age_zero_is_invalid_and_takes_nothing(struct world *w)
{
    const uint64_t flags[] = {REGSTORE_PURGE_DRY_RUN, 0, REGSTORE_PURGE_OBJECTS,
                              REGSTORE_PURGE_UPLOADS,
                              REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS};
    CALL(c);
    static struct parked parked;
    struct regstore_purged out = {.struct_size = sizeof out};
    park_some(w, &parked);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        EXPECT(&c, try_purge(w, &c, flags[i], 0, &out), REGSTORE_INVALID);
        CLAIM(taken(&out) == 0, "age 0 was INVALID, and %llu were removed",
              (unsigned long long)taken(&out));
    }
    EXPECT(&c, w->p->purge(w->store, &c.in, NULL, &out), REGSTORE_INVALID);
    parked_must_be_whole(w, &parked);
}

/* A hundred years: harmless in anybody's store. */
static void young_uploads_and_open_handles_are_spared(struct world *w)
{
    static struct parked parked;
    const struct key key = key_of(w, "live");
    const struct content content = content_of(test_seed(w, 99), 13 * MIB);
    struct regstore_upload *u = upload_new(w, NULL);
    park_some(w, &parked);
    upload_fill(w, u, &content, 12 * MIB);
    const uint64_t age_s = harmless_purge().older_than_s;
    const struct regstore_purged dry = purge(w, REGSTORE_PURGE_DRY_RUN, age_s);
    const struct regstore_purged real = purge(w, 0, age_s);
    CLAIM(taken(&dry) == 0 && taken(&real) == 0 && real.bytes == 0,
          "what is seconds old was taken for a hundred years old");
    CLAIM(real.spared >= PARKED, "%llu were spared, %d at least were there",
          (unsigned long long)real.spared, PARKED);
    upload_fill(w, u, &content, content.length);
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
    parked_must_be_whole(w, &parked);
}

static void dry_run_counts_and_removes_nothing(struct world *w)
{
    static struct parked parked;
    uint64_t bytes = 0;
    empty_the_store(w);
    park_some(w, &parked);
    for (size_t i = 0; i < PARKED; i++)
        bytes += parked_lengths[i];
    const struct regstore_purged first = wait_until_old(w);
    const struct regstore_purged second = purge(w, REGSTORE_PURGE_DRY_RUN, AGE_S);
    CLAIM(taken(&first) >= PARKED, "%llu are there to be purged, %d uploads were parked",
          (unsigned long long)taken(&first), PARKED);
    CLAIM(first.bytes >= bytes, "%llu bytes are there to be purged, %llu were parked",
          (unsigned long long)first.bytes, (unsigned long long)bytes);
    CLAIM(memcmp(&first, &second, sizeof first) == 0, "the second dry run counts another thing");
    parked_must_be_whole(w, &parked);
}

static void kinds_are_told_apart(struct world *w)
{
    static struct parked parked;
    static const uint64_t dry_run = REGSTORE_PURGE_DRY_RUN;
    empty_the_store(w);
    park_some(w, &parked);
    const struct regstore_purged both = wait_until_old(w);
    const struct regstore_purged objects = purge(w, dry_run | REGSTORE_PURGE_OBJECTS, AGE_S);
    const struct regstore_purged uploads = purge(w, dry_run | REGSTORE_PURGE_UPLOADS, AGE_S);
    const struct regstore_purged all =
        purge(w, dry_run | REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS, AGE_S);
    CLAIM(objects.uploads == 0 && uploads.objects == 0,
          "OBJECTS counts %llu uploads, UPLOADS counts %llu objects",
          (unsigned long long)objects.uploads, (unsigned long long)uploads.objects);
    CLAIM(objects.objects == both.objects && uploads.uploads == both.uploads,
          "both kinds together are other ones than each alone");
    CLAIM(memcmp(&both, &all, sizeof both) == 0, "no flag of the two is not the same as both");
    const struct regstore_purged done = purge(w, REGSTORE_PURGE_UPLOADS, AGE_S);
    CLAIM(done.objects == 0 && done.uploads == both.uploads,
          "UPLOADS removed %llu uploads of %llu and %llu objects", (unsigned long long)done.uploads,
          (unsigned long long)both.uploads, (unsigned long long)done.objects);
    const struct regstore_purged left = purge(w, dry_run, AGE_S);
    CLAIM(left.objects == both.objects && left.uploads == 0,
          "after UPLOADS %llu uploads and %llu objects of %llu are left",
          (unsigned long long)left.uploads, (unsigned long long)left.objects,
          (unsigned long long)both.objects);
    empty_the_store(w);
}

static void purged_upload_is_gone_for_its_tokens(struct world *w)
{
    static struct parked parked;
    struct regstore_purged dry, real;
    empty_the_store(w);
    park_some(w, &parked);
    dry = wait_until_old(w);
    real = purge(w, 0, AGE_S);
    CLAIM(memcmp(&dry, &real, sizeof dry) == 0, "the dry run foretold %llu, purge removed %llu",
          (unsigned long long)taken(&dry), (unsigned long long)taken(&real));
    for (size_t i = 0; i < PARKED; i++) {
        CALL(c);
        struct regstore_upload *u = upload_resume(w, parked.token[i]);
        EXPECT(&c, upload_commit(w, u, &c, parked.key[i].s, NULL, 0), REGSTORE_GONE);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
        upload_end(w, u);
        blob_must_be_absent(w, parked.key[i].s);
    }
    const struct regstore_purged left = purge(w, REGSTORE_PURGE_DRY_RUN, AGE_S);
    CLAIM(taken(&left) == 0 && left.spared == 0, "resuming a purged upload made it anew");
}

static void blobs_are_never_touched(struct world *w)
{
    struct content content[4];
    static struct parked parked;
    static const char *const names[] = {"a", "uploads/b", "uploadsc", "d/uploads/e"};
    for (size_t i = 0; i < 4; i++) {
        content[i] = content_of(test_seed(w, 10 + i), i % 2 ? 6 * MIB : 1000);
        blob_put(w, key_of(w, "%s", names[i]).s, &content[i]);
    }
    park_some(w, &parked);
    (void)wait_until_old(w);
    empty_the_store(w);
    for (size_t i = 0; i < 4; i++)
        blob_must_be(w, key_of(w, "%s", names[i]).s, &content[i]);
}

/* One upload gets a part now and then, the other is as old and idle. */
static void age_counts_from_the_last_sign_of_life(struct world *w)
{
    enum { LONG_S = 3, STEP = 6 };
    CALL(c);
    char token[REGSTORE_TOKEN_MAX];
    const struct key key = key_of(w, "live"), idle_key = key_of(w, "idle");
    const struct content content = content_of(test_seed(w, 1), 600 * MIB);
    empty_the_store(w);
    const int64_t begin = now_ms();
    struct regstore_upload *live = upload_new(w, key.s), *idle = upload_new(w, idle_key.s);
    upload_fill(w, idle, &content, STEP * MIB);
    upload_park(w, idle, token);
    for (uint64_t at = STEP * MIB;; at += STEP * MIB) {
        CLAIM(at < content.length, "the idle upload is not old in good time");
        upload_fill(w, live, &content, at);
        const struct regstore_purged dry = purge(w, REGSTORE_PURGE_DRY_RUN, LONG_S);
        if (taken(&dry) > 0 && now_ms() - begin > (LONG_S + 1) * 1000)
            break;
        look_again(w, begin, "the idle upload is still not old");
    }
    (void)purge(w, 0, LONG_S);
    struct content written = content_head(content, w->p->upload_offset(live));
    upload_finish(w, live, key.s);
    upload_end(w, live);
    blob_must_be(w, key.s, &written);
    idle = upload_resume(w, token);
    EXPECT(&c, upload_commit(w, idle, &c, idle_key.s, NULL, 0), REGSTORE_GONE);
    upload_end(w, idle);
}

/* --- PURGE-3 --- */

struct cancel {
    int32_t flag;
    unsigned delay_us;
};

static void *set_later(void *arg)
{
    struct cancel *cancel = arg;
    const struct timespec delay = {.tv_nsec = (long)cancel->delay_us * 1000};
    (void)nanosleep(&delay, NULL); /* a random moment, not a wait for something */
    __atomic_store_n(&cancel->flag, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static regstore_status purge_and_cancel(struct world *w, unsigned delay_us,
                                        struct regstore_purged *out)
{
    CALL(c);
    struct cancel cancel = {.delay_us = delay_us};
    pthread_t thread;
    c.in.cancel = &cancel.flag;
    CLAIM(pthread_create(&thread, NULL, set_later, &cancel) == 0,
          "the test could not start a thread of its own");
    const regstore_status status = try_purge(w, &c, 0, AGE_S, out);
    (void)pthread_join(thread, NULL);
    EXPECT_SEEN(&c, "purge with a flag set meanwhile", status, REGSTORE_OK, REGSTORE_CANCELLED);
    return status;
}

/* One that a backend keeps as a whole, since it is too short for a part, is an object there. */
static uint64_t parked_of(const struct regstore_purged *p, bool as_objects)
{
    return as_objects ? p->objects : p->uploads;
}

/* What the one request that was under way removed may be missing from the count; the reverse, and
 * more than one, may not. */
static void purge_cut_off_tells_what_it_did_and_goes_on(struct world *w)
{
    enum { MANY = 24, MISSED = 2 };
    uint64_t left = MANY;
    empty_the_store(w);
    for (unsigned i = 0; i < MANY; i++) {
        char token[REGSTORE_TOKEN_MAX];
        const struct content content = content_of(test_seed(w, i), 5 * MIB + 9);
        struct regstore_upload *u = upload_new(w, NULL);
        upload_fill(w, u, &content, content.length);
        upload_park(w, u, token);
    }
    const struct regstore_purged dry = wait_until_old(w);
    const bool as_objects = dry.uploads == 0;
    CLAIM(parked_of(&dry, as_objects) == left, "of %d uploads a dry run counts another number",
          MANY);
    regstore_status status = REGSTORE_CANCELLED;
    for (unsigned i = 0; status != REGSTORE_OK; i++) {
        struct regstore_purged out;
        CLAIM(i < 1000, "a purge that is cut off again and again does not come to its end");
        status = purge_and_cancel(w, 300 + i * 300, &out);
        const struct regstore_purged rest = purge(w, REGSTORE_PURGE_DRY_RUN, AGE_S);
        const uint64_t now = parked_of(&rest, as_objects), told = parked_of(&out, as_objects);
        CLAIM(now + told <= left && now + told + MISSED > left,
              "%llu uploads were there, purge tells of %llu, and %llu are left",
              (unsigned long long)left, (unsigned long long)told, (unsigned long long)now);
        left = now;
    }
    CLAIM(left == 0, "purge gave OK, and %llu uploads are left", (unsigned long long)left);
}

static const struct test purge_tests[] = {
    {"PURGE-1 GROW-4", "age_zero_is_invalid_and_takes_nothing",
     age_zero_is_invalid_and_takes_nothing, NEEDS_OWN_STORE},
    {"PURGE-1", "young_uploads_and_open_handles_are_spared",
     young_uploads_and_open_handles_are_spared, 0},
    {"PURGE-1", "dry_run_counts_and_removes_nothing", dry_run_counts_and_removes_nothing,
     NEEDS_OWN_STORE},
    {"PURGE-1", "kinds_are_told_apart", kinds_are_told_apart, NEEDS_OWN_STORE},
    {"PURGE-2", "purged_upload_is_gone_for_its_tokens", purged_upload_is_gone_for_its_tokens,
     NEEDS_OWN_STORE},
    {"PURGE-1", "blobs_are_never_touched", blobs_are_never_touched, NEEDS_OWN_STORE},
    {"PURGE-1", "age_counts_from_the_last_sign_of_life", age_counts_from_the_last_sign_of_life,
     NEEDS_OWN_STORE},
    {"PURGE-3", "purge_cut_off_tells_what_it_did_and_goes_on",
     purge_cut_off_tells_what_it_did_and_goes_on, NEEDS_OWN_STORE},
};

const struct family family_purge = FAMILY(purge);
