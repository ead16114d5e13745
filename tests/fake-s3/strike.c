/* SPDX-License-Identifier: Apache-2.0 */
/* What a fault does to a request while it is served. */
#include "strike.h"

#include "clock.h"
#include "exchange.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *word(const struct fault *f, const char *name, const char *otherwise)
{
    const char *value = fields_get(&f->rule, name);
    return value == NULL ? otherwise : value;
}

static void strike_with_error(struct exchange *x, const struct fault *f)
{
    const char *message = fields_get(&f->rule, "message");
    const char *code = word(f, "code", "InternalError");
    if (message != NULL)
        (void)refuse_saying(x, code, "%s", message);
    else
        (void)refuse(x, code);
    if (fields_get(&f->rule, "status") != NULL)
        x->answer.status = f->status;
    if (f->action == FAULT_OK_ERROR)
        x->answer.status = 200;
}

static void strike_with_redirect(struct exchange *x, const struct fault *f)
{
    const char *to = word(f, "to", header(x, "Host"));
    struct text location = {0};

    (void)refuse(x, f->status == 301 ? "PermanentRedirect" : "TemporaryRedirect");
    x->answer.status = f->status;
    refuse_detail(x, "Endpoint", to);
    if (x->bucket_name != NULL)
        refuse_detail(x, "Bucket", x->bucket_name);
    text_format(&location, "%s://%s%s", x->is_secure ? "https" : "http", to, x->target);
    answer_header(x, "Location", text_str(&location));
    text_clear(&location);
    if (fields_get(&f->rule, "region") != NULL)
        answer_header(x, "x-amz-bucket-region", fields_get(&f->rule, "region"));
}

void mark_strike(const struct exchange *x)
{
    (void)atomic_fetch_add(&x->server->strikes, 1);
}

static void expire_all(struct exchange *x)
{
    (void)pthread_mutex_lock(&x->server->lock);
    identities_expire(&x->server->identities, server_now_ms(x->server));
    (void)pthread_mutex_unlock(&x->server->lock);
}

/* What exchange_finish() and http.c do. */
static bool is_of_answer(enum fault_action action)
{
    return action > FAULT_STALL && action != FAULT_OK_ERROR && action != FAULT_REDIRECT &&
           action != FAULT_EXPIRE && action != FAULT_CLOCK && action != FAULT_SIGNAL;
}

static enum verdict strike_now(struct exchange *x, const struct fault *f)
{
    switch (f->action) {
    case FAULT_RESET:
        return RESET;
    case FAULT_CLOSE:
        return CLOSE;
    case FAULT_STALL:
        pause_ms((uint32_t)f->ms);
        return GO_ON;
    case FAULT_ERROR:
    case FAULT_OK_ERROR:
        strike_with_error(x, f);
        return GO_ON;
    case FAULT_REDIRECT:
        strike_with_redirect(x, f);
        return GO_ON;
    case FAULT_EXPIRE:
        expire_all(x);
        return GO_ON;
    case FAULT_CLOCK:
        atomic_store(&x->server->clock_offset_ms, f->ms);
        return GO_ON;
    case FAULT_SIGNAL:
        (void)kill((pid_t)f->pid, SIGUSR1);
        pause_ms((uint32_t)f->ms);
        return GO_ON;
    default:
        return GO_ON;
    }
}

enum verdict strike(struct exchange *x, enum fault_phase phase)
{
    const struct fault *f = x->fault;
    if (f == NULL || f->phase != phase || is_of_answer(f->action))
        return GO_ON;
    if (phase != FAULT_MIDDLE)
        mark_strike(x);
    return strike_now(x, f);
}

void reset_connection(int fd)
{
    /* Linux: a connected socket that is connected to nothing sends RST. */
    const struct sockaddr nothing = {.sa_family = AF_UNSPEC};
    (void)connect(fd, &nothing, sizeof nothing);
}
