/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads, small operations, sessions that last seconds. */
#include "suites.h"

#include "door.h"
#include "place.h"

#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define THREADS    8
#define OPERATIONS 1000
#define SESSIONS   5
#define LIFE_MS    3000
/* A session is renewed when two thirds of its life are over, and none lives less than LIFE_MS less
 * the second that its end is rounded down by. */
#define RENEWED_AFTER_MS ((LIFE_MS - 1000) * 2 / 3)

static unsigned sessions_so_far(void)
{
    struct door_count counts[32];
    const size_t n = door_counts(server_url(), counts, COUNT(counts));
    for (size_t i = 0; i < n; i++)
        if (strcmp(counts[i].operation, "AssumeRole") == 0)
            return counts[i].n;
    return 0;
}

struct crowd {
    struct regstore_store *store;
    atomic_uint done, failed;
    atomic_bool is_enough;
};

static void *look_at_keys(void *ctx)
{
    struct crowd *c = ctx;
    const struct regstore_plugin *p = plugin_table();
    while (!atomic_load(&c->is_enough)) {
        struct regstore_error error;
        const struct regstore_call call = call_of(&error);
        const regstore_status status = p->stat(c->store, &call, "no/such/key", NULL);
        if (status != REGSTORE_NOT_FOUND)
            atomic_fetch_add(&c->failed, 1);
        atomic_fetch_add(&c->done, 1);
    }
    return NULL;
}

START_TEST(thousand_operations_of_eight_threads_renew_once_a_session)
{
    struct crowd c = {.store = store_at(false)};
    pthread_t threads[THREADS];
    CURL *curl = curl_easy_init();
    char url[256];
    (void)snprintf(url, sizeof url, "%s/_fake/session?life_ms=%d", server_url(), LIFE_MS);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "POST");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    ck_assert_int_eq(curl_easy_perform(curl), CURLE_OK);
    curl_easy_cleanup(curl);
    const int64_t from_ns = now_ns();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look_at_keys, &c), 0);
    while (atomic_load(&c.done) < OPERATIONS || sessions_so_far() < SESSIONS)
        (void)poll(NULL, 0, 20);
    atomic_store(&c.is_enough, true);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    const int64_t took_ms = (now_ns() - from_ns) / 1000000;
    ck_assert_uint_eq(atomic_load(&c.failed), 0);
    ck_assert_uint_ge(atomic_load(&c.done), OPERATIONS);
    /* However slow the machine is: more of them would be more than one a session. */
    ck_assert_int_le(sessions_so_far(), 1 + took_ms / RENEWED_AFTER_MS);
    plugin_table()->store_close(c.store);
}
END_TEST

Suite *crowd_suite(void)
{
    Suite *suite = suite_create("crowd");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, server_up, server_down);
    tcase_add_test(tcase, thousand_operations_of_eight_threads_renew_once_a_session);
    suite_add_tcase(suite, tcase);
    return suite;
}
