/* SPDX-License-Identifier: Apache-2.0 */
/* DEL-1, COPY-1. */
#include "mutants.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* --- DEL-1 --- */

/* "He ought to know that it is not there." */
static regstore_status delete_what_is_there(struct regstore_store *store,
                                            const struct regstore_call *call,
                                            const char *const *keys, size_t n,
                                            regstore_status *results)
{
    for (size_t i = 0; i < n; i++)
        if (!mutant_is_there(store, keys[i])) {
            for (size_t j = 0; results != NULL && j < n; j++)
                results[j] = REGSTORE_NOT_FOUND;
            return mutant_fail(call, REGSTORE_NOT_FOUND, "no blob at a key");
        }
    return local_delete_blobs(store, call, keys, n, results);
}

BREAKS(MissingIsNotFound)
{
    t->delete_blobs = delete_what_is_there;
}

/* "TRY(delete_one(...));" */
static regstore_status delete_to_first_failure(struct regstore_store *store,
                                               const struct regstore_call *call,
                                               const char *const *keys, size_t n,
                                               regstore_status *results)
{
    regstore_status status = REGSTORE_OK;
    for (size_t i = 0; i < n && status == REGSTORE_OK; i++)
        status = local_delete_blobs(store, call, &keys[i], 1, results ? &results[i] : NULL);
    return status;
}

BREAKS(DeleteStopsAtAFailure)
{
    t->delete_blobs = delete_to_first_failure;
}

/* "DeleteObjects takes a thousand." */
static regstore_status delete_thousand(struct regstore_store *store,
                                       const struct regstore_call *call, const char *const *keys,
                                       size_t n, regstore_status *results)
{
    for (size_t i = 1000; results != NULL && i < n; i++)
        results[i] = REGSTORE_OK;
    return local_delete_blobs(store, call, keys, n < 1000 ? n : 1000, results);
}

BREAKS(DeleteOnlyAThousand)
{
    t->delete_blobs = delete_thousand;
}

/* "What went wrong stands in results." */
static regstore_status delete_always_ok(struct regstore_store *store,
                                        const struct regstore_call *call, const char *const *keys,
                                        size_t n, regstore_status *results)
{
    const regstore_status status = local_delete_blobs(store, call, keys, n, results);
    return n > 1 && results != NULL ? REGSTORE_OK : status;
}

BREAKS(DeleteAlwaysOk)
{
    t->delete_blobs = delete_always_ok;
}

/* "The call failed, that says it all." */
static regstore_status delete_leaving_results(struct regstore_store *store,
                                              const struct regstore_call *call,
                                              const char *const *keys, size_t n,
                                              regstore_status *results)
{
    struct plug_call own;
    const regstore_status status = plug_call_begin(&own, call);
    if (status != REGSTORE_OK)
        return plug_call_end(&own, status);
    return local_delete_blobs(store, call, keys, n, results);
}

BREAKS(ResultsLeftUnfilled)
{
    t->delete_blobs = delete_leaving_results;
}

/* "Nothing to delete is a bug of the caller's." */
static regstore_status delete_something(struct regstore_store *store,
                                        const struct regstore_call *call, const char *const *keys,
                                        size_t n, regstore_status *results)
{
    if (n == 0)
        return mutant_fail(call, REGSTORE_INVALID, "no keys");
    return local_delete_blobs(store, call, keys, n, results);
}

BREAKS(NoKeysRefused)
{
    t->delete_blobs = delete_something;
}

/* "unlink it, and what was made beside it." */
static regstore_status delete_with_sidecars(struct regstore_store *store,
                                            const struct regstore_call *call,
                                            const char *const *keys, size_t n,
                                            regstore_status *results)
{
    char key[REGSTORE_KEY_MAX];
    struct regstore_list *list;
    for (size_t i = 0; i < n; i++) {
        const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = keys[i]};
        const char *one = key;
        if (local_list_open(store, call, &opts, &list) != REGSTORE_OK)
            continue;
        while (local_list_next(list, call, key, sizeof key, NULL) == REGSTORE_OK && key[0] != '\0')
            (void)local_delete_blobs(store, call, &one, 1, NULL);
        local_list_close(list);
    }
    return local_delete_blobs(store, call, keys, n, results);
}

BREAKS(DeleteByPrefix)
{
    t->delete_blobs = delete_with_sidecars;
}

/* --- COPY-1 --- */

/* "open(to, O_CREAT | O_TRUNC), then open(from)" */
static regstore_status copy_opening_target(struct regstore_store *store,
                                           const struct regstore_call *call, const char *from,
                                           const char *to, const struct regstore_copy_opts *opts)
{
    if (strcmp(from, to) != 0 && mutant_is_there(store, to)) {
        LOCAL_FD fd = open(mutant_path(store, to).s, O_WRONLY | O_TRUNC | O_CLOEXEC);
        (void)fd; /* closed at the end of its scope */
    }
    return local_copy(store, call, from, to, opts);
}

BREAKS(CopyEmptiesTarget)
{
    t->copy = copy_opening_target;
}

/* "That makes no sense." */
static regstore_status copy_elsewhere(struct regstore_store *store,
                                      const struct regstore_call *call, const char *from,
                                      const char *to, const struct regstore_copy_opts *opts)
{
    if (strcmp(from, to) == 0)
        return mutant_fail(call, REGSTORE_INVALID, "from and to are the same");
    return local_copy(store, call, from, to, opts);
}

BREAKS(CopyOntoItselfRefused)
{
    t->copy = copy_elsewhere;
}

/* "rename() is the cheapest." */
static regstore_status copy_by_rename(struct regstore_store *store,
                                      const struct regstore_call *call, const char *from,
                                      const char *to, const struct regstore_copy_opts *opts)
{
    const regstore_status status = local_copy(store, call, from, to, opts);
    if (status == REGSTORE_OK && strcmp(from, to) != 0)
        (void)unlink(mutant_path(store, from).s);
    return status;
}

BREAKS(CopyMoves)
{
    t->copy = copy_by_rename;
}

/* "A copy that is there is a copy that was made." */
static regstore_status copy_in_any_event(struct regstore_store *store,
                                         const struct regstore_call *call, const char *from,
                                         const char *to, const struct regstore_copy_opts *opts)
{
    struct regstore_copy_opts own = {.struct_size = sizeof own};
    (void)opts;
    return local_copy(store, call, from, to, &own);
}

BREAKS(CopyOverwritesAnyway)
{
    t->copy = copy_in_any_event;
}
