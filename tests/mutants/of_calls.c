/* SPDX-License-Identifier: Apache-2.0 */
/* CALL-1 to CALL-5, CB-1 and CB-2: time, cancel flags, the caller's memory, the host's callbacks.
 */
#include "mutants.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- CALL-1 to CALL-5 --- */

/* "What is left of the time is passed on in place." */
static regstore_status stat_using_up_time(struct regstore_store *store,
                                          const struct regstore_call *call, const char *key,
                                          struct regstore_stat *out)
{
    const regstore_status status = local_stat(store, call, key, out);
    struct regstore_call *theirs;
    memcpy(&theirs, &call, sizeof theirs);
    if (call->timeout_ms > 0)
        theirs->timeout_ms--;
    return status;
}

BREAKS(CallWritten)
{
    t->stat = stat_using_up_time;
}

/* "Out of time is out of reach." */
static regstore_status write_unavailable(struct regstore_upload *upload,
                                         const struct regstore_call *call, const void *buf,
                                         size_t len)
{
    const regstore_status status = local_upload_write(upload, call, buf, len);
    return status == REGSTORE_TIMEOUT
               ? mutant_fail(call, REGSTORE_UNAVAILABLE, "the disk does not answer")
               : status;
}

BREAKS(TimeoutIsUnavailable)
{
    t->upload_write = write_unavailable;
}

/* Longer than the second in which a call has to return; and than what a disk excuses. */
enum { PAUSE_MS = 1800, LONG_PAUSE_MS = 6000 };

/* "The disk needs a moment to settle." */
static regstore_status check_after_a_pause(struct regstore_store *store,
                                           const struct regstore_call *call,
                                           const struct regstore_check_opts *opts)
{
    if (call->timeout_ms > 0)
        mutant_pause_ms(LONG_PAUSE_MS);
    return local_check(store, call, opts);
}

BREAKS(PauseBeyondDeadline)
{
    t->check = check_after_a_pause;
}

/* "It is quick: who would cancel it?" */
static regstore_status delete_uncancelled(struct regstore_store *store,
                                          const struct regstore_call *call, const char *const *keys,
                                          size_t n, regstore_status *results)
{
    struct regstore_call own = *call;
    if (call->struct_size == sizeof own)
        own.cancel = NULL;
    return local_delete_blobs(store, call->struct_size == sizeof own ? &own : call, keys, n,
                              results);
}

BREAKS(CancelNotLookedAt)
{
    t->delete_blobs = delete_uncancelled;
}

/* "Looked at once more when the pause is over, that is often enough." */
static regstore_status check_pausing_uncancelled(struct regstore_store *store,
                                                 const struct regstore_call *call,
                                                 const struct regstore_check_opts *opts)
{
    const regstore_status status = local_check(store, call, opts);
    if (status != REGSTORE_CANCELLED)
        return status;
    mutant_pause_ms(PAUSE_MS);
    return status;
}

BREAKS(CancelSeenTooLate)
{
    t->check = check_pausing_uncancelled;
}

/* What the last write was given. */
static _Thread_local struct {
    struct regstore_upload *upload;
    const void *buf;
    size_t len;
    off_t at;
} lent;

static void use_lent(const struct regstore_upload *upload)
{
    if (lent.upload == upload && lent.len > 0 &&
        pwrite(upload->staging.fd, lent.buf, lent.len, lent.at) < 0)
        (void)0; /* the caller has taken it away */
    lent.len = 0;
}

/* "It is still in the caller's buffer when the next piece comes: no copy needed." */
static regstore_status write_lent(struct regstore_upload *upload, const struct regstore_call *call,
                                  const void *buf, size_t len)
{
    use_lent(upload);
    const uint64_t before = upload->offset;
    const regstore_status status = local_upload_write(upload, call, buf, len);
    lent.upload = upload;
    lent.buf = buf;
    lent.len = (size_t)(upload->offset - before);
    lent.at = (off_t)before;
    return status;
}

static regstore_status commit_lent(struct regstore_upload *upload, const struct regstore_call *call,
                                   const struct regstore_commit_opts *opts,
                                   struct regstore_stat *out)
{
    use_lent(upload);
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(BufferUsedLater)
{
    t->upload_write = write_lent;
    t->upload_commit = commit_lent;
}

static void *fill_later(void *arg)
{
    mutant_pause_ms(2);
    const int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    if (zeros >= 0 && read(zeros, arg, 4096) < 0)
        (void)0; /* the caller has taken it away */
    (void)close(zeros);
    return NULL;
}

/* "The transfer that was cut off may as well end." */
static regstore_status read_ending_late(struct regstore_reader *reader,
                                        const struct regstore_call *call, void *buf, size_t cap,
                                        size_t *got)
{
    if (call->timeout_ms != 1 || cap < 4096)
        return local_read_next(reader, call, buf, cap, got);
    mutant_pause_ms(2); /* so that its time is over */
    mutant_detach(fill_later, buf, false);
    *got = 0;
    return mutant_fail(call, REGSTORE_TIMEOUT, "the time given for this call is over");
}

BREAKS(ReadEndsLate)
{
    t->read_next = read_ending_late;
}

/* "Cut off is cut off: who knows what became of it." */
static regstore_status commit_cut_off_for_good(struct regstore_upload *upload,
                                               const struct regstore_call *call,
                                               const struct regstore_commit_opts *opts,
                                               struct regstore_stat *out)
{
    if (call->timeout_ms != 1)
        return local_upload_commit(upload, call, opts, out);
    mutant_pause_ms(2); /* so that its time is over: a file's commit may be faster */
    upload->state = LOCAL_LOST;
    return mutant_fail(call, REGSTORE_TIMEOUT, "the time given for this call is over");
}

BREAKS(CutOffCommitIsLost)
{
    t->upload_commit = commit_cut_off_for_good;
}

/* --- CB-1, CB-2 --- */

static void log_end(const struct regstore_host *host)
{
    host->log(host->ctx, REGSTORE_LOG_WARNING, "upload.closed", NULL, 0);
}

/* "Every host has a log." */
static regstore_status commit_and_log(struct regstore_upload *upload,
                                      const struct regstore_call *call,
                                      const struct regstore_commit_opts *opts,
                                      struct regstore_stat *out)
{
    log_end(&upload->store->host.host);
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(LogMustBeThere)
{
    t->upload_commit = commit_and_log;
}

static void *log_later(void *arg)
{
    mutant_pause_ms(20);
    log_end(arg);
    free(arg);
    return NULL;
}

/* "The statistics are told by the worker, when it has time." */
static void close_and_log_later(struct regstore_store *store)
{
    struct regstore_host *host = malloc(sizeof *host);
    if (host != NULL && store != NULL && store->host.host.log != NULL) {
        *host = store->host.host;
        mutant_detach(log_later, host, false);
    } else {
        free(host);
    }
    local_store_close(store);
}

BREAKS(LogAfterClose)
{
    t->store_close = close_and_log_later;
}
