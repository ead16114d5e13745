/* SPDX-License-Identifier: Apache-2.0 */
#include "upload.h"

#include "bytes.h"
#include "path.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const state_words[] = {
    [LOCAL_OPEN] = "open",           [LOCAL_SEALED] = "sealed by a commit that failed",
    [LOCAL_COMMITTED] = "committed", [LOCAL_SUSPENDED] = "suspended",
    [LOCAL_ABORTING] = "aborting",   [LOCAL_ABORTED] = "aborted",
    [LOCAL_LOST] = "lost",
};

static bool is_inherited(const struct regstore_upload *upload)
{
    return upload->process != plug_process();
}

regstore_status local_upload_enter(struct plug_call *call, const struct regstore_upload *upload,
                                   enum local_state one, enum local_state other)
{
    if (is_inherited(upload))
        return plug_fail(call, REGSTORE_STATE, "the handle belongs to the parent process");
    if (upload->state != one && upload->state != other)
        return plug_fail(call, REGSTORE_STATE, "the upload is %s", state_words[upload->state]);
    return REGSTORE_OK;
}

regstore_status local_upload_settle(struct plug_call *call, struct regstore_upload *upload,
                                    regstore_status status)
{
    if (status == REGSTORE_GONE || (status == REGSTORE_CONFLICT && call->error.retryable == 0))
        upload->state = LOCAL_LOST;
    return status;
}

static regstore_status opts_check(struct plug_call *call, const struct regstore_upload_opts *opts)
{
    TRY(plug_take_flags(call, opts->flags, LOCAL_UPLOAD_FLAGS, "upload_opts.flags"));
    if (opts->token != NULL && opts->flags != 0)
        return plug_fail(call, REGSTORE_INVALID, "flags with a token: the token has them");
    if ((opts->flags & REGSTORE_UPLOAD_SOLE) != 0 && opts->key == NULL)
        return plug_fail(call, REGSTORE_INVALID, "SOLE needs a key");
    if (opts->key != NULL)
        return local_key_check_target(call, opts->key, "key");
    return REGSTORE_OK;
}

static regstore_status begin_new(struct plug_call *call, struct regstore_upload *upload,
                                 const struct regstore_upload_opts *opts)
{
    upload->flags = opts->flags;
    upload->digest = plug_digest_new(opts->flags & ~(uint64_t)REGSTORE_UPLOAD_SOLE);
    if (upload->digest == NULL)
        return plug_no_memory(call);
    upload->origin.digest_len = plug_digest_save(upload->digest, upload->origin.digest);
    if (!plug_uuid(upload->staging.name.upload))
        return plug_fail(call, REGSTORE_INTERNAL, "the system gives no random numbers");
    if (opts->key == NULL)
        return REGSTORE_OK;
    upload->key = strdup(opts->key);
    return upload->key == NULL ? plug_no_memory(call) : REGSTORE_OK;
}

static regstore_status begin(struct plug_call *call, struct regstore_upload *upload,
                             const struct regstore_upload_opts *opts)
{
    if (opts->token == NULL) {
        TRY(begin_new(call, upload, opts));
    } else {
        TRY(local_token_read(call, opts->token, upload));
        if (opts->key != NULL && (upload->key == NULL || strcmp(upload->key, opts->key) != 0))
            return plug_fail(call, REGSTORE_INVALID, "the token was made for another key");
    }
    char *hash = upload->staging.name.key;
    memset(hash, '0', sizeof upload->staging.name.key - 1);
    return upload->key == NULL ? REGSTORE_OK : local_short_name(call, upload->key, hash);
}

static void free_upload(struct regstore_upload *upload)
{
    local_staging_release(&upload->staging, !is_inherited(upload));
    plug_digest_free(upload->digest);
    free(upload->key);
    free(upload->sealed_key);
    local_store_close(upload->store);
    free(upload);
}

regstore_status local_upload_open(struct regstore_store *store,
                                  const struct regstore_call *host_call,
                                  const struct regstore_upload_opts *host_opts,
                                  struct regstore_upload **out)
{
    struct plug_call call;
    struct regstore_upload_opts opts;
    regstore_status status = plug_call_begin(&call, host_call);
    if (status == REGSTORE_OK)
        status = plug_take(&call, &opts, sizeof opts, host_opts, "upload_opts");
    if (status == REGSTORE_OK)
        status = opts_check(&call, &opts);
    if (status != REGSTORE_OK)
        return plug_call_end(&call, status);
    struct regstore_upload *upload = calloc(1, sizeof *upload);
    if (upload == NULL)
        return plug_call_end(&call, plug_no_memory(&call));
    upload->store = local_store_keep(store);
    upload->staging.fd = -1;
    upload->process = plug_process();
    status = upload->process == 0 ? plug_no_memory(&call) : begin(&call, upload, &opts);
    if (status == REGSTORE_OK)
        *out = upload;
    else
        free_upload(upload);
    if (status == REGSTORE_OK)
        plug_gauge_add(&store->host, &store->uploads_open, 1);
    return plug_call_end(&call, status);
}

/* Writes one chunk at the upload's offset; part of it may have been taken on failure. */
static regstore_status write_chunk(struct plug_call *call, struct regstore_upload *upload,
                                   const char *data, size_t len)
{
    while (len > 0) {
        const ssize_t n = pwrite(upload->staging.fd, data, len, (off_t)upload->offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return local_fail(call, "write", upload->staging.name.upload);
        plug_digest_update(upload->digest, data, (size_t)n);
        upload->offset += (uint64_t)n;
        data += n;
        len -= (size_t)n;
    }
    return REGSTORE_OK;
}

static regstore_status write_all(struct plug_call *call, struct regstore_upload *upload,
                                 const char *data, size_t len)
{
    if (upload->staging.lost.status != REGSTORE_OK)
        return plug_call_adopt(call, &upload->staging.lost);
    if (len > (uint64_t)INT64_MAX - upload->offset)
        return plug_fail(call, REGSTORE_INVALID, "no file is that long");
    TRY(local_staging_hold(call, upload->store, &upload->staging, upload->offset));
    TRY(local_staging_claim(call, upload->store, &upload->staging, upload->offset));
    struct stat file;
    if (fstat(upload->staging.fd, &file) != 0)
        return local_fail(call, "look at", upload->staging.name.upload);
    if (file.st_nlink == 0)
        return plug_fail(call, REGSTORE_GONE, "the upload was aborted or purged");
    while (len > 0) {
        const size_t chunk = len < LOCAL_CHUNK_BYTES ? len : LOCAL_CHUNK_BYTES;
        TRY(plug_call_check(call));
        TRY(write_chunk(call, upload, data, chunk));
        data += chunk;
        len -= chunk;
    }
    return REGSTORE_OK;
}

regstore_status local_upload_write(struct regstore_upload *upload,
                                   const struct regstore_call *host_call, const void *buf,
                                   size_t len)
{
    struct plug_call call;
    const uint64_t before = upload->offset;
    regstore_status status = plug_call_begin(&call, host_call);
    if (status == REGSTORE_OK)
        status = local_upload_enter(&call, upload, LOCAL_OPEN, LOCAL_OPEN);
    if (status == REGSTORE_OK && len > 0)
        status = local_upload_settle(&call, upload, write_all(&call, upload, buf, len));
    plug_tally_add(&upload->store->host, &upload->written, PLUG_WRITTEN, upload->offset - before);
    return plug_call_end(&call, status);
}

uint64_t local_upload_offset(const struct regstore_upload *upload)
{
    return upload->offset;
}

regstore_status local_upload_digest(const struct regstore_upload *upload, const char *algorithm,
                                    char *digest, size_t cap)
{
    if (is_inherited(upload))
        return REGSTORE_STATE;
    if (algorithm == NULL)
        return REGSTORE_INVALID;
    return plug_digest_text(upload->digest, algorithm, digest, cap);
}

/* Removes what bears the upload's identifier and, of a SOLE upload, its key.  *n counts what was
 * seen of it. */
static regstore_status drop_pass(struct plug_call *call, const struct regstore_upload *upload,
                                 size_t *n)
{
    const struct local_name *own = &upload->staging.name;
    const bool is_sole = (upload->flags & REGSTORE_UPLOAD_SOLE) != 0;
    struct local_scan scan;
    struct local_name found;
    *n = 0;
    TRY(local_scan_open(call, upload->store, &scan));
    regstore_status status;
    while ((status = local_scan_next(call, &scan, &found)) == REGSTORE_OK) {
        if (strcmp(found.upload, own->upload) != 0 &&
            !(is_sole && strcmp(found.key, own->key) == 0))
            continue;
        char text[LOCAL_NAME_MAX];
        local_name_text(&found, text);
        if (unlinkat(dirfd(scan.folder), text, 0) != 0 && errno != ENOENT) {
            status = local_fail(call, "remove", text);
            break;
        }
        (*n)++; /* ENOENT too: it may have another name by now. */
    }
    local_scan_close(&scan);
    return status;
}

/* Passes until nothing is left that another handle could still write and commit. */
static regstore_status drop_all(struct plug_call *call, const struct regstore_upload *upload)
{
    const struct local_staging *staging = &upload->staging;
    if (staging->fd < 0 && !staging->may_exist && (upload->flags & REGSTORE_UPLOAD_SOLE) == 0)
        return REGSTORE_OK; /* Nothing was ever staged. */
    regstore_status status = REGSTORE_NOT_FOUND;
    for (unsigned misses = 0; status == REGSTORE_NOT_FOUND && misses < LOCAL_MISSES;) {
        size_t n;
        status = drop_pass(call, upload, &n);
        misses = n == 0 ? misses + 1 : 0;
    }
    return status == REGSTORE_NOT_FOUND ? REGSTORE_OK : status;
}

static regstore_status abort_now(struct plug_call *call, struct regstore_upload *upload)
{
    if (upload->state == LOCAL_COMMITTED || upload->state == LOCAL_ABORTED)
        return REGSTORE_OK;
    if (upload->state == LOCAL_SUSPENDED)
        return plug_fail(call, REGSTORE_STATE, "the upload is suspended: its token can abort it");
    upload->state = LOCAL_ABORTING;
    TRY(drop_all(call, upload));
    local_staging_release(&upload->staging, true);
    upload->state = LOCAL_ABORTED;
    return REGSTORE_OK;
}

regstore_status local_upload_abort(struct regstore_upload *upload,
                                   const struct regstore_call *host_call)
{
    struct plug_call call;
    regstore_status status = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &upload->store->host, "abort");
    if (status == REGSTORE_OK)
        status = local_upload_enter(&call, upload, upload->state, upload->state);
    if (status == REGSTORE_OK)
        status = abort_now(&call, upload);
    return plug_call_end(&call, status);
}

void local_upload_close(struct regstore_upload *upload)
{
    if (upload == NULL)
        return;
    if (!is_inherited(upload)) {
        plug_tally_end(&upload->store->host, &upload->written, PLUG_WRITTEN);
        plug_gauge_add(&upload->store->host, &upload->store->uploads_open, -1);
    }
    free_upload(upload);
}
