/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purge against uploads that are days old and alive (PURGE-1).  The days are the fake server's,
 * which dates an object of parts by the beginning of its upload, as AWS does.  Purge has an age of
 * two days throughout; whoever did something less than two days ago is spared.
 */
#include "door.h"
#include "place.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB    (1024u * 1024u)
#define KEY    "sha256/ab/old"
#define HOUR_S INT64_C(3600)
#define DAY_S  (24 * HOUR_S)
#define AGE_S  (2 * DAY_S)
#define TRIES  60
#define PAGE   1000 /* objects in an answer of S3's */

/* One push, by a host that keeps its newest token. */
struct push {
    const struct regstore_plugin *p;
    struct regstore_store *store;
    struct regstore_upload *upload;
    char token[REGSTORE_TOKEN_MAX];
};

static int64_t ahead_s; /* the server's clock */

static void pass(int64_t seconds)
{
    ahead_s += seconds;
    door_clock(server_url(), ahead_s * 1000);
}

/* Sessions end with the days that pass, and one that was refused is not asked for anew within a
 * second: the host tries again. */
static bool is_to_be_tried_again(regstore_status status, unsigned *tries)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    if (status != REGSTORE_DENIED || ++*tries > TRIES)
        return false;
    (void)nanosleep(&pause, NULL);
    return true;
}

static void must(regstore_status status, const struct regstore_error *error, const char *verb)
{
    ck_assert_msg(status == REGSTORE_OK, "%s: %s", verb, error->message);
}

static void take_up(struct push *push)
{
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .token = push->token};
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    push->p->upload_close(push->upload);
    must(push->p->upload_open(push->store, &call, &opts, &push->upload), &error, "open");
}

static struct push begin_in(struct regstore_store *store, const char *key, uint64_t flags)
{
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_UPLOAD_SHA256 | flags, .key = key};
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct push push = {.p = plugin_table(), .store = store};
    must(push.p->upload_open(push.store, &call, &opts, &push.upload), &error, "open");
    return push;
}

static struct push begin(const char *key, uint64_t flags)
{
    return begin_in(store_at(false), key, flags);
}

static void write_up_to(struct push *push, uint64_t end)
{
    static uint8_t bytes[MIB];
    unsigned tries = 0;
    for (uint64_t at; (at = push->p->upload_offset(push->upload)) < end;) {
        const size_t len = end - at < MIB ? (size_t)(end - at) : MIB;
        struct regstore_error error;
        const struct regstore_call call = call_of(&error);
        fill(bytes, len, 1, at);
        const regstore_status status = push->p->upload_write(push->upload, &call, bytes, len);
        if (!is_to_be_tried_again(status, &tries))
            must(status, &error, "write");
    }
}

static void suspend(struct push *push)
{
    uint64_t kept;
    unsigned tries = 0;
    regstore_status status;
    struct regstore_error error;
    do {
        const struct regstore_call call = call_of(&error);
        status =
            push->p->upload_suspend(push->upload, &call, push->token, sizeof push->token, &kept);
    } while (is_to_be_tried_again(status, &tries));
    must(status, &error, "suspend");
}

static regstore_status commit(struct push *push, struct regstore_error *error)
{
    const struct regstore_commit_opts opts = {.struct_size = sizeof opts, .key = KEY};
    const struct regstore_call call = call_of(error);
    return push->p->upload_commit(push->upload, &call, &opts, NULL);
}

static struct regstore_purged purge(struct push *push, uint64_t flags)
{
    const struct regstore_purge_opts opts = {
        .struct_size = sizeof opts, .flags = flags, .older_than_s = AGE_S};
    struct regstore_purged purged;
    unsigned tries = 0;
    regstore_status status;
    struct regstore_error error;
    do {
        const struct regstore_call call = call_of(&error);
        purged = (struct regstore_purged){.struct_size = sizeof purged};
        status = push->p->purge(push->store, &call, &opts, &purged);
    } while (is_to_be_tried_again(status, &tries));
    must(status, &error, "purge");
    return purged;
}

/* One kind alone is no less careful than both. */
static void purge_must_spare(struct push *push)
{
    static const uint64_t kinds[] = {REGSTORE_PURGE_OBJECTS, REGSTORE_PURGE_UPLOADS, 0};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct regstore_purged purged = purge(push, kinds[i]);
        ck_assert_msg(purged.objects == 0 && purged.uploads == 0,
                      "kind %zu: took %llu objects and %llu uploads of a live push", i,
                      (unsigned long long)purged.objects, (unsigned long long)purged.uploads);
        ck_assert(purged.spared != 0 || kinds[i] == REGSTORE_PURGE_UPLOADS);
    }
}

static void must_commit(struct push *push)
{
    const uint64_t length = push->p->upload_offset(push->upload);
    unsigned tries = 0;
    regstore_status status;
    struct regstore_error error;
    do
        status = commit(push, &error);
    while (is_to_be_tried_again(status, &tries));
    must(status, &error, "commit");
    ck_assert(has_content(push->store, KEY, 1, (size_t)length));
}

static void commit_must_be_whole(struct push *push)
{
    must_commit(push);
    const struct regstore_purged left = purge(push, REGSTORE_PURGE_DRY_RUN);
    ck_assert_uint_eq(left.objects + left.uploads + left.spared, 0);
}

static void end(struct push *push)
{
    push->p->upload_close(push->upload);
    push->p->store_close(push->store);
}

static unsigned count_of(const char *operation)
{
    struct door_count counts[16];
    const size_t n = door_counts(server_url(), counts, sizeof counts / sizeof counts[0]);
    for (size_t i = 0; i < n; i++)
        if (strcmp(counts[i].operation, operation) == 0)
            return counts[i].n;
    return 0;
}

/* Complete has gone through, the copy to the key has not yet. */
static void commit_half(struct push *push)
{
    struct regstore_error error;
    unsigned tries = 0;
    regstore_status status;
    door_fault(server_url(), "op=CopyObject&do=error&status=403&code=AccessDenied&times=0");
    do
        status = commit(push, &error);
    while (count_of("CopyObject") == 0 && is_to_be_tried_again(status, &tries));
    ck_assert_int_eq(status, REGSTORE_DENIED);
    ck_assert_uint_ne(count_of("CopyObject"), 0);
    door_forget_faults(server_url());
}

/* _i: whether the token crosses a suspend before the commit, and after its first half. */
START_TEST(blob_of_a_long_push_is_spared_while_it_is_copied)
{
    struct push push = begin(NULL, 0);
    write_up_to(&push, 11 * MIB);
    if ((_i & 1) != 0) {
        suspend(&push);
        take_up(&push);
    }
    pass(DAY_S + DAY_S / 2);
    write_up_to(&push, 17 * MIB);
    pass(DAY_S + DAY_S / 2);
    write_up_to(&push, 23 * MIB);
    commit_half(&push);
    if ((_i & 2) != 0) {
        suspend(&push);
        take_up(&push);
    }
    purge_must_spare(&push);
    commit_must_be_whole(&push);
    end(&push);
}
END_TEST

START_TEST(request_that_shows_life_may_fail)
{
    struct push push = begin(NULL, 0);
    struct regstore_error error;
    unsigned tries = 0;
    regstore_status status;
    write_up_to(&push, 11 * MIB);
    pass(3 * DAY_S);
    door_fault(server_url(), "op=PutObject&do=error&status=503&code=SlowDown&times=0");
    do
        status = commit(&push, &error);
    while (count_of("PutObject") == 0 && is_to_be_tried_again(status, &tries));
    ck_assert_int_ne(status, REGSTORE_OK);
    ck_assert_uint_ne(count_of("PutObject"), 0);
    ck_assert_int_ne(error.retryable, 0);
    ck_assert_uint_eq(count_of("CompleteMultipartUpload"), 0);
    door_forget_faults(server_url());
    commit_half(&push);
    purge_must_spare(&push);
    commit_must_be_whole(&push);
    end(&push);
}
END_TEST

/* It costs a request, which the many pushes of minutes need not pay; _i: with a token between. */
START_TEST(push_of_minutes_shows_no_life)
{
    struct push push = begin(NULL, 0);
    write_up_to(&push, 11 * MIB);
    if (_i != 0) {
        suspend(&push);
        take_up(&push);
    }
    pass(HOUR_S / 2);
    door_forget_counts(server_url());
    commit_must_be_whole(&push);
    ck_assert_uint_eq(count_of("PutObject"), 0);
    end(&push);
}
END_TEST

/* The host crashes and goes on from its last token, whose tail is three days old, while parts are
 * fresh: at uploads/<id>, and for SOLE at the key. */
START_TEST(tail_is_spared_with_the_parts_of_its_upload)
{
    struct push push = begin(_i == 0 ? NULL : KEY, _i == 0 ? 0 : REGSTORE_UPLOAD_SOLE);
    char token[REGSTORE_TOKEN_MAX];
    write_up_to(&push, MIB);
    suspend(&push);
    take_up(&push);
    write_up_to(&push, 7 * MIB);
    pass(3 * DAY_S);
    write_up_to(&push, 20 * MIB);
    /* The parts are there, and the token of it is lost. */
    memcpy(token, push.token, sizeof token);
    door_forget_counts(server_url());
    suspend(&push);
    ck_assert_uint_eq(count_of("PutObject"), 0); /* no young tail */
    memcpy(push.token, token, sizeof token);
    purge_must_spare(&push);
    take_up(&push);
    write_up_to(&push, 11 * MIB);
    must_commit(&push);
    end(&push);
}
END_TEST

/* Too slow for a part in two days, but each day it parks what it has. */
START_TEST(sole_push_that_parks_is_spared_at_its_key)
{
    struct push push = begin(KEY, REGSTORE_UPLOAD_SOLE);
    uint64_t at = 11 * MIB;
    write_up_to(&push, at);
    for (int day = 0; day < 4; day++) {
        suspend(&push);
        take_up(&push);
        pass(DAY_S);
        write_up_to(&push, at += 1000);
        purge_must_spare(&push);
    }
    commit_must_be_whole(&push);
    end(&push);
}
END_TEST

/* All of it old: it goes, whole. */
START_TEST(upload_that_nobody_touches_goes)
{
    struct push push = begin(_i == 0 ? NULL : KEY, _i == 0 ? 0 : REGSTORE_UPLOAD_SOLE);
    struct regstore_error error;
    write_up_to(&push, 11 * MIB);
    suspend(&push);
    take_up(&push);
    write_up_to(&push, 12 * MIB);
    suspend(&push);
    take_up(&push);
    pass(3 * DAY_S);
    const struct regstore_purged purged = purge(&push, 0);
    ck_assert_uint_eq(purged.objects, 2);
    ck_assert_uint_eq(purged.uploads, 1);
    ck_assert_uint_eq(purged.spared, 0);
    ck_assert_int_eq(commit(&push, &error), REGSTORE_GONE);
    const struct regstore_call call = call_of(&error);
    must(push.p->upload_abort(push.upload, &call), &error, "abort");
    const struct regstore_purged left = purge(&push, REGSTORE_PURGE_DRY_RUN);
    ck_assert_uint_eq(left.objects + left.uploads + left.spared, 0);
    end(&push);
}
END_TEST

/* Uploads are asked for only where an object is about to go. */
START_TEST(young_objects_cost_no_further_request)
{
    struct push push = begin(NULL, 0);
    write_up_to(&push, 12 * MIB);
    suspend(&push);
    door_forget_counts(server_url());
    (void)purge(&push, REGSTORE_PURGE_OBJECTS);
    ck_assert_uint_eq(count_of("ListMultipartUploads"), 0);
    pass(3 * DAY_S);
    (void)purge(&push, REGSTORE_PURGE_OBJECTS);
    ck_assert_uint_ge(count_of("ListMultipartUploads"), 1);
    end(&push);
}
END_TEST

/* _i objects that are no upload's are in front of a group of two: the first one is old, the second
 * one is young, and for one _i they are on two pages. */
START_TEST(group_on_two_pages_is_one)
{
    static const char group[] = "fork/uploads/ffffffff-ffff-4fff-bfff-ffffffffffff";
    const unsigned in_front = (unsigned)_i;
    struct regstore_store *all = store_under("/", false);
    struct push push = begin(NULL, 0);
    char key[128];
    for (unsigned i = 0; i < in_front; i++) {
        (void)snprintf(key, sizeof key, "fork/uploads/%04u", i);
        ck_assert(put(all, key, i, 1));
    }
    (void)snprintf(key, sizeof key, "%s.0", group);
    ck_assert(put(all, key, 0, 1));
    pass(3 * DAY_S);
    (void)snprintf(key, sizeof key, "%s.1", group);
    ck_assert(put(all, key, 0, 1));
    const struct regstore_purged dry = purge(&push, REGSTORE_PURGE_DRY_RUN);
    ck_assert_uint_eq(dry.objects, in_front);
    ck_assert_uint_eq(dry.spared, 2);
    const struct regstore_purged purged = purge(&push, 0);
    ck_assert_mem_eq(&dry, &purged, sizeof dry);
    pass(3 * DAY_S);
    ck_assert_uint_eq(purge(&push, 0).objects, 2);
    push.p->store_close(all);
    end(&push);
}
END_TEST

/* What is under uploads/ and nobody's: one does not live by the other. */
START_TEST(strange_upload_spares_no_other)
{
    struct push push = begin(NULL, 0);
    struct push strange = begin_in(store_under("/", false), "fork/uploads/strange", 0);
    ck_assert(put(strange.store, "fork/uploads/other", 1, 1));
    pass(3 * DAY_S);
    write_up_to(&strange, 11 * MIB);
    const struct regstore_purged purged = purge(&push, 0);
    ck_assert_uint_eq(purged.objects, 1);
    ck_assert_uint_eq(purged.uploads, 0);
    ck_assert_uint_ge(purged.spared, 1);
    end(&strange);
    end(&push);
}
END_TEST

static void set_up(void)
{
    ahead_s = 0;
    server_up();
}

int main(void)
{
    Suite *suite = suite_create("old-uploads");
    TCase *tcase = tcase_create("old uploads");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, set_up, server_down);
    tcase_add_loop_test(tcase, blob_of_a_long_push_is_spared_while_it_is_copied, 0, 4);
    tcase_add_test(tcase, request_that_shows_life_may_fail);
    tcase_add_loop_test(tcase, push_of_minutes_shows_no_life, 0, 2);
    tcase_add_loop_test(tcase, tail_is_spared_with_the_parts_of_its_upload, 0, 2);
    tcase_add_test(tcase, sole_push_that_parks_is_spared_at_its_key);
    tcase_add_loop_test(tcase, upload_that_nobody_touches_goes, 0, 2);
    tcase_add_test(tcase, young_objects_cost_no_further_request);
    tcase_add_loop_test(tcase, group_on_two_pages_is_one, PAGE - 2, PAGE + 1);
    tcase_add_test(tcase, strange_upload_spares_no_other);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
