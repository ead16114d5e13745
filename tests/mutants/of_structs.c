/* SPDX-License-Identifier: Apache-2.0 */
/* GROW-2 to GROW-4, ERR-1: structs that grow, and the words of a failure. */
#include "mutants.h"

#include <stdio.h>
#include <string.h>

/* --- GROW-2 --- */

/* "What a newer host adds does not concern us." */
static regstore_status stat_of_known_part(struct regstore_store *store,
                                          const struct regstore_call *call, const char *key,
                                          struct regstore_stat *out)
{
    struct regstore_call known = *call;
    if (known.struct_size > sizeof known)
        known.struct_size = sizeof known;
    return local_stat(store, &known, key, out);
}

BREAKS(UnknownCallFieldTaken)
{
    t->stat = stat_of_known_part;
}

/* The same, of opts. */
static regstore_status list_known_opts(struct regstore_store *store,
                                       const struct regstore_call *call,
                                       const struct regstore_list_opts *opts,
                                       struct regstore_list **out)
{
    struct regstore_list_opts known = {.struct_size = sizeof known};
    if (opts != NULL && opts->struct_size >= sizeof known)
        known = *opts;
    else if (opts != NULL)
        known.struct_size = opts->struct_size;
    if (known.struct_size > sizeof known)
        known.struct_size = sizeof known;
    return local_list_open(store, call, &known, out);
}

BREAKS(UnknownOptsFieldTaken)
{
    t->list_open = list_known_opts;
}

/* "There are no flags yet, so nobody sets one." */
static regstore_status read_without_flags(struct regstore_store *store,
                                          const struct regstore_call *call, const char *key,
                                          const struct regstore_read_opts *opts,
                                          struct regstore_reader **reader,
                                          struct regstore_stat *out)
{
    if (opts == NULL || opts->struct_size != sizeof *opts)
        return local_read_open(store, call, key, opts, reader, out);
    struct regstore_read_opts own = *opts;
    own.flags = 0;
    return local_read_open(store, call, key, &own, reader, out);
}

BREAKS(UnknownFlagTaken)
{
    t->read_open = read_without_flags;
}

/* "A call of another size is not ours." */
static regstore_status suspend_exact(struct regstore_upload *upload,
                                     const struct regstore_call *call, char *token, size_t cap,
                                     uint64_t *kept)
{
    if (call->struct_size != sizeof *call)
        return mutant_fail(call, REGSTORE_INVALID, "call.struct_size is another one");
    return local_upload_suspend(upload, call, token, cap, kept);
}

BREAKS(LongerCallRefused)
{
    t->upload_suspend = suspend_exact;
}

/* "What is missing counts as zero." */
static regstore_status commit_short_opts(struct regstore_upload *upload,
                                         const struct regstore_call *call,
                                         const struct regstore_commit_opts *opts,
                                         struct regstore_stat *out)
{
    struct regstore_commit_opts own = {.struct_size = sizeof own};
    if (opts == NULL || opts->struct_size >= sizeof own)
        return local_upload_commit(upload, call, opts, out);
    memcpy(&own, opts, (size_t)opts->struct_size);
    own.struct_size = sizeof own;
    own.key = opts->key;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(ShorterOptsTaken)
{
    t->upload_commit = commit_short_opts;
}

/* "First the blob must be safe, then the details." */
static regstore_status commit_then_look_at_flags(struct regstore_upload *upload,
                                                 const struct regstore_call *call,
                                                 const struct regstore_commit_opts *opts,
                                                 struct regstore_stat *out)
{
    if (opts == NULL || opts->struct_size != sizeof *opts)
        return local_upload_commit(upload, call, opts, out);
    struct regstore_commit_opts own = *opts;
    own.flags &= REGSTORE_COMMIT_IF_ABSENT;
    const regstore_status status = local_upload_commit(upload, call, &own, out);
    if (status == REGSTORE_OK && own.flags != opts->flags)
        return mutant_fail(call, REGSTORE_UNSUPPORTED, "commit_opts has an unknown flag");
    return status;
}

BREAKS(UnknownFlagSeenTooLate)
{
    t->upload_commit = commit_then_look_at_flags;
}

/* "A host with more callbacks than we know cannot be served." */
static regstore_status open_exact_host(const struct regstore_call *call,
                                       const struct regstore_host *host,
                                       const struct regstore_pair *settings, size_t n,
                                       struct regstore_store **out)
{
    if (host != NULL && host->struct_size > sizeof *host)
        return mutant_fail(call, REGSTORE_UNSUPPORTED, "host offers more than is known");
    return good_store_open(call, host, settings, n, out);
}

BREAKS(YoungerHostRefused)
{
    t->store_open = open_exact_host;
}

/* --- GROW-3, GROW-4 --- */

/* "*out = found;" */
static regstore_status stat_whole(struct regstore_store *store, const struct regstore_call *call,
                                  const char *key, struct regstore_stat *out)
{
    struct regstore_stat found = {.struct_size = sizeof found};
    const regstore_status status = local_stat(store, call, key, &found);
    if (status == REGSTORE_OK && out != NULL) {
        found.struct_size = out->struct_size;
        memcpy(out, &found, sizeof found);
    }
    return status;
}

BREAKS(StatWrittenWhole)
{
    t->stat = stat_whole;
}

/* "The caller shall know how much of it is filled." */
static regstore_status stat_and_size(struct regstore_store *store, const struct regstore_call *call,
                                     const char *key, struct regstore_stat *out)
{
    const regstore_status status = local_stat(store, call, key, out);
    if (status == REGSTORE_OK && out != NULL)
        out->struct_size = sizeof *out;
    return status;
}

BREAKS(StatSizeWritten)
{
    t->stat = stat_and_size;
}

/* "memset(error, 0, sizeof *error);" */
static regstore_status read_clearing_error(struct regstore_store *store,
                                           const struct regstore_call *call, const char *key,
                                           const struct regstore_read_opts *opts,
                                           struct regstore_reader **reader,
                                           struct regstore_stat *out)
{
    if (call->error != NULL)
        memset((char *)call->error + sizeof call->error->struct_size, 0,
               sizeof *call->error - sizeof call->error->struct_size);
    return local_read_open(store, call, key, opts, reader, out);
}

static regstore_status stat_clearing_error(struct regstore_store *store,
                                           const struct regstore_call *call, const char *key,
                                           struct regstore_stat *out)
{
    if (call->error != NULL)
        memset((char *)call->error + sizeof call->error->struct_size, 0,
               sizeof *call->error - sizeof call->error->struct_size);
    return local_stat(store, call, key, out);
}

BREAKS(ErrorWrittenWhole)
{
    t->read_open = read_clearing_error;
    t->stat = stat_clearing_error;
}

static regstore_status purge_whole(struct regstore_store *store, const struct regstore_call *call,
                                   const struct regstore_purge_opts *opts,
                                   struct regstore_purged *out)
{
    struct regstore_purged counts = {.struct_size = sizeof counts};
    const regstore_status status = local_purge(store, call, opts, &counts);
    counts.struct_size = out->struct_size;
    memcpy(out, &counts, sizeof counts);
    return status;
}

BREAKS(PurgedWrittenWhole)
{
    t->purge = purge_whole;
}

/* "A list without opts lists nothing." */
static regstore_status list_with_opts(struct regstore_store *store,
                                      const struct regstore_call *call,
                                      const struct regstore_list_opts *opts,
                                      struct regstore_list **out)
{
    if (opts == NULL)
        return mutant_fail(call, REGSTORE_INVALID, "list_open needs opts");
    return local_list_open(store, call, opts, out);
}

BREAKS(NullOptsRefused)
{
    t->list_open = list_with_opts;
}

/* --- ERR-1 --- */

/* "Only a failure has anything to say." */
static regstore_status stat_keeping_error(struct regstore_store *store,
                                          const struct regstore_call *call, const char *key,
                                          struct regstore_stat *out)
{
    struct regstore_error own = {.struct_size = sizeof own};
    struct regstore_call mine = *call;
    if (call->struct_size != sizeof *call || call->error == NULL)
        return local_stat(store, call, key, out);
    mine.error = &own;
    const regstore_status status = local_stat(store, &mine, key, out);
    if (status != REGSTORE_OK)
        plug_give(call->error, &own, sizeof own);
    return status;
}

BREAKS(ErrorNotCleared)
{
    t->stat = stat_keeping_error;
}

static regstore_status stat_with_words(struct regstore_store *store,
                                       const struct regstore_call *call, const char *key,
                                       struct regstore_stat *out,
                                       void (*change)(struct regstore_error *, const char *key))
{
    const regstore_status status = local_stat(store, call, key, out);
    if (status != REGSTORE_OK && call->error != NULL &&
        call->error->struct_size >= sizeof *call->error)
        change(call->error, key);
    return status;
}

static void say_nothing(struct regstore_error *error, const char *key)
{
    (void)key;
    error->message[0] = '\0';
}

/* "NOT_FOUND says it all." */
static regstore_status stat_wordless(struct regstore_store *store, const struct regstore_call *call,
                                     const char *key, struct regstore_stat *out)
{
    return stat_with_words(store, call, key, out, say_nothing);
}

BREAKS(ErrorWithoutWords)
{
    t->stat = stat_wordless;
}

static void say_raw(struct regstore_error *error, const char *key)
{
    (void)snprintf(error->message, sizeof error->message, "no blob here:\n\t%.200s\n", key);
}

/* "It reads better on lines of its own." */
static regstore_status stat_raw(struct regstore_store *store, const struct regstore_call *call,
                                const char *key, struct regstore_stat *out)
{
    return stat_with_words(store, call, key, out, say_raw);
}

BREAKS(ErrorUnprintable)
{
    t->stat = stat_raw;
}

static void say_endless(struct regstore_error *error, const char *key)
{
    (void)key;
    memset(error->message, '.', sizeof error->message);
    memcpy(error->message, "no blob at this key", strlen("no blob at this key"));
}

/* "strncpy ends it." */
static regstore_status stat_endless(struct regstore_store *store, const struct regstore_call *call,
                                    const char *key, struct regstore_stat *out)
{
    return stat_with_words(store, call, key, out, say_endless);
}

BREAKS(ErrorWithoutEnd)
{
    t->stat = stat_endless;
}

static void say_try_again(struct regstore_error *error, const char *key)
{
    (void)key;
    error->retryable = 1;
}

/* "Trying again does no harm." */
static regstore_status stat_for_ever(struct regstore_store *store, const struct regstore_call *call,
                                     const char *key, struct regstore_stat *out)
{
    return stat_with_words(store, call, key, out, say_try_again);
}

BREAKS(InvalidIsRetryable)
{
    t->stat = stat_for_ever;
}

/* "Who cancels does not want to try again." */
static regstore_status list_for_good(struct regstore_list *list, const struct regstore_call *call,
                                     char *key, size_t cap, struct regstore_stat *out)
{
    const regstore_status status = local_list_next(list, call, key, cap, out);
    if (status == REGSTORE_CANCELLED && call->error != NULL)
        call->error->retryable = 0;
    return status;
}

BREAKS(CancelledForGood)
{
    t->list_next = list_for_good;
}

/* "Every host has an error struct." */
static regstore_status open_with_error(const struct regstore_call *call,
                                       const struct regstore_host *host,
                                       const struct regstore_pair *settings, size_t n,
                                       struct regstore_store **out)
{
    call->error->code[0] = '\0';
    return good_store_open(call, host, settings, n, out);
}

BREAKS(ErrorMustBeThere)
{
    t->store_open = open_with_error;
}
