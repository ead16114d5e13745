/* SPDX-License-Identifier: Apache-2.0 */
/* What goes through uploads/: purge, and the abort of all that lies at one key. */
#define _GNU_SOURCE
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define KINDS (REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS)

static bool is_staging_name(const char *name)
{
    return strlen(name) == STAGING_NAME - 1 && name[ID_TEXT - 1] == '-' &&
           strspn(name, "0123456789abcdef-") == STAGING_NAME - 1;
}

/* NULL with OK: no upload has been begun yet. */
static regstore_status open_uploads(struct call *call, const struct regstore_store *store,
                                    DIR **folder)
{
    char path[PATH_BYTES];
    path_of(store, UPLOADS, path);
    *folder = opendir(path);
    return *folder != NULL || errno == ENOENT ? REGSTORE_OK : fail_errno(call, "open", path);
}

/* The next name; NULL at the end. */
static regstore_status next_name(struct call *call, DIR *folder, const char **name)
{
    const struct dirent *entry;
    TRY(call_check(call));
    do {
        errno = 0;
        entry = readdir(folder);
        if (entry == NULL && errno != 0)
            return fail_errno(call, "read", UPLOADS);
    } while (entry != NULL && entry->d_name[0] == '.');
    *name = entry != NULL ? entry->d_name : NULL;
    return REGSTORE_OK;
}

regstore_status remove_all_of_key(struct call *call, const struct regstore_store *store,
                                  const char *key)
{
    struct staging wanted;
    const char *name = "";
    DIR *folder;
    staging_name(&wanted, "", key);
    TRY(open_uploads(call, store, &folder));
    regstore_status status = REGSTORE_OK;
    while (folder != NULL && name != NULL && status == REGSTORE_OK) {
        status = next_name(call, folder, &name);
        if (status == REGSTORE_OK && name != NULL && is_staging_name(name) &&
            strcmp(name + ID_TEXT - 1, wanted.name) == 0)
            status = staging_remove(call, store, name);
    }
    if (folder != NULL)
        (void)closedir(folder); /* nothing was written */
    return status;
}

static bool is_old(const struct stat *file, uint64_t age_s)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* the clock that dates files; cannot fail */
    const int64_t age =
        (int64_t)now.tv_sec - file->st_mtim.tv_sec - (now.tv_nsec < file->st_mtim.tv_nsec ? 1 : 0);
    return age >= 0 && (uint64_t)age >= age_s;
}

/* Locked, so that nobody goes on with it in the same moment: who holds an upload is alive. */
static regstore_status purge_one(struct call *call, const struct regstore_store *store,
                                 const struct regstore_purge_opts *opts, const char *name,
                                 struct regstore_purged *told)
{
    char path[PATH_BYTES];
    struct stat file, held;
    const int n = snprintf(path, sizeof path, "%s/" UPLOADS "%s", store->path, name);
    if (n < 0 || (size_t)n >= sizeof path || lstat(path, &file) != 0 || !S_ISREG(file.st_mode))
        return REGSTORE_OK; /* gone meanwhile, or nothing of ours */
    if (!is_old(&file, opts->older_than_s)) {
        told->spared++;
        return REGSTORE_OK;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    regstore_status status = REGSTORE_OK;
    if (fd < 0)
        status = errno == ENOENT ? REGSTORE_OK : fail_errno(call, "open", path);
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &held) != 0 ||
             !is_old(&held, opts->older_than_s))
        told->spared++;
    else if ((opts->flags & REGSTORE_PURGE_DRY_RUN) != 0 || unlink(path) == 0) {
        if (is_staging_name(name))
            told->uploads++;
        else
            told->objects++;
        told->bytes += (uint64_t)held.st_size;
    } else if (errno != ENOENT) {
        status = fail_errno(call, "remove", path);
    }
    if (fd >= 0)
        (void)close(fd); /* with it goes the lock */
    if (status != REGSTORE_OK)
        told->failed++;
    return status;
}

static regstore_status purge_all(struct call *call, const struct regstore_store *store,
                                 const struct regstore_purge_opts *opts,
                                 struct regstore_purged *told)
{
    const uint64_t wanted = (opts->flags & KINDS) != 0 ? opts->flags & KINDS : KINDS;
    struct call first = *call;
    regstore_status verdict = REGSTORE_OK, status;
    const char *name;
    DIR *folder;
    TRY(open_uploads(call, store, &folder));
    if (folder == NULL)
        return REGSTORE_OK;
    while ((status = next_name(call, folder, &name)) == REGSTORE_OK && name != NULL) {
        const uint64_t kind =
            is_staging_name(name) ? REGSTORE_PURGE_UPLOADS : REGSTORE_PURGE_OBJECTS;
        if ((wanted & kind) == 0)
            continue;
        status = purge_one(call, store, opts, name, told);
        if (verdict == REGSTORE_OK && status != REGSTORE_OK) {
            verdict = status; /* the others are purged all the same */
            first = *call;
        }
    }
    (void)closedir(folder); /* nothing was written */
    if (verdict == REGSTORE_OK)
        return status;
    *call = first;
    return verdict;
}

static regstore_status try_purge(struct call *call, const struct regstore_call *host_call,
                                 struct regstore_store *store,
                                 const struct regstore_purge_opts *host_opts,
                                 struct regstore_purged *told)
{
    struct regstore_purge_opts opts;
    TRY(enter(call, host_call, store));
    TRY(take(call, &opts, sizeof opts, host_opts));
    TRY(take_flags(call, opts.flags, KINDS | REGSTORE_PURGE_DRY_RUN));
    if (opts.older_than_s == 0)
        return fail(call, REGSTORE_INVALID, "older_than_s is 0: that is what is being written");
    return purge_all(call, store, &opts, told);
}

regstore_status purge(struct regstore_store *store, const struct regstore_call *host_call,
                      const struct regstore_purge_opts *host_opts, struct regstore_purged *out)
{
    struct call call;
    struct regstore_purged told = {0};
    const regstore_status status = try_purge(&call, host_call, store, host_opts, &told);
    give(out, &told, sizeof told); /* on failure too (PURGE-3) */
    return call_end(&call, status);
}
