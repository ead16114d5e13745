/* SPDX-License-Identifier: Apache-2.0 */
/* Gauges that threads share, bytes told by the MiB, and calls that are counted as they end. */
#include "suites.h"

#include "measure.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct ears {
    pthread_mutex_t lock;
    struct plug_gauge *moves; /* changes while it is being told, once */
    unsigned told;
    double last;
    char lines[512];
};

static void hear(void *ctx, int32_t kind, const char *name, double value,
                 const struct regstore_pair *labels, size_t n)
{
    struct ears *ears = ctx;
    char line[128];
    size_t len = (size_t)snprintf(line, sizeof line, "%d %s", kind, name);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(line + len, sizeof line - len, " %s=%s", labels[i].key,
                                labels[i].value);
    if (kind != REGSTORE_METRIC_TIME)
        (void)snprintf(line + len, sizeof line - len, " %.0f", value);
    pthread_mutex_lock(&ears->lock);
    if (ears->moves != NULL)
        plug_gauge_change(ears->moves, 10);
    ears->moves = NULL;
    ears->told++;
    ears->last = value;
    const size_t used = strlen(ears->lines);
    if (used + strlen(line) + 2 < sizeof ears->lines)
        (void)snprintf(ears->lines + used, sizeof ears->lines - used, "%s\n", line);
    pthread_mutex_unlock(&ears->lock);
}

static struct plug_host host_of(struct ears *ears)
{
    return (struct plug_host){
        .host = {.struct_size = sizeof(struct regstore_host), .ctx = ears, .metric = hear}};
}

enum { THREADS = 8, TURNS = 2000 };

struct shared {
    struct plug_host host;
    struct plug_gauge gauge;
};

static void *up_and_down(void *ctx)
{
    struct shared *s = ctx;
    for (int i = 0; i < TURNS; i++) {
        plug_gauge_add(&s->host, &s->gauge, 1);
        plug_gauge_add(&s->host, &s->gauge, -1);
    }
    plug_gauge_add(&s->host, &s->gauge, 1);
    return NULL;
}

/* Callbacks may overtake each other; the last of them must be right all the same. */
START_TEST(last_that_is_told_of_a_gauge_is_what_it_is)
{
    struct ears ears = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct shared s = {.host = host_of(&ears)};
    pthread_t threads[THREADS];
    plug_gauge_init(&s.gauge, "gauge");
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, up_and_down, &s), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_double_eq(ears.last, THREADS);
}
END_TEST

START_TEST(gauge_that_changes_while_it_is_told_is_told_again)
{
    struct ears ears = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct plug_host host = host_of(&ears);
    struct plug_gauge gauge;
    plug_gauge_init(&gauge, "gauge");
    ears.moves = &gauge;
    plug_gauge_add(&host, &gauge, 1);
    ck_assert_str_eq(ears.lines, "2 gauge 1\n2 gauge 11\n");
}
END_TEST

START_TEST(gauge_that_has_not_changed_is_not_told_again)
{
    struct ears ears = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct plug_host host = host_of(&ears);
    struct plug_gauge gauge;
    plug_gauge_init(&gauge, "gauge");
    plug_gauge_tell(&host, &gauge);
    ck_assert_uint_eq(ears.told, 0);
    plug_gauge_change(&gauge, 2);
    plug_gauge_change(&gauge, 3);
    plug_gauge_tell(&host, &gauge);
    plug_gauge_tell(&host, &gauge);
    ck_assert_str_eq(ears.lines, "2 gauge 5\n");
}
END_TEST

START_TEST(gauge_begins_anew_in_a_child)
{
    struct ears ears = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct plug_host host = host_of(&ears);
    struct plug_gauge gauge;
    int status;
    plug_gauge_init(&gauge, "gauge");
    plug_gauge_add(&host, &gauge, 7);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        plug_gauge_add(&host, &gauge, 1);
        _exit(ears.last == 1 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    plug_gauge_add(&host, &gauge, 1);
    ck_assert_double_eq(ears.last, 8);
}
END_TEST

START_TEST(bytes_are_told_by_the_mib_and_the_rest_at_the_end)
{
    struct ears ears = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct plug_host host = host_of(&ears);
    struct plug_tally tally = {0};
    for (int i = 0; i < 1025; i++)
        plug_tally_add(&host, &tally, "bytes", 1024);
    plug_tally_end(&host, &tally, "bytes");
    plug_tally_end(&host, &tally, "bytes");
    ck_assert_str_eq(ears.lines, "1 bytes 1048576\n1 bytes 1024\n");
}
END_TEST

START_TEST(call_is_counted_once_with_its_status_and_not_where_nobody_listens)
{
    struct ears ears = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct plug_host host = host_of(&ears);
    const struct regstore_call host_call = {.struct_size = sizeof host_call};
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &host_call), REGSTORE_OK);
    plug_call_measure(&call, &host, "stat");
    (void)plug_call_end(&call, REGSTORE_NOT_FOUND);
    ck_assert_str_eq(ears.lines, "1 regstore_calls_total verb=stat outcome=not_found 1\n"
                                 "3 regstore_call_seconds verb=stat\n");
    host.host.metric = NULL;
    ck_assert_int_eq(plug_call_begin(&call, &host_call), REGSTORE_OK);
    plug_call_measure(&call, &host, "stat");
    (void)plug_call_end(&call, REGSTORE_OK);
    ck_assert_uint_eq(ears.told, 2);
}
END_TEST

START_TEST(every_status_has_a_word_of_its_own)
{
    for (regstore_status a = REGSTORE_OK; a <= REGSTORE_CONFLICT; a++)
        for (regstore_status b = REGSTORE_OK; b < a; b++)
            ck_assert_str_ne(plug_status_word(a), plug_status_word(b));
    ck_assert_str_eq(plug_status_word(99), "internal");
    ck_assert_str_eq(plug_status_word(-1), "internal");
}
END_TEST

Suite *measure_suite(void)
{
    Suite *suite = suite_create("measure");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, last_that_is_told_of_a_gauge_is_what_it_is);
    tcase_add_test(tcase, gauge_that_changes_while_it_is_told_is_told_again);
    tcase_add_test(tcase, gauge_that_has_not_changed_is_not_told_again);
    tcase_add_test(tcase, gauge_begins_anew_in_a_child);
    tcase_add_test(tcase, bytes_are_told_by_the_mib_and_the_rest_at_the_end);
    tcase_add_test(tcase, call_is_counted_once_with_its_status_and_not_where_nobody_listens);
    tcase_add_test(tcase, every_status_has_a_word_of_its_own);
    suite_add_tcase(suite, tcase);
    return suite;
}
