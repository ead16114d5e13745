/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journeys that read, list, delete, copy, refresh and purge.  Whatever happens on the way,
 *
 *   - what is read is what was written, from the first byte to the last;
 *   - a list has each key once, in order, and all of them;
 *   - a delete takes what it names and nothing else; a copy is whole or not there;
 *   - what a host is told to do again goes through once the service is well.
 */
#include "sweep.h"

#include "place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PULLED (3u * MIB + MIB / 2) /* in three requests: they double, from 1 MiB */
#define LISTED 12                   /* in three pages */
#define PAGE   5
#define TO     "sha256/cd/copy"

struct size {
    size_t length;
};

static size_t length_of(const struct run *r)
{
    return ((const struct size *)r->c->journey->plan)->length;
}

static void prepare_blob(struct run *r)
{
    put_there(r, KEY, length_of(r));
}

/* Reads on where it stands, and from a new handle where it is told that the old one is no good. */
static void pull(struct run *r)
{
    static uint8_t seen[65536];
    size_t at = 0, got = 1;
    while (got != 0) {
        const struct regstore_call call = call_in(r);
        const struct regstore_read_opts opts = {.struct_size = sizeof opts, .offset = at};
        struct regstore_stat stat = {.struct_size = sizeof stat};
        if (r->reader == NULL) {
            const regstore_status opened =
                r->p->read_open(r->store, &call, KEY, &opts, &r->reader, &stat);
            if (opened == REGSTORE_OK)
                CLAIM(r, stat.length == length_of(r));
            else
                look_at_failure(r, "read_open", opened);
            continue;
        }
        const regstore_status status = r->p->read_next(r->reader, &call, seen, sizeof seen, &got);
        if (status == REGSTORE_OK) {
            CLAIM(r, got <= length_of(r) - at && memcmp(seen, content + at, got) == 0);
            at += got;
            continue;
        }
        got = 1;
        const bool goes_on = r->error.retryable != 0;
        look_at_failure(r, "read_next", status);
        if (!goes_on) {
            r->p->read_close(r->reader);
            r->reader = NULL;
        }
    }
    r->p->read_close(r->reader);
    r->reader = NULL;
    r->verb = "read";
    CLAIM(r, at == length_of(r));
}

static void listed_key(unsigned i, char *out, size_t cap)
{
    (void)snprintf(out, cap, "sha256/%02x/%03u", i / 2, i);
}

static void prepare_list(struct run *r)
{
    char key[64];
    for (unsigned i = 0; i < LISTED; i++) {
        listed_key(i, key, sizeof key);
        put_there(r, key, i);
    }
    if (is_our_server())
        door_page(server_url(), PAGE);
}

/* Whether it is the i-th entry, and the last of its name. */
static void look_at_entry(struct run *r, bool is_folders, unsigned i, const char *key,
                          const struct regstore_stat *stat)
{
    char expected[64];
    listed_key(is_folders ? 2 * i : i, expected, sizeof expected);
    if (is_folders)
        expected[strlen("sha256/00/")] = '\0';
    CLAIM(r, strcmp(key, expected) == 0);
    CLAIM(r, ((stat->flags & REGSTORE_STAT_PREFIX) != 0) == is_folders);
    CLAIM(r, is_folders || stat->length == i);
}

static void list_some(struct run *r, bool is_folders)
{
    const unsigned entries = is_folders ? LISTED / 2 : LISTED;
    char key[REGSTORE_KEY_MAX] = "", last[REGSTORE_KEY_MAX] = "";
    unsigned n = 0;
    for (;;) {
        const struct regstore_list_opts opts = {
            .struct_size = sizeof opts,
            .prefix = "sha256/",
            .flags = is_folders && last[0] != '\0' ? REGSTORE_LIST_AFTER_SUBTREE : 0,
            .start_after = last[0] == '\0' ? NULL : last,
            .delimiter = is_folders ? "/" : NULL};
        const struct regstore_call call = call_in(r);
        struct regstore_stat stat = {.struct_size = sizeof stat};
        regstore_status status = REGSTORE_OK;
        if (r->list == NULL)
            status = r->p->list_open(r->store, &call, &opts, &r->list);
        if (status == REGSTORE_OK)
            status = r->p->list_next(r->list, &call, key, sizeof key, &stat);
        if (status == REGSTORE_OK && key[0] == '\0')
            break;
        if (status == REGSTORE_OK) {
            look_at_entry(r, is_folders, n++, key, &stat);
            memcpy(last, key, sizeof last);
            continue;
        }
        const bool goes_on = r->error.retryable != 0;
        look_at_failure(r, "list", status);
        if (!goes_on) {
            r->p->list_close(r->list);
            r->list = NULL;
        }
    }
    r->p->list_close(r->list);
    r->list = NULL;
    r->verb = "list";
    CLAIM(r, n == entries);
}

static void list_all(struct run *r)
{
    list_some(r, false);
}

static void list_folders(struct run *r)
{
    list_some(r, true);
}

/* One key alone, or some that are there and one that is not. */
static const char *const doomed[] = {"sha256/ab/1", "sha256/ab/2", "sha256/ab/3", "sha256/ab/none"};
enum { DOOMED = sizeof doomed / sizeof doomed[0] };

static void prepare_delete(struct run *r)
{
    put_there(r, KEY, 100);
    for (size_t i = 0; i < DOOMED - 1; i++)
        put_there(r, doomed[i], 10);
}

static void delete_some(struct run *r, size_t n)
{
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK) {
        regstore_status results[DOOMED] = {-1, -1, -1, -1}, first = REGSTORE_OK;
        const struct regstore_call call = call_in(r);
        status = r->p->delete_blobs(r->store, &call, doomed, n, results);
        for (size_t i = 0; i < n; i++) {
            CLAIM(r, results[i] >= REGSTORE_OK);
            if (first == REGSTORE_OK)
                first = results[i];
        }
        CLAIM(r, first == status);
        if (status != REGSTORE_OK)
            look_at_failure(r, "delete", status);
    }
}

static void delete_many(struct run *r)
{
    delete_some(r, DOOMED);
}

static void delete_one(struct run *r)
{
    delete_some(r, 1);
}

static void judge_delete(struct run *r)
{
    const bool is_one = r->c->journey->travel == delete_one;
    CLAIM(r, is_visible(r, KEY, 100));
    for (size_t i = 0; i < DOOMED - 1; i++)
        CLAIM(r, is_visible(r, doomed[i], 10) == (is_one && i > 0));
}

static void copy_some(struct run *r, uint64_t flags)
{
    const struct regstore_copy_opts opts = {.struct_size = sizeof opts, .flags = flags};
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK) {
        const struct regstore_call call = call_in(r);
        status = r->p->copy(r->store, &call, KEY, TO, &opts);
        /* It was cut off, and took effect (CALL-5): no other writer is there. */
        if (status == REGSTORE_EXISTS && r->failures != 0 &&
            (r->c->wrong->takes_effect || r->status == REGSTORE_UNAVAILABLE))
            break;
        if (status == REGSTORE_OK)
            break;
        look_at_failure(r, "copy", status);
        (void)is_visible(r, TO, length_of(r));
    }
}

static void copy_one(struct run *r)
{
    copy_some(r, 0);
}

static void copy_if_absent(struct run *r)
{
    copy_some(r, REGSTORE_COPY_IF_ABSENT);
}

static void judge_copy(struct run *r)
{
    CLAIM(r, is_visible(r, KEY, length_of(r)) && is_visible(r, TO, length_of(r)));
}

/* The session ends between two requests, as the second one finds out. */
static void refresh(struct run *r)
{
    struct regstore_stat stat = {.struct_size = sizeof stat};
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK) {
        const struct regstore_call call = call_in(r);
        status = r->p->stat(r->store, &call, KEY, &stat);
        if (status != REGSTORE_OK)
            look_at_failure(r, "stat", status);
    }
    CLAIM(r, stat.length == length_of(r));
    door_end_sessions(server_url());
    pull(r);
}

/* An upload of parts, and what a suspended one has parked; nobody has their tokens any more. */
static void prepare_purge(struct run *r)
{
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts};
    const size_t lengths[] = {6 * MIB, 500};
    put_there(r, KEY, length_of(r));
    for (int i = 0; i < 2; i++) {
        struct regstore_upload *upload = NULL;
        char token[REGSTORE_TOKEN_MAX] = "";
        uint64_t kept = 0;
        const struct regstore_call call = call_in(r);
        CLAIM(r, r->p->upload_open(r->store, &call, &opts, &upload) == REGSTORE_OK);
        CLAIM(r, r->p->upload_write(upload, &call, content, lengths[i]) == REGSTORE_OK);
        CLAIM(r, r->p->upload_suspend(upload, &call, token, sizeof token, &kept) == REGSTORE_OK);
        r->p->upload_close(upload);
    }
    CLAIM(r, strstr(what_lies(r), "upload ") != NULL);
    door_clock(server_url(), 10000);
}

static void purge(struct run *r)
{
    const struct regstore_purge_opts opts = {.struct_size = sizeof opts, .older_than_s = 5};
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK) {
        struct regstore_purged purged = {.struct_size = sizeof purged};
        const struct regstore_call call = call_in(r);
        status = r->p->purge(r->store, &call, &opts, &purged);
        CLAIM(r, status != REGSTORE_OK || purged.failed == 0);
        if (status != REGSTORE_OK)
            look_at_failure(r, "purge", status);
    }
}

static void judge_purge(struct run *r)
{
    char expected[100];
    (void)snprintf(expected, sizeof expected, "object %s/%s %zu\n", r->path + 1, KEY, length_of(r));
    if (r->c->wrong != NULL && r->c->wrong->turns_clock)
        purge_all(r); /* it saw ages that were not so */
    CLAIM(r, strcmp(what_lies(r), expected) == 0);
    CLAIM(r, is_visible(r, KEY, length_of(r)));
}

static const struct size a_little = {1000}, much = {PULLED};

const struct journey visits[] = {
    {.name = "pull small",
     .column = "pull",
     .has_proxy = true,
     .prepare = prepare_blob,
     .travel = pull,
     .plan = &a_little},
    {.name = "pull",
     .column = "pull",
     .has_proxy = true,
     .prepare = prepare_blob,
     .travel = pull,
     .plan = &much},
    {.name = "pull with its checksum",
     .column = "pull",
     .is_summed = true,
     .prepare = prepare_blob,
     .travel = pull,
     .plan = &much},
    {.name = "list",
     .column = "list",
     .has_proxy = true,
     .prepare = prepare_list,
     .travel = list_all},
    {.name = "list folders",
     .column = "list",
     .has_proxy = true,
     .prepare = prepare_list,
     .travel = list_folders},
    {.name = "delete many",
     .column = "delete",
     .has_proxy = true,
     .prepare = prepare_delete,
     .travel = delete_many,
     .judge = judge_delete},
    {.name = "delete one",
     .column = "delete",
     .has_proxy = true,
     .prepare = prepare_delete,
     .travel = delete_one,
     .judge = judge_delete},
    {.name = "copy",
     .column = "copy",
     .has_proxy = true,
     .prepare = prepare_blob,
     .travel = copy_one,
     .judge = judge_copy,
     .plan = &a_little},
    {.name = "copy if absent",
     .column = "copy",
     .has_proxy = true,
     .prepare = prepare_blob,
     .travel = copy_if_absent,
     .judge = judge_copy,
     .plan = &a_little},
    {.name = "refresh",
     .column = "refresh",
     .has_proxy = true,
     .prepare = prepare_blob,
     .travel = refresh,
     .plan = &a_little,
     .needs_door = true},
    {.name = "purge",
     .column = "purge",
     .has_proxy = true,
     .prepare = prepare_purge,
     .travel = purge,
     .judge = judge_purge,
     .plan = &a_little,
     .needs_door = true},
};
const size_t visits_count = sizeof visits / sizeof visits[0];
