/* SPDX-License-Identifier: Apache-2.0 */
/* UP-1 to UP-4. */
#include "mutants.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "Then the first write need not." */
static regstore_status open_making_folder(struct regstore_store *store,
                                          const struct regstore_call *call,
                                          const struct regstore_upload_opts *opts,
                                          struct regstore_upload **out)
{
    const regstore_status status = local_upload_open(store, call, opts, out);
    if (status == REGSTORE_OK && mkdir(mutant_path(store, "uploads").s, 0770) != 0)
        errno = 0; /* it was there */
    return status;
}

BREAKS(OpenMakesFolder)
{
    t->upload_open = open_making_folder;
}

/* "Better to say at once that it is gone." */
static regstore_status open_looking(struct regstore_store *store, const struct regstore_call *call,
                                    const struct regstore_upload_opts *opts,
                                    struct regstore_upload **out)
{
    const regstore_status status = local_upload_open(store, call, opts, out);
    if (status != REGSTORE_OK || opts == NULL || opts->token == NULL || (*out)->offset == 0)
        return status;
    if (access(mutant_staged(*out).s, F_OK) == 0 || errno != ENOENT)
        return status;
    local_upload_close(*out);
    *out = NULL;
    return mutant_fail(call, REGSTORE_GONE, "the upload is gone");
}

BREAKS(OpenOfTokenLooks)
{
    t->upload_open = open_looking;
}

/* "The key at open is for statistics." */
static regstore_status commit_anywhere(struct regstore_upload *upload,
                                       const struct regstore_call *call,
                                       const struct regstore_commit_opts *opts,
                                       struct regstore_stat *out)
{
    if (opts == NULL || opts->key == NULL)
        return local_upload_commit(upload, call, opts, out);
    char *told = upload->key;
    upload->key = NULL;
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    upload->key = told;
    return status;
}

BREAKS(KeyAtOpenIsAHint)
{
    t->upload_commit = commit_anywhere;
}

/* "A write of nothing is a bug of the caller's." */
static regstore_status write_something(struct regstore_upload *upload,
                                       const struct regstore_call *call, const void *buf,
                                       size_t len)
{
    if (len == 0)
        return mutant_fail(call, REGSTORE_INVALID, "nothing to write");
    return local_upload_write(upload, call, buf, len);
}

BREAKS(EmptyWriteRefused)
{
    t->upload_write = write_something;
}

enum { MOST = 1 << 20 };

/* "More than a megabyte at once: nobody does that." */
static regstore_status write_at_most(struct regstore_upload *upload,
                                     const struct regstore_call *call, const void *buf, size_t len)
{
    return local_upload_write(upload, call, buf, len < MOST ? len : MOST);
}

BREAKS(LargeWriteCut)
{
    t->upload_write = write_at_most;
}

/* "The digest is done in one go, before the first byte is sent." */
static regstore_status write_hashing_all(struct regstore_upload *upload,
                                         const struct regstore_call *call, const void *buf,
                                         size_t len)
{
    const uint64_t before = upload->offset;
    const regstore_status status = local_upload_write(upload, call, buf, len);
    const size_t taken = (size_t)(upload->offset - before);
    if (status != REGSTORE_OK && taken < len)
        plug_digest_update(upload->digest, (const char *)buf + taken, len - taken);
    return status;
}

BREAKS(FailedWriteHashed)
{
    t->upload_write = write_hashing_all;
}

/* "After a failure nothing of the buffer counts." */
static regstore_status write_forgetting(struct regstore_upload *upload,
                                        const struct regstore_call *call, const void *buf,
                                        size_t len)
{
    const uint64_t before = upload->offset;
    const regstore_status status = local_upload_write(upload, call, buf, len);
    if (status != REGSTORE_OK)
        upload->offset = before;
    return status;
}

BREAKS(FailedWriteForgotten)
{
    t->upload_write = write_forgetting;
}

/* --- UP-4 --- */

/* "Who closes without an abort wants to keep it." */
static void commit_and_close(struct regstore_upload *upload)
{
    const struct regstore_call call = {.struct_size = sizeof call};
    if (upload != NULL && upload->state == LOCAL_OPEN && upload->key != NULL && upload->offset > 0)
        (void)local_upload_commit(upload, &call, NULL, NULL);
    local_upload_close(upload);
}

BREAKS(CommitOnClose)
{
    t->upload_close = commit_and_close;
}

/* "The key is known, so the bytes may go there at once." */
static regstore_status write_in_place(struct regstore_upload *upload,
                                      const struct regstore_call *call, const void *buf, size_t len)
{
    const regstore_status status = local_upload_write(upload, call, buf, len);
    if (status == REGSTORE_OK && upload->key != NULL && upload->offset > 0) {
        char folder_name[REGSTORE_KEY_MAX];
        struct plug_call own = {.deadline_ns = PLUG_NEVER};
        LOCAL_FD root = -1, folder = -1;
        (void)local_split(upload->key, folder_name);
        if (local_root_open(&own, upload->store, true, &root) == REGSTORE_OK &&
            local_folder_make(&own, root, folder_name, &folder) == REGSTORE_OK &&
            link(mutant_staged(upload).s, mutant_path(upload->store, upload->key).s) != 0)
            errno = 0; /* it is there already */
    }
    return status;
}

BREAKS(VisibleWhileWritten)
{
    t->upload_write = write_in_place;
}

/* "First see that the key can be written." */
static regstore_status commit_emptying_first(struct regstore_upload *upload,
                                             const struct regstore_call *call,
                                             const struct regstore_commit_opts *opts,
                                             struct regstore_stat *out)
{
    const char *key = opts != NULL && opts->key != NULL ? opts->key : upload->key;
    if (key != NULL && mutant_is_there(upload->store, key)) {
        LOCAL_FD fd = open(mutant_path(upload->store, key).s, O_WRONLY | O_TRUNC | O_CLOEXEC);
        mutant_pause_ms(fd >= 0 ? 5 : 0); /* a network takes that long */
    }
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(KeyEmptiedFirst)
{
    t->upload_commit = commit_emptying_first;
}

/* "There is nothing to store." */
static regstore_status commit_something(struct regstore_upload *upload,
                                        const struct regstore_call *call,
                                        const struct regstore_commit_opts *opts,
                                        struct regstore_stat *out)
{
    if (upload->offset > 0 || upload->state != LOCAL_OPEN)
        return local_upload_commit(upload, call, opts, out);
    upload->state = LOCAL_COMMITTED;
    return REGSTORE_OK;
}

BREAKS(EmptyBlobNotStored)
{
    t->upload_commit = commit_something;
}

enum { PART = 4096 };

/* "The last part may be short: len / PART parts." */
static regstore_status commit_whole_parts(struct regstore_upload *upload,
                                          const struct regstore_call *call,
                                          const struct regstore_commit_opts *opts,
                                          struct regstore_stat *out)
{
    const uint64_t tail = upload->offset % PART;
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    const char *key = opts != NULL && opts->key != NULL ? opts->key : upload->key;
    if (status == REGSTORE_OK && upload->offset > PART && tail == 1 &&
        truncate(mutant_path(upload->store, key).s, (off_t)(upload->offset - tail)) != 0)
        errno = 0; /* it was committed before */
    return status;
}

BREAKS(LastByteDropped)
{
    t->upload_commit = commit_whole_parts;
}
