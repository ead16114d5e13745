/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upload against an S3 that fails: every request that a journey makes is struck by every fault,
 * one at a time, and the host does what the manual tells it to (abi/README.md).  Whatever happened,
 *
 *   - the key shows the whole blob or none, after every failure and in the end;
 *   - a fault that goes by itself is never seen by the host;
 *   - once the service is well again, commit is OK, and abort is OK and leaves nothing;
 *   - abort takes nothing that a commit made visible.
 */
#include "door.h"
#include "old_uploads.h"
#include "place.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB     (1024u * 1024u)
#define KEY     "sha256/ab/blob"
#define STOPS   3
#define OPS     16
#define AGAIN   40 /* a session that was refused is not asked for anew within a second */
#define LATE_MS 600

enum end {
    COMMIT,
    ABORT,   /* in place of a commit */
    GIVE_UP, /* commit once, and abort when that fails, as registries do */
};

static const struct journey {
    const char *name;
    uint64_t length;
    bool has_key;          /* told at open */
    uint64_t flags;        /* of open */
    uint64_t stops[STOPS]; /* where it is suspended and goes on; 0: no more */
    bool is_if_absent;
} journeys[] = {
    {.name = "small", .length = 1000, .has_key = true},
    {.name = "small if absent", .length = 1000, .has_key = true, .is_if_absent = true},
    {.name = "small and suspended", .length = 1000, .stops = {500, 1000}},
    {.name = "large", .length = 11 * MIB, .has_key = true},
    {.name = "large and suspended", .length = 11 * MIB, .stops = {MIB, 7 * MIB, 11 * MIB}},
    {.name = "large and suspended if absent",
     .length = 11 * MIB,
     .stops = {7 * MIB},
     .is_if_absent = true},
    {.name = "large, sole and suspended",
     .length = 11 * MIB,
     .has_key = true,
     .flags = REGSTORE_UPLOAD_SOLE,
     .stops = {6 * MIB}},
};
enum { JOURNEYS = sizeof journeys / sizeof journeys[0] };

static const struct kind {
    const char *name, *rule;
    bool is_masked;      /* the plugin's own tries get over it */
    bool may_be_refusal; /* not retryable */
    bool takes_effect;   /* what was asked is done, or may be done later */
    uint64_t timeout_ms; /* of each call until it fails; 0: none */
} kinds[] = {
    {.name = "an error", .rule = "do=error", .is_masked = true},
    {.name = "a lost request", .rule = "do=reset", .is_masked = true},
    {.name = "a lost answer",
     .rule = "do=reset&when=after",
     .is_masked = true,
     .takes_effect = true},
    {.name = "a service that is down", .rule = "do=error&status=503&code=SlowDown&times=0"},
    {.name = "answers lost for long", .rule = "do=reset&when=after&times=0", .takes_effect = true},
    {.name = "a refusal", .rule = "do=error&status=403&code=AccessDenied", .may_be_refusal = true},
    {.name = "XML cut off", .rule = "do=garble", .may_be_refusal = true, .takes_effect = true},
    {.name = "a request that lands late",
     .rule = "do=stall&when=read&ms=600",
     .takes_effect = true,
     .timeout_ms = 250},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* One journey under one fault. */
struct run {
    const struct journey *journey;
    const struct kind *kind; /* NULL: none */
    char operation[64];      /* that is struck */
    unsigned skip;
    enum end end;

    const struct regstore_plugin *p;
    struct regstore_store *store;
    struct regstore_upload *upload;
    struct regstore_error error;
    uint64_t timeout_ms;
    char token[REGSTORE_TOKEN_MAX];
    uint64_t token_offset;
    uint8_t *content;
    bool is_mended; /* the fault is over */
    bool is_committed;
    unsigned failures;
    uint64_t left_before; /* by the runs before */
    const char *verb;
};

static const char *say(const struct run *r)
{
    static char text[1200];
    (void)snprintf(text, sizeof text, "%s, %s at %s %u, end %d: %s: %s", r->journey->name,
                   r->kind == NULL ? "no fault" : r->kind->name, r->operation, r->skip + 1,
                   (int)r->end, r->verb == NULL ? "" : r->verb, r->error.message);
    return text;
}

#define CLAIM(r, claim) ck_assert_msg(claim, "not so: " #claim ": %s", say(r))

static struct regstore_call call_in(struct run *r)
{
    r->error = (struct regstore_error){.struct_size = sizeof r->error};
    return (struct regstore_call){.struct_size = sizeof(struct regstore_call),
                                  .timeout_ms = r->timeout_ms,
                                  .error = &r->error};
}

static void pause_ms(unsigned ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    (void)nanosleep(&pause, NULL);
}

/* Whether the key shows the blob; all of it then. */
static bool is_visible(struct run *r)
{
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_stat stat = {.struct_size = sizeof stat};
    regstore_status status = REGSTORE_DENIED;
    for (unsigned i = 0; i < AGAIN && status != REGSTORE_OK && status != REGSTORE_NOT_FOUND; i++) {
        status = r->p->stat(r->store, &call, KEY, &stat);
        if (status != REGSTORE_OK && status != REGSTORE_NOT_FOUND)
            pause_ms(50);
    }
    if (status == REGSTORE_NOT_FOUND)
        return false;
    ck_assert_msg(status == REGSTORE_OK, "stat: %s: %s", error.message, say(r));
    ck_assert_msg(stat.length == r->journey->length && has_content(r->store, KEY, 1, stat.length),
                  "the key shows another blob: %s", say(r));
    return true;
}

/* A verb of the host's has failed: may it have? From here on the service is well. */
static void look_at_failure(struct run *r, const char *verb, regstore_status status)
{
    r->verb = verb;
    r->failures++;
    CLAIM(r, r->kind != NULL && !r->kind->is_masked);
    CLAIM(r, r->failures <= AGAIN);
    CLAIM(r, status != REGSTORE_GONE && status != REGSTORE_EXISTS && status != REGSTORE_STATE);
    CLAIM(r, status != REGSTORE_INVALID && status != REGSTORE_DIGEST);
    CLAIM(r, r->error.message[0] != '\0');
    CLAIM(r, r->error.retryable != 0 || r->kind->may_be_refusal);
    if (!r->is_mended) {
        door_forget_faults(server_url());
        r->is_mended = true;
        r->timeout_ms = 45000;
        (void)is_visible(r);
    } else {
        pause_ms(50);
    }
}

static void open_upload(struct run *r, const char *token)
{
    const struct regstore_upload_opts fresh = {.struct_size = sizeof fresh,
                                               .flags = REGSTORE_UPLOAD_SHA256 | r->journey->flags,
                                               .key = r->journey->has_key ? KEY : NULL};
    const struct regstore_upload_opts old = {.struct_size = sizeof old, .token = token};
    const struct regstore_call call = call_in(r);
    r->verb = "open";
    CLAIM(r, r->p->upload_open(r->store, &call, token == NULL ? &fresh : &old, &r->upload) ==
                 REGSTORE_OK);
}

static void reopen(struct run *r)
{
    r->p->upload_close(r->upload);
    open_upload(r, r->token);
    CLAIM(r, r->p->upload_offset(r->upload) == r->token_offset);
}

static void write_to(struct run *r, uint64_t end)
{
    for (uint64_t at; (at = r->p->upload_offset(r->upload)) < end;) {
        const uint64_t len = end - at < 3 * MIB ? end - at : 3 * MIB;
        const struct regstore_call call = call_in(r);
        const regstore_status status =
            r->p->upload_write(r->upload, &call, r->content + at, (size_t)len);
        if (status != REGSTORE_OK)
            look_at_failure(r, "write", status);
    }
}

/* Suspends at an offset and goes on from the token; after a failure from what was kept. */
static void stop_at(struct run *r, uint64_t offset)
{
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK) {
        char token[REGSTORE_TOKEN_MAX] = "";
        uint64_t kept = UINT64_MAX;
        write_to(r, offset);
        const struct regstore_call call = call_in(r);
        status = r->p->upload_suspend(r->upload, &call, token, sizeof token, &kept);
        if (status != REGSTORE_OK)
            look_at_failure(r, "suspend", status);
        CLAIM(r, status != REGSTORE_OK || kept == offset);
        if (token[0] == '\0')
            continue; /* the same handle again */
        CLAIM(r, kept <= offset);
        memcpy(r->token, token, sizeof token);
        r->token_offset = kept;
        reopen(r);
    }
}

static regstore_status commit_once(struct run *r)
{
    const struct regstore_commit_opts opts = {
        .struct_size = sizeof opts,
        .key = KEY,
        .flags = r->journey->is_if_absent ? REGSTORE_COMMIT_IF_ABSENT : 0};
    const struct regstore_call call = call_in(r);
    struct regstore_stat stat = {.struct_size = sizeof stat};
    const regstore_status status = r->p->upload_commit(r->upload, &call, &opts, &stat);
    if (status == REGSTORE_OK)
        CLAIM(r, stat.length == r->journey->length);
    else
        look_at_failure(r, "commit", status);
    return status;
}

static void must_be_state(struct run *r)
{
    char token[REGSTORE_TOKEN_MAX];
    uint64_t kept;
    const struct regstore_call call = call_in(r);
    r->verb = "a verb after abort";
    CLAIM(r, r->p->upload_write(r->upload, &call, "x", 1) == REGSTORE_STATE);
    CLAIM(r, r->p->upload_suspend(r->upload, &call, token, sizeof token, &kept) == REGSTORE_STATE);
    CLAIM(r, r->p->upload_commit(r->upload, &call, NULL, NULL) == REGSTORE_STATE);
    CLAIM(r, r->p->upload_offset(r->upload) <= r->journey->length);
}

static void abort_upload(struct run *r)
{
    for (;;) {
        const struct regstore_call call = call_in(r);
        const regstore_status status = r->p->upload_abort(r->upload, &call);
        if (status == REGSTORE_OK)
            break;
        look_at_failure(r, "abort", status);
        must_be_state(r); /* ABORTING */
    }
}

/* What purge could find: all of it is younger than that. */
static uint64_t count_left(struct run *r)
{
    const struct regstore_purge_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_PURGE_DRY_RUN, .older_than_s = 1000000};
    struct regstore_purged purged = {.struct_size = sizeof purged};
    const struct regstore_call call = call_in(r);
    r->verb = "purge";
    CLAIM(r, r->p->purge(r->store, &call, &opts, &purged) == REGSTORE_OK);
    CLAIM(r, purged.objects == 0 && purged.uploads == 0);
    return purged.spared;
}

/* After the last token: in another process commit is OK again, and abort harmless (COM-2, ABO-2).
 */
static void repeat_from_token(struct run *r)
{
    if (r->token_offset != r->journey->length)
        return;
    reopen(r);
    CLAIM(r, commit_once(r) == REGSTORE_OK);
    reopen(r);
    abort_upload(r);
    CLAIM(r, is_visible(r));
}

static void end_it(struct run *r)
{
    regstore_status status = REGSTORE_INTERNAL;
    while (r->end != ABORT && status != REGSTORE_OK) {
        status = commit_once(r);
        if (r->end == GIVE_UP)
            break;
    }
    r->is_committed = status == REGSTORE_OK;
    abort_upload(r);
    if (!r->is_committed)
        must_be_state(r);
}

/* Left behind may be only what a cut-off request makes that nobody knows the name of. */
static bool may_leave(const struct run *r)
{
    if (r->kind == NULL || r->kind->is_masked)
        return r->kind != NULL && r->kind->takes_effect &&
               strcmp(r->operation, "CreateMultipartUpload") == 0;
    if (r->end == COMMIT || r->end == GIVE_UP)
        return true; /* COM-3 */
    return r->kind->takes_effect;
}

static void judge(struct run *r)
{
    if (r->kind != NULL && r->kind->timeout_ms != 0 && r->failures != 0)
        pause_ms(LATE_MS); /* until what was late has landed */
    const bool visible = is_visible(r);
    CLAIM(r, !r->is_committed || visible);
    CLAIM(r, r->end != ABORT || !visible);
    if (!may_leave(r))
        CLAIM(r, count_left(r) == r->left_before);
}

/* counts: of the requests that the journey itself made; may be NULL. */
static size_t travel(struct run *r, struct door_count *counts)
{
    size_t n = 0;
    r->p = plugin_table();
    r->store = store_at(false);
    r->timeout_ms = 45000;
    r->left_before = count_left(r);
    r->p->store_close(r->store); /* the journey begins without a session */
    r->store = store_at(false);
    if (r->kind != NULL) {
        char rule[256];
        (void)snprintf(rule, sizeof rule, "op=%s&skip=%u&%s", r->operation, r->skip, r->kind->rule);
        door_fault(server_url(), rule);
    }
    door_forget_counts(server_url());
    r->timeout_ms = r->kind == NULL || r->kind->timeout_ms == 0 ? 45000 : r->kind->timeout_ms;
    r->token_offset = UINT64_MAX;
    open_upload(r, NULL);
    for (size_t i = 0; i < STOPS && r->journey->stops[i] != 0; i++)
        stop_at(r, r->journey->stops[i]);
    write_to(r, r->journey->length);
    end_it(r);
    if (counts != NULL)
        n = door_counts(server_url(), counts, OPS);
    door_forget_faults(server_url());
    r->timeout_ms = 45000;
    judge(r);
    if (r->end == COMMIT)
        repeat_from_token(r);
    r->p->upload_close(r->upload);
    const char *const keys[] = {KEY};
    const struct regstore_call call = call_in(r);
    r->verb = "delete";
    CLAIM(r, r->p->delete_blobs(r->store, &call, keys, 1, NULL) == REGSTORE_OK);
    r->p->store_close(r->store);
    return n;
}

/* Purge takes all that was left, once it is a second old. */
static void sweep_up(void)
{
    const struct regstore_plugin *p = plugin_table();
    struct regstore_store *store = store_at(false);
    const struct regstore_purge_opts opts = {.struct_size = sizeof opts, .older_than_s = 1};
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_purged purged = {.struct_size = sizeof purged, .spared = 1};
    for (unsigned i = 0; i < 100 && purged.spared != 0; i++) {
        purged = (struct regstore_purged){.struct_size = sizeof purged};
        ck_assert_msg(p->purge(store, &call, &opts, &purged) == REGSTORE_OK, "%s", error.message);
        if (purged.spared != 0)
            pause_ms(50);
    }
    ck_assert_uint_eq(purged.spared, 0);
    p->store_close(store);
}

static uint8_t *content; /* of every blob */

/* Strikes each request of the journey in turn; a run without a fault tells which there are. */
static void strike_all(const struct journey *journey, const struct kind *kind, enum end end)
{
    struct door_count counts[OPS];
    struct run clean = {.journey = journey, .end = end, .content = content};
    const size_t n = travel(&clean, counts);
    ck_assert(n > 0 || end == ABORT);
    for (size_t i = 0; i < n; i++)
        for (unsigned skip = 0; skip < counts[i].n; skip++) {
            struct run r = {
                .journey = journey, .kind = kind, .skip = skip, .end = end, .content = content};
            memcpy(r.operation, counts[i].operation, sizeof r.operation);
            (void)travel(&r, NULL);
        }
}

START_TEST(every_request_may_fail)
{
    const struct journey *journey = &journeys[_i / KINDS / 3];
    strike_all(journey, &kinds[_i / 3 % KINDS], (enum end)(_i % 3));
}
END_TEST

/* The tail of the newest token, and of the one before it, outlive suspends that fail half-way: the
 * tail is parked, a part is not there (TOK-2, TOK-3). */
START_TEST(tails_of_tokens_outlive_suspends_that_fail)
{
    const struct journey *journey = &journeys[4];
    struct run r = {.journey = journey, .kind = &kinds[3], .content = content, .timeout_ms = 45000};
    char tokens[3][REGSTORE_TOKEN_MAX];
    uint64_t kept[3] = {0};
    r.p = plugin_table();
    r.store = store_at(false);
    open_upload(&r, NULL);
    stop_at(&r, MIB);
    memcpy(tokens[0], r.token, sizeof r.token);
    kept[0] = MIB;
    door_fault(server_url(), "op=UploadPart&do=error&status=503&code=SlowDown&times=0");
    for (uint64_t at; (at = r.p->upload_offset(r.upload)) < 7 * MIB;) {
        const struct regstore_call call = call_in(&r);
        (void)r.p->upload_write(r.upload, &call, content + at, MIB); /* tells of the part */
    }
    for (int i = 1; i < 3; i++) {
        struct regstore_call call = call_in(&r);
        call.timeout_ms = 400;
        ck_assert_int_ne(
            r.p->upload_suspend(r.upload, &call, tokens[i], sizeof tokens[i], &kept[i]),
            REGSTORE_OK);
        CLAIM(&r, tokens[i][0] != '\0' && kept[i] == MIB);
    }
    door_forget_faults(server_url());
    for (int i = 2; i >= 0; i--) { /* each takes it to the end of its first MiB again */
        memcpy(r.token, tokens[i], sizeof r.token);
        r.token_offset = kept[i];
        r.is_mended = true;
        reopen(&r);
        write_to(&r, 2 * MIB); /* needs what is parked */
    }
    write_to(&r, journey->length);
    CLAIM(&r, commit_once(&r) == REGSTORE_OK && is_visible(&r));
    r.p->upload_close(r.upload);
    r.p->store_close(r.store);
}
END_TEST

/* So large that it is copied in parts; Complete of the copy goes through, and its answer is lost.
 */
START_TEST(lost_end_of_a_copy_in_parts_is_proved)
{
    static const struct journey huge = {.name = "huge", .length = 257 * MIB};
    struct run r = {.journey = &huge, .kind = &kinds[2], .timeout_ms = 45000};
    r.p = plugin_table();
    r.store = store_at(false);
    door_forget_counts(server_url());
    open_upload(&r, NULL);
    for (uint64_t at = 0; at < huge.length; at += MIB) {
        const struct regstore_call call = call_in(&r);
        fill(content, MIB, 1, at);
        CLAIM(&r, r.p->upload_write(r.upload, &call, content, MIB) == REGSTORE_OK);
    }
    door_fault(server_url(), "op=CompleteMultipartUpload&skip=1&do=reset&when=after");
    CLAIM(&r, commit_once(&r) == REGSTORE_OK);
    struct door_count counts[OPS];
    const size_t n = door_counts(server_url(), counts, OPS);
    unsigned completes = 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(counts[i].operation, "CompleteMultipartUpload") == 0)
            completes = counts[i].n;
    ck_assert_uint_ge(completes, 3); /* at uploads/, at the key, and again */
    CLAIM(&r, is_visible(&r));
    r.p->upload_close(r.upload);
    r.p->store_close(r.store);
}
END_TEST

static void set_up(void)
{
    content = malloc(11 * MIB);
    ck_assert_ptr_nonnull(content);
    fill(content, 11 * MIB, 1, 0);
}

static void tear_down(void)
{
    sweep_up();
    free(content);
}

/* A case for each journey, so that they can run side by side: CK_RUN_CASE. */
static Suite *faults_suite(void)
{
    Suite *suite = suite_create("upload-faults");
    for (int i = 0; i < JOURNEYS; i++) {
        TCase *tcase = tcase_create(journeys[i].name);
        tcase_set_timeout(tcase, 300);
        tcase_add_unchecked_fixture(tcase, server_up, server_down);
        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_loop_test(tcase, every_request_may_fail, i * KINDS * 3, (i + 1) * KINDS * 3);
        suite_add_tcase(suite, tcase);
    }
    TCase *tcase = tcase_create("others");
    tcase_set_timeout(tcase, 300);
    tcase_add_unchecked_fixture(tcase, server_up, server_down);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, tails_of_tokens_outlive_suspends_that_fail);
    tcase_add_test(tcase, lost_end_of_a_copy_in_parts_is_proved);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, old_uploads_case());
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(faults_suite());
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
