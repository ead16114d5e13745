/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of an upload: one writer at a time, by a lock; its bytes proved by their hash when
 * another process goes on with them; and the rename that makes it a blob.
 */
#define _GNU_SOURCE
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define PIECE_BYTES  (256 << 10) /* written between two looks at cancel */
#define HASH_BYTES   (16 << 10)  /* read at once, on the stack (THR-3) */
#define RENAME_TRIES 16

/* The key is in the name for those who know no token (UPLOAD_SOLE); "" when it comes at commit. */
void staging_name(struct staging *staging, const char *id, const char *key)
{
    char hash[HASH_TEXT];
    sha256_of(key, hash);
    (void)snprintf(staging->name, sizeof staging->name, "%.32s-%s", id, hash);
}

regstore_status staging_init(struct call *call, struct staging *staging, const char *key)
{
    unsigned char random[16];
    char id[ID_TEXT];
    memset(staging, 0, sizeof *staging);
    staging->fd = -1;
    (void)SHA256_Init(&staging->sha); /* cannot fail; nor can the others */
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return fail(call, REGSTORE_INTERNAL, "the system gives no random numbers");
    for (size_t i = 0; i < sizeof random; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", random[i]);
    staging_name(staging, id, key);
    return REGSTORE_OK;
}

void staging_digest(const struct staging *staging, char out[HASH_TEXT])
{
    SHA256_CTX sha = staging->sha;
    if (!staging->is_ours && staging->offset > 0)
        memcpy(out, staging->digest, HASH_TEXT);
    else
        sha256_text(&sha, out);
}

static void staging_path(const struct regstore_store *store, const char *name,
                         char path[PATH_BYTES])
{
    char key[sizeof UPLOADS + STAGING_NAME];
    (void)snprintf(key, sizeof key, UPLOADS "%s", name);
    path_of(store, key, path);
}

/* The folders down to where path lies, storage_path itself included. */
static regstore_status make_folders(struct call *call, const struct regstore_store *store,
                                    char path[PATH_BYTES])
{
    char *const first = path + strlen(store->path);
    for (char *slash = first; slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool is_made = slash == path || mkdir(path, 0777) == 0 || errno == EEXIST;
        if (!is_made && errno == ENOTDIR)
            return fail(call, REGSTORE_CONFLICT, "'%.300s' lies under another key (KEY-3)", path);
        if (!is_made && errno == ENOENT && slash == first)
            return fail(call, REGSTORE_CONFIG, "storage_path: there is no folder above it");
        if (!is_made && errno != ENOENT) /* a delete took the one above: the caller tries again */
            return fail_errno(call, "make the folder", path);
        *slash = '/';
    }
    return REGSTORE_OK;
}

/* A sync that failed has marked the pages clean: the next one says OK and means nothing. So the
 * first answer counts for good, and the host begins again. */
static regstore_status sync_once(struct call *call, struct staging *staging, int fd,
                                 const char *path)
{
    if (!staging->is_lost && fsync(fd) == 0)
        return REGSTORE_OK;
    const regstore_status status =
        staging->is_lost ? fail(call, REGSTORE_UNAVAILABLE, "the disk did not take these bytes")
                         : fail_errno(call, "write to disk", path);
    call->error.retryable = 0;
    staging->is_lost = true;
    return status;
}

/* The entries on the way to a file, up to that of storage_path: else a power cut takes the name. */
static regstore_status sync_folders(struct call *call, const struct regstore_store *store,
                                    struct staging *staging, char path[PATH_BYTES])
{
    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        const bool is_above = slash < path + strlen(store->path);
        *slash = '\0';
        const int fd = open(slash == path ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && !is_above) /* the one above may be closed to us, and is not ours */
            return fail_errno(call, "open", path);
        const regstore_status status = fd < 0 ? REGSTORE_OK : sync_once(call, staging, fd, path);
        if (fd >= 0)
            (void)close(fd); /* nothing was written */
        if (status != REGSTORE_OK || is_above)
            return status;
    }
    return REGSTORE_OK;
}

void staging_release(struct staging *staging, bool is_inherited)
{
    if (staging->fd < 0)
        return;
    if (!is_inherited) /* a forked child may have a copy, which would keep the lock */
        (void)flock(staging->fd, LOCK_UN);
    (void)close(staging->fd); /* what had to be safe was synced */
    staging->fd = -1;
}

static regstore_status busy(struct call *call)
{
    (void)fail(call, REGSTORE_CONFLICT, "another handle is writing this upload");
    call->error.retryable = 1;
    return REGSTORE_CONFLICT;
}

/* Opens and locks the file. Between the two it may have become a blob: then it lost this name. */
static regstore_status lock(struct call *call, const struct regstore_store *store,
                            struct staging *staging)
{
    char path[PATH_BYTES];
    struct stat held, named;
    const bool is_new = staging->offset == 0;
    staging_path(store, staging->name, path);
    if (is_new)
        TRY(make_folders(call, store, path));
    const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (is_new ? O_CREAT : 0), 0666);
    if (fd < 0 && errno == ENOENT && !is_new)
        return fail(call, REGSTORE_GONE, "the upload was committed, aborted or purged");
    if (fd < 0)
        return fail_errno(call, "open", path);
    regstore_status status = REGSTORE_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        status = errno == EWOULDBLOCK ? busy(call) : fail_errno(call, "lock", path);
    else if (fstat(fd, &held) != 0 || lstat(path, &named) != 0 || held.st_ino != named.st_ino)
        status = busy(call); /* the next try will tell what became of it */
    if (status == REGSTORE_OK)
        staging->fd = fd;
    else
        (void)close(fd); /* nothing was written */
    return status;
}

static regstore_status hash_on(struct call *call, int fd, uint64_t end, uint64_t *at,
                               SHA256_CTX *sha)
{
    char bytes[HASH_BYTES];
    while (*at < end) {
        const size_t len = end - *at < sizeof bytes ? (size_t)(end - *at) : sizeof bytes;
        TRY(call_check(call));
        const ssize_t n = pread(fd, bytes, len, (off_t)*at);
        if (n < 0)
            return fail_errno(call, "read", "an upload");
        if (n == 0)
            return fail(call, REGSTORE_CONFLICT, "another handle has cut off these bytes");
        (void)SHA256_Update(sha, bytes, (size_t)n);
        *at += (uint64_t)n;
    }
    return REGSTORE_OK;
}

/* After this the file is ours, and has what the token vouches for and nothing else. */
regstore_status staging_hold(struct call *call, const struct regstore_store *store,
                             struct staging *staging)
{
    char digest[HASH_TEXT];
    if (staging->is_ours)
        return REGSTORE_OK;
    if (staging->fd < 0)
        TRY(lock(call, store, staging));
    /* What was hashed before the time was over is not hashed again. */
    TRY(hash_on(call, staging->fd, staging->offset, &staging->hashed, &staging->sha));
    SHA256_CTX sha = staging->sha;
    sha256_text(&sha, digest);
    if (staging->offset > 0 && strcmp(digest, staging->digest) != 0)
        return fail(call, REGSTORE_CONFLICT, "another handle has overwritten these bytes");
    if (ftruncate(staging->fd, (off_t)staging->offset) != 0)
        return fail_errno(call, "shorten", staging->name);
    staging->is_ours = true;
    return REGSTORE_OK;
}

regstore_status staging_append(struct call *call, struct staging *staging, const char *bytes,
                               size_t len)
{
    while (len > 0) {
        const size_t piece = len < PIECE_BYTES ? len : PIECE_BYTES;
        TRY(call_check(call));
        const ssize_t n = pwrite(staging->fd, bytes, piece, (off_t)staging->offset);
        if (n < 0)
            return fail_errno(call, "write", staging->name);
        (void)SHA256_Update(&staging->sha, bytes, (size_t)n);
        staging->offset += (uint64_t)n;
        staging->hashed = staging->offset;
        bytes += n;
        len -= (size_t)n;
    }
    return REGSTORE_OK;
}

static regstore_status sync_bytes(struct call *call, struct staging *staging, struct stat *file)
{
    if (fstat(staging->fd, file) != 0)
        return fail_errno(call, "look at", staging->name);
    if (file->st_nlink == 0)
        return fail(call, REGSTORE_GONE, "the upload was aborted or purged");
    /* A write that failed may have left some; without need it would change the time. */
    if ((uint64_t)file->st_size > staging->offset &&
        ftruncate(staging->fd, (off_t)staging->offset) != 0)
        return fail_errno(call, "shorten", staging->name);
    return sync_once(call, staging, staging->fd, staging->name);
}

/* For suspend: what is accepted outlives a power cut. */
regstore_status staging_keep(struct call *call, const struct regstore_store *store,
                             struct staging *staging)
{
    char path[PATH_BYTES];
    struct stat file;
    TRY(sync_bytes(call, staging, &file));
    staging_path(store, staging->name, path);
    return sync_folders(call, store, staging, path);
}

/* What a rename that failed means. OK: try again. */
static regstore_status judge_rename(struct call *call, const struct regstore_store *store,
                                    const char *key, const char *from, const char *to)
{
    const int error = errno;
    struct stat file;
    if (error == EEXIST && look_at_blob(call, store, key, &file) == REGSTORE_OK)
        return fail(call, REGSTORE_EXISTS, "'%.300s' has a blob", key);
    if (error == EEXIST || error == EISDIR || error == ENOTEMPTY) {
        if (rmdir(to) == 0 || errno == ENOENT || errno == ENOTDIR)
            return REGSTORE_OK; /* it was an empty folder, left by a process that died */
        return fail(call, REGSTORE_CONFLICT, "other keys lie under '%.300s' (KEY-3)", key);
    }
    if (error == ENOTDIR)
        return fail(call, REGSTORE_CONFLICT, "'%.300s' lies under another key (KEY-3)", key);
    if (error == ENOENT && lstat(from, &file) == 0)
        return REGSTORE_OK; /* a delete took the folder, which was empty */
    if (error == ENOENT)
        return fail(call, REGSTORE_GONE, "the upload was committed, aborted or purged");
    errno = error;
    return fail_errno(call, "rename to", key);
}

/* The one moment at which everything happens is renameat2(). A link() for IF_ABSENT would leave a
 * second name, by which a later handle could write into the blob. */
regstore_status staging_publish(struct call *call, const struct regstore_store *store,
                                struct staging *staging, const char *key, bool if_absent,
                                struct stat *file)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    TRY(staging_hold(call, store, staging));
    TRY(sync_bytes(call, staging, file));
    staging_path(store, staging->name, from);
    path_of(store, key, to);
    for (unsigned i = 0; i < RENAME_TRIES; i++) {
        TRY(call_check(call));
        TRY(make_folders(call, store, to));
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, if_absent ? RENAME_NOREPLACE : 0) == 0) {
            if (fstat(staging->fd, file) != 0)
                return fail_errno(call, "look at", key);
            return sync_folders(call, store, staging, to);
        }
        TRY(judge_rename(call, store, key, from, to));
    }
    return fail(call, REGSTORE_UNAVAILABLE, "others delete the folder of '%.300s' all the time",
                key);
}

/* COM-2: the upload is gone. Was it this commit, whose answer was lost? By the file that we hold,
 * or by reading what is there. */
regstore_status staging_prove(struct call *call, const struct regstore_store *store,
                              struct staging *staging, const char *key, struct stat *file)
{
    char path[PATH_BYTES], mine[HASH_TEXT], theirs[HASH_TEXT];
    struct stat held;
    SHA256_CTX sha;
    uint64_t at = 0;
    int fd = -1;
    regstore_status status = open_blob(call, store, key, &fd, file);
    if (status == REGSTORE_NOT_FOUND)
        return fail(call, REGSTORE_GONE, "the upload was aborted, purged or committed elsewhere");
    TRY(status);
    const bool is_same_file = staging->fd >= 0 && fstat(staging->fd, &held) == 0 &&
                              held.st_ino == file->st_ino && held.st_dev == file->st_dev;
    if (!is_same_file) {
        staging_digest(staging, mine);
        (void)SHA256_Init(&sha);
        const bool is_as_long = (uint64_t)file->st_size == staging->offset;
        if (is_as_long)
            status = hash_on(call, fd, staging->offset, &at, &sha);
        sha256_text(&sha, theirs);
        if (status == REGSTORE_OK && (!is_as_long || strcmp(mine, theirs) != 0))
            status =
                fail(call, REGSTORE_CONFLICT, "the upload is gone, '%.300s' is another's", key);
    }
    (void)close(fd); /* nothing was written */
    TRY(status);
    path_of(store, key, path);
    return sync_folders(call, store, staging, path); /* who renamed it may have died before */
}

regstore_status staging_remove(struct call *call, const struct regstore_store *store,
                               const char *name)
{
    char path[PATH_BYTES];
    staging_path(store, name, path);
    if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
        return fail_errno(call, "remove", path);
    return REGSTORE_OK;
}
