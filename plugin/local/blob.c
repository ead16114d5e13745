/* SPDX-License-Identifier: Apache-2.0 */
#include "blob.h"

#include "bytes.h"
#include "path.h"
#include "staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)8 << 20) /* between two looks at the cancel flag */
#define COPY_ROUNDS 16
#define COPY_NAME_MAX 48

regstore_status local_stat(struct regstore_store *store, const struct regstore_call *host_call,
                           const char *key, struct regstore_stat *out)
{
    struct plug_call call;
    struct stat file;
    LOCAL_FD fd = -1;
    regstore_status status = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &store->host, "stat");
    if (status == REGSTORE_OK)
        status = local_key_check(&call, key, "key");
    if (status == REGSTORE_OK)
        status = plug_call_check(&call);
    if (status == REGSTORE_OK)
        status = local_blob_open(&call, store, key, O_PATH, &fd, &file);
    if (status == REGSTORE_OK) {
        struct regstore_stat found;
        local_stat_fill(&found, &file);
        plug_give(out, &found, sizeof found);
    }
    return plug_call_end(&call, status);
}

static regstore_status delete_one(struct plug_call *call, const struct regstore_store *store,
                                  const char *key)
{
    TRY(local_key_check(call, key, "key"));
    TRY(plug_call_check(call));
    LOCAL_FD root = -1;
    const regstore_status status = local_root_open(call, store, false, &root);
    if (status == REGSTORE_NOT_FOUND)
        return REGSTORE_OK;
    TRY(status);
    return local_remove(call, root, key);
}

regstore_status local_delete_blobs(struct regstore_store *store,
                                   const struct regstore_call *host_call, const char *const *keys,
                                   size_t n, regstore_status *results)
{
    struct plug_call call;
    const regstore_status begun = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &store->host, "delete");
    regstore_status first = begun;
    struct plug_error words = call.error;
    for (size_t i = 0; i < n; i++) {
        const regstore_status status =
            begun == REGSTORE_OK ? delete_one(&call, store, keys[i]) : begun;
        if (results != NULL)
            results[i] = status;
        if (status != REGSTORE_OK && first == REGSTORE_OK) {
            first = status;
            words = call.error;
        }
    }
    call.error = words;
    return plug_call_end(&call, first);
}

/* Fills a new file with the source's bytes. */
static regstore_status copy_bytes(struct plug_call *call, int source, int target, const char *from)
{
    struct stat file;
    off_t at = 0;
    if (fstat(source, &file) != 0)
        return local_fail(call, "look at", from);
    while (at < file.st_size) {
        TRY(plug_call_check(call));
        const ssize_t n = sendfile(target, source, &at, COPY_BYTES);
        if (n < 0 && errno != EINTR)
            return local_fail(call, "copy", from);
        if (n == 0)
            return plug_fail(call, REGSTORE_CORRUPT, "the source became shorter while it was "
                                                     "copied: '%s'",
                             from);
    }
    return local_sync(call, target, from);
}

/* A second name in uploads/ for the source's file, or a file with its bytes where a second name
 * cannot be had.  A staging file is never linked: its writer would write into the copy. */
static regstore_status stage_copy(struct plug_call *call, const struct regstore_store *store,
                                  int root, const char *from, const char *name)
{
    LOCAL_FD source = -1;
    struct stat file;
    TRY(local_blob_open(call, store, from, O_RDONLY, &source, &file));
    LOCAL_FD uploads = -1;
    TRY(local_uploads_make(call, store, root, &uploads));
    char folder_name[REGSTORE_KEY_MAX];
    const char *base = local_split(from, folder_name);
    LOCAL_FD folder =
        local_openat(root, folder_name[0] == '\0' ? "." : folder_name, O_PATH | O_DIRECTORY);
    struct stat linked;
    if (folder >= 0 && !plug_starts_with(from, PLUG_UPLOADS) &&
        linkat(folder, base, uploads, name, 0) == 0) {
        if (fstatat(uploads, name, &linked, AT_SYMLINK_NOFOLLOW) == 0 &&
            linked.st_ino == file.st_ino)
            return REGSTORE_OK;
        /* The key has another blob by now; the one that was opened is as good. */
        if (unlinkat(uploads, name, 0) != 0 && errno != ENOENT)
            return local_fail(call, "remove", name);
    }
    LOCAL_FD target = openat(uploads, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    if (target < 0)
        return local_fail(call, "make", name);
    if (!local_lock(target) && errno != EAGAIN) /* keeps purge away; purge holds it: it will go */
        return local_fail(call, "lock", name);
    return copy_bytes(call, source, target, from);
}

static void unstage_copy(int root, const char *name)
{
    LOCAL_FD uploads = local_openat(root, LOCAL_UPLOADS, O_PATH | O_DIRECTORY);
    if (uploads >= 0)
        (void)unlinkat(uploads, name, 0); /* What is left is purge's. */
}

static regstore_status copy_once(struct plug_call *call, const struct regstore_store *store,
                                 const char *from, const char *to, bool if_absent)
{
    char id[37], name[COPY_NAME_MAX];
    if (!plug_uuid(id))
        return plug_fail(call, REGSTORE_INTERNAL, "the system gives no random numbers");
    snprintf(name, sizeof name, "copy-%s", id);
    LOCAL_FD root = -1;
    TRY(local_root_open(call, store, false, &root));
    regstore_status status = stage_copy(call, store, root, from, name);
    if (status == REGSTORE_OK)
        status = local_publish(call, root, name, to, if_absent);
    /* Also after success: a rename onto another name of the same file leaves both. */
    unstage_copy(root, name);
    return status;
}

static regstore_status copy(struct plug_call *call, const struct regstore_store *store,
                            const char *from, const char *to, const struct regstore_copy_opts *opts)
{
    TRY(plug_take_flags(call, opts->flags, REGSTORE_COPY_IF_ABSENT, "copy_opts.flags"));
    TRY(local_key_check(call, from, "from"));
    TRY(local_key_check_target(call, to, "to"));
    TRY(plug_call_check(call));
    if (strcmp(from, to) == 0) {
        struct stat file;
        LOCAL_FD fd = -1;
        return local_blob_open(call, store, from, O_PATH, &fd, &file);
    }
    const bool if_absent = (opts->flags & REGSTORE_COPY_IF_ABSENT) != 0;
    for (int round = 0; round < COPY_ROUNDS; round++) {
        const regstore_status status = copy_once(call, store, from, to, if_absent);
        if (status != REGSTORE_GONE)
            return status;
        /* A link has its source's age, and a purge took it for a leftover. */
    }
    return plug_fail(call, REGSTORE_UNAVAILABLE, "a purge removes what is being copied");
}

regstore_status local_copy(struct regstore_store *store, const struct regstore_call *host_call,
                           const char *from, const char *to,
                           const struct regstore_copy_opts *host_opts)
{
    struct plug_call call;
    struct regstore_copy_opts opts;
    regstore_status status = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &store->host, "copy");
    if (status == REGSTORE_OK)
        status = plug_take(&call, &opts, sizeof opts, host_opts, "copy_opts");
    if (status == REGSTORE_OK)
        status = copy(&call, store, from, to, &opts);
    return plug_call_end(&call, status);
}
