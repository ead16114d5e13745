/* SPDX-License-Identifier: Apache-2.0 */
/* TOK-1 to TOK-6. */
#include "mutants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- TOK-1 --- */

/* "The token is the handle's number in the table of this process." */
static regstore_status suspend_here(struct regstore_upload *upload,
                                    const struct regstore_call *call, char *token, size_t cap,
                                    uint64_t *kept)
{
    char whole[REGSTORE_TOKEN_MAX];
    const regstore_status status = local_upload_suspend(upload, call, token, cap, kept);
    if (status == REGSTORE_OK) {
        (void)snprintf(whole, sizeof whole, "%d-%.4000s", (int)getpid(), token);
        (void)snprintf(token, cap, "%s", whole);
    }
    return status;
}

static regstore_status open_here(struct regstore_store *store, const struct regstore_call *call,
                                 const struct regstore_upload_opts *opts,
                                 struct regstore_upload **out)
{
    if (opts == NULL || opts->token == NULL)
        return local_upload_open(store, call, opts, out);
    char *end;
    struct regstore_upload_opts own = *opts;
    const long pid = strtol(opts->token, &end, 10);
    own.token = end + (*end == '-');
    if (pid != (long)getpid())
        return mutant_fail(call, REGSTORE_INVALID, "no upload has this token");
    return local_upload_open(store, call, &own, out);
}

BREAKS(TokenOfTheProcess)
{
    t->upload_suspend = suspend_here;
    t->upload_open = open_here;
}

/* "The digest begins with the handle." */
static regstore_status open_digesting_anew(struct regstore_store *store,
                                           const struct regstore_call *call,
                                           const struct regstore_upload_opts *opts,
                                           struct regstore_upload **out)
{
    const regstore_status status = local_upload_open(store, call, opts, out);
    if (status == REGSTORE_OK && opts != NULL && opts->token != NULL) {
        plug_digest_free((*out)->digest);
        (*out)->digest = plug_digest_new((*out)->flags & ~(uint64_t)REGSTORE_UPLOAD_SOLE);
    }
    return status;
}

BREAKS(TokenForgetsDigest)
{
    t->upload_open = open_digesting_anew;
}

/* "A token must have something that it names." */
static regstore_status suspend_making_folder(struct regstore_upload *upload,
                                             const struct regstore_call *call, char *token,
                                             size_t cap, uint64_t *kept)
{
    if (upload->offset == 0 && !mutant_is_there(upload->store, "uploads"))
        (void)mkdir(mutant_path(upload->store, "uploads").s, 0770);
    return local_upload_suspend(upload, call, token, cap, kept);
}

BREAKS(SuspendAtZeroLooks)
{
    t->upload_suspend = suspend_making_folder;
}

/* "It is only a checkpoint." */
static regstore_status suspend_and_stay(struct regstore_upload *upload,
                                        const struct regstore_call *call, char *token, size_t cap,
                                        uint64_t *kept)
{
    const enum local_state before = upload->state;
    const regstore_status status = local_upload_suspend(upload, call, token, cap, kept);
    if (status == REGSTORE_OK)
        upload->state = before;
    return status;
}

BREAKS(SuspendLeavesItOpen)
{
    t->upload_suspend = suspend_and_stay;
}

/* "They are the same flags as before, surely." */
static regstore_status open_dropping_flags(struct regstore_store *store,
                                           const struct regstore_call *call,
                                           const struct regstore_upload_opts *opts,
                                           struct regstore_upload **out)
{
    if (opts == NULL || opts->token == NULL)
        return local_upload_open(store, call, opts, out);
    struct regstore_upload_opts own = *opts;
    own.flags = 0;
    return local_upload_open(store, call, &own, out);
}

BREAKS(FlagsWithTokenTaken)
{
    t->upload_open = open_dropping_flags;
}

/* "Whole blocks are on disk." */
static regstore_status suspend_keeping_blocks(struct regstore_upload *upload,
                                              const struct regstore_call *call, char *token,
                                              size_t cap, uint64_t *kept)
{
    const regstore_status status = local_upload_suspend(upload, call, token, cap, kept);
    if (status == REGSTORE_OK && kept != NULL)
        *kept -= *kept % 4096;
    return status;
}

BREAKS(KeptInBlocks)
{
    t->upload_suspend = suspend_keeping_blocks;
}

/* --- TOK-2 --- */

/* "Suspended is suspended, whatever became of the token." */
static regstore_status suspend_for_good(struct regstore_upload *upload,
                                        const struct regstore_call *call, char *token, size_t cap,
                                        uint64_t *kept)
{
    const regstore_status status = local_upload_suspend(upload, call, token, cap, kept);
    if (status == REGSTORE_CANCELLED) {
        upload->state = LOCAL_SUSPENDED;
        local_staging_release(&upload->staging, true);
    }
    return status;
}

BREAKS(FailedSuspendEndsIt)
{
    t->upload_suspend = suspend_for_good;
}

/* "The bytes were accepted, so they are kept." */
static regstore_status suspend_boasting(struct regstore_upload *upload,
                                        const struct regstore_call *call, char *token, size_t cap,
                                        uint64_t *kept)
{
    const regstore_status status = local_upload_suspend(upload, call, token, cap, kept);
    if (status != REGSTORE_OK && cap >= REGSTORE_TOKEN_MAX && token[0] != '\0')
        *kept = upload->offset;
    return status;
}

BREAKS(FailedSuspendBoasts)
{
    t->upload_suspend = suspend_boasting;
}

/* --- TOK-3, TOK-4 --- */

static void rename_to(struct regstore_upload *upload, const struct local_epoch epochs[LOCAL_EPOCHS])
{
    const struct mutant_path before = mutant_staged(upload);
    memcpy(upload->staging.name.epochs, epochs, sizeof upload->staging.name.epochs);
    (void)rename(before.s, mutant_staged(upload).s); /* it is this handle's */
}

/* "A new token makes the old one worthless: that is what tokens are for." */
static regstore_status write_forgetting_tokens(struct regstore_upload *upload,
                                               const struct regstore_call *call, const void *buf,
                                               size_t len)
{
    const regstore_status status = local_upload_write(upload, call, buf, len);
    const struct local_epoch only[LOCAL_EPOCHS] = {upload->staging.name.epochs[0]};
    if (status == REGSTORE_OK && upload->staging.name.epochs[1].id != 0)
        rename_to(upload, only);
    return status;
}

BREAKS(OlderTokenGone)
{
    t->upload_write = write_forgetting_tokens;
}

/* "An upload goes on at its end, where else?" */
static regstore_status open_at_the_end(struct regstore_store *store,
                                       const struct regstore_call *call,
                                       const struct regstore_upload_opts *opts,
                                       struct regstore_upload **out)
{
    const regstore_status status = local_upload_open(store, call, opts, out);
    if (status != REGSTORE_OK || opts == NULL || opts->token == NULL || (*out)->offset == 0)
        return status;
    struct plug_call own = {.deadline_ns = PLUG_NEVER};
    struct local_scan scan;
    struct local_name found;
    struct stat file;
    if (local_scan_open(&own, store, &scan) != REGSTORE_OK)
        return status;
    while (local_scan_next(&own, &scan, &found) == REGSTORE_OK) {
        if (strcmp(found.upload, (*out)->staging.name.upload) != 0)
            continue;
        (*out)->staging.name = found;
        (*out)->staging.from = found.epochs[0].id;
        if (stat(mutant_staged(*out).s, &file) == 0)
            (*out)->offset = (uint64_t)file.st_size;
        break;
    }
    local_scan_close(&scan);
    return status;
}

BREAKS(OlderTokenGoesOnAtTheEnd)
{
    t->upload_open = open_at_the_end;
}

/* "The token says which file: unlink it." */
static regstore_status abort_by_name(struct regstore_upload *upload,
                                     const struct regstore_call *call)
{
    if (upload->state != LOCAL_OPEN || upload->staging.fd >= 0 || upload->offset == 0)
        return local_upload_abort(upload, call);
    (void)unlink(mutant_staged(upload).s); /* or it is gone */
    upload->state = LOCAL_ABORTED;
    return REGSTORE_OK;
}

BREAKS(OldTokenAbortsNothing)
{
    t->upload_abort = abort_by_name;
}

/* --- TOK-5 --- */

/* "A lock for each write is enough." */
static regstore_status write_unlocking(struct regstore_upload *upload,
                                       const struct regstore_call *call, const void *buf,
                                       size_t len)
{
    const regstore_status status = local_upload_write(upload, call, buf, len);
    if (upload->staging.fd >= 0)
        local_unlock(upload->staging.fd);
    return status;
}

BREAKS(LockGivenBack)
{
    t->upload_write = write_unlocking;
}

/* "Somebody else has it, so it is lost." */
static regstore_status write_giving_up(struct regstore_upload *upload,
                                       const struct regstore_call *call, const void *buf,
                                       size_t len)
{
    const regstore_status status = local_upload_write(upload, call, buf, len);
    if (status == REGSTORE_CONFLICT && call->error != NULL)
        call->error->retryable = 0;
    return status;
}

BREAKS(BusyIsForGood)
{
    t->upload_write = write_giving_up;
}

/* --- TOK-6 --- */

/* "What follows the checksum is nobody's." */
static regstore_status open_cutting_token(struct regstore_store *store,
                                          const struct regstore_call *call,
                                          const struct regstore_upload_opts *opts,
                                          struct regstore_upload **out)
{
    char token[REGSTORE_TOKEN_MAX];
    const regstore_status status = local_upload_open(store, call, opts, out);
    if (status != REGSTORE_INVALID || opts == NULL || opts->token == NULL ||
        strlen(opts->token) >= sizeof token || opts->token[0] == '\0')
        return status;
    struct regstore_upload_opts own = *opts;
    (void)snprintf(token, sizeof token, "%.*s", (int)strlen(opts->token) - 1, opts->token);
    own.token = token;
    return local_upload_open(store, call, &own, out);
}

BREAKS(TokenTailIgnored)
{
    t->upload_open = open_cutting_token;
}

/* "A token is a token; the host knows which store it is of." */
static regstore_status open_nameless(const struct regstore_call *call,
                                     const struct regstore_host *host,
                                     const struct regstore_pair *settings, size_t n,
                                     struct regstore_store **out)
{
    const regstore_status status = good_store_open(call, host, settings, n, out);
    if (status == REGSTORE_OK)
        memset((*out)->place, '0', sizeof(*out)->place - 1);
    return status;
}

BREAKS(ForeignTokenTaken)
{
    t->store_open = open_nameless;
}

/* "It fits, so what." */
static regstore_status suspend_if_it_fits(struct regstore_upload *upload,
                                          const struct regstore_call *call, char *token, size_t cap,
                                          uint64_t *kept)
{
    char own[REGSTORE_TOKEN_MAX] = "";
    if (cap < 2048 || cap >= sizeof own)
        return local_upload_suspend(upload, call, token, cap, kept);
    const regstore_status status = local_upload_suspend(upload, call, own, sizeof own, kept);
    (void)snprintf(token, cap, "%s", own);
    return status;
}

BREAKS(SmallTokenBufferTaken)
{
    t->upload_suspend = suspend_if_it_fits;
}

/* "Two lines can be read better." */
static regstore_status suspend_in_lines(struct regstore_upload *upload,
                                        const struct regstore_call *call, char *token, size_t cap,
                                        uint64_t *kept)
{
    const regstore_status status = local_upload_suspend(upload, call, token, cap, kept);
    if (status == REGSTORE_OK && strlen(token) + 1 < cap)
        memcpy(token + strlen(token), "\n", sizeof "\n");
    return status;
}

static regstore_status open_line(struct regstore_store *store, const struct regstore_call *call,
                                 const struct regstore_upload_opts *opts,
                                 struct regstore_upload **out)
{
    char token[REGSTORE_TOKEN_MAX];
    if (opts == NULL || opts->token == NULL || strlen(opts->token) >= sizeof token)
        return local_upload_open(store, call, opts, out);
    struct regstore_upload_opts own = *opts;
    (void)snprintf(token, sizeof token, "%.*s", (int)strcspn(opts->token, "\n"), opts->token);
    own.token = token;
    return local_upload_open(store, call, &own, out);
}

BREAKS(TokenUnprintable)
{
    t->upload_suspend = suspend_in_lines;
    t->upload_open = open_line;
}
