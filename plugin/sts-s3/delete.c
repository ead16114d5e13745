/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting many keys: in batches of 1,000, or one by one where the server takes no batch. */
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "objects.h"
#include "store.h"

#define DELETES_AT_ONCE 8

/* NULL: no memory, or the call's time is over. */
static struct stss3_op *start_delete(struct stss3_store *s, struct plug_call *call, const char *key)
{
    if (plug_call_check(call) != REGSTORE_OK)
        return NULL;
    struct stss3_op *op = stss3_op_new(&s->running->client, "DELETE", "DeleteObject", key);
    if (op != NULL)
        stss3_request_start(s->running->http, op->request);
    return op;
}

static regstore_status finish_delete(struct plug_call *call, struct stss3_op *op)
{
    if (op == NULL) {
        TRY(plug_call_check(call));
        return plug_no_memory(call);
    }
    regstore_status status = stss3_request_wait(op->request, call);
    if (status != REGSTORE_OK)
        stss3_request_cancel(op->request);
    else if (op->request->error.status != REGSTORE_NOT_FOUND &&
             op->request->error.status != REGSTORE_OK)
        status = plug_call_adopt(call, &op->request->error);
    stss3_op_drop(op);
    return status;
}

static regstore_status delete_singly(struct stss3_store *s, struct plug_call *call,
                                     const char *const *keys, size_t n, regstore_status *results)
{
    struct stss3_op *window[DELETES_AT_ONCE];
    size_t begun = 0;
    regstore_status first = REGSTORE_OK;
    struct plug_error words = {0};
    for (size_t i = 0; i < n; i++) {
        for (; begun < n && begun - i < DELETES_AT_ONCE; begun++)
            window[begun % DELETES_AT_ONCE] = start_delete(s, call, keys[begun]);
        results[i] = finish_delete(call, window[i % DELETES_AT_ONCE]);
        if (first == REGSTORE_OK && results[i] != REGSTORE_OK) {
            first = results[i];
            words = call->error;
        }
    }
    return first == REGSTORE_OK ? REGSTORE_OK : plug_call_adopt(call, &words);
}

/* True when the batch as such was refused, not some of its keys: Ceph 16 wants the right to delete
 * on the bucket's ARN for it, other stores do not know it, or not the checksum that it bears. */
static bool is_batch_refused(regstore_status status, const char *code,
                             const regstore_status *results)
{
    return results[0] == REGSTORE_INTERNAL &&
           (status == REGSTORE_UNSUPPORTED || status == REGSTORE_DENIED ||
            strcmp(code, "InvalidRequest") == 0 || strcmp(code, "MissingContentMD5") == 0);
}

/* At most STSS3_DELETE_MAX of them; every result is set. */
static regstore_status delete_some(struct stss3_store *s, struct plug_call *call,
                                   const char *const *keys, size_t n, regstore_status *results)
{
    if (n == 1 || atomic_load(&s->running->client.refuses_batch_delete))
        return delete_singly(s, call, keys, n, results);
    const regstore_status status = stss3_delete_batch(&s->running->client, call, keys, n, results);
    if (status == REGSTORE_OK)
        return REGSTORE_OK;
    if (is_batch_refused(status, call->error.code, results)) {
        if (!atomic_exchange(&s->running->client.refuses_batch_delete, true))
            plug_log(&s->host, REGSTORE_LOG_INFO, "fallback",
                     PLUG_FIELDS({"operation", "DeleteObjects"}, {"instead", "DeleteObject"},
                                 {"code", call->error.code}));
        return delete_singly(s, call, keys, n, results);
    }
    for (size_t i = 0; i < n; i++)
        if (results[i] == REGSTORE_INTERNAL)
            results[i] = status; /* the request failed as a whole */
    return status;
}

regstore_status stss3_store_delete(struct stss3_store *s, struct plug_call *call,
                                   const char *const *keys, size_t n, regstore_status *results)
{
    regstore_status some[STSS3_DELETE_MAX];
    regstore_status first = REGSTORE_OK;
    struct plug_error words = {0};
    for (size_t at = 0; at < n; at += STSS3_DELETE_MAX) {
        const size_t count = n - at < STSS3_DELETE_MAX ? n - at : STSS3_DELETE_MAX;
        const regstore_status status = delete_some(s, call, keys + at, count, some);
        if (results != NULL)
            memcpy(results + at, some, count * sizeof some[0]);
        if (first == REGSTORE_OK && status != REGSTORE_OK) {
            first = status;
            words = call->error;
        }
    }
    return first == REGSTORE_OK ? REGSTORE_OK : plug_call_adopt(call, &words);
}

/* The keys that are keys; the others have their result at once (DEL-1). */
struct choice {
    const char **keys;
    size_t *places;
    regstore_status *results;
    size_t n;
};

static void clear_choice(struct choice *c)
{
    free(c->keys);
    free(c->places);
    free(c->results);
}

static regstore_status choose(struct stss3_store *s, struct plug_call *call,
                              const char *const *keys, size_t n, regstore_status *results,
                              struct choice *c)
{
    regstore_status first = REGSTORE_OK;
    struct plug_error words = {0};
    c->keys = calloc(n, sizeof *c->keys);
    c->places = calloc(n, sizeof *c->places);
    c->results = calloc(n, sizeof *c->results);
    if (c->keys == NULL || c->places == NULL || c->results == NULL)
        return plug_no_memory(call);
    for (size_t i = 0; i < n; i++) {
        regstore_status status = plug_key_check(call, keys[i], "key");
        if (status == REGSTORE_OK)
            status = stss3_key_length(s, call, keys[i], "key");
        if (results != NULL)
            results[i] = status;
        if (status == REGSTORE_OK) {
            c->keys[c->n] = keys[i];
            c->places[c->n++] = i;
        } else if (first == REGSTORE_OK) {
            first = status;
            words = call->error;
        }
    }
    return first == REGSTORE_OK ? REGSTORE_OK : plug_call_adopt(call, &words);
}

static regstore_status delete_checked(struct stss3_store *s, struct plug_call *call,
                                      const char *const *keys, size_t n, regstore_status *results)
{
    struct choice c = {0};
    if (n == 0)
        return REGSTORE_OK;
    if (keys == NULL) {
        for (size_t i = 0; results != NULL && i < n; i++)
            results[i] = REGSTORE_INVALID;
        return plug_fail(call, REGSTORE_INVALID, "keys is NULL");
    }
    const regstore_status bad = choose(s, call, keys, n, results, &c);
    const struct plug_error words = call->error;
    regstore_status status =
        bad == REGSTORE_NO_MEMORY ? bad : stss3_store_delete(s, call, c.keys, c.n, c.results);
    for (size_t i = 0; results != NULL && bad != REGSTORE_NO_MEMORY && i < c.n; i++)
        results[c.places[i]] = c.results[i];
    if (bad != REGSTORE_OK)
        status = plug_call_adopt(call, &words);
    clear_choice(&c);
    return status;
}

regstore_status stss3_delete_blobs(struct regstore_store *store, const struct regstore_call *call,
                                   const char *const *keys, size_t n, regstore_status *results)
{
    struct stss3_store *s = stss3_store_of(store);
    struct plug_call c;
    regstore_status status = plug_call_begin(&c, call);
    plug_call_measure(&c, &s->host, "delete");
    if (status == REGSTORE_OK)
        status = stss3_store_enter(s, &c);
    for (size_t i = 0; results != NULL && i < n; i++)
        results[i] = status == REGSTORE_OK ? REGSTORE_NO_MEMORY : status; /* until one knows more */
    if (status == REGSTORE_OK)
        status = delete_checked(s, &c, keys, n, results);
    return plug_call_end(&c, status);
}
