/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep.h"

#include "door.h"
#include "place.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CALL_MS 45000
#define OLD_MS  10000 /* the age that purge sees when the server's clock runs ahead */

static struct run *running;        /* the one of this process */
static int32_t cancelled;   /* of its calls; a signal's handler sets it */
static jmp_buf anew;        /* where a host begins that has given up */

bool is_our_server(void)
{
    return getenv("REGSTORE_TEST_ENDPOINT") == NULL;
}

static void write_words(const struct run *r, const char *what)
{
    static const char *const ends[] = {"commit", "abort", "give up"};
    const struct sweep_case *c = r->c;
    char at[NAME + 16];
    if (c->operation[0] != '\0')
        (void)snprintf(at, sizeof at, "%s %u", c->operation, c->skip + 1);
    else
        (void)snprintf(at, sizeof at, "turn %u, byte %llu", c->skip + 1, (unsigned long long)c->at);
    (void)snprintf(r->c->words, sizeof r->c->words,
                   "%s (%s), %s at %s: %s: %s: status %d, retryable %u, HTTP %u %s: %s",
                   c->journey->name, ends[c->end], c->wrong == NULL ? "no fault" : c->wrong->name,
                   at, what, r->verb == NULL ? "" : r->verb, (int)r->status, r->error.retryable,
                   r->error.http_status, r->error.code, r->error.message);
}

_Noreturn void end_broken(const struct run *r, const char *file, int line, const char *claim)
{
    char what[400];
    const char *name = strrchr(file, '/');
    (void)snprintf(what, sizeof what, "not so, %s:%d: %s", name == NULL ? file : name + 1, line,
                   claim);
    write_words(r, what);
    atomic_store(&r->c->outcome, BROKEN);
    _exit(1);
}

/* A case is no test of Check's: where the parts that it shares with those find something wrong,
 * they end it here. */
void _ck_assert_failed(const char *file, int line, const char *expr, const char *format, ...)
{
    char what[300] = "";
    va_list arguments;
    va_start(arguments, format);
    if (format != NULL)
        (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (running != NULL)
        end_broken(running, file, line, what[0] != '\0' ? what : expr);
    (void)fprintf(stderr, "%s:%d: %s\n", file, line, what[0] != '\0' ? what : expr);
    _exit(1);
}

void _mark_point(const char *file, int line)
{
    (void)file, (void)line;
}

static void on_signal(int number)
{
    (void)number;
    __atomic_store_n(&cancelled, 1, __ATOMIC_SEQ_CST);
}

struct regstore_call call_in(struct run *r)
{
    r->error = (struct regstore_error){.struct_size = sizeof r->error};
    return (struct regstore_call){.struct_size = sizeof(struct regstore_call),
                                  .timeout_ms = r->timeout_ms,
                                  .cancel = &cancelled,
                                  .error = &r->error};
}

void pause_ms(unsigned ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    (void)nanosleep(&pause, NULL);
}

bool is_visible(struct run *r, const char *key, uint64_t length)
{
    struct regstore_error error;
    const struct regstore_call call = call_of(&error);
    struct regstore_stat stat = {.struct_size = sizeof stat};
    regstore_status status = REGSTORE_DENIED;
    for (unsigned i = 0; i < AGAIN && status != REGSTORE_OK && status != REGSTORE_NOT_FOUND; i++) {
        status = r->p->stat(r->store, &call, key, &stat);
        if (status != REGSTORE_OK && status != REGSTORE_NOT_FOUND)
            pause_ms(50);
    }
    if (status == REGSTORE_NOT_FOUND)
        return false;
    ck_assert_msg(status == REGSTORE_OK, "stat: %d: %s", (int)status, error.message);
    ck_assert_msg(stat.length == length && has_content(r->store, key, 1, length),
                  "the key shows another blob");
    return true;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ')
            return false;
    return true;
}

static void is_what_was_allowed(struct run *r, regstore_status status)
{
    const struct allowed *allowed =
        allowed_for(r->c->wrong, r->c->operation, r->c->journey->name);
    char what[200];
    (void)snprintf(what, sizeof what, "status %d was not to be seen", (int)status);
    if ((allowed->statuses >> (unsigned)status & 1) == 0)
        end_broken(r, "wrongs.c", 0, what);
    CLAIM(r, r->error.message[0] != '\0' && is_printable(r->error.message));
    CLAIM(r, is_printable(r->error.code) && is_printable(r->error.request_id));
    CLAIM(r, r->error.retryable != 0 || allowed->retryable != ALWAYS);
    CLAIM(r, r->error.retryable == 0 || allowed->retryable != NEVER);
    if (status == REGSTORE_TIMEOUT || status == REGSTORE_CANCELLED)
        return; /* the call's end, and not the service's word */
    CLAIM(r, r->error.http_status == allowed->http_status || allowed->http_status == 0);
    CLAIM(r, allowed->code == NULL || strcmp(r->error.code, allowed->code) == 0);
}

static void mend(struct run *r)
{
    r->is_mended = true;
    r->timeout_ms = CALL_MS;
    if (is_our_server())
        door_forget_faults(server_url());
    if (r->c->wrong != NULL && r->c->wrong->allocator != NULL)
        r->c->wrong->allocator->disarm();
    __atomic_store_n(&cancelled, 0, __ATOMIC_SEQ_CST);
}

/* Closes everything while whatever is wrong goes on. */
static void give_up(struct run *r)
{
    r->p->store_close(r->store);
    r->p->upload_close(r->upload);
    r->p->read_close(r->reader);
    r->p->list_close(r->list);
    r->store = NULL;
    r->upload = NULL;
    r->reader = NULL;
    r->list = NULL;
    mend(r);
    longjmp(anew, 1);
}

void look_at_failure(struct run *r, const char *verb, regstore_status status)
{
    r->verb = verb;
    r->status = status;
    r->failures++;
    r->is_lost |= status == REGSTORE_GONE || (status == REGSTORE_CONFLICT && !r->error.retryable);
    CLAIM(r, r->c->wrong != NULL);
    CLAIM(r, r->failures <= AGAIN);
    is_what_was_allowed(r, status);
    if (r->failures == 1)
        write_words(r, "the host was told");
    if (!r->is_mended) {
        /* Before the faults are forgotten, and what they struck with them.  Time may be over before
         * the request that is to be struck. */
        if (is_our_server() && r->c->wrong->rule != NULL)
            r->was_early = door_struck(server_url()) == 0;
        CLAIM(r, !r->was_early || status == REGSTORE_TIMEOUT);
        if (r->c->wrong->is_given_up)
            give_up(r);
        mend(r);
    } else {
        pause_ms(50);
    }
}

void put_there(struct run *r, const char *key, size_t length)
{
    ck_assert(put(r->store, key, 1, length));
}

void reopen_store(struct run *r, bool is_through_proxy)
{
    r->p->store_close(r->store);
    if (r->c->journey->is_summed) {
        const struct regstore_pair settings[] = {{"checksum_algorithm", "crc32c"},
                                                 {"storage_path", r->path}};
        r->store = store_with(settings, sizeof settings / sizeof settings[0]);
        return;
    }
    r->store = store_through(is_through_proxy && r->proxy.process > 0 ? r->proxy.url : server_url(),
                             r->path);
}

const char *what_lies(const struct run *r)
{
    static char text[16384];
    char prefix[40];
    text[0] = '\0';
    (void)snprintf(prefix, sizeof prefix, "%s/", r->path + 1);
    if (is_our_server())
        door_left(server_url(), prefix, text, sizeof text);
    return text;
}

void purge_all(struct run *r)
{
    const struct regstore_purge_opts opts = {.struct_size = sizeof opts,
                                             .older_than_s = OLD_MS / 2000};
    struct regstore_purged purged = {.struct_size = sizeof purged};
    if (!is_our_server())
        return; /* nobody's clock is ours to turn */
    door_clock(server_url(), OLD_MS);
    const struct regstore_call call = call_in(r);
    r->verb = "purge";
    CLAIM(r, r->p->purge(r->store, &call, &opts, &purged) == REGSTORE_OK);
    CLAIM(r, purged.failed == 0 && purged.spared == 0);
    door_clock(server_url(), 0);
}

static void strike(struct run *r)
{
    const struct sweep_case *c = r->c;
    char rule[300];
    if (c->wrong != NULL && c->wrong->allocator != NULL)
        c->wrong->allocator->arm(c->skip);
    if (c->wrong == NULL || c->wrong->rule == NULL)
        return;
    int n = snprintf(rule, sizeof rule, "op=%s&skip=%u&%s", c->operation, c->skip, c->wrong->rule);
    if (c->wrong->is_cancel)
        (void)snprintf(rule + n, sizeof rule - (size_t)n, "&pid=%d", (int)getpid());
    door_fault(server_url(), rule);
}

/* Whether the fault met anything. */
static bool was_struck(const struct run *r)
{
    if (r->c->wrong == NULL || r->failures != 0)
        return !r->was_early;
    if (r->c->wrong->allocator != NULL)
        return r->c->wrong->allocator->has_failed();
    return r->c->wrong->rule == NULL ? atomic_load(&r->proxy.log->struck) != 0
                                     : door_struck(server_url()) != 0;
}

static void begin(struct run *r, unsigned number)
{
    const struct sweep_case *c = r->c;
    const struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    (void)sigaction(SIGUSR1, &act, NULL);
    (void)snprintf(r->path, sizeof r->path, "/case%u", number);
    r->p = plugin_table();
    r->timeout_ms = CALL_MS;
    if (is_our_server()) {
        door_forget_faults(server_url());
        door_clock(server_url(), 0);
        door_page(server_url(), 0);
    }
    if (c->journey->prepare != NULL) {
        reopen_store(r, false);
        c->journey->prepare(r);
    }
    const bool is_by_proxy = c->wrong == NULL || (c->wrong->rule == NULL && !c->wrong->allocator);
    if (is_by_proxy && !c->journey->is_scenario) {
        r->script = c->wrong == NULL ? (struct proxy_script){0} : c->wrong->script;
        r->script.turn = c->skip;
        r->script.at = c->at;
        proxy_start(&r->proxy, server_url(), &r->script);
    }
    reopen_store(r, true); /* the journey begins without a session */
    if (is_our_server())
        door_forget_counts(server_url());
    strike(r);
    if (c->wrong != NULL && c->wrong->timeout_ms != 0)
        r->timeout_ms = c->wrong->timeout_ms;
}

/* What the journey has met. */
static void write_down(const struct run *r)
{
    struct sweep_case *c = r->c;
    const struct proxy_log *log = r->proxy.log;
    if (log != NULL && c->skip < PROXY_TURNS)
        memcpy(c->line, log->turn[c->skip].line, sizeof c->line);
    if (c->survey == NULL)
        return;
    if (is_our_server())
        c->survey->n_counts = door_counts(server_url(), c->survey->counts, OPERATIONS);
    if (log != NULL) {
        const unsigned turns = atomic_load(&log->turns);
        c->survey->n_turns = turns < PROXY_TURNS ? turns : PROXY_TURNS;
        memcpy(c->survey->turns, log->turn, sizeof log->turn);
    }
}

void run_case(struct sweep_case *c, unsigned number)
{
    static struct run r;
    r = (struct run){.c = c};
    running = &r;
    begin(&r, number);
    if (setjmp(anew) != 0)
        reopen_store(&r, false);
    c->journey->travel(&r);
    const bool is_met = was_struck(&r);
    if (c->wrong != NULL && c->wrong->allocator != NULL)
        c->at = c->wrong->allocator->count();
    mend(&r);
    if (is_our_server())
        door_wait_idle(server_url()); /* what was late has landed */
    write_down(&r);
    __atomic_store_n(&cancelled, 0, __ATOMIC_SEQ_CST);
    if (r.proxy.process > 0)
        atomic_store(&r.proxy.log->is_over, true);
    reopen_store(&r, true); /* a token names the place, the proxy's port included */
    if (c->journey->judge != NULL)
        c->journey->judge(&r);
    r.p->store_close(r.store);
    if (r.proxy.process > 0)
        proxy_stop(&r.proxy);
    running = NULL;
    atomic_store(&c->outcome, !is_met ? NOT_MET : r.failures == 0 ? FINE : FAILED_CLEARLY);
}
