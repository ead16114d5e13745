/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a staged upload becomes a blob: its bytes to disk, its file renamed to the key, the folder to
 * disk.  The rename is the one moment at which everything happens.
 *
 * When the staging file is gone, the rename may have happened before: in this handle, whose answer
 * was lost, or in a process that died.  Then the key must prove that it has this upload's bytes: by
 * the inode of the file that we hold open; or by inode, mtime and length as the token has them (a
 * rename changes none of the three, and every later file has a later mtime); or by being read.
 *
 * A token at offset 0 names nothing that could be gone.  It makes its empty blob again, and where
 * the key must be absent, an empty blob there is taken for the one it made before.
 */
#include "upload.h"

#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static regstore_status hash_file(struct plug_call *call, int fd, const char *key, uint64_t length,
                                 struct plug_digest *digest)
{
    char *chunk = malloc(LOCAL_CHUNK_BYTES);
    if (chunk == NULL)
        return plug_no_memory(call);
    regstore_status status = REGSTORE_OK;
    for (uint64_t at = 0; at < length && status == REGSTORE_OK;) {
        status = plug_call_check(call);
        const ssize_t n = pread(fd, chunk, LOCAL_CHUNK_BYTES, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = local_fail(call, "read", key);
        if (n <= 0)
            break;
        plug_digest_update(digest, chunk, (size_t)n);
        at += (uint64_t)n;
    }
    free(chunk);
    return status;
}

static const char *algorithm_of(const struct regstore_upload *upload)
{
    if ((upload->flags & REGSTORE_UPLOAD_SHA256) != 0)
        return "sha256";
    return (upload->flags & REGSTORE_UPLOAD_SHA512) != 0 ? "sha512" : NULL;
}

/* Reads the blob and compares.  CONFLICT: it is not this upload's. */
static regstore_status prove_by_reading(struct plug_call *call, struct regstore_upload *upload,
                                        const char *key, int fd, const struct stat *file)
{
    const char *algorithm = algorithm_of(upload);
    char mine[REGSTORE_DIGEST_MAX], theirs[REGSTORE_DIGEST_MAX];
    if ((uint64_t)file->st_size != upload->offset || algorithm == NULL ||
        plug_digest_text(upload->digest, algorithm, mine, sizeof mine) != REGSTORE_OK)
        return plug_fail(call, REGSTORE_CONFLICT,
                         "the upload is gone, and '%s' cannot be shown to have its bytes", key);
    struct plug_digest *digest = plug_digest_new(upload->flags & ~(uint64_t)REGSTORE_UPLOAD_SOLE);
    if (digest == NULL)
        return plug_no_memory(call);
    regstore_status status = hash_file(call, fd, key, upload->offset, digest);
    if (status == REGSTORE_OK)
        status = plug_digest_text(digest, algorithm, theirs, sizeof theirs);
    plug_digest_free(digest);
    if (status == REGSTORE_OK && strcmp(mine, theirs) != 0)
        return plug_fail(call, REGSTORE_CONFLICT, "the upload is gone, and '%s' has other bytes",
                         key);
    return status;
}

static bool is_same_file(const struct regstore_upload *upload, const struct stat *file)
{
    struct stat held;
    if (upload->staging.fd >= 0 && fstat(upload->staging.fd, &held) == 0)
        return held.st_ino == file->st_ino && held.st_dev == file->st_dev;
    const struct local_position *token = &upload->origin;
    return token->inode == file->st_ino && token->mtime_ns == local_mtime_ns(file) &&
           token->offset == (uint64_t)file->st_size && token->offset == upload->offset;
}

/* COM-2.  The staging file is gone: does the key have its bytes?  GONE: nothing is there. */
static regstore_status prove(struct plug_call *call, struct regstore_upload *upload, int root,
                             const char *key, struct stat *file)
{
    LOCAL_FD fd = -1;
    const regstore_status status = local_blob_open(call, upload->store, key, O_RDONLY, &fd, file);
    if (status == REGSTORE_NOT_FOUND)
        return plug_fail(call, REGSTORE_GONE,
                         "the upload was aborted, purged or committed to "
                         "another key");
    TRY(status);
    if (!is_same_file(upload, file))
        TRY(prove_by_reading(call, upload, key, fd, file));
    /* Who renamed it may have died before this. */
    return local_sync_entry(call, root, key);
}

static regstore_status publish(struct plug_call *call, struct regstore_upload *upload, int root,
                               const char *key, bool if_absent)
{
    struct local_staging *staging = &upload->staging;
    TRY(local_staging_hold(call, upload->store, staging, upload->offset));
    TRY(local_staging_cut(call, staging, upload->offset));
    TRY(plug_call_check(call));
    /* The entry in uploads/ goes away in a moment. */
    TRY(local_staging_sync(call, upload->store, staging, false));
    char name[LOCAL_NAME_MAX];
    local_name_text(&staging->name, name);
    return local_publish(call, root, name, key, if_absent);
}

static bool is_own_empty_blob(struct plug_call *call, const struct regstore_upload *upload,
                              const char *key, struct stat *file)
{
    LOCAL_FD fd = -1;
    return upload->offset == 0 && upload->staging.may_exist && upload->staging.fd < 0 &&
           local_blob_open(call, upload->store, key, O_PATH, &fd, file) == REGSTORE_OK &&
           file->st_size == 0;
}

static regstore_status publish_or_prove(struct plug_call *call, struct regstore_upload *upload,
                                        int root, const char *key, bool if_absent,
                                        struct stat *file)
{
    if (if_absent && is_own_empty_blob(call, upload, key, file))
        return local_sync_entry(call, root, key);
    const regstore_status status = publish(call, upload, root, key, if_absent);
    if (status == REGSTORE_GONE)
        return prove(call, upload, root, key, file);
    if (status == REGSTORE_OK && fstat(upload->staging.fd, file) != 0)
        return local_fail(call, "look at", key);
    return status;
}

static regstore_status make_blob(struct plug_call *call, struct regstore_upload *upload,
                                 const char *key, bool if_absent)
{
    struct stat file;
    LOCAL_FD root = -1;
    TRY(local_root_open(call, upload->store, true, &root));
    TRY(publish_or_prove(call, upload, root, key, if_absent, &file));
    local_stat_fill(&upload->committed, &file);
    const char *algorithm = algorithm_of(upload);
    if (algorithm != NULL)
        /* Cannot fail: asked for at open, and the text fits. */
        (void)plug_digest_text(upload->digest, algorithm, upload->committed.digest,
                               sizeof upload->committed.digest);
    return REGSTORE_OK;
}

/* Which key a commit goes to, and whether it may. */
static regstore_status choose_key(struct plug_call *call, const struct regstore_upload *upload,
                                  const struct regstore_commit_opts *opts, const char **key)
{
    *key = opts->key != NULL ? opts->key : upload->key;
    if (*key == NULL)
        return plug_fail(call, REGSTORE_INVALID, "commit needs a key: upload_open had none");
    TRY(local_key_check_target(call, *key, "key"));
    if (upload->key != NULL && strcmp(*key, upload->key) != 0)
        return plug_fail(call, REGSTORE_INVALID, "the upload was opened for another key (UP-2)");
    if (upload->sealed_key != NULL && strcmp(*key, upload->sealed_key) != 0)
        return plug_fail(call, REGSTORE_STATE, "the upload has been committed, or nearly, to '%s'",
                         upload->sealed_key);
    return REGSTORE_OK;
}

static regstore_status compare(struct plug_call *call, const struct regstore_upload *upload,
                               const char *digest)
{
    if (digest == NULL)
        return REGSTORE_OK;
    const regstore_status status = plug_digest_compare(upload->digest, digest);
    if (status == REGSTORE_INVALID)
        return plug_fail(call, status,
                         "digest: not 'sha256:<64 lower-case hex>', or upload_open "
                         "did not ask for its algorithm");
    if (status == REGSTORE_DIGEST)
        return plug_fail(call, status, "the bytes are not those of %s", digest);
    return status;
}

static regstore_status seal(struct plug_call *call, struct regstore_upload *upload, const char *key)
{
    if (upload->sealed_key == NULL) {
        upload->sealed_key = strdup(key);
        if (upload->sealed_key == NULL)
            return plug_no_memory(call);
    }
    upload->state = LOCAL_SEALED;
    return REGSTORE_OK;
}

/* The next commit may go to any key. */
static void free_key(struct regstore_upload *upload)
{
    free(upload->sealed_key);
    upload->sealed_key = NULL;
}

static regstore_status commit(struct plug_call *call, struct regstore_upload *upload,
                              const struct regstore_commit_opts *opts)
{
    const char *key;
    TRY(choose_key(call, upload, opts, &key));
    TRY(compare(call, upload, opts->digest));
    if (upload->state == LOCAL_COMMITTED)
        return REGSTORE_OK;
    const enum local_state before = upload->state;
    const bool had_key = upload->sealed_key != NULL;
    TRY(seal(call, upload, key));
    const bool if_absent = (opts->flags & REGSTORE_COMMIT_IF_ABSENT) != 0;
    const regstore_status status = make_blob(call, upload, key, if_absent);
    /* The file system takes no such key, or cannot do what is needed: nothing was done. */
    const bool is_refused = status == REGSTORE_INVALID || status == REGSTORE_UNSUPPORTED;
    if (is_refused)
        upload->state = before;
    if (status == REGSTORE_EXISTS || (is_refused && !had_key))
        free_key(upload);
    if (status != REGSTORE_OK)
        return local_upload_settle(call, upload, status);
    upload->state = LOCAL_COMMITTED;
    local_staging_release(&upload->staging, true);
    return REGSTORE_OK;
}

regstore_status local_upload_commit(struct regstore_upload *upload,
                                    const struct regstore_call *host_call,
                                    const struct regstore_commit_opts *host_opts,
                                    struct regstore_stat *out)
{
    struct plug_call call;
    struct regstore_commit_opts opts;
    regstore_status status = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &upload->store->host, "commit");
    if (status == REGSTORE_OK)
        status = plug_take(&call, &opts, sizeof opts, host_opts, "commit_opts");
    if (status == REGSTORE_OK)
        status = plug_take_flags(&call, opts.flags, REGSTORE_COMMIT_IF_ABSENT, "commit_opts.flags");
    if (status == REGSTORE_OK && upload->state == LOCAL_COMMITTED)
        status = local_upload_enter(&call, upload, LOCAL_COMMITTED, LOCAL_COMMITTED);
    else if (status == REGSTORE_OK)
        status = local_upload_enter(&call, upload, LOCAL_OPEN, LOCAL_SEALED);
    if (status == REGSTORE_OK)
        status = commit(&call, upload, &opts);
    if (status == REGSTORE_OK)
        plug_give(out, &upload->committed, sizeof upload->committed);
    return plug_call_end(&call, status);
}
