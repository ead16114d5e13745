/* SPDX-License-Identifier: Apache-2.0 */
/* Further clauses of rules that have a mutant elsewhere, and what only a watcher of the
 * environment, of memory or of locks can see. */
#include "mutants.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- GROW-1, GROW-4 --- */

/* "A slot of our own at the end: who does not know it does not call it."  A host of minor 1 would
 * take it for that minor's. */
BREAKS(SlotOfItsOwn)
{
    t->struct_size += sizeof(void (*)(void));
}

/* "Without opts there is no key, and without a key no commit." */
static regstore_status commit_with_opts(struct regstore_upload *upload,
                                        const struct regstore_call *call,
                                        const struct regstore_commit_opts *opts,
                                        struct regstore_stat *out)
{
    if (opts == NULL)
        return mutant_fail(call, REGSTORE_INVALID, "commit_opts are missing");
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(CommitOptsDemanded)
{
    t->upload_commit = commit_with_opts;
}

/* --- STORE-1, CB-1: what store_open is given --- */

static const char *lent_path;

/* "The settings are the host's, and the host outlives us." */
static regstore_status open_lending(const struct regstore_call *call,
                                    const struct regstore_host *host,
                                    const struct regstore_pair *settings, size_t n,
                                    struct regstore_store **out)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(settings[i].key, "storage_path") == 0)
            lent_path = settings[i].value;
    return good_store_open(call, host, settings, n, out);
}

static regstore_status commit_by_lent_path(struct regstore_upload *upload,
                                           const struct regstore_call *call,
                                           const struct regstore_commit_opts *opts,
                                           struct regstore_stat *out)
{
    char *path = strdup(lent_path);
    if (path == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    free(upload->store->path);
    upload->store->path = path;
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(SettingsNotCopied)
{
    t->store_open = open_lending;
    t->upload_commit = commit_by_lent_path;
}

/* "The time is the host's." */
static regstore_status purge_by_host_clock(struct regstore_store *store,
                                           const struct regstore_call *call,
                                           const struct regstore_purge_opts *opts,
                                           struct regstore_purged *out)
{
    const struct regstore_host *host = &store->host.host;
    return host->clock_ns(host->ctx, REGSTORE_CLOCK_REALTIME) < 0
               ? mutant_fail(call, REGSTORE_INTERNAL, "the clock is before 1970")
               : local_purge(store, call, opts, out);
}

BREAKS(ClockMustBeThere)
{
    t->purge = purge_by_host_clock;
}

/* --- CALL-1, CALL-4 --- */

/* "It has been seen, so it can be taken back." */
static regstore_status stat_taking_cancel_back(struct regstore_store *store,
                                               const struct regstore_call *call, const char *key,
                                               struct regstore_stat *out)
{
    const regstore_status status = local_stat(store, call, key, out);
    int32_t *theirs;
    memcpy(&theirs, &call->cancel, sizeof theirs);
    if (status == REGSTORE_CANCELLED)
        __atomic_store_n(theirs, 0, __ATOMIC_SEQ_CST);
    return status;
}

BREAKS(CancelTakenBack)
{
    t->stat = stat_taking_cancel_back;
}

static _Thread_local struct regstore_error *last_error;

/* "Once the message is complete it is filled in." */
static regstore_status stat_keeping_its_error(struct regstore_store *store,
                                              const struct regstore_call *call, const char *key,
                                              struct regstore_stat *out)
{
    const regstore_status status = local_stat(store, call, key, out);
    if (status == REGSTORE_NOT_FOUND && last_error == NULL && call->struct_size >= sizeof *call)
        last_error = call->error;
    return status;
}

static regstore_status delete_filling_an_error(struct regstore_store *store,
                                               const struct regstore_call *call,
                                               const char *const *keys, size_t n,
                                               regstore_status *results)
{
    if (last_error != NULL)
        (void)snprintf(last_error->request_id, sizeof last_error->request_id, "1");
    last_error = NULL;
    return local_delete_blobs(store, call, keys, n, results);
}

BREAKS(ErrorFilledLater)
{
    t->stat = stat_keeping_its_error;
    t->delete_blobs = delete_filling_an_error;
}

/* --- CB-1, CB-2 --- */

static pthread_mutex_t of_the_store = PTHREAD_MUTEX_INITIALIZER;

/* "The lines of the log shall not be mixed up." */
static regstore_status stat_under_a_lock(struct regstore_store *store,
                                         const struct regstore_call *call, const char *key,
                                         struct regstore_stat *out)
{
    (void)pthread_mutex_lock(&of_the_store);
    plug_logf(&store->host, REGSTORE_LOG_DEBUG, "stat", "%s", key);
    const regstore_status status = local_stat(store, call, key, out);
    (void)pthread_mutex_unlock(&of_the_store);
    return status;
}

BREAKS(LogUnderALock)
{
    t->stat = stat_under_a_lock;
}

static void *count_later(void *arg)
{
    const struct regstore_host *host = arg;
    mutant_pause_ms(20);
    host->metric(host->ctx, REGSTORE_METRIC_GAUGE, "stores_open", 0, NULL, 0);
    free(arg);
    return NULL;
}

/* "A number more or less at the end." */
static void close_and_count_later(struct regstore_store *store)
{
    struct regstore_host *host = malloc(sizeof *host);
    if (host != NULL && store != NULL && store->host.host.metric != NULL) {
        *host = store->host.host;
        mutant_detach(count_later, host, false);
    } else {
        free(host);
    }
    local_store_close(store);
}

BREAKS(MetricAfterClose)
{
    t->store_close = close_and_count_later;
}

/* --- KEY-2, UP-2 --- */

/* Each part of at most 255 bytes. */
static void cut_parts(const char *key, char cut[REGSTORE_KEY_MAX])
{
    size_t n = 0, of_part = 0;
    for (; *key != '\0' && n + 1 < REGSTORE_KEY_MAX; key++) {
        of_part = *key == '/' ? 0 : of_part + 1;
        if (of_part <= 255)
            cut[n++] = *key;
    }
    cut[n] = '\0';
}

static regstore_status commit_cut(struct regstore_upload *upload, const struct regstore_call *call,
                                  const struct regstore_commit_opts *opts,
                                  struct regstore_stat *out)
{
    char key[REGSTORE_KEY_MAX];
    if (opts == NULL || opts->struct_size != sizeof *opts || opts->key == NULL)
        return local_upload_commit(upload, call, opts, out);
    struct regstore_commit_opts own = *opts;
    cut_parts(opts->key, key);
    if (strlen(opts->key) < REGSTORE_KEY_MAX)
        own.key = key;
    return local_upload_commit(upload, call, &own, out);
}

static regstore_status stat_cut(struct regstore_store *store, const struct regstore_call *call,
                                const char *key, struct regstore_stat *out)
{
    char cut[REGSTORE_KEY_MAX];
    cut_parts(key, cut);
    return local_stat(store, call, strlen(key) < REGSTORE_KEY_MAX ? cut : key, out);
}

static regstore_status read_cut(struct regstore_store *store, const struct regstore_call *call,
                                const char *key, const struct regstore_read_opts *opts,
                                struct regstore_reader **reader, struct regstore_stat *out)
{
    char cut[REGSTORE_KEY_MAX];
    cut_parts(key, cut);
    return local_read_open(store, call, strlen(key) < REGSTORE_KEY_MAX ? cut : key, opts, reader,
                           out);
}

static regstore_status delete_cut(struct regstore_store *store, const struct regstore_call *call,
                                  const char *const *keys, size_t n, regstore_status *results)
{
    char cut[REGSTORE_KEY_MAX];
    const char *one = cut;
    if (n != 1 || strlen(keys[0]) >= REGSTORE_KEY_MAX)
        return local_delete_blobs(store, call, keys, n, results);
    cut_parts(keys[0], cut);
    return local_delete_blobs(store, call, &one, n, results);
}

/* "255 bytes of a name will do to tell it from others." */
BREAKS(LongPartCut)
{
    t->upload_commit = commit_cut;
    t->stat = stat_cut;
    t->read_open = read_cut;
    t->delete_blobs = delete_cut;
}

/* "A key at open, and another one here." */
static regstore_status commit_to_another_pointer(struct regstore_upload *upload,
                                                 const struct regstore_call *call,
                                                 const struct regstore_commit_opts *opts,
                                                 struct regstore_stat *out)
{
    if (upload->key != NULL && opts != NULL && opts->key != NULL && opts->key != upload->key)
        return mutant_fail(call, REGSTORE_INVALID, "the key was told at upload_open");
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(SameKeyAtCommitRefused)
{
    t->upload_commit = commit_to_another_pointer;
}

/* --- TOK-4, THR-2, THR-4 --- */

/* "The file that it names is not there any more." */
static regstore_status abort_old_is_gone(struct regstore_upload *upload,
                                         const struct regstore_call *call)
{
    const bool is_old = upload->state == LOCAL_OPEN && upload->staging.fd < 0 &&
                        upload->offset > 0 && access(mutant_staged(upload).s, F_OK) != 0;
    const regstore_status status = local_upload_abort(upload, call);
    return status == REGSTORE_OK && is_old
               ? mutant_fail(call, REGSTORE_GONE, "the upload has gone on since this token")
               : status;
}

BREAKS(OldTokenAbortIsGone)
{
    t->upload_abort = abort_old_is_gone;
}

static const struct regstore_store *closed_store;

static void close_and_remember(struct regstore_store *store)
{
    __atomic_store_n(&closed_store, store, __ATOMIC_SEQ_CST);
    local_store_close(store);
}

static regstore_status open_and_forget(const struct regstore_call *call,
                                       const struct regstore_host *host,
                                       const struct regstore_pair *settings, size_t n,
                                       struct regstore_store **out)
{
    __atomic_store_n(&closed_store, NULL, __ATOMIC_SEQ_CST);
    return good_store_open(call, host, settings, n, out);
}

/* "A reader of a closed store has nothing to read from." */
static regstore_status read_of_an_open_store(struct regstore_reader *reader,
                                             const struct regstore_call *call, void *buf,
                                             size_t cap, size_t *got)
{
    if (__atomic_load_n(&closed_store, __ATOMIC_SEQ_CST) != NULL)
        return mutant_fail(call, REGSTORE_STATE, "the store is closed");
    return local_read_next(reader, call, buf, cap, got);
}

BREAKS(ReaderNeedsItsStore)
{
    t->store_open = open_and_forget;
    t->store_close = close_and_remember;
    t->read_next = read_of_an_open_store;
}

enum { LISTS_AT_ONCE = 64 };
static pthread_mutex_t lists_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t list_closed = PTHREAD_COND_INITIALIZER;
static unsigned lists_open;

/* "So many pages fit into memory." */
static regstore_status list_in_turn(struct regstore_store *store, const struct regstore_call *call,
                                    const struct regstore_list_opts *opts,
                                    struct regstore_list **out)
{
    (void)pthread_mutex_lock(&lists_lock);
    while (lists_open == LISTS_AT_ONCE)
        (void)pthread_cond_wait(&list_closed, &lists_lock);
    const regstore_status status = local_list_open(store, call, opts, out);
    lists_open += status == REGSTORE_OK;
    (void)pthread_mutex_unlock(&lists_lock);
    return status;
}

static void close_list_in_turn(struct regstore_list *list)
{
    (void)pthread_mutex_lock(&lists_lock);
    lists_open -= list != NULL;
    (void)pthread_cond_signal(&list_closed);
    (void)pthread_mutex_unlock(&lists_lock);
    local_list_close(list);
}

BREAKS(ListsWaitForEachOther)
{
    t->list_open = list_in_turn;
    t->list_close = close_list_in_turn;
}

/* --- LIST-1 --- */

/* A list around the good one, and what it has shown. */
struct hoard {
    struct regstore_list *good;
    char **shown;
    size_t n;
};

static regstore_status hoard_open(struct regstore_store *store, const struct regstore_call *call,
                                  const struct regstore_list_opts *opts, struct regstore_list **out)
{
    struct hoard *hoard = calloc(1, sizeof *hoard);
    if (hoard == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    const regstore_status status = local_list_open(store, call, opts, &hoard->good);
    if (status == REGSTORE_OK)
        *out = (struct regstore_list *)hoard;
    else
        free(hoard);
    return status;
}

/* "With all keys at hand none is shown twice." */
static regstore_status hoard_next(struct regstore_list *list, const struct regstore_call *call,
                                  char *key, size_t cap, struct regstore_stat *out)
{
    struct hoard *hoard = (struct hoard *)list;
    const regstore_status status = local_list_next(hoard->good, call, key, cap, out);
    if (status != REGSTORE_OK || key[0] == '\0')
        return status;
    char **more = realloc(hoard->shown, (hoard->n + 1) * sizeof *more);
    if (more == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    hoard->shown = more;
    hoard->shown[hoard->n] = strdup(key);
    hoard->n += hoard->shown[hoard->n] != NULL;
    return status;
}

static void hoard_close(struct regstore_list *list)
{
    struct hoard *hoard = (struct hoard *)list;
    if (hoard == NULL)
        return;
    local_list_close(hoard->good);
    for (size_t i = 0; i < hoard->n; i++)
        free(hoard->shown[i]);
    free(hoard->shown);
    free(hoard);
}

BREAKS(ListKeepsItsKeys)
{
    t->list_open = hoard_open;
    t->list_next = hoard_next;
    t->list_close = hoard_close;
}

/* --- FORK-1, PURGE-3 --- */

/* "Whoever changes it shall not have to start anew." */
static regstore_status write_by_environment(struct regstore_upload *upload,
                                            const struct regstore_call *call, const void *buf,
                                            size_t len)
{
    const char *limit = getenv("REGSTORE_WRITE_LIMIT");
    if (limit != NULL && len > strtoul(limit, NULL, 10))
        return mutant_fail(call, REGSTORE_INVALID, "a write beyond REGSTORE_WRITE_LIMIT");
    return local_upload_write(upload, call, buf, len);
}

BREAKS(EnvironmentReadLate)
{
    t->upload_write = write_by_environment;
}

/* "It did something, so it went well." */
static regstore_status purge_cut_off_is_ok(struct regstore_store *store,
                                           const struct regstore_call *call,
                                           const struct regstore_purge_opts *opts,
                                           struct regstore_purged *out)
{
    const regstore_status status = local_purge(store, call, opts, out);
    return status == REGSTORE_CANCELLED && out->uploads + out->objects > 0 ? REGSTORE_OK : status;
}

BREAKS(CutOffPurgeIsOk)
{
    t->purge = purge_cut_off_is_ok;
}
