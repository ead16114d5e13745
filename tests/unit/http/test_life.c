/* SPDX-License-Identifier: Apache-2.0 */
/* Beginning, waiting, cancelling and ending of requests, from many threads. */
#include "client.h"
#include "server.h"
#include "suites.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#define STEPS(script) (script), sizeof(script) / sizeof((script)[0])
#define SOON_MS       500

static struct client client;
static const struct server_step good[] = {{NULL, 0}}, hanging[] = {{"", SERVER_HANGS}};
static const struct server_step failing[] = {
    {"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n", 0}};

static void set_up(void)
{
    client_init(&client);
}

static void wait_until(atomic_uint *counter, unsigned n)
{
    const int64_t until_ms = now_ms() + 10000;
    while (atomic_load(counter) < n)
        ck_assert_int_lt(now_ms(), until_ms);
}

/* Cancels, and sees that it is over soon, once, and as cancelled. */
static void check_cancel(struct stss3_request *request)
{
    struct errand *errand = request->owner;
    const int64_t began_ms = now_ms();
    stss3_request_cancel(request);
    stss3_request_cancel(request);
    ck_assert_int_eq(finish(request), REGSTORE_CANCELLED);
    ck_assert_int_lt(now_ms() - began_ms, SOON_MS);
    stss3_request_cancel(request);
    ck_assert_uint_eq(atomic_load(&errand->done), 1);
    drop(request);
}

START_TEST(cancel_in_flight_does_not_wait_for_the_server)
{
    client_open(&client);
    struct server *server = server_start(STEPS(hanging));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    stss3_request_start(client.http, request);
    ck_assert(server_wait_heads(server, 1));
    check_cancel(request);
    client_close(&client);
    server_stop(server);
    ck_assert_uint_eq(atomic_load(&errand.judged), 0);
    ck_assert_uint_eq(atomic_load(&errand.released), 1);
}
END_TEST

START_TEST(cancel_before_another_try_does_not_wait_for_it)
{
    client_open(&client);
    struct server *server = server_start(STEPS(failing));
    struct errand errand = {.retry_after_ms = 3600000};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    stss3_request_start(client.http, request);
    wait_until(&errand.judged, 1);
    check_cancel(request);
    client_close(&client);
    server_stop(server);
    ck_assert_uint_eq(atomic_load(&errand.prepared), 1);
}
END_TEST

START_TEST(cancel_while_it_waits_ends_it)
{
    client_open(&client);
    struct errand errand = {.must_wait = true};
    struct stss3_request *request = errand_request(&errand, "GET", "http://127.0.0.1:1/");
    stss3_request_start(client.http, request);
    wait_until(&errand.prepared, 1);
    check_cancel(request);
    client_close(&client);
}
END_TEST

START_TEST(cancel_before_start_ends_it_at_start)
{
    client_open(&client);
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", "http://127.0.0.1:1/");
    stss3_request_cancel(request);
    stss3_request_start(client.http, request);
    ck_assert_int_eq(finish(request), REGSTORE_CANCELLED);
    ck_assert_uint_eq(atomic_load(&errand.prepared), 0);
    ck_assert_uint_eq(atomic_load(&errand.done), 1);
    drop(request);
    client_close(&client);
}
END_TEST

/* A resolver that hangs, in front of the C library's. */
static atomic_uint lookups_that_hang;
static atomic_bool may_end;

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **out)
{
    typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(node, "hangs.invalid") != 0)
        return real(node, service, hints, out);
    atomic_fetch_add(&lookups_that_hang, 1);
    while (!atomic_load(&may_end))
        sched_yield();
    return EAI_AGAIN;
}

START_TEST(resolver_that_hangs_holds_up_neither_cancel_nor_others)
{
    client_open(&client);
    struct server *server = server_start(STEPS(good));
    struct errand errand = {0}, other = {0};
    struct stss3_request *request = errand_request(&errand, "GET", "http://hangs.invalid/");
    stss3_request_start(client.http, request);
    wait_until(&lookups_that_hang, 1);
    check_cancel(request);
    const int64_t began_ms = now_ms();
    struct stss3_request *quick = errand_request(&other, "GET", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, quick), REGSTORE_OK);
    drop(quick);
    client_close(&client);
    ck_assert_int_lt(now_ms() - began_ms, SOON_MS);
    atomic_store(&may_end, true);
    server_stop(server);
}
END_TEST

START_TEST(lookup_that_takes_longer_than_connecting_may_is_resolve)
{
    client.options.connect_timeout_ms = 200;
    client.options.attempts = 1;
    client_open(&client);
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", "http://hangs.invalid/");
    const int64_t began_ms = now_ms();
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_UNAVAILABLE);
    ck_assert_int_lt(now_ms() - began_ms, 200 + SOON_MS);
    ck_assert_int_eq(request->transport, STSS3_TRANSPORT_RESOLVE);
    drop(request);
    client_close(&client);
    atomic_store(&may_end, true);
}
END_TEST

START_TEST(cancel_of_itself_in_done_changes_nothing)
{
    client_open(&client);
    struct server *server = server_start(STEPS(good));
    struct errand errand = {.cancels_itself = true}, after = {0};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    struct stss3_request *next = errand_request(&after, "GET", server_url(server, "/"));
    ck_assert_int_eq(start_and_finish(&client, next), REGSTORE_OK); /* its mail was read by now */
    ck_assert_int_eq(request->error.status, REGSTORE_OK);
    drop(next);
    drop(request);
    client_close(&client);
    server_stop(server);
}
END_TEST

START_TEST(resume_asks_again_until_it_is_ready)
{
    client_open(&client);
    struct server *server = server_start(STEPS(good));
    struct errand errand = {.must_wait = true};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    stss3_request_resume(request); /* harmless */
    stss3_request_start(client.http, request);
    wait_until(&errand.prepared, 1);
    stss3_request_resume(request);
    wait_until(&errand.prepared, 2);
    ck_assert(!stss3_request_is_over(request));
    atomic_store(&errand.must_wait, false);
    stss3_request_resume(request);
    ck_assert_int_eq(finish(request), REGSTORE_OK);
    ck_assert_uint_eq(request->tries, 1);
    stss3_request_resume(request);
    drop(request);
    client_close(&client);
    server_stop(server);
}
END_TEST

START_TEST(refused_request_ends_with_its_error)
{
    client_open(&client);
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", "");
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_CONFIG);
    ck_assert_uint_eq(request->tries, 0);
    ck_assert_uint_eq(atomic_load(&errand.done), 1);
    drop(request);
    client_close(&client);
}
END_TEST

START_TEST(wait_ends_with_the_call_and_the_request_goes_on)
{
    client_open(&client);
    struct server *server = server_start(STEPS(hanging));
    struct errand errand = {0};
    struct stss3_request *request = errand_request(&errand, "GET", server_url(server, "/"));
    stss3_request_start(client.http, request);
    const int32_t flag = 1;
    struct plug_call cancelled = {.deadline_ns = PLUG_NEVER, .cancel = &flag};
    ck_assert_int_eq(stss3_request_wait(request, &cancelled), REGSTORE_CANCELLED);
    const int64_t began_ms = now_ms();
    struct plug_call late = {.deadline_ns = plug_now_ns() + 30000000};
    ck_assert_int_eq(stss3_request_wait(request, &late), REGSTORE_TIMEOUT);
    ck_assert_int_lt(now_ms() - began_ms, SOON_MS);
    ck_assert(!stss3_request_is_over(request));
    check_cancel(request);
    client_close(&client);
    server_stop(server);
}
END_TEST

START_TEST(no_more_connections_than_allowed_and_the_rest_queues)
{
    client.options.connections = 2;
    client_open(&client);
    struct server *server = server_start(STEPS(hanging));
    struct errand errands[4] = {0};
    struct stss3_request *requests[4];
    for (int i = 0; i < 4; i++) {
        requests[i] = errand_request(&errands[i], "GET", server_url(server, "/"));
        stss3_request_start(client.http, requests[i]);
    }
    ck_assert(server_wait_heads(server, 2));
    ck_assert_uint_eq(atomic_load(&errands[2].prepared), 0);
    check_cancel(requests[3]); /* one that is in the queue */
    ck_assert_uint_eq(server_heads(server), 2);
    check_cancel(requests[0]);
    ck_assert(server_wait_heads(server, 3));
    check_cancel(requests[1]);
    check_cancel(requests[2]);
    client_close(&client);
    server_stop(server);
}
END_TEST

START_TEST(free_ends_every_request_once)
{
    static const struct server_step script[] = {
        {"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n", 0}, {"", SERVER_HANGS}};
    enum { N = 24 };
    client.options.loops = 2;
    client.options.connections = 4;
    client_open(&client);
    struct server *server = server_start(STEPS(script));
    struct errand errands[N] = {0}, follow_ups[N] = {0};
    struct stss3_request *requests[N];
    for (int i = 0; i < N; i++) { /* queued, on the wire, pausing, waiting; with one to follow */
        errands[i].retry_after_ms = 3600000;
        atomic_store(&errands[i].must_wait, i % 3 == 0);
        requests[i] = errand_request(&errands[i], "GET", server_url(server, "/"));
        errands[i].client = &client;
        errands[i].next = errand_request(&follow_ups[i], "GET", server_url(server, "/"));
        stss3_request_start(client.http, requests[i]);
    }
    ck_assert(server_wait_heads(server, 3));
    const int64_t began_ms = now_ms();
    client_close(&client);
    ck_assert_int_lt(now_ms() - began_ms, SOON_MS);
    for (int i = 0; i < N; i++) {
        ck_assert(stss3_request_is_over(requests[i]));
        ck_assert_int_eq(requests[i]->error.status, REGSTORE_CANCELLED);
        ck_assert_int_eq(errands[i].next->error.status, REGSTORE_CANCELLED);
        drop(requests[i]);
        drop(errands[i].next);
        ck_assert_uint_eq(atomic_load(&errands[i].done), 1);
        ck_assert_uint_eq(atomic_load(&follow_ups[i].done), 1);
        ck_assert_uint_eq(atomic_load(&errands[i].released), 1);
        ck_assert_uint_eq(atomic_load(&follow_ups[i].released), 1);
    }
    server_stop(server);
}
END_TEST

START_TEST(engine_that_was_never_used_can_be_freed)
{
    client_open(&client);
    client_close(&client);
    stss3_http_free(NULL);
    stss3_request_unref(NULL);
    stss3_request_cancel(NULL);
}
END_TEST

START_TEST(done_may_start_the_next_request)
{
    client_open(&client);
    struct server *server = server_start(STEPS(good));
    struct errand second = {0};
    struct errand first = {.client = &client,
                           .next = errand_request(&second, "GET", server_url(server, "/2"))};
    struct stss3_request *request = errand_request(&first, "GET", server_url(server, "/1"));
    ck_assert_int_eq(start_and_finish(&client, request), REGSTORE_OK);
    ck_assert_int_eq(finish(first.next), REGSTORE_OK);
    ck_assert_uint_eq(server_connections(server), 1);
    drop(first.next);
    drop(request);
    client_close(&client);
    server_stop(server);
}
END_TEST

enum { THREADS = 10, EACH = 50 };

struct crowd {
    const char *url;
    unsigned cancel_every;
};

static void *run_crowd(void *ctx)
{
    const struct crowd *crowd = ctx;
    static _Thread_local struct errand errands[EACH];
    struct stss3_request *requests[EACH];
    for (unsigned i = 0; i < EACH; i++) {
        requests[i] = errand_request(&errands[i], i % 2 == 0 ? "GET" : "PUT", crowd->url);
        requests[i]->body = (const uint8_t *)"body";
        requests[i]->body_len = i % 2 == 0 ? 0 : 4;
        stss3_request_start(client.http, requests[i]);
        if (crowd->cancel_every != 0 && i % crowd->cancel_every == 0)
            stss3_request_cancel(requests[i / 2]);
        stss3_request_resume(requests[i]);
    }
    for (unsigned i = 0; i < EACH; i++) {
        const regstore_status status = finish(requests[i]);
        ck_assert(status == REGSTORE_OK ||
                  (crowd->cancel_every != 0 && status == REGSTORE_CANCELLED));
        drop(requests[i]);
        ck_assert_uint_eq(atomic_load(&errands[i].done), 1);
    }
    return NULL;
}

/* The first requests of all these threads make the engine's threads as well. */
START_TEST(many_threads_share_the_loops)
{
    client.options.loops = 2;
    client_open(&client);
    struct server *server = server_start(STEPS(good));
    struct crowd crowd = {server_url(server, "/"), _i == 0 ? 0 : 3};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_crowd, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    client_close(&client);
    if (_i == 0) {
        ck_assert_uint_eq(server_heads(server), THREADS * EACH);
        ck_assert_uint_le(server_connections(server), 16);
        ck_assert_uint_gt(server_connections(server), 8); /* both loops had work */
    }
    server_stop(server);
}
END_TEST

void add_life_tests(Suite *suite)
{
    ADD_TEST(suite, cancel_in_flight_does_not_wait_for_the_server, set_up, NULL, 1);
    ADD_TEST(suite, cancel_before_another_try_does_not_wait_for_it, set_up, NULL, 1);
    ADD_TEST(suite, cancel_while_it_waits_ends_it, set_up, NULL, 1);
    ADD_TEST(suite, cancel_before_start_ends_it_at_start, set_up, NULL, 1);
    ADD_TEST(suite, resolver_that_hangs_holds_up_neither_cancel_nor_others, set_up, NULL, 1);
    ADD_TEST(suite, lookup_that_takes_longer_than_connecting_may_is_resolve, set_up, NULL, 1);
    ADD_TEST(suite, cancel_of_itself_in_done_changes_nothing, set_up, NULL, 1);
    ADD_TEST(suite, resume_asks_again_until_it_is_ready, set_up, NULL, 1);
    ADD_TEST(suite, refused_request_ends_with_its_error, set_up, NULL, 1);
    ADD_TEST(suite, wait_ends_with_the_call_and_the_request_goes_on, set_up, NULL, 1);
    ADD_TEST(suite, no_more_connections_than_allowed_and_the_rest_queues, set_up, NULL, 1);
    ADD_TEST(suite, free_ends_every_request_once, set_up, NULL, 1);
    ADD_TEST(suite, engine_that_was_never_used_can_be_freed, set_up, NULL, 1);
    ADD_TEST(suite, done_may_start_the_next_request, set_up, NULL, 1);
    ADD_TEST(suite, many_threads_share_the_loops, set_up, NULL, 2);
}
