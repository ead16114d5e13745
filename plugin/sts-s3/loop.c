/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include "backoff.h"
#include "fork.h"
#include "process.h"
#include "report.h"
#include "request.h"
#include "sockets.h"
#include "transfer.h"
#include "wakeup.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mostly address space: the host's log and metric callbacks run on this stack too, and what they
 * need is not ours to know. */
#define STACK_BYTES ((size_t)1024 * 1024)
/* How long a loop without anything to do sleeps; whoever has something for it wakes it. */
#define IDLE_NS 60000000000
/* How long a fork waits for names that are being looked up: curl does that in threads of its own,
 * which nothing can park.  A name server that is slower than this is dead, and then they wait for
 * its answer, where the C library holds no lock. */
#define LOOKUP_NS 200000000

struct line { /* requests in one phase */
    struct stss3_request *first, *last;
};

struct stss3_loop {
    const struct stss3_http_options *options;
    CURLM *multi;
    pthread_t thread;
    uint64_t process;
    struct stss3_sockets *sockets;
    struct stss3_fork_member member;

    /* Any thread. */
    _Atomic(struct stss3_request *) inbox; /* newest first */
    atomic_bool is_asleep, is_stopping;
    atomic_uint load;

    /* The loop's thread alone. */
    struct line queued, waiting, sending, paused; /* paused: the first one due first */
    unsigned sending_count, idle_count;
    struct stss3_transfer **idle; /* has room for options->connections */
    struct stss3_backoff backoff;
};

static struct line *line_of(struct stss3_loop *loop, enum stss3_phase phase)
{
    switch (phase) {
    case STSS3_PHASE_QUEUED:
        return &loop->queued;
    case STSS3_PHASE_WAITING:
        return &loop->waiting;
    case STSS3_PHASE_SENDING:
        return &loop->sending;
    case STSS3_PHASE_PAUSED:
        return &loop->paused;
    case STSS3_PHASE_NEW:
    case STSS3_PHASE_OVER:
        break;
    }
    return NULL;
}

/* Takes it out of its phase's line and puts it into another one, before successor or at the end. */
static void move_before(struct stss3_loop *loop, struct stss3_request *request,
                        enum stss3_phase phase, struct stss3_request *successor)
{
    struct stss3_request_state *state = request->state;
    struct line *from = line_of(loop, state->phase), *to = line_of(loop, phase);
    if (from != NULL) {
        *(state->previous == NULL ? &from->first : &state->previous->state->next) = state->next;
        *(state->next == NULL ? &from->last : &state->next->state->previous) = state->previous;
    }
    state->phase = phase;
    state->previous = state->next = NULL;
    if (to == NULL)
        return;
    state->next = successor;
    state->previous = successor == NULL ? to->last : successor->state->previous;
    *(state->previous == NULL ? &to->first : &state->previous->state->next) = request;
    *(successor == NULL ? &to->last : &successor->state->previous) = request;
}

static void move(struct stss3_loop *loop, struct stss3_request *request, enum stss3_phase phase)
{
    move_before(loop, request, phase, NULL);
}

static void end(struct stss3_loop *loop, struct stss3_request *request)
{
    move(loop, request, STSS3_PHASE_OVER);
    atomic_fetch_sub(&loop->load, 1);
    plug_gauge_change(loop->options->in_flight, -1);
    stss3_request_finish(request, loop->options->host);
    stss3_request_unref(request);
}

static struct stss3_transfer *take_transfer(struct stss3_loop *loop)
{
    if (loop->idle_count > 0)
        return loop->idle[--loop->idle_count];
    return stss3_transfer_new(loop->options, loop->sockets);
}

/* There is room: no more than options->connections are ever out. */
static void put_transfer(struct stss3_loop *loop, struct stss3_request *request)
{
    loop->idle[loop->idle_count++] = request->state->transfer;
    request->state->transfer = NULL;
    loop->sending_count--;
}

/* Whether the service wants less of everybody, and not only this request has met an accident. */
static bool is_throttled(const struct stss3_request *request)
{
    return request->error.status == REGSTORE_THROTTLED || request->http_status == 429 ||
           request->http_status == 503;
}

static void pause_request(struct stss3_loop *loop, struct stss3_request *request)
{
    const uint64_t pause_ms =
        stss3_backoff_pause_ms(&loop->backoff, request->tries, is_throttled(request),
                               request->error.retry_after_ms);
    const int64_t now_ns = plug_now_ns();
    const bool fits = pause_ms < (uint64_t)(PLUG_NEVER - now_ns) / 1000000;
    const int64_t due_ns = fits ? now_ns + (int64_t)pause_ms * 1000000 : PLUG_NEVER;
    struct stss3_request *successor = loop->paused.first;
    while (successor != NULL && successor->state->due_ns <= due_ns)
        successor = successor->state->next;
    request->state->due_ns = due_ns;
    move_before(loop, request, STSS3_PHASE_PAUSED, successor);
}

/* An idle connection that the server has closed meanwhile says nothing of the service: the request
 * goes out again at once, on a new one, and that is no try. */
static bool goes_again_for_nothing(struct stss3_loop *loop, struct stss3_request *request)
{
    if (request->transport != STSS3_TRANSPORT_STALE || request->state->wants_fresh)
        return false;
    request->state->wants_fresh = true;
    request->tries--;
    move(loop, request, STSS3_PHASE_QUEUED);
    return true;
}

static struct stss3_retries *retries_of(const struct stss3_loop *loop,
                                        const struct stss3_request *request)
{
    return request->retries != NULL ? request->retries : loop->options->retries;
}

/* False: no try, or nothing to pay one with, is left. */
static bool tries_again(struct stss3_loop *loop, struct stss3_request *request,
                        enum stss3_verdict verdict, bool has_timed_out)
{
    if (request->tries >= loop->options->attempts)
        return false;
    if (verdict == STSS3_AGAIN) {
        struct stss3_retries *retries = retries_of(loop, request);
        const unsigned cost = stss3_retries_take(retries, has_timed_out);
        if (cost == 0) {
            stss3_report_used_up(loop->options->host, retries, request);
            return false;
        }
        stss3_report_budget(loop->options->host, retries);
        request->state->retry_cost = cost;
    }
    stss3_request_keep_last(request);
    stss3_report_retry(loop->options->host, request);
    if (verdict == STSS3_AGAIN)
        pause_request(loop, request);
    else
        move(loop, request, STSS3_PHASE_QUEUED);
    return true;
}

static void give_back(struct stss3_loop *loop, struct stss3_request *request)
{
    struct stss3_retries *retries = retries_of(loop, request);
    if (stss3_retries_used(retries) == 0)
        return;
    stss3_retries_give_back(retries, request->state->retry_cost);
    stss3_report_budget(loop->options->host, retries);
}

/* One try has its outcome. */
static void judge(struct stss3_loop *loop, struct stss3_request *request, bool has_timed_out)
{
    stss3_report_try(loop->options->host, request, false);
    if (goes_again_for_nothing(loop, request))
        return;
    const enum stss3_verdict verdict = request->hooks->judge(request);
    stss3_report_mood(loop->options->host, retries_of(loop, request), request,
                      is_throttled(request));
    if (verdict != STSS3_DONE && tries_again(loop, request, verdict, has_timed_out))
        return;
    if (verdict != STSS3_DONE && request->error.status == REGSTORE_OK)
        plug_error_set(&request->error, REGSTORE_INTERNAL, "a try failed without a word why");
    if (verdict == STSS3_DONE && request->error.status == REGSTORE_OK)
        give_back(loop, request);
    end(loop, request);
}

static void send_request(struct stss3_loop *loop, struct stss3_request *request)
{
    struct stss3_request_state *state = request->state;
    stss3_request_clear_outcome(request);
    request->tries++;
    request->sent_ns = plug_now_ns();
    state->transfer = take_transfer(loop);
    if (state->transfer == NULL) {
        request->transport = STSS3_TRANSPORT_MEMORY;
        (void)snprintf(request->transport_text, sizeof request->transport_text, "out of memory");
        judge(loop, request, false);
        return;
    }
    loop->sending_count++;
    if (stss3_transfer_begin(state->transfer, loop->multi, request)) {
        move(loop, request, STSS3_PHASE_SENDING);
        return;
    }
    put_transfer(loop, request);
    judge(loop, request, false);
}

static void prepare(struct stss3_loop *loop, struct stss3_request *request)
{
    plug_buf_reset(&request->url);
    plug_buf_reset(&request->headers);
    request->state->has_bad_header = false;
    request->error = (struct plug_error){0};
    switch (request->hooks->prepare(request)) {
    case STSS3_READY:
        send_request(loop, request);
        break;
    case STSS3_WAIT:
        move(loop, request, STSS3_PHASE_WAITING);
        break;
    case STSS3_NEEDLESS:
    case STSS3_REFUSED:
        end(loop, request);
        break;
    }
}

static void cancel(struct stss3_loop *loop, struct stss3_request *request)
{
    if (request->state->phase == STSS3_PHASE_SENDING) {
        stss3_transfer_drop(request->state->transfer, loop->multi);
        put_transfer(loop, request);
        stss3_report_try(loop->options->host, request, true);
    }
    plug_error_set(&request->error, REGSTORE_CANCELLED, "cancelled");
    end(loop, request);
}

/* Who makes a sleeper wake up is decided by one exchange, so that many messages cost one wake-up;
 * and a wake-up is sent only to who is, or is about to be, in curl_multi_poll. */
static void wake(struct stss3_loop *loop)
{
    if (atomic_exchange(&loop->is_asleep, false))
        (void)curl_multi_wakeup(loop->multi);
}

static void wake_for_fork(void *ctx)
{
    wake(ctx);
}

void stss3_loop_post(struct stss3_request *request, unsigned bit)
{
    struct stss3_request_state *state = request->state;
    if (stss3_request_is_over(request))
        return;
    /* In this order: either start sees the bit or we see the loop that start has set. */
    atomic_fetch_or(&state->mail, bit);
    struct stss3_loop *loop = atomic_load(&state->loop);
    if (loop == NULL || !stss3_loop_is_ours(loop))
        return;
    if ((atomic_fetch_or(&state->mail, STSS3_MAIL_QUEUED) & STSS3_MAIL_QUEUED) != 0)
        return;
    stss3_request_ref(request); /* the inbox's */
    struct stss3_request *newest = atomic_load(&loop->inbox);
    do
        state->next_in_inbox = newest;
    while (!atomic_compare_exchange_weak(&loop->inbox, &newest, request));
    wake(loop);
}

void stss3_loop_start(struct stss3_loop *loop, struct stss3_request *request)
{
    stss3_request_ref(request); /* the loop's, until it is over */
    atomic_fetch_add(&loop->load, 1);
    plug_gauge_change(loop->options->in_flight, 1);
    atomic_store(&request->state->loop, loop);
    stss3_loop_post(request, STSS3_MAIL_START);
}

static void read_mail(struct stss3_loop *loop, struct stss3_request *request, unsigned mail)
{
    const enum stss3_phase phase = request->state->phase;
    if (phase == STSS3_PHASE_OVER)
        return;
    if ((mail & STSS3_MAIL_CANCEL) != 0 || atomic_load(&loop->is_stopping))
        cancel(loop, request);
    else if ((mail & STSS3_MAIL_START) != 0)
        move(loop, request, STSS3_PHASE_QUEUED);
    else if (phase == STSS3_PHASE_WAITING) /* resume */
        move(loop, request, STSS3_PHASE_QUEUED);
}

static void read_inbox(struct stss3_loop *loop)
{
    struct stss3_request *newest = atomic_exchange(&loop->inbox, NULL), *oldest = NULL;
    while (newest != NULL) {
        struct stss3_request *next = newest->state->next_in_inbox;
        newest->state->next_in_inbox = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct stss3_request *request = oldest;
        oldest = request->state->next_in_inbox;
        /* From here on it may be put into the inbox again. */
        const unsigned mail = atomic_exchange(&request->state->mail, 0);
        read_mail(loop, request, mail);
        stss3_request_unref(request);
    }
}

static void end_pauses(struct stss3_loop *loop)
{
    const int64_t now_ns = plug_now_ns();
    while (loop->paused.first != NULL && loop->paused.first->state->due_ns <= now_ns)
        move(loop, loop->paused.first, STSS3_PHASE_QUEUED);
}

static bool can_send(const struct stss3_loop *loop)
{
    return stss3_fork_asked_ns() == 0 && loop->queued.first != NULL &&
           loop->sending_count < loop->options->connections;
}

static void collect(struct stss3_loop *loop)
{
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
        /* Taken before the handle is removed: the message goes away with it. */
        const CURLcode result = message->data.result;
        struct stss3_request *request = stss3_transfer_request(message->easy_handle);
        struct stss3_transfer *transfer = request->state->transfer;
        stss3_transfer_end(transfer, loop->multi, result);
        const bool has_timed_out = stss3_transfer_has_timed_out(transfer);
        put_transfer(loop, request);
        judge(loop, request, has_timed_out);
    }
}

/* When a request on the wire will have been silent for too long; PLUG_NEVER while it connects,
 * since curl looks after that. */
static int64_t stalls_at_ns(const struct stss3_loop *loop, const struct stss3_request *request)
{
    const int64_t moved_ns = stss3_transfer_moved_ns(request->state->transfer);
    const uint64_t room_ms = (uint64_t)(PLUG_NEVER - moved_ns) / 1000000;
    const uint64_t limit_ms = request->stall_timeout_ms != 0 ? request->stall_timeout_ms
                                                             : loop->options->stall_timeout_ms;
    if (limit_ms >= room_ms)
        return PLUG_NEVER;
    return moved_ns + (int64_t)limit_ms * 1000000;
}

static void end_stalled(struct stss3_loop *loop)
{
    const int64_t now_ns = plug_now_ns();
    struct stss3_request *next;
    for (struct stss3_request *request = loop->sending.first; request != NULL; request = next) {
        next = request->state->next;
        if (stalls_at_ns(loop, request) > now_ns)
            continue;
        stss3_transfer_end_stalled(request->state->transfer, loop->multi);
        put_transfer(loop, request);
        judge(loop, request, true);
    }
}

/* Until when a fork that is waiting would be made in the middle of a lookup; 0: it would not. */
static int64_t lookup_until_ns(const struct stss3_loop *loop)
{
    const int64_t asked_ns = stss3_fork_asked_ns();
    for (const struct stss3_request *r = loop->sending.first; asked_ns != 0 && r != NULL;
         r = r->state->next)
        if (stss3_transfer_is_looking_up(r->state->transfer))
            return asked_ns + LOOKUP_NS;
    return 0;
}

static void step_aside(struct stss3_loop *loop)
{
    if (stss3_fork_asked_ns() != 0 && lookup_until_ns(loop) <= plug_now_ns())
        stss3_fork_yield();
}

/* How long nothing can be due, curl's own timers aside: curl_multi_poll knows those. */
static int sleep_ms(const struct stss3_loop *loop)
{
    const int64_t now_ns = plug_now_ns();
    const int64_t lookup_ns = lookup_until_ns(loop);
    int64_t due_ns = lookup_ns == 0 ? now_ns + IDLE_NS : lookup_ns;
    if (loop->paused.first != NULL && loop->paused.first->state->due_ns < due_ns)
        due_ns = loop->paused.first->state->due_ns;
    for (const struct stss3_request *r = loop->sending.first; r != NULL; r = r->state->next)
        if (stalls_at_ns(loop, r) < due_ns)
            due_ns = stalls_at_ns(loop, r);
    return due_ns <= now_ns ? 0 : (int)((due_ns - now_ns) / 1000000 + 1);
}

static void nap(struct stss3_loop *loop)
{
    if (can_send(loop))
        return;
    plug_gauge_tell(loop->options->host, loop->options->in_flight);
    atomic_store(&loop->is_asleep, true);
    const bool must_yield = stss3_fork_asked_ns() != 0 && lookup_until_ns(loop) == 0;
    if (atomic_load(&loop->inbox) == NULL && !atomic_load(&loop->is_stopping) && !must_yield)
        (void)curl_multi_poll(loop->multi, NULL, 0, sleep_ms(loop), NULL);
    atomic_store(&loop->is_asleep, false);
}

static void *run(void *ctx)
{
    struct stss3_loop *loop = ctx;
    stss3_fork_join(&loop->member);
    while (!atomic_load(&loop->is_stopping)) {
        int running;
        step_aside(loop);
        read_inbox(loop);
        end_pauses(loop);
        while (can_send(loop))
            prepare(loop, loop->queued.first);
        (void)curl_multi_perform(loop->multi, &running);
        collect(loop);
        end_stalled(loop);
        nap(loop);
    }
    OPENSSL_thread_stop(); /* as the thread's end would: with locks of its own, so before leaving */
    stss3_fork_leave(&loop->member);
    return NULL;
}

/* With all signals blocked: the host's handlers are not for our threads (THR-3). */
static bool start_thread(struct stss3_loop *loop)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool is_made = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                         pthread_create(&loop->thread, &attributes, run, loop) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (is_made)
        (void)pthread_setname_np(loop->thread, "regstore-http");
    return is_made;
}

static void end_all(struct stss3_loop *loop)
{
    struct line *const lines[] = {&loop->queued, &loop->waiting, &loop->sending, &loop->paused};
    read_inbox(loop);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        while (lines[i]->first != NULL)
            cancel(loop, lines[i]->first);
    read_inbox(loop); /* what done hooks have sent, such as a resume: it holds references */
    plug_gauge_tell(loop->options->host, loop->options->in_flight);
}

/* Everything but the thread. */
static void free_parts(struct stss3_loop *loop)
{
    while (loop->idle_count > 0)
        stss3_transfer_free(loop->idle[--loop->idle_count]);
    if (loop->multi != NULL)
        (void)curl_multi_cleanup(loop->multi);
    stss3_sockets_free(loop->sockets); /* last: curl tells it of each that it closes */
    free(loop->idle);
    free(loop);
}

struct stss3_loop *stss3_loop_new(const struct stss3_http_options *options)
{
    struct stss3_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return NULL;
    loop->options = options;
    loop->process = plug_process();
    loop->member = (struct stss3_fork_member){.wake = wake_for_fork, .ctx = loop};
    stss3_backoff_init(&loop->backoff);
    loop->idle = calloc(options->connections, sizeof(struct stss3_transfer *));
    loop->sockets = stss3_sockets_new(options->connections);
    loop->multi = curl_multi_init();
    if (loop->idle == NULL || loop->sockets == NULL || loop->multi == NULL) {
        free_parts(loop);
        return NULL;
    }
    stss3_wakeup_close_on_exec(loop->multi);
    const long connections = (long)options->connections;
    curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, connections);
    curl_multi_setopt(loop->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    if (!start_thread(loop)) {
        free_parts(loop);
        return NULL;
    }
    return loop;
}

void stss3_loop_stop(struct stss3_loop *loop)
{
    atomic_store(&loop->is_stopping, true);
    wake(loop);
}

void stss3_loop_join(struct stss3_loop *loop)
{
    (void)pthread_join(loop->thread, NULL);
}

void stss3_loop_free(struct stss3_loop *loop)
{
    end_all(loop);
    free_parts(loop);
}

void stss3_loop_close_copies(const struct stss3_loop *loop)
{
    stss3_sockets_close_copies(loop->sockets);
}

bool stss3_loop_is_ours(const struct stss3_loop *loop)
{
    return loop->process == plug_process();
}

unsigned stss3_loop_load(const struct stss3_loop *loop)
{
    return atomic_load(&loop->load);
}
