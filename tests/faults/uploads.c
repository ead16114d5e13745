/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journeys that write.  Whatever happens on the way,
 *
 *   - the key shows the whole blob or none, after every failure and in the end;
 *   - a fault that goes by itself is never seen by the host;
 *   - once the service is well again, commit is OK, and abort is OK and leaves nothing;
 *   - abort takes nothing that a commit made visible.
 */
#include "sweep.h"

#include "place.h"

#include <stdio.h>
#include <string.h>

#define STOPS    3
#define LARGE    (6 * MIB) /* a part of 5 MiB, and the rest */
#define HALF_WAY (5 * MIB + MIB / 2)

struct plan {
    uint64_t length;
    bool has_key;          /* told at open */
    uint64_t flags;        /* of open */
    uint64_t stops[STOPS]; /* where it is suspended and goes on; 0: no more */
    bool is_if_absent;
};

static const struct plan *plan_of(const struct run *r)
{
    return r->c->journey->plan;
}

static void open_upload(struct run *r, const char *token)
{
    const struct regstore_upload_opts fresh = {.struct_size = sizeof fresh,
                                               .flags = REGSTORE_UPLOAD_SHA256 | plan_of(r)->flags,
                                               .key = plan_of(r)->has_key ? KEY : NULL};
    const struct regstore_upload_opts old = {.struct_size = sizeof old, .token = token};
    struct regstore_call call = call_in(r);
    call.cancel = NULL; /* which may have been set just before: nothing is cancelled here */
    r->verb = "open";
    const struct regstore_upload_opts *opts = token == NULL ? &fresh : &old;
    for (regstore_status status; (status = r->p->upload_open(r->store, &call, opts, &r->upload)) !=
                                 REGSTORE_OK;) {
        CLAIM(r, status == REGSTORE_NO_MEMORY);
        look_at_failure(r, "open", status);
    }
}

static void reopen(struct run *r)
{
    r->p->upload_close(r->upload);
    r->upload = NULL;
    open_upload(r, r->token);
    CLAIM(r, r->p->upload_offset(r->upload) == r->token_offset);
}

static void write_to(struct run *r, uint64_t end)
{
    for (uint64_t at; !r->is_lost && (at = r->p->upload_offset(r->upload)) < end;) {
        const uint64_t len = end - at < 3 * MIB ? end - at : 3 * MIB;
        const struct regstore_call call = call_in(r);
        const regstore_status status =
            r->p->upload_write(r->upload, &call, content + at, (size_t)len);
        if (status != REGSTORE_OK)
            look_at_failure(r, "write", status);
    }
}

/* Suspends at an offset and goes on from the token; after a failure from what was kept. */
static void stop_at(struct run *r, uint64_t offset)
{
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK && !r->is_lost) {
        char token[REGSTORE_TOKEN_MAX] = "";
        uint64_t kept = UINT64_MAX;
        write_to(r, offset);
        if (r->is_lost)
            return;
        const struct regstore_call call = call_in(r);
        status = r->p->upload_suspend(r->upload, &call, token, sizeof token, &kept);
        if (status != REGSTORE_OK) {
            look_at_failure(r, "suspend", status);
            (void)is_visible(r, KEY, plan_of(r)->length);
        }
        CLAIM(r, status != REGSTORE_OK || kept == offset);
        if (token[0] == '\0')
            continue; /* the same handle again */
        CLAIM(r, kept <= offset);
        memcpy(r->token, token, sizeof token);
        r->token_offset = kept;
        reopen(r);
    }
}

static bool has_given_up(const struct run *r)
{
    return r->c->wrong != NULL && r->c->wrong->is_given_up && r->failures != 0;
}

static regstore_status commit_once(struct run *r)
{
    const struct regstore_commit_opts opts = {
        .struct_size = sizeof opts,
        .key = KEY,
        .flags = plan_of(r)->is_if_absent ? REGSTORE_COMMIT_IF_ABSENT : 0};
    const struct regstore_call call = call_in(r);
    struct regstore_stat stat = {.struct_size = sizeof stat};
    const regstore_status status = r->p->upload_commit(r->upload, &call, &opts, &stat);
    if (status == REGSTORE_OK) {
        CLAIM(r, stat.length == plan_of(r)->length);
        return status;
    }
    if (status == REGSTORE_EXISTS && plan_of(r)->is_if_absent && has_given_up(r)) {
        r->is_lost = true; /* the upload that was given up made the blob; this one's never will */
        return status;
    }
    look_at_failure(r, "commit", status);
    (void)is_visible(r, KEY, plan_of(r)->length);
    return status;
}

static void must_be_state(struct run *r)
{
    char token[REGSTORE_TOKEN_MAX];
    uint64_t kept;
    struct regstore_call call = call_in(r);
    call.cancel = NULL;
    r->verb = "a verb after abort";
    CLAIM(r, r->p->upload_write(r->upload, &call, "x", 1) == REGSTORE_STATE);
    CLAIM(r, r->p->upload_suspend(r->upload, &call, token, sizeof token, &kept) == REGSTORE_STATE);
    CLAIM(r, r->p->upload_commit(r->upload, &call, NULL, NULL) == REGSTORE_STATE);
    CLAIM(r, r->p->upload_offset(r->upload) <= plan_of(r)->length);
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

static void end_it(struct run *r)
{
    regstore_status status = REGSTORE_INTERNAL;
    while (r->c->end != ABORT && status != REGSTORE_OK && !r->is_lost) {
        status = commit_once(r);
        if (r->c->end == GIVE_UP)
            break;
    }
    r->is_committed = status == REGSTORE_OK;
    abort_upload(r);
    if (!r->is_committed)
        must_be_state(r);
}

static void travel(struct run *r)
{
    r->is_lost = false;
    r->token_offset = UINT64_MAX;
    open_upload(r, NULL);
    for (size_t i = 0; i < STOPS && plan_of(r)->stops[i] != 0 && !r->is_lost; i++)
        stop_at(r, plan_of(r)->stops[i]);
    write_to(r, plan_of(r)->length);
    end_it(r);
}

/* Struck at Create, which was carried out: nobody knows its name. */
static bool has_lost_a_name(const struct run *r)
{
    const struct sweep_case *c = r->c;
    if (!c->wrong->takes_effect)
        return false;
    if (c->wrong->rule != NULL)
        return strcmp(c->operation, "CreateMultipartUpload") == 0;
    return strstr(c->line, "?uploads") != NULL || !is_our_server(); /* TLS shows no line */
}

/* Left behind may be only what a cut-off request makes that nobody knows the name of. */
static bool may_leave(const struct run *r)
{
    const struct wrong *wrong = r->c->wrong;
    if (wrong == NULL)
        return false;
    if (allowed_for(wrong, r->c->operation, r->c->journey->name)->statuses == 0)
        return has_lost_a_name(r);
    return r->c->end != ABORT || wrong->takes_effect; /* COM-3 */
}

/* After the last token: in another process commit is OK again, and abort harmless (COM-2, ABO-2).
 */
static void repeat_from_token(struct run *r)
{
    if (r->token_offset != plan_of(r)->length)
        return;
    reopen(r);
    CLAIM(r, commit_once(r) == REGSTORE_OK);
    reopen(r);
    abort_upload(r);
    CLAIM(r, is_visible(r, KEY, plan_of(r)->length));
}

/* Besides the blob, when it is there. */
static bool is_clean(struct run *r, bool is_there)
{
    char expected[200] = "";
    if (!is_our_server()) {
        const struct regstore_purge_opts opts = {
            .struct_size = sizeof opts, .flags = REGSTORE_PURGE_DRY_RUN, .older_than_s = 1000000};
        struct regstore_purged purged = {.struct_size = sizeof purged};
        const struct regstore_call call = call_in(r);
        CLAIM(r, r->p->purge(r->store, &call, &opts, &purged) == REGSTORE_OK);
        return purged.spared == 0;
    }
    if (is_there)
        (void)snprintf(expected, sizeof expected, "object %s/%s %llu\n", r->path + 1, KEY,
                       (unsigned long long)plan_of(r)->length);
    return strcmp(what_lies(r), expected) == 0;
}

static void judge(struct run *r)
{
    const bool is_there = is_visible(r, KEY, plan_of(r)->length);
    const char *const keys[] = {KEY};
    CLAIM(r, !r->is_committed || is_there);
    CLAIM(r, r->c->end != ABORT || !is_there);
    CLAIM(r, may_leave(r) || is_clean(r, is_there));
    if (r->c->end == COMMIT && !r->is_lost)
        repeat_from_token(r);
    r->p->upload_close(r->upload);
    r->upload = NULL;
    const struct regstore_call call = call_in(r);
    r->verb = "delete";
    CLAIM(r, r->p->delete_blobs(r->store, &call, keys, 1, NULL) == REGSTORE_OK);
    if (*what_lies(r) != '\0')
        purge_all(r);
    CLAIM(r, *what_lies(r) == '\0');
}

static const struct plan small = {.length = 1000, .has_key = true},
                         small_if_absent = {.length = 1000, .has_key = true, .is_if_absent = true},
                         small_suspended = {.length = 1000, .stops = {500, 1000}},
                         large = {.length = LARGE, .has_key = true},
                         large_suspended = {.length = LARGE,
                                            .stops = {MIB, HALF_WAY, LARGE}},
                         large_suspended_if_absent = {.length = LARGE,
                                                      .stops = {HALF_WAY},
                                                      .is_if_absent = true},
                         large_sole_suspended = {.length = LARGE,
                                                 .has_key = true,
                                                 .flags = REGSTORE_UPLOAD_SOLE,
                                                 .stops = {HALF_WAY}},
                         huge = {.length = 257 * MIB};

const struct journey upload_journeys[] = {
    {.name = "small",
     .column = "one PUT",
     .is_upload = true,
     .has_proxy = true,
     .travel = travel,
     .judge = judge,
     .plan = &small},
    {.name = "small if absent",
     .column = "one PUT",
     .is_upload = true,
     .has_proxy = true,
     .travel = travel,
     .judge = judge,
     .plan = &small_if_absent},
    {.name = "small and suspended",
     .column = "resumed",
     .is_upload = true,
     .has_proxy = true,
     .travel = travel,
     .judge = judge,
     .plan = &small_suspended},
    {.name = "large",
     .column = "multipart",
     .is_upload = true,
     .has_proxy = true,
     .travel = travel,
     .judge = judge,
     .plan = &large},
    {.name = "large and suspended",
     .column = "resumed",
     .is_upload = true,
     .has_proxy = true,
     .travel = travel,
     .judge = judge,
     .plan = &large_suspended},
    {.name = "large and suspended if absent",
     .column = "resumed",
     .is_upload = true,
     .travel = travel,
     .judge = judge,
     .plan = &large_suspended_if_absent},
    {.name = "large, sole and suspended",
     .column = "resumed",
     .is_upload = true,
     .travel = travel,
     .judge = judge,
     .plan = &large_sole_suspended},
};
const size_t upload_journeys_count = sizeof upload_journeys / sizeof upload_journeys[0];

/* The tail of the newest token, and of the one before it, outlive suspends that fail half-way: the
 * tail is parked, a part is not there (TOK-2, TOK-3). */
static void tails_of_tokens_outlive_suspends_that_fail(struct run *r)
{
    char tokens[3][REGSTORE_TOKEN_MAX] = {""};
    uint64_t kept[3] = {MIB};
    open_upload(r, NULL);
    stop_at(r, MIB);
    memcpy(tokens[0], r->token, sizeof r->token);
    door_fault(server_url(), "op=UploadPart&do=error&status=503&code=SlowDown&times=0");
    for (uint64_t at; (at = r->p->upload_offset(r->upload)) < 5 * MIB + MIB / 2;) {
        const struct regstore_call call = call_in(r);
        (void)r->p->upload_write(r->upload, &call, content + at, MIB); /* tells of the part */
    }
    for (int i = 1; i < 3; i++) {
        struct regstore_call call = call_in(r);
        call.timeout_ms = 400;
        CLAIM(r, r->p->upload_suspend(r->upload, &call, tokens[i], sizeof tokens[i], &kept[i]) !=
                     REGSTORE_OK);
        CLAIM(r, tokens[i][0] != '\0' && kept[i] == MIB);
    }
    door_forget_faults(server_url());
    for (int i = 2; i >= 0; i--) { /* each takes it to the end of its first MiB again */
        memcpy(r->token, tokens[i], sizeof r->token);
        r->token_offset = kept[i];
        reopen(r);
        write_to(r, 2 * MIB); /* needs what is parked */
    }
    write_to(r, plan_of(r)->length);
    CLAIM(r, commit_once(r) == REGSTORE_OK && is_visible(r, KEY, plan_of(r)->length));
    r->p->upload_close(r->upload);
}

/* So large that it is copied in parts; Complete of the copy goes through, and its answer is lost.
 */
static void lost_end_of_a_copy_in_parts_is_proved(struct run *r)
{
    static uint8_t piece[MIB];
    unsigned completes = 0;
    struct door_count counts[OPERATIONS];
    open_upload(r, NULL);
    for (uint64_t at = 0; at < huge.length; at += MIB) {
        const struct regstore_call call = call_in(r);
        fill(piece, MIB, 1, at);
        CLAIM(r, r->p->upload_write(r->upload, &call, piece, MIB) == REGSTORE_OK);
    }
    door_fault(server_url(), "op=CompleteMultipartUpload&skip=1&do=reset&when=after");
    CLAIM(r, commit_once(r) == REGSTORE_OK);
    const size_t n = door_counts(server_url(), counts, OPERATIONS);
    for (size_t i = 0; i < n; i++)
        if (strcmp(counts[i].operation, "CompleteMultipartUpload") == 0)
            completes = counts[i].n;
    CLAIM(r, completes >= 3); /* at uploads/, at the key, and again */
    CLAIM(r, is_visible(r, KEY, huge.length));
    r->p->upload_close(r->upload);
}

const struct journey scenarios[] = {
    {.name = "tails of tokens outlive suspends that fail",
     .column = "resumed",
     .is_scenario = true,
     .travel = tails_of_tokens_outlive_suspends_that_fail,
     .plan = &large_suspended,
     .needs_door = true},
    {.name = "the lost end of a copy in parts is proved",
     .column = "copy",
     .is_scenario = true,
     .travel = lost_end_of_a_copy_in_parts_is_proved,
     .plan = &huge,
     .needs_door = true},
};
const size_t scenarios_count = sizeof scenarios / sizeof scenarios[0];
