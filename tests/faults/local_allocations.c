/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each allocation that LocalStorage makes fails.  The host is told NO_MEMORY or notices nothing;
 * what it does again goes through; a key shows its whole blob or none; abort and purge leave
 * nothing.
 */
#include "acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY    "sha256/ab/blob"
#define TO     "sha256/cd/copy"
#define TEXT   "what is committed stays"
#define LENGTH (sizeof TEXT - 1)
#define LISTED 12u

static const struct regstore_plugin *p;
static struct regstore_store *store;

static struct regstore_call plain(void)
{
    return (struct regstore_call){.struct_size = sizeof(struct regstore_call),
                                  .error = fresh_error()};
}

static void open_store(void)
{
    const struct regstore_pair settings[] = {{"storage_path", folder}};
    struct regstore_call call;
    p = regstore_plugin_v1();
    do
        call = plain();
    while (!went_well(p->store_open(&call, NULL, settings, 1, &store)));
}

static struct regstore_upload *open_upload(const char *token)
{
    const struct regstore_upload_opts fresh = {
        .struct_size = sizeof fresh, .flags = REGSTORE_UPLOAD_SHA256, .content_type = "text/plain"};
    const struct regstore_upload_opts old = {.struct_size = sizeof old, .token = token};
    struct regstore_upload *upload = NULL;
    struct regstore_call call;
    do
        call = plain();
    while (!went_well(p->upload_open(store, &call, token == NULL ? &fresh : &old, &upload)));
    return upload;
}

static void write_to(struct regstore_upload *upload, uint64_t end)
{
    for (uint64_t at; (at = p->upload_offset(upload)) < end;) {
        const struct regstore_call call = plain();
        (void)went_well(p->upload_write(upload, &call, &TEXT[at], (size_t)(end - at)));
    }
}

static bool has_blob(const char *key)
{
    struct regstore_reader *reader = NULL;
    char seen[2 * LENGTH];
    size_t got = 0;
    const struct regstore_call call = plain();
    const regstore_status status = p->read_open(store, &call, key, NULL, &reader, NULL);
    if (status == REGSTORE_NOT_FOUND)
        return false;
    CLAIM(status == REGSTORE_OK);
    CLAIM(p->read_next(reader, &call, seen, sizeof seen, &got) == REGSTORE_OK);
    CLAIM(got == LENGTH && memcmp(seen, TEXT, LENGTH) == 0);
    p->read_close(reader);
    return true;
}

static void commit(struct regstore_upload *upload, const char *key)
{
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = key};
    struct regstore_call call = plain();
    while (!went_well(p->upload_commit(upload, &call, &opts, NULL))) {
        (void)has_blob(key);
        call = plain();
    }
}

static void put_there(const char *key)
{
    struct regstore_upload *upload = open_upload(NULL);
    write_to(upload, LENGTH);
    commit(upload, key);
    p->upload_close(upload);
}

/* Nothing is unfinished: a purge of everything old finds nothing young either. */
static void nothing_is_left(void)
{
    const struct regstore_purge_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_PURGE_DRY_RUN, .older_than_s = 1};
    struct regstore_purged purged = {.struct_size = sizeof purged};
    const struct regstore_call call = plain();
    CLAIM(p->purge(store, &call, &opts, &purged) == REGSTORE_OK);
    CLAIM(purged.objects + purged.uploads + purged.spared == 0);
}

static void leave(void)
{
    end_failing();
    nothing_is_left();
    p->store_close(store);
}

static void push(void)
{
    begin_failing();
    open_store();
    struct regstore_upload *upload = open_upload(NULL);
    write_to(upload, LENGTH);
    commit(upload, KEY);
    p->upload_close(upload);
    end_failing();
    CLAIM(has_blob(KEY));
    leave();
}

static void push_resumed(void)
{
    char token[REGSTORE_TOKEN_MAX] = "";
    uint64_t kept = 0;
    open_store();
    begin_failing();
    struct regstore_upload *upload = open_upload(NULL);
    write_to(upload, LENGTH / 2);
    struct regstore_call call = plain();
    while (!went_well(p->upload_suspend(upload, &call, token, sizeof token, &kept)))
        call = plain();
    CLAIM(kept == LENGTH / 2);
    p->upload_close(upload);
    upload = open_upload(token);
    CLAIM(p->upload_offset(upload) == kept);
    write_to(upload, LENGTH);
    commit(upload, KEY);
    commit(upload, KEY);
    p->upload_close(upload);
    end_failing();
    CLAIM(has_blob(KEY));
    leave();
}

static void push_aborted(void)
{
    open_store();
    begin_failing();
    struct regstore_upload *upload = open_upload(NULL);
    write_to(upload, LENGTH);
    struct regstore_call call = plain();
    while (!went_well(p->upload_abort(upload, &call)))
        call = plain();
    p->upload_close(upload);
    end_failing();
    CLAIM(!has_blob(KEY));
    leave();
}

static void pull(void)
{
    struct regstore_reader *reader = NULL;
    struct regstore_stat stat = {.struct_size = sizeof stat};
    char seen[LENGTH];
    size_t at = 0, got = 1;
    open_store();
    put_there(KEY);
    begin_failing();
    struct regstore_call call = plain();
    while (!went_well(p->stat(store, &call, KEY, &stat)))
        call = plain();
    CLAIM(stat.length == LENGTH);
    call = plain();
    while (!went_well(p->read_open(store, &call, KEY, NULL, &reader, NULL)))
        call = plain();
    while (at < LENGTH && got != 0) {
        call = plain();
        if (went_well(p->read_next(reader, &call, seen + at, 5 < LENGTH - at ? 5 : LENGTH - at,
                                   &got)))
            at += got;
    }
    CLAIM(at == LENGTH && memcmp(seen, TEXT, LENGTH) == 0);
    p->read_close(reader);
    leave();
}

static void list(void)
{
    char key[REGSTORE_KEY_MAX] = "", expected[64];
    struct regstore_list *entries = NULL;
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = "sha256/"};
    struct regstore_stat stat = {.struct_size = sizeof stat};
    unsigned n = 0;
    open_store();
    for (unsigned i = 0; i < LISTED; i++) {
        (void)snprintf(expected, sizeof expected, "sha256/%02x/%03u", i / 2, i);
        put_there(expected);
    }
    begin_failing();
    struct regstore_call call = plain();
    while (!went_well(p->list_open(store, &call, &opts, &entries)))
        call = plain();
    for (;;) {
        call = plain();
        if (!went_well(p->list_next(entries, &call, key, sizeof key, &stat)))
            continue;
        if (key[0] == '\0')
            break;
        (void)snprintf(expected, sizeof expected, "sha256/%02x/%03u", n / 2, n);
        CLAIM(strcmp(key, expected) == 0);
        n++;
    }
    CLAIM(n == LISTED);
    p->list_close(entries);
    leave();
}

static void copy(void)
{
    open_store();
    put_there(KEY);
    begin_failing();
    struct regstore_call call = plain();
    while (!went_well(p->copy(store, &call, KEY, TO, NULL))) {
        (void)has_blob(TO);
        call = plain();
    }
    end_failing();
    CLAIM(has_blob(KEY) && has_blob(TO));
    leave();
}

static void delete_some(void)
{
    const char *const keys[] = {KEY, TO, "sha256/ab/none"};
    regstore_status results[3] = {-1, -1, -1};
    open_store();
    put_there(KEY);
    put_there(TO);
    begin_failing();
    struct regstore_call call = plain();
    while (!went_well(p->delete_blobs(store, &call, keys, 3, results))) {
        CLAIM(results[0] >= REGSTORE_OK && results[1] >= REGSTORE_OK && results[2] >= REGSTORE_OK);
        call = plain();
    }
    end_failing();
    CLAIM(!has_blob(KEY) && !has_blob(TO));
    leave();
}

static void check(void)
{
    const struct regstore_check_opts opts = {.struct_size = sizeof opts,
                                             .flags = REGSTORE_CHECK_WRITE};
    open_store();
    begin_failing();
    struct regstore_call call = plain();
    while (!went_well(p->check(store, &call, &opts)))
        call = plain();
    leave();
}

/* An hour ahead: whatever was left is old. */
static int64_t an_hour_later(void *ctx, int32_t which)
{
    struct timespec now;
    (void)ctx, (void)which;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec + 3600) * 1000000000 + now.tv_nsec;
}

static void purge(void)
{
    const struct regstore_pair settings[] = {{"storage_path", folder}};
    const struct regstore_host host = {.struct_size = sizeof host, .clock_ns = an_hour_later};
    const struct regstore_purge_opts opts = {.struct_size = sizeof opts, .older_than_s = 60};
    struct regstore_purged purged;
    char token[REGSTORE_TOKEN_MAX] = "";
    uint64_t kept = 0, taken = 0;
    open_store();
    put_there(KEY);
    for (int i = 0; i < 3; i++) {
        struct regstore_upload *upload = open_upload(NULL);
        struct regstore_call call = plain();
        write_to(upload, LENGTH);
        CLAIM(p->upload_suspend(upload, &call, token, sizeof token, &kept) == REGSTORE_OK);
        p->upload_close(upload);
    }
    struct regstore_call call = plain();
    p->store_close(store);
    CLAIM(p->store_open(&call, &host, settings, 1, &store) == REGSTORE_OK);
    begin_failing();
    for (bool is_done = false; !is_done; taken += purged.objects + purged.uploads) {
        purged = (struct regstore_purged){.struct_size = sizeof purged};
        call = plain();
        is_done = went_well(p->purge(store, &call, &opts, &purged));
    }
    end_failing();
    CLAIM(taken == 3 && has_blob(KEY));
    leave();
}

static const struct act acts[] = {
    {"push", push},
    {"push, resumed", push_resumed},
    {"push, aborted", push_aborted},
    {"stat and pull", pull},
    {"list", list},
    {"copy", copy},
    {"delete", delete_some},
    {"check", check},
    {"purge", purge},
};

int main(void)
{
    return acts_sweep("LocalStorage", acts, sizeof acts / sizeof acts[0]) ? 0 : 1;
}
