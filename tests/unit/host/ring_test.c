/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin logs and measures comes out of the ring, or is counted as lost. */
#include "regstore-host.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALLEST sizeof(struct regstore_host_event)

static struct regstore_host_ring *ring;
static struct regstore_host_event event;

static void make(size_t bytes)
{
    struct regstore_error error = {.struct_size = sizeof(error)};
    ring = NULL;
    ck_assert_msg(regstore_host_ring_new(bytes, &ring, &error) == REGSTORE_OK, "%s",
                  error.message);
}

static void say(int32_t level, const char *name, const struct regstore_pair *fields, size_t n)
{
    const struct regstore_host *host = regstore_host_ring_host(ring);
    host->log(host->ctx, level, name, fields, n);
}

static void measure(int32_t kind, const char *name, double value,
                    const struct regstore_pair *labels, size_t n)
{
    const struct regstore_host *host = regstore_host_ring_host(ring);
    host->metric(host->ctx, kind, name, value, labels, n);
}

/* The n-th text of the event: the name, then keys and values. */
static const char *text(unsigned n)
{
    const char *at = event.text;
    while (n-- > 0)
        at += strlen(at) + 1;
    ck_assert(at < event.text + event.text_bytes);
    return at;
}

START_TEST(log_events_and_metrics_come_out_as_they_went_in)
{
    const struct regstore_pair pairs[] = {{"operation", "PutObject"}, {"cause", NULL}};
    make(65536);
    say(REGSTORE_LOG_WARNING, "session.late", pairs, 2);
    measure(REGSTORE_METRIC_TIME, "seconds", 0.25, pairs, 1);
    measure(REGSTORE_METRIC_COUNT, "requests", 3, NULL, 0);
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
    ck_assert_int_eq(event.kind, REGSTORE_HOST_EVENT_LOG);
    ck_assert_int_eq(event.level, REGSTORE_LOG_WARNING);
    ck_assert_int_gt(event.time_ns, 0);
    ck_assert_uint_eq(event.n_fields, 2);
    ck_assert_str_eq(text(0), "session.late");
    ck_assert_str_eq(text(1), "operation");
    ck_assert_str_eq(text(2), "PutObject");
    ck_assert_str_eq(text(3), "cause");
    ck_assert_str_eq(text(4), "");
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
    ck_assert_int_eq(event.kind, REGSTORE_METRIC_TIME);
    ck_assert(event.value == 0.25);
    ck_assert_str_eq(text(2), "PutObject");
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
    ck_assert_int_eq(event.kind, REGSTORE_METRIC_COUNT);
    ck_assert_uint_eq(event.n_fields, 0);
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 0);
    ck_assert_uint_eq(regstore_host_ring_lost(ring), 0);
    regstore_host_ring_free(ring);
    regstore_host_ring_free(NULL);
}
END_TEST

START_TEST(only_log_events_of_the_level_or_above_are_kept)
{
    make(65536);
    say(REGSTORE_LOG_DEBUG, "before", NULL, 0);
    regstore_host_ring_set_level(ring, REGSTORE_LOG_DEBUG);
    say(REGSTORE_LOG_DEBUG, "debug", NULL, 0);
    regstore_host_ring_set_level(ring, REGSTORE_LOG_ERROR);
    say(REGSTORE_LOG_WARNING, "after", NULL, 0);
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
    ck_assert_str_eq(text(0), "debug");
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 0);
    regstore_host_ring_free(ring);
}
END_TEST

START_TEST(field_without_room_is_left_out_whole)
{
    static char value[sizeof(event.text)];
    make(SMALLEST);
    for (size_t length = 0; length < sizeof(value); length++) {
        memset(value, 'v', length);
        value[length] = '\0';
        const struct regstore_pair pairs[] = {{"a", "1"}, {"long", value}, {"z", "9"}};
        const size_t name_and_a = sizeof("n") + sizeof("a") + sizeof("1");
        const size_t with_long = name_and_a + sizeof("long") + length + 1;
        const size_t with_z = with_long + sizeof("z") + sizeof("9");
        say(REGSTORE_LOG_INFO, "n", pairs, 3);
        ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
        const uint32_t expected =
            1u + (with_long <= sizeof(event.text)) + (with_z <= sizeof(event.text));
        ck_assert_uint_eq(event.n_fields, expected);
        if (expected > 1)
            ck_assert_str_eq(text(4), value);
    }
    say(REGSTORE_LOG_INFO, value, NULL, 0);
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
    ck_assert_uint_eq(strlen(text(0)), sizeof(value) - 1);
    regstore_host_ring_free(ring);
}
END_TEST

START_TEST(what_finds_no_room_is_counted_and_the_ring_goes_on)
{
    make(SMALLEST);
    unsigned kept = 0;
    for (; regstore_host_ring_lost(ring) == 0; kept++)
        measure(REGSTORE_METRIC_COUNT, "m", kept, NULL, 0);
    kept--; /* the last one was lost */
    measure(REGSTORE_METRIC_COUNT, "m", -1, NULL, 0);
    measure(REGSTORE_METRIC_COUNT, "m", -1, NULL, 0);
    ck_assert_uint_eq(regstore_host_ring_lost(ring), 2);
    ck_assert_uint_eq(regstore_host_ring_lost(ring), 0);
    for (unsigned i = 0; i < kept; i++) {
        ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
        ck_assert(event.value == (double)i);
    }
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 0);
    measure(REGSTORE_METRIC_COUNT, "m", 7, NULL, 0);
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
    ck_assert(event.value == 7);
    regstore_host_ring_free(ring);
}
END_TEST

/* Every place at which an event may meet the end of the memory. */
START_TEST(events_are_whole_wherever_they_lie)
{
    char name[64], value[64];
    make(SMALLEST + 1);
    unsigned in = 0, out = 0;
    for (unsigned round = 0; round < 20000; round++) {
        const struct regstore_pair pair = {"k", value};
        const int length = (int)(round % 37);
        (void)snprintf(name, sizeof(name), "%u", in);
        (void)snprintf(value, sizeof(value), "%.*s", length,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJK");
        measure(REGSTORE_METRIC_GAUGE, name, in, &pair, 1);
        if (regstore_host_ring_lost(ring) == 0)
            in++;
        if (round % 3 == 0 || round % 5 == 0)
            continue;
        ck_assert_int_eq(regstore_host_ring_take(ring, &event), 1);
        (void)snprintf(name, sizeof(name), "%u", out);
        ck_assert_str_eq(text(0), name);
        ck_assert(event.value == (double)out);
        ck_assert_uint_eq(event.text_bytes, strlen(name) + 1 + 2 + strlen(text(2)) + 1);
        out++;
    }
    while (regstore_host_ring_take(ring, &event))
        out++;
    ck_assert_uint_eq(in, out);
    ck_assert_uint_gt(in, 10000);
    regstore_host_ring_free(ring);
}
END_TEST

#define SAYERS 4
#define EACH   100000

static pthread_barrier_t gate;

static void *say_many(void *ctx)
{
    const char *name = ctx;
    (void)pthread_barrier_wait(&gate);
    for (int i = 0; i < EACH; i++)
        measure(REGSTORE_METRIC_GAUGE, name, i, NULL, 0);
    return NULL;
}

START_TEST(threads_lose_nothing_that_is_not_counted)
{
    static char names[SAYERS][2] = {"0", "1", "2", "3"};
    pthread_t threads[SAYERS];
    double last[SAYERS] = {-1, -1, -1, -1};
    uint64_t seen = 0, lost = 0;
    make(4 * SMALLEST);
    ck_assert_int_eq(pthread_barrier_init(&gate, NULL, SAYERS), 0);
    for (int i = 0; i < SAYERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, say_many, names[i]), 0);
    while (seen + lost < (uint64_t)SAYERS * EACH) {
        lost += regstore_host_ring_lost(ring);
        if (!regstore_host_ring_take(ring, &event))
            continue;
        const int who = event.text[0] - '0';
        ck_assert(who >= 0 && who < SAYERS);
        ck_assert(event.value > last[who]);
        last[who] = event.value;
        seen++;
    }
    for (int i = 0; i < SAYERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_int_eq(regstore_host_ring_take(ring, &event), 0);
    ck_assert_uint_eq(regstore_host_ring_lost(ring), 0);
    ck_assert_uint_gt(seen, 0);
    regstore_host_ring_free(ring);
}
END_TEST

static atomic_int is_over;

static void *say_until_over(void *ctx)
{
    (void)ctx; /* nothing */
    while (!atomic_load(&is_over)) {
        measure(REGSTORE_METRIC_COUNT, "parent", 1, NULL, 0);
        (void)regstore_host_ring_take(ring, &event);
    }
    return NULL;
}

/* Whatever the parent's threads were doing, its lock included. */
START_TEST(forked_child_begins_with_an_empty_ring_that_works)
{
    pthread_t sayer;
    make(SMALLEST);
    say(REGSTORE_LOG_INFO, "parent", NULL, 0);
    ck_assert_int_eq(pthread_create(&sayer, NULL, say_until_over, NULL), 0);
    for (int i = 0; i < 300; i++) {
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            struct regstore_host_event mine;
            (void)alarm(20); /* a lock that nobody frees */
            if (regstore_host_ring_take(ring, &mine) || regstore_host_ring_lost(ring) != 0)
                _exit(1);
            say(REGSTORE_LOG_INFO, "child", NULL, 0);
            if (!regstore_host_ring_take(ring, &mine) || strcmp(mine.text, "child") != 0)
                _exit(2);
            _exit(regstore_host_ring_take(ring, &mine) == 0 ? 0 : 3);
        }
        int status = -1;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    atomic_store(&is_over, 1);
    ck_assert_int_eq(pthread_join(sayer, NULL), 0);
    regstore_host_ring_free(ring);
}
END_TEST

START_TEST(ring_too_small_for_an_event_is_refused)
{
    struct regstore_error error = {.struct_size = sizeof(error)};
    ring = NULL;
    ck_assert_int_eq(regstore_host_ring_new(SMALLEST - 1, &ring, &error), REGSTORE_INVALID);
    ck_assert_ptr_null(ring);
    ck_assert_str_ne(error.message, "");
}
END_TEST

int main(void)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* 4 s is little on a busy machine */
    Suite *suite = suite_create("host: ring");
    TCase *tests = tcase_create("ring");
    tcase_add_test(tests, log_events_and_metrics_come_out_as_they_went_in);
    tcase_add_test(tests, only_log_events_of_the_level_or_above_are_kept);
    tcase_add_test(tests, field_without_room_is_left_out_whole);
    tcase_add_test(tests, what_finds_no_room_is_counted_and_the_ring_goes_on);
    tcase_add_test(tests, events_are_whole_wherever_they_lie);
    tcase_add_test(tests, threads_lose_nothing_that_is_not_counted);
    tcase_add_test(tests, forked_child_begins_with_an_empty_ring_that_works);
    tcase_add_test(tests, ring_too_small_for_an_event_is_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
