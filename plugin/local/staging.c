/* SPDX-License-Identifier: Apache-2.0 */
#include "staging.h"

#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* How often a search begins again because a name changed meanwhile. */
#define ROUNDS 16

void local_name_text(const struct local_name *name, char text[LOCAL_NAME_MAX])
{
    int len = snprintf(text, LOCAL_NAME_MAX, "%s.%s", name->upload, name->key);
    for (size_t i = 0; i < LOCAL_EPOCHS; i++)
        len += snprintf(text + len, (size_t)(LOCAL_NAME_MAX - len), ".%016llx-%llx",
                        (unsigned long long)name->epochs[i].id,
                        (unsigned long long)name->epochs[i].begin);
}

bool local_name_parse(const char *text, struct local_name *name)
{
    unsigned long long id[LOCAL_EPOCHS], begin[LOCAL_EPOCHS];
    memset(name, 0, sizeof *name);
    if (sscanf(text, "%36[0-9a-f-].%32[0-9a-f].%16llx-%16llx.%16llx-%16llx.%16llx-%16llx",
               name->upload, name->key, &id[0], &begin[0], &id[1], &begin[1], &id[2],
               &begin[2]) != 2 + 2 * LOCAL_EPOCHS)
        return false;
    for (size_t i = 0; i < LOCAL_EPOCHS; i++)
        name->epochs[i] = (struct local_epoch){.id = id[i], .begin = begin[i]};
    /* Only what would be written this way has been: no other spelling is one of ours. */
    char again[LOCAL_NAME_MAX];
    local_name_text(name, again);
    return strcmp(text, again) == 0 && strlen(name->upload) == 36 && strlen(name->key) == 32;
}

bool local_lock(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int done;
    do
        done = fcntl(fd, F_OFD_SETLK, &lock);
    while (done != 0 && errno == EINTR);
    if (done != 0 && errno == EACCES)
        errno = EAGAIN; /* POSIX allows either. */
    return done == 0;
}

void local_unlock(int fd)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    /* Cannot be refused; and the descriptor is closed next. */
    (void)fcntl(fd, F_OFD_SETLK, &lock);
}

void local_staging_release(struct local_staging *staging, bool is_owner)
{
    if (staging->fd < 0)
        return;
    if (is_owner)
        local_unlock(staging->fd);
    close(staging->fd);
    staging->fd = -1;
}

regstore_status local_scan_open(struct plug_call *call, const struct regstore_store *store,
                                struct local_scan *scan)
{
    scan->folder = NULL;
    LOCAL_FD root = -1;
    TRY(local_root_open(call, store, false, &root));
    const int uploads = local_openat(root, LOCAL_UPLOADS, O_RDONLY | O_DIRECTORY);
    if (uploads < 0)
        return errno == ENOENT ? REGSTORE_NOT_FOUND : local_fail(call, "open", LOCAL_UPLOADS);
    scan->folder = fdopendir(uploads);
    if (scan->folder == NULL) {
        close(uploads);
        return plug_no_memory(call);
    }
    return REGSTORE_OK;
}

regstore_status local_scan_next(struct plug_call *call, struct local_scan *scan,
                                struct local_name *name)
{
    for (;;) {
        TRY(plug_call_check(call));
        errno = 0;
        const struct dirent *entry = readdir(scan->folder);
        if (entry == NULL)
            return errno == 0 ? REGSTORE_NOT_FOUND : local_fail(call, "read", LOCAL_UPLOADS);
        if (local_name_parse(entry->d_name, name))
            return REGSTORE_OK;
    }
}

void local_scan_close(struct local_scan *scan)
{
    if (scan->folder != NULL)
        closedir(scan->folder);
    scan->folder = NULL;
}

static regstore_status gone(struct plug_call *call)
{
    return plug_fail(call, REGSTORE_GONE, "the upload was committed, aborted or purged");
}

/* Has the file with this name the bytes before offset that the token speaks of?  An epoch ends with
 * its handle, so one token's offset belongs to it, and the next epoch begins there. */
static bool is_intact(const struct local_name *name, const struct local_staging *staging,
                      uint64_t offset)
{
    if (offset == 0)
        return true;
    for (size_t i = 0; i < LOCAL_EPOCHS; i++)
        if (name->epochs[i].id == staging->from)
            return true;
    return false;
}

/* The oldest epoch known began before offset, and yet the byte before offset is not the caller's:
 * then another handle wrote it.  Otherwise nobody knows any more. */
static bool is_overwritten(const struct local_name *name, uint64_t offset)
{
    return name->epochs[LOCAL_EPOCHS - 1].begin < offset;
}

/* One look.  NOT_FOUND without words: no name was seen. */
static regstore_status find_once(struct plug_call *call, const struct regstore_store *store,
                                 const struct local_staging *staging, uint64_t offset,
                                 struct local_name *found)
{
    struct local_scan scan;
    TRY(local_scan_open(call, store, &scan));
    regstore_status status;
    bool is_conflict = false, is_seen = false;
    while ((status = local_scan_next(call, &scan, found)) == REGSTORE_OK) {
        if (strcmp(found->upload, staging->name.upload) != 0)
            continue;
        if (is_intact(found, staging, offset))
            break;
        is_seen = true;
        is_conflict = is_conflict || is_overwritten(found, offset);
    }
    local_scan_close(&scan);
    if (status != REGSTORE_NOT_FOUND || !is_seen)
        return status;
    if (is_conflict)
        return plug_fail(call, REGSTORE_CONFLICT,
                         "another handle of this upload has overwritten these bytes");
    return plug_fail(call, REGSTORE_GONE, "a token so old cannot be resumed any more");
}

/* Looks for the upload's file under whatever name it has by now.  NOT_FOUND without words: it has
 * none; at offset 0, where a new one does as well, one look says so. */
static regstore_status find(struct plug_call *call, const struct regstore_store *store,
                            const struct local_staging *staging, uint64_t offset,
                            struct local_name *found)
{
    const unsigned looks = offset == 0 ? 1 : LOCAL_MISSES;
    regstore_status status = REGSTORE_NOT_FOUND;
    for (unsigned look = 0; status == REGSTORE_NOT_FOUND && look < looks; look++)
        status = find_once(call, store, staging, offset, found);
    return status;
}

static regstore_status uploads_open(struct plug_call *call, const struct regstore_store *store,
                                    bool is_made, int *uploads)
{
    LOCAL_FD root = -1;
    const regstore_status status = local_root_open(call, store, is_made, &root);
    if (status != REGSTORE_OK)
        return status == REGSTORE_NOT_FOUND ? gone(call) : status;
    if (is_made)
        return local_uploads_make(call, store, root, uploads);
    *uploads = local_openat(root, LOCAL_UPLOADS, O_RDONLY | O_DIRECTORY);
    if (*uploads >= 0)
        return REGSTORE_OK;
    return errno == ENOENT ? gone(call) : local_fail(call, "open", LOCAL_UPLOADS);
}

/* Locks an open staging file and makes sure that it has still this name: between open and lock it
 * may have become a blob.  NOT_FOUND without words: it has not. */
static regstore_status lock_named(struct plug_call *call, int uploads, const char *text, int fd)
{
    if (!local_lock(fd)) {
        if (errno != EAGAIN)
            return local_fail(call, "lock", text);
        const regstore_status status =
            plug_fail(call, REGSTORE_CONFLICT, "another handle is writing this upload");
        call->error.retryable = 1;
        return status;
    }
    struct stat held, named;
    if (fstat(fd, &held) != 0)
        return local_fail(call, "look at", text);
    if (fstatat(uploads, text, &named, AT_SYMLINK_NOFOLLOW) == 0 && held.st_ino == named.st_ino)
        return REGSTORE_OK;
    local_unlock(fd);
    return REGSTORE_NOT_FOUND;
}

static regstore_status open_named(struct plug_call *call, const struct regstore_store *store,
                                  struct local_staging *staging, const struct local_name *name)
{
    char text[LOCAL_NAME_MAX];
    local_name_text(name, text);
    LOCAL_FD uploads = -1;
    TRY(uploads_open(call, store, false, &uploads));
    LOCAL_FD fd = local_openat(uploads, text, O_RDWR | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? REGSTORE_NOT_FOUND : local_fail(call, "open", text);
    TRY(lock_named(call, uploads, text, fd));
    staging->name = *name;
    staging->fd = fd;
    fd = -1; /* handed over */
    return REGSTORE_OK;
}

static regstore_status random_epoch(struct plug_call *call, uint64_t begin,
                                    struct local_epoch *epoch)
{
    epoch->begin = begin;
    if (getrandom(&epoch->id, sizeof epoch->id, 0) != (ssize_t)sizeof epoch->id)
        return local_fail(call, "draw", "a random number");
    return REGSTORE_OK;
}

static regstore_status create(struct plug_call *call, const struct regstore_store *store,
                              struct local_staging *staging)
{
    LOCAL_FD uploads = -1;
    TRY(uploads_open(call, store, true, &uploads));
    struct local_name name = staging->name;
    memset(name.epochs, 0, sizeof name.epochs);
    TRY(random_epoch(call, 0, &name.epochs[0]));
    char text[LOCAL_NAME_MAX];
    local_name_text(&name, text);
    LOCAL_FD fd = openat(uploads, text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    if (fd < 0)
        return errno == ENOENT ? REGSTORE_NOT_FOUND : local_fail(call, "make", text);
    const regstore_status status = lock_named(call, uploads, text, fd);
    if (status != REGSTORE_OK) {
        /* A purge of everything came in between, or there are no locks here. */
        (void)unlinkat(uploads, text, 0); /* What is left is purge's. */
        return status;
    }
    staging->name = name;
    staging->fd = fd;
    fd = -1; /* handed over */
    staging->is_claimed = true;
    staging->is_entry_unsynced = true;
    return REGSTORE_OK;
}

/* One attempt.  NOT_FOUND without words: a name changed meanwhile. */
static regstore_status hold_once(struct plug_call *call, const struct regstore_store *store,
                                 struct local_staging *staging, uint64_t offset)
{
    if (staging->name.epochs[0].id != 0) {
        const regstore_status status = open_named(call, store, staging, &staging->name);
        if (status != REGSTORE_NOT_FOUND)
            return status;
    }
    struct local_name found;
    regstore_status status = REGSTORE_NOT_FOUND;
    if (staging->may_exist)
        status = find(call, store, staging, offset, &found);
    if (status == REGSTORE_OK)
        return open_named(call, store, staging, &found);
    if (status == REGSTORE_NOT_FOUND && offset == 0)
        return create(call, store, staging);
    return status == REGSTORE_NOT_FOUND ? gone(call) : status;
}

regstore_status local_staging_hold(struct plug_call *call, const struct regstore_store *store,
                                   struct local_staging *staging, uint64_t offset)
{
    if (staging->fd >= 0)
        return REGSTORE_OK;
    for (int round = 0; round < ROUNDS; round++) {
        TRY(plug_call_check(call));
        const regstore_status status = hold_once(call, store, staging, offset);
        if (status != REGSTORE_NOT_FOUND)
            return status;
    }
    return plug_fail(call, REGSTORE_UNAVAILABLE, "other handles change this upload all the time");
}

regstore_status local_staging_cut(struct plug_call *call, struct local_staging *staging,
                                  uint64_t offset)
{
    struct stat file;
    if (fstat(staging->fd, &file) != 0)
        return local_fail(call, "look at", staging->name.upload);
    if ((uint64_t)file.st_size < offset)
        return plug_fail(call, REGSTORE_GONE, "the upload has fewer bytes than its token says");
    if ((uint64_t)file.st_size == offset)
        return REGSTORE_OK;
    int done;
    do
        done = ftruncate(staging->fd, (off_t)offset);
    while (done != 0 && errno == EINTR);
    return done == 0 ? REGSTORE_OK : local_fail(call, "shorten", staging->name.upload);
}

/* The name that says that an epoch begins here, after the epoch that the handle goes on from. */
static regstore_status next_name(struct plug_call *call, const struct local_staging *staging,
                                 uint64_t offset, struct local_name *next)
{
    *next = staging->name;
    memset(next->epochs, 0, sizeof next->epochs);
    TRY(random_epoch(call, offset, &next->epochs[0]));
    if (offset == 0)
        return REGSTORE_OK;
    size_t i = 0;
    while (i < LOCAL_EPOCHS - 1 && staging->name.epochs[i].id != staging->from)
        i++;
    for (size_t j = 1; j < LOCAL_EPOCHS && i + j - 1 < LOCAL_EPOCHS; j++)
        next->epochs[j] = staging->name.epochs[i + j - 1];
    return REGSTORE_OK;
}

/* Linux marks pages clean when writing them has failed, so that a second fsync says OK: the first
 * answer counts. */
static regstore_status sync_once(struct plug_call *call, struct local_staging *staging, int fd,
                                 const char *path)
{
    if (staging->lost.status != REGSTORE_OK)
        return plug_call_adopt(call, &staging->lost);
    const regstore_status status = local_sync(call, fd, path);
    if (status != REGSTORE_OK) {
        staging->lost = call->error;
        staging->lost.retryable = 0;
    }
    return status;
}

regstore_status local_staging_claim(struct plug_call *call, const struct regstore_store *store,
                                    struct local_staging *staging, uint64_t offset)
{
    if (staging->is_claimed)
        return REGSTORE_OK;
    struct local_name next;
    TRY(next_name(call, staging, offset, &next));
    char from[LOCAL_NAME_MAX], to[LOCAL_NAME_MAX];
    local_name_text(&staging->name, from);
    local_name_text(&next, to);
    LOCAL_FD uploads = -1;
    TRY(uploads_open(call, store, false, &uploads));
    if (renameat(uploads, from, uploads, to) != 0)
        return errno == ENOENT ? gone(call) : local_fail(call, "rename", from);
    staging->name = next;
    staging->from = next.epochs[0].id;
    staging->is_entry_unsynced = true;
    struct stat file;
    if (fstat(staging->fd, &file) != 0)
        return local_fail(call, "look at", from);
    if ((uint64_t)file.st_size > offset) {
        /* Some token speaks of the bytes that go now: no power cut may bring the old name back and
         * leave the new bytes. */
        TRY(sync_once(call, staging, uploads, LOCAL_UPLOADS));
        staging->is_entry_unsynced = false;
    }
    TRY(local_staging_cut(call, staging, offset));
    staging->is_claimed = true;
    return REGSTORE_OK;
}

/* uploads/ may be the work of a process that died before it could write the entry. */
static regstore_status sync_uploads_entry(struct plug_call *call, struct regstore_store *store,
                                          struct local_staging *staging)
{
    if (atomic_load(&store->is_uploads_synced))
        return REGSTORE_OK;
    LOCAL_FD root = -1;
    TRY(local_root_open(call, store, false, &root));
    LOCAL_FD folder = local_openat(root, ".", O_RDONLY | O_DIRECTORY);
    if (folder < 0)
        return local_fail(call, "open storage_path", store->path);
    TRY(sync_once(call, staging, folder, store->path));
    atomic_store(&store->is_uploads_synced, true); /* Nothing takes uploads/ away. */
    return REGSTORE_OK;
}

regstore_status local_staging_sync(struct plug_call *call, struct regstore_store *store,
                                   struct local_staging *staging, bool with_name)
{
    TRY(sync_once(call, staging, staging->fd, staging->name.upload));
    if (!with_name || !staging->is_entry_unsynced)
        return REGSTORE_OK;
    LOCAL_FD uploads = -1;
    TRY(uploads_open(call, store, false, &uploads));
    TRY(sync_once(call, staging, uploads, LOCAL_UPLOADS));
    TRY(sync_uploads_entry(call, store, staging));
    staging->is_entry_unsynced = false;
    return REGSTORE_OK;
}
