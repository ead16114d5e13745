/* SPDX-License-Identifier: Apache-2.0 */
/* The way of one request through the server. */
#include "serve.h"

#include "authenticate.h"
#include "authorize.h"
#include "control.h"
#include "exchange.h"
#include "operations.h"
#include "sts.h"

#include <stdio.h>
#include <string.h>

static void add(struct fields *counts, const char *what, uint64_t more)
{
    const char *before = fields_get(counts, what);
    uint64_t number = 0;
    char text[24];
    if (before != NULL)
        (void)read_number(before, UINT64_MAX, &number);
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)(number + more));
    fields_set(counts, what, text);
}

static void count(struct fields *counts, const char *what)
{
    add(counts, what, 1);
}

/* What has no answer's head has none of its bytes either. */
static void count_bytes(struct exchange *x)
{
    const struct answer *a = &x->answer;
    const bool is_head = strcmp(x->method, "HEAD") == 0;
    (void)pthread_mutex_lock(&x->server->lock);
    add(&x->server->received, x->operation->name, x->received);
    add(&x->server->sent, x->operation->name,
        is_head ? 0 : a->object != NULL ? a->bytes : a->body.length);
    (void)pthread_mutex_unlock(&x->server->lock);
}

static void count_refusal(struct exchange *x)
{
    if (!is_refused(x))
        return;
    (void)pthread_mutex_lock(&x->server->lock);
    count(&x->server->refusals, x->answer.code);
    (void)pthread_mutex_unlock(&x->server->lock);
}

/* Counts the request, and finds out whether a fault is meant for it. Under the lock. */
static void meet(struct exchange *x)
{
    count(&x->server->counts, x->operation->name);
    x->fault = faults_match(&x->server->faults, x->operation->name, x->key);
}

static bool check_bucket_is_there(struct exchange *x)
{
    bool needs_one = x->bucket_name != NULL && strcmp(x->operation->name, "CreateBucket") != 0;
    return !needs_one || need_bucket(x) != NULL;
}

static bool check_action(struct exchange *x)
{
    const char *action = x->operation->action;
    return action == NULL || authorize(x, action, x->bucket_name, x->key);
}

/* Under the lock. */
static void admit(struct exchange *x)
{
    if (check_region(x) && authenticate_s3(x) && check_bucket_is_there(x) && check_action(x))
        (void)body_start(x);
}

static enum verdict head(struct exchange *x)
{
    pthread_mutex_t *lock = &x->server->lock;
    enum verdict verdict;

    if (is_control(x) || !route(x))
        return GO_ON;
    if (x->is_sts) {
        (void)body_start(x);
        return GO_ON;
    }
    (void)pthread_mutex_lock(lock);
    meet(x);
    (void)pthread_mutex_unlock(lock);
    verdict = strike(x, FAULT_BEFORE);
    if (verdict != GO_ON || is_refused(x))
        return verdict;
    (void)pthread_mutex_lock(lock);
    admit(x);
    (void)pthread_mutex_unlock(lock);
    return GO_ON;
}

enum verdict serve_head(struct exchange *x)
{
    enum verdict verdict = head(x);
    count_refusal(x);
    return verdict;
}

void serve_body(struct exchange *x, const char *bytes, size_t length)
{
    x->received += length;
    /* What the tests' door and a refused request bring is passed over. */
    if (!is_refused(x) && x->operation != NULL)
        (void)body_receive(x, bytes, length);
}

/* Of STS nothing is known before the form is there. */
static enum verdict admit_sts(struct exchange *x)
{
    pthread_mutex_t *lock = &x->server->lock;
    if (!sts_read_form(x))
        return GO_ON;
    (void)pthread_mutex_lock(lock);
    meet(x);
    (void)pthread_mutex_unlock(lock);
    enum verdict verdict = strike(x, FAULT_BEFORE);
    if (verdict != GO_ON || is_refused(x))
        return verdict;
    (void)pthread_mutex_lock(lock);
    (void)authenticate_sts(x);
    (void)pthread_mutex_unlock(lock);
    return GO_ON;
}

static enum verdict carry_out(struct exchange *x)
{
    pthread_mutex_t *lock = &x->server->lock;
    if (is_refused(x) || !body_finish(x))
        return GO_ON;
    enum verdict verdict = x->is_sts ? admit_sts(x) : GO_ON;
    if (verdict == GO_ON)
        verdict = strike(x, FAULT_READ);
    if (verdict != GO_ON || is_refused(x))
        return verdict;
    (void)pthread_mutex_lock(lock);
    x->operation->carry_out(x);
    (void)pthread_mutex_unlock(lock);
    return strike(x, FAULT_AFTER);
}

enum verdict serve_end(struct exchange *x)
{
    enum verdict verdict = GO_ON;
    if (is_control(x)) {
        (void)pthread_mutex_lock(&x->server->lock);
        control(x);
        (void)pthread_mutex_unlock(&x->server->lock);
    } else {
        bool was_refused = is_refused(x);
        verdict = carry_out(x);
        if (!was_refused)
            count_refusal(x);
    }
    exchange_finish(x);
    if (x->operation != NULL)
        count_bytes(x);
    return verdict;
}
