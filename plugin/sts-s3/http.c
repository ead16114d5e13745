/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: its loops come with the first request, and go with it. */
#include "http.h"

#include "backoff.h"
#include "fork.h"
#include "loop.h"
#include "process.h"
#include "request.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

/* All that runs, in one piece: a child of a fork could only leave it as it is. */
struct running {
    uint64_t process;
    atomic_bool is_stopping;
    unsigned count;
    struct stss3_loop *loops[];
};

struct stss3_http {
    struct stss3_http_options options;
    char *ca_bundle;
    struct stss3_retries retries; /* of requests that bring none */
    struct plug_gauge in_flight;
    _Atomic(struct running *) running;
};

/* Never undone: curl, like this module, stays in the process. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_status;

static void init_curl(void)
{
    curl_status = curl_global_init(CURL_GLOBAL_ALL);
}

struct stss3_http *stss3_http_new(const struct stss3_http_options *options)
{
    struct stss3_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return NULL;
    http->options = *options;
    stss3_retries_init(&http->retries, "others");
    plug_gauge_init(&http->in_flight, "regstore_http_in_flight");
    http->options.retries = &http->retries;
    http->options.in_flight = &http->in_flight;
    if (options->ca_bundle != NULL) {
        http->ca_bundle = strdup(options->ca_bundle);
        if (http->ca_bundle == NULL) {
            free(http);
            return NULL;
        }
    }
    http->options.ca_bundle = http->ca_bundle;
    return http;
}

/* All are told before the first is waited for, and none goes before all threads are gone: a hook on
 * one loop may have mail for another.  A fork may be waiting for these threads: the wait for their
 * end must not hold it up in turn. */
static void running_free(struct running *running)
{
    atomic_store(&running->is_stopping, true);
    for (unsigned i = 0; i < running->count; i++)
        stss3_loop_stop(running->loops[i]);
    for (unsigned i = 0; i < running->count; i++)
        stss3_loop_join(running->loops[i]);
    const bool is_inside = stss3_fork_enter(); /* false: nobody watches forks, there is no loop */
    for (unsigned i = 0; i < running->count; i++)
        stss3_loop_free(running->loops[i]);
    if (is_inside)
        stss3_fork_exit();
    free(running);
}

/* All of options->loops, or false. */
static bool start_loops(struct running *running, const struct stss3_http_options *options)
{
    if (!stss3_fork_enter())
        return false;
    (void)pthread_once(&curl_once, init_curl);
    while (curl_status == CURLE_OK && running->count < options->loops) {
        struct stss3_loop *loop = stss3_loop_new(options);
        if (loop == NULL)
            break;
        running->loops[running->count++] = loop;
    }
    stss3_fork_exit();
    return running->count == options->loops;
}

static struct running *running_new(const struct stss3_http_options *options)
{
    struct running *running =
        calloc(1, sizeof *running + options->loops * sizeof(struct stss3_loop *));
    if (running == NULL)
        return NULL;
    running->process = plug_process();
    if (start_loops(running, options))
        return running;
    running_free(running);
    return NULL;
}

/* Of threads that come first at once one wins; the others drop theirs unused.  No lock, which a
 * child of a fork could find taken for ever. */
static struct running *get_running(struct stss3_http *http)
{
    struct running *running = atomic_load(&http->running);
    if (running != NULL)
        return running;
    struct running *fresh = running_new(&http->options);
    if (fresh == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&http->running, &running, fresh))
        return fresh;
    running_free(fresh);
    return running;
}

/* How starting it ends right here; OK: it can be started. */
static regstore_status find_obstacle(const struct running *running, struct plug_error *error)
{
    if (running == NULL)
        plug_error_set(error, REGSTORE_NO_MEMORY, "no memory, descriptor or thread for HTTP");
    else if (running->process != plug_process())
        plug_error_set(error, REGSTORE_STATE,
                       "the store was in use when this process was forked (FORK-3)");
    else if (atomic_load(&running->is_stopping))
        plug_error_set(error, REGSTORE_CANCELLED, "the store is being closed");
    return error->status;
}

static struct stss3_loop *idlest(const struct running *running)
{
    struct stss3_loop *best = running->loops[0];
    unsigned least = stss3_loop_load(best);
    for (unsigned i = 1; i < running->count && least > 0; i++) {
        const unsigned load = stss3_loop_load(running->loops[i]);
        if (load < least) {
            least = load;
            best = running->loops[i];
        }
    }
    return best;
}

void stss3_request_start(struct stss3_http *http, struct stss3_request *request)
{
    const struct running *running = get_running(http);
    request->error = (struct plug_error){0};
    if (find_obstacle(running, &request->error) != REGSTORE_OK)
        stss3_request_finish(request, http->options.host);
    else
        stss3_loop_start(idlest(running), request);
}

void stss3_http_close_copies(const struct stss3_http *http)
{
    const struct running *running = atomic_load(&http->running);
    for (unsigned i = 0; running != NULL && i < running->count; i++)
        stss3_loop_close_copies(running->loops[i]);
}

void stss3_http_free(struct stss3_http *http)
{
    if (http == NULL)
        return;
    struct running *running = atomic_load(&http->running);
    if (running != NULL && running->process == plug_process())
        running_free(running);
    free(http->ca_bundle);
    free(http);
}
