/* SPDX-License-Identifier: Apache-2.0 */
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How often making a folder and entering something into it begins again, because a delete took the
 * folder away in between.  Each round needs another delete, so this ends much earlier. */
#define ROUNDS 1000

void local_fd_close(int *fd)
{
    const int kept = errno;
    if (*fd >= 0)
        close(*fd);
    errno = kept;
}

int64_t local_mtime_ns(const struct stat *file)
{
    return (int64_t)file->st_mtim.tv_sec * 1000000000 + file->st_mtim.tv_nsec;
}

static regstore_status parts_check(struct plug_call *call, const char *key, const char *what)
{
    for (const char *part = key; *part != '\0';) {
        const size_t len = strcspn(part, "/");
        if (len > NAME_MAX)
            return plug_fail(call, REGSTORE_INVALID,
                             "%s: a part between '/' has %zu bytes; file names have at most %d",
                             what, len, NAME_MAX);
        part += len + (part[len] == '/');
    }
    return REGSTORE_OK;
}

regstore_status local_key_check(struct plug_call *call, const char *key, const char *what)
{
    TRY(plug_key_check(call, key, what));
    return parts_check(call, key, what);
}

regstore_status local_key_check_target(struct plug_call *call, const char *key, const char *what)
{
    TRY(plug_key_check_target(call, key, what));
    return parts_check(call, key, what);
}

static const struct {
    int code;
    regstore_status status;
    const char *advice;
} causes[] = {
    {ENOSPC, REGSTORE_NO_SPACE, ""},
    {EDQUOT, REGSTORE_NO_SPACE, ""},
    {EFBIG, REGSTORE_NO_SPACE, " (a limit on the size of files)"},
    {EACCES, REGSTORE_DENIED, ""},
    {EPERM, REGSTORE_DENIED, ""},
    {EROFS, REGSTORE_DENIED, ""},
    {ENAMETOOLONG, REGSTORE_INVALID, " (of this file system)"},
    {ELOOP, REGSTORE_INVALID, " (symbolic links below storage_path are not followed)"},
    {EIO, REGSTORE_UNAVAILABLE, ""},
    {ESTALE, REGSTORE_UNAVAILABLE, ""},
    {EMFILE, REGSTORE_UNAVAILABLE, " in this process: raise its limit (ulimit -n)"},
    {ENFILE, REGSTORE_UNAVAILABLE, ""},
    {ENOLCK, REGSTORE_UNSUPPORTED, " on this file system"},
    {ENOSYS, REGSTORE_UNSUPPORTED, " (openat2 needs Linux 5.6, and must not be filtered out)"},
    {ENOMEM, REGSTORE_NO_MEMORY, ""},
    {EXDEV, REGSTORE_CONFIG, " (storage_path must be one file system)"},
};

regstore_status local_fail(struct plug_call *call, const char *doing, const char *path)
{
    const int code = errno;
    regstore_status status = REGSTORE_INTERNAL;
    const char *advice = "";
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (causes[i].code == code) {
            status = causes[i].status;
            advice = causes[i].advice;
        }
    }
    errno = code; /* for %m */
    return plug_fail(call, status, "cannot %s: %m%s: '%s'", doing, advice, path);
}

static regstore_status root_make(struct plug_call *call, const struct regstore_store *store)
{
    if (mkdir(store->path, 0770) == 0 || errno == EEXIST)
        return REGSTORE_OK;
    if (errno == ENOENT)
        return plug_fail(call, REGSTORE_CONFIG,
                         "storage_path: the folder above '%s' does not exist: make it, or mount "
                         "what belongs there",
                         store->path);
    return local_fail(call, "make storage_path", store->path);
}

regstore_status local_root_open(struct plug_call *call, const struct regstore_store *store,
                                bool is_made, int *root)
{
    *root = open(store->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*root < 0 && errno == ENOENT && is_made) {
        TRY(root_make(call, store));
        *root = open(store->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (*root >= 0)
        return REGSTORE_OK;
    if (errno == ENOENT)
        return plug_fail(call, REGSTORE_NOT_FOUND, "storage_path does not exist: '%s'",
                         store->path);
    if (errno == ENOTDIR)
        return plug_fail(call, REGSTORE_CONFIG, "storage_path is not a folder: '%s'", store->path);
    return local_fail(call, "open storage_path", store->path);
}

int local_openat(int folder, const char *path, int flags)
{
    const struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, folder, path, &how, sizeof how);
    while (fd < 0 && errno == EINTR);
    return (int)fd;
}

regstore_status local_blob_open(struct plug_call *call, const struct regstore_store *store,
                                const char *key, int flags, int *fd, struct stat *file)
{
    LOCAL_FD root = -1;
    TRY(local_root_open(call, store, false, &root));
    /* Nothing must wait for the other end of a named pipe. */
    *fd = local_openat(root, key, flags == O_PATH ? O_PATH : flags | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ENXIO)
        return local_fail(call, "open", key);
    if (*fd >= 0 && fstat(*fd, file) != 0)
        return local_fail(call, "look at", key);
    if (*fd < 0 || !S_ISREG(file->st_mode))
        return plug_fail(call, REGSTORE_NOT_FOUND, "no blob at '%s'", key);
    return REGSTORE_OK;
}

regstore_status local_sync(struct plug_call *call, int fd, const char *path)
{
    while (fsync(fd) != 0) {
        if (errno != EINTR)
            return local_fail(call, "write to disk", path);
    }
    return REGSTORE_OK;
}

static int folder_open(int root, const char *folder)
{
    return local_openat(root, folder[0] == '\0' ? "." : folder, O_RDONLY | O_DIRECTORY);
}

static regstore_status folder_fail(struct plug_call *call, const char *folder)
{
    if (errno == ENOTDIR || errno == EEXIST)
        return plug_fail(call, REGSTORE_CONFLICT, "a blob lies where a folder is needed: '%s'",
                         folder);
    return local_fail(call, "open folder", folder);
}

/* True when there is something in a folder.  What cannot be read counts as empty. */
static bool has_entries(int folder)
{
    union {
        struct dirent64 aligned;
        char bytes[4 * sizeof(struct dirent64)]; /* itself, the one above, and one more */
    } entries;
    const ssize_t len = getdents64(folder, &entries, sizeof entries);
    for (ssize_t at = 0; at < len;) {
        const struct dirent64 *entry = (const void *)(entries.bytes + at);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return true;
        at += entry->d_reclen;
    }
    return false;
}

/* Steps from *at into the folder called name; makes it when it is missing.  NOT_FOUND without
 * words: someone removed a folder on the way. */
static regstore_status step_into(struct plug_call *call, int *at, const char *name,
                                 const char *folder)
{
    LOCAL_FD next = local_openat(*at, name, O_RDONLY | O_DIRECTORY);
    if (next < 0 && errno == ENOENT) {
        if (mkdirat(*at, name, 0770) != 0 && errno != EEXIST)
            return errno == ENOENT ? REGSTORE_NOT_FOUND : folder_fail(call, folder);
        next = local_openat(*at, name, O_RDONLY | O_DIRECTORY);
    }
    if (next < 0)
        return errno == ENOENT ? REGSTORE_NOT_FOUND : folder_fail(call, folder);
    if (!has_entries(next))
        TRY(local_sync(call, *at, folder));
    const int above = *at;
    *at = next;
    next = above; /* to be closed */
    return REGSTORE_OK;
}

static regstore_status folder_walk(struct plug_call *call, int root, const char *folder, int *out)
{
    LOCAL_FD at = folder_open(root, "");
    if (at < 0)
        return errno == ENOENT ? REGSTORE_NOT_FOUND : folder_fail(call, folder);
    for (const char *part = folder; *part != '\0';) {
        char name[NAME_MAX + 1];
        const size_t len = strcspn(part, "/");
        snprintf(name, sizeof name, "%.*s", (int)len, part);
        TRY(step_into(call, &at, name, folder));
        part += len + (part[len] == '/');
    }
    *out = at;
    at = -1; /* handed over */
    return REGSTORE_OK;
}

regstore_status local_folder_make(struct plug_call *call, int root, const char *folder, int *out)
{
    for (int round = 0; round < ROUNDS; round++) {
        TRY(plug_call_check(call));
        LOCAL_FD found = folder_open(root, folder);
        if (found < 0 && errno != ENOENT)
            return folder_fail(call, folder);
        if (found >= 0 && has_entries(found)) {
            *out = found;
            found = -1; /* handed over */
            return REGSTORE_OK;
        }
        const regstore_status status = folder_walk(call, root, folder, out);
        if (status != REGSTORE_NOT_FOUND)
            return status;
    }
    return plug_fail(call, REGSTORE_UNAVAILABLE, "the folder '%s' is removed again and again",
                     folder);
}

/* The entry of storage_path, unless it is a mount point and so not of our making. */
static regstore_status sync_above(struct plug_call *call, const struct regstore_store *store,
                                  int root)
{
    struct stat own, other;
    LOCAL_FD above = openat(root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (above < 0 && errno == EACCES)
        return REGSTORE_OK; /* It may be searched but not read; the entry is safe a bit later. */
    if (above < 0 || fstat(root, &own) != 0 || fstat(above, &other) != 0)
        return local_fail(call, "open the folder above", store->path);
    return own.st_dev == other.st_dev ? local_sync(call, above, store->path) : REGSTORE_OK;
}

regstore_status local_uploads_make(struct plug_call *call, const struct regstore_store *store,
                                   int root, int *uploads)
{
    *uploads = local_openat(root, LOCAL_UPLOADS, O_RDONLY | O_DIRECTORY);
    if (*uploads < 0 && errno == ENOENT) {
        TRY(sync_above(call, store, root));
        if (mkdirat(root, LOCAL_UPLOADS, 0770) != 0 && errno != EEXIST)
            return folder_fail(call, LOCAL_UPLOADS);
        *uploads = local_openat(root, LOCAL_UPLOADS, O_RDONLY | O_DIRECTORY);
    }
    return *uploads >= 0 ? REGSTORE_OK : folder_fail(call, LOCAL_UPLOADS);
}

const char *local_split(const char *key, char folder[REGSTORE_KEY_MAX])
{
    const char *slash = strrchr(key, '/');
    snprintf(folder, REGSTORE_KEY_MAX, "%.*s", slash == NULL ? 0 : (int)(slash - key), key);
    return slash == NULL ? key : slash + 1;
}

/* Why a rename to name in folder failed.  OK: it is worth another round. */
static regstore_status rename_failed(struct plug_call *call, int uploads, const char *from,
                                     int folder, const char *name, const char *key)
{
    const int code = errno;
    struct stat file;
    if (fstatat(uploads, from, &file, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return plug_fail(call, REGSTORE_GONE, "the upload was committed, aborted or purged");
    if (code == ENOENT)
        return REGSTORE_OK; /* A delete took the folder away. */
    if (code == EEXIST || code == EISDIR || code == ENOTEMPTY) {
        /* An empty folder is no key: what made it has crashed, or is about to put a blob there. */
        if (unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return REGSTORE_OK;
        if (errno != ENOTDIR)
            return plug_fail(call, REGSTORE_CONFLICT, "'%s' is the folder of other keys", key);
        if (code == EEXIST)
            return plug_fail(call, REGSTORE_EXISTS, "there is a blob at '%s'", key);
        return REGSTORE_OK; /* The folder has just become a blob. */
    }
    if (code == EINVAL)
        return plug_fail(call, REGSTORE_UNSUPPORTED,
                         "this file system has no rename that refuses to replace (IF_ABSENT)");
    errno = code;
    return local_fail(call, "move to", key);
}

regstore_status local_publish(struct plug_call *call, int root, const char *name, const char *key,
                              bool if_absent)
{
    char folder_name[REGSTORE_KEY_MAX];
    const char *base = local_split(key, folder_name);
    LOCAL_FD uploads = local_openat(root, LOCAL_UPLOADS, O_PATH | O_DIRECTORY);
    if (uploads < 0)
        return local_fail(call, "open", LOCAL_UPLOADS);
    for (int round = 0; round < ROUNDS; round++) {
        LOCAL_FD folder = -1;
        TRY(local_folder_make(call, root, folder_name, &folder));
        if (renameat2(uploads, name, folder, base, if_absent ? RENAME_NOREPLACE : 0) == 0)
            return local_sync(call, folder, key);
        TRY(rename_failed(call, uploads, name, folder, base, key));
    }
    return plug_fail(call, REGSTORE_UNAVAILABLE, "the folder of '%s' is removed again and again",
                     key);
}

regstore_status local_sync_entry(struct plug_call *call, int root, const char *key)
{
    char folder_name[REGSTORE_KEY_MAX];
    (void)local_split(key, folder_name); /* Only the folder matters. */
    LOCAL_FD folder = folder_open(root, folder_name);
    if (folder < 0)
        return local_fail(call, "open folder", folder_name);
    return local_sync(call, folder, key);
}

/* Takes the empty folders above a key away, from the innermost, until one is not empty. */
static void prune(int root, const char *key)
{
    char path[REGSTORE_KEY_MAX], above[REGSTORE_KEY_MAX];
    (void)local_split(key, path); /* Only the folder matters. */
    while (path[0] != '\0' && strcmp(path, LOCAL_UPLOADS) != 0) {
        const char *name = local_split(path, above);
        LOCAL_FD folder = local_openat(root, above[0] == '\0' ? "." : above, O_PATH | O_DIRECTORY);
        if (folder < 0 || unlinkat(folder, name, AT_REMOVEDIR) != 0)
            return;
        memcpy(path, above, sizeof path);
    }
}

/*
 * Not followed by an fsync: a delete that a power cut undoes is a blob too many, never one too few.
 */
regstore_status local_remove(struct plug_call *call, int root, const char *key)
{
    char folder_name[REGSTORE_KEY_MAX];
    const char *name = local_split(key, folder_name);
    LOCAL_FD folder =
        local_openat(root, folder_name[0] == '\0' ? "." : folder_name, O_PATH | O_DIRECTORY);
    struct stat file;
    if (folder < 0 || fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return REGSTORE_OK;
        return local_fail(call, "delete", key);
    }
    if (S_ISLNK(file.st_mode)) {
        errno = ELOOP;
        return local_fail(call, "delete", key);
    }
    if (!S_ISREG(file.st_mode))
        return REGSTORE_OK; /* No blob. */
    if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
        return local_fail(call, "delete", key);
    prune(root, key);
    return REGSTORE_OK;
}
