/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a request as its owner sees it: references, headers, the wait for its end. */
#include "request.h"

#include "loop.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define WAIT_STEP_NS 100000000 /* CALL-3 asks for a look at the cancel flag every 250 ms */

/* The request and the engine's part of it in one piece of memory. */
struct whole_request {
    struct stss3_request request;
    struct stss3_request_state state;
};

struct stss3_request *stss3_request_new(const struct stss3_request_hooks *hooks, void *owner,
                                        const char *method, const char *operation)
{
    struct whole_request *whole = calloc(1, sizeof *whole);
    if (whole == NULL)
        return NULL;
    whole->state.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    whole->state.over = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    atomic_init(&whole->state.references, 1);
    whole->request.hooks = hooks;
    whole->request.owner = owner;
    whole->request.method = method;
    whole->request.operation = operation;
    whole->request.body_fd = -1;
    whole->request.state = &whole->state;
    return &whole->request;
}

struct stss3_request *stss3_request_ref(struct stss3_request *request)
{
    atomic_fetch_add_explicit(&request->state->references, 1, memory_order_relaxed);
    return request;
}

void stss3_request_unref(struct stss3_request *request)
{
    if (request == NULL)
        return;
    struct stss3_request_state *state = request->state;
    if (atomic_fetch_sub_explicit(&state->references, 1, memory_order_acq_rel) != 1)
        return;
    if (request->hooks->release != NULL)
        request->hooks->release(request);
    plug_buf_wipe(&request->url);
    plug_buf_wipe(&request->headers);
    plug_buf_wipe(&request->answer); /* STS answers with a session's secrets */
    plug_buf_clear(&state->answer_headers);
    pthread_mutex_destroy(&state->mutex);
    pthread_cond_destroy(&state->over);
    free(request); /* the first member of the whole */
}

void stss3_request_resume(struct stss3_request *request)
{
    stss3_loop_post(request, STSS3_MAIL_RESUME);
}

void stss3_request_cancel(struct stss3_request *request)
{
    if (request != NULL)
        stss3_loop_post(request, STSS3_MAIL_CANCEL);
}

bool stss3_request_is_over(const struct stss3_request *request)
{
    return atomic_load_explicit(&request->state->is_over, memory_order_acquire);
}

/* Sleeps until it is over or the call should be looked at again. */
static void nap(struct stss3_request_state *state, int64_t deadline_ns)
{
    int64_t until_ns = plug_now_ns() + WAIT_STEP_NS;
    if (deadline_ns < until_ns)
        until_ns = deadline_ns;
    const struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    pthread_mutex_lock(&state->mutex);
    if (!atomic_load_explicit(&state->is_over, memory_order_acquire))
        (void)pthread_cond_clockwait(&state->over, &state->mutex, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&state->mutex);
}

/* The caller's time is over, or he has lost his patience: what he has been waiting for so long. */
static regstore_status add_last(struct stss3_request_state *state, struct plug_call *call,
                                regstore_status status)
{
    pthread_mutex_lock(&state->mutex);
    const struct plug_error last = state->last;
    pthread_mutex_unlock(&state->mutex);
    if (last.status == REGSTORE_OK)
        return status;
    const struct plug_error own = call->error;
    call->error = last;
    call->error.status = status;
    call->error.retryable = own.retryable;
    (void)snprintf(call->error.message, sizeof call->error.message, "%.80s; the try before: %.400s",
                   own.message, last.message);
    return status;
}

regstore_status stss3_request_wait(struct stss3_request *request, struct plug_call *call)
{
    struct stss3_request_state *state = request->state;
    while (!stss3_request_is_over(request)) {
        const struct stss3_loop *loop = atomic_load(&state->loop);
        if (loop != NULL && !stss3_loop_is_ours(loop))
            return plug_fail(call, REGSTORE_STATE,
                             "the request belongs to the process that this one was forked from");
        const regstore_status status = plug_call_check(call);
        if (status != REGSTORE_OK)
            return add_last(state, call, status);
        nap(state, call->deadline_ns);
    }
    return REGSTORE_OK;
}

void stss3_request_keep_last(struct stss3_request *request)
{
    pthread_mutex_lock(&request->state->mutex);
    request->state->last = request->error;
    pthread_mutex_unlock(&request->state->mutex);
}

void stss3_request_finish(struct stss3_request *request, const struct plug_host *host)
{
    struct stss3_request_state *state = request->state;
    state->phase = STSS3_PHASE_OVER;
    if (request->hooks->done != NULL)
        request->hooks->done(request);
    stss3_report_end(host, request);
    plug_buf_wipe(&request->url);
    plug_buf_wipe(&request->headers);
    pthread_mutex_lock(&state->mutex);
    atomic_store_explicit(&state->is_over, true, memory_order_release);
    pthread_cond_broadcast(&state->over);
    pthread_mutex_unlock(&state->mutex);
}

void stss3_request_clear_outcome(struct stss3_request *request)
{
    request->cause = NULL;
    request->transport = STSS3_TRANSPORT_NONE;
    request->transport_text[0] = '\0';
    request->http_status = 0;
    request->sink_len = 0;
    request->sent_bytes = request->received_bytes = 0;
    plug_buf_reset(&request->answer);
    plug_buf_reset(&request->state->answer_headers);
}

/* A line break would let a value write headers of its own. */
static bool is_one_line(const char *text)
{
    return strpbrk(text, "\r\n") == NULL;
}

void stss3_request_add_header(struct stss3_request *request, const char *name, const char *value)
{
    if (!is_one_line(name) || !is_one_line(value)) {
        request->state->has_bad_header = true;
        return;
    }
    /* The form that curl wants: "Name: value", but "Name;" where the value is empty. */
    plug_buf_str(&request->headers, name);
    plug_buf_str(&request->headers, *value == '\0' ? ";" : ": ");
    plug_buf_add(&request->headers, value, strlen(value) + 1);
}

bool stss3_request_keep_header(struct stss3_request *request, const char *line, size_t n)
{
    struct plug_buf *headers = &request->state->answer_headers;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        plug_buf_reset(headers);
        return true;
    }
    const char *colon = memchr(line, ':', n);
    if (colon == NULL || n + 1 > STSS3_ANSWER_HEADERS_MAX - headers->len)
        return true; /* it takes one byte more than the line at the most */
    const char *value = colon + 1, *end = line + n;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]) != NULL)
        end--;
    if (memchr(line, '\0', n) != NULL)
        return true; /* it would be read as two */
    for (const char *p = line; p < colon; p++)
        plug_buf_char(headers, *p >= 'A' && *p <= 'Z' ? (char)(*p + ('a' - 'A')) : *p);
    plug_buf_char(headers, '\0');
    plug_buf_add(headers, value, (size_t)(end - value));
    plug_buf_char(headers, '\0');
    return !plug_buf_failed(headers);
}

void stss3_request_each_header(const struct stss3_request *request,
                               void (*visit)(void *ctx, const char *name, const char *value),
                               void *ctx)
{
    const struct plug_buf *headers = &request->state->answer_headers;
    if (plug_buf_failed(headers)) /* half a header is none */
        return;
    for (size_t at = 0; at < headers->len;) {
        const char *name = headers->data + at;
        const char *value = name + strlen(name) + 1;
        at = (size_t)(value - headers->data) + strlen(value) + 1;
        visit(ctx, name, value);
    }
}

struct search {
    const char *name, *value;
};

static void compare(void *ctx, const char *name, const char *value)
{
    struct search *search = ctx;
    if (search->value == NULL && strcasecmp(name, search->name) == 0)
        search->value = value;
}

const char *stss3_request_answer_header(const struct stss3_request *request, const char *name)
{
    struct search search = {.name = name};
    stss3_request_each_header(request, compare, &search);
    return search.value;
}
