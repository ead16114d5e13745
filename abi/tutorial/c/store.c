/* SPDX-License-Identifier: Apache-2.0 */
/* The store, its blobs, and the table that a host gets. */
#define _GNU_SOURCE
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define READ_BYTES ((size_t)1 << 20)

static const struct regstore_param params[] = {
    {"storage_path", NULL,
     "The folder that holds the blobs, beginning with '/'. Its last part is made when missing.",
     REGSTORE_PARAM_REQUIRED | REGSTORE_PARAM_PATH},
    {NULL, NULL, NULL, 0},
};

void sha256_text(SHA256_CTX *sha, char out[HASH_TEXT])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    (void)SHA256_Final(hash, sha); /* cannot fail */
    for (size_t i = 0; i < sizeof hash; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

void sha256_of(const char *text, char out[HASH_TEXT])
{
    SHA256_CTX sha;
    (void)SHA256_Init(&sha);
    (void)SHA256_Update(&sha, text, strlen(text));
    sha256_text(&sha, out);
}

/* FORK-1 to FORK-3: a child finds the page wiped, where its copy of is_used says what was. */
bool store_is_inherited(const struct regstore_store *store)
{
    return atomic_load(&store->is_used) && !atomic_load(store->is_ours);
}

/* call_begin() for a store and its handles. */
regstore_status enter(struct call *call, const struct regstore_call *host_call,
                      struct regstore_store *store)
{
    TRY(call_begin(call, host_call));
    if (store_is_inherited(store))
        return fail(call, REGSTORE_STATE, "the store was used before this process was forked");
    atomic_store(store->is_ours, true); /* first: who sees is_used sees this as well */
    atomic_store(&store->is_used, true);
    return REGSTORE_OK;
}

struct regstore_store *store_keep(struct regstore_store *store)
{
    atomic_fetch_add(&store->users, 1);
    return store;
}

void store_close(struct regstore_store *store)
{
    if (store == NULL || atomic_fetch_sub(&store->users, 1) != 1)
        return;
    if (store->is_ours != NULL)
        (void)munmap(store->is_ours, PAGE_BYTES); /* cannot fail on what mmap gave */
    free(store);
}

static uint64_t store_features(const struct regstore_store *store)
{
    (void)store; /* whatever its settings are */
    return REGSTORE_F_ATOMIC_IF_ABSENT;
}

/* One place has one name: "/a//b/" is "/a/b". */
static regstore_status set_path(struct call *call, struct regstore_store *store, const char *path)
{
    size_t len = 0;
    if (path[0] != '/')
        return fail(call, REGSTORE_CONFIG, "storage_path: must begin with '/'");
    if (strlen(path) >= sizeof store->path)
        return fail(call, REGSTORE_CONFIG, "storage_path: too long");
    for (; *path != '\0'; path++)
        if (*path != '/' || len == 0 || store->path[len - 1] != '/')
            store->path[len++] = *path;
    if (store->path[len - 1] == '/')
        len--; /* also "/": what follows is "/" and a key */
    store->path[len] = '\0';
    sha256_of(store->path, store->place);
    return REGSTORE_OK;
}

static regstore_status set_up(struct call *call, struct regstore_store *store,
                              const struct regstore_pair *settings, size_t n)
{
    const char *path = NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(settings[i].key, "storage_path") != 0)
            return fail(call, REGSTORE_CONFIG,
                        "%.100s: no such setting, there is only storage_path", settings[i].key);
        if (path != NULL)
            return fail(call, REGSTORE_CONFIG, "storage_path: given twice");
        path = settings[i].value;
    }
    if (path == NULL)
        return fail(call, REGSTORE_CONFIG, "storage_path: missing");
    TRY(set_path(call, store, path));
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return fail(call, REGSTORE_NO_MEMORY, "out of memory");
    store->is_ours = page; /* all zero: false */
    if (madvise(page, PAGE_BYTES, MADV_WIPEONFORK) != 0)
        return fail(call, REGSTORE_UNSUPPORTED, "this kernel has no MADV_WIPEONFORK");
    return REGSTORE_OK;
}

static regstore_status try_open(struct call *call, const struct regstore_call *host_call,
                                const struct regstore_host *host,
                                const struct regstore_pair *settings, size_t n,
                                struct regstore_store **out)
{
    TRY(call_begin(call, host_call));
    /* We log and measure nothing, so of the host only its size is looked at (GROW-2). */
    if (host != NULL && host->struct_size < sizeof *host)
        return fail(call, REGSTORE_INVALID, "host.struct_size is too small");
    struct regstore_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return fail(call, REGSTORE_NO_MEMORY, "out of memory");
    atomic_init(&store->users, 1);
    atomic_init(&store->is_used, false);
    const regstore_status status = set_up(call, store, settings, n);
    if (status == REGSTORE_OK)
        *out = store; /* outputs are set with OK only */
    else
        store_close(store);
    return status;
}

static regstore_status store_open(const struct regstore_call *host_call,
                                  const struct regstore_host *host,
                                  const struct regstore_pair *settings, size_t n,
                                  struct regstore_store **out)
{
    struct call call;
    return call_end(&call, try_open(&call, host_call, host, settings, n, out));
}

/* Fits always: set_path() saw to that, and a key is shorter than REGSTORE_KEY_MAX. */
void path_of(const struct regstore_store *store, const char *key, char path[PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "%s/%s", store->path, key);
}

/* NOT_FOUND: there is nothing, or what is there is no file. */
regstore_status open_blob(struct call *call, const struct regstore_store *store, const char *key,
                          int *fd, struct stat *file)
{
    char path[PATH_BYTES];
    path_of(store, key, path);
    /* O_NONBLOCK: a pipe that somebody put there does not hold us up. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENXIO)
        return fail_errno(call, "open", key);
    if (*fd >= 0 && fstat(*fd, file) == 0 && S_ISREG(file->st_mode))
        return REGSTORE_OK;
    if (*fd >= 0)
        (void)close(*fd); /* nothing was written */
    *fd = -1;
    return fail(call, REGSTORE_NOT_FOUND, "there is no blob '%.300s'", key);
}

/* The same without opening it. */
regstore_status look_at_blob(struct call *call, const struct regstore_store *store, const char *key,
                             struct stat *file)
{
    char path[PATH_BYTES];
    path_of(store, key, path);
    const bool is_there = lstat(path, file) == 0;
    if (is_there && S_ISREG(file->st_mode))
        return REGSTORE_OK;
    if (!is_there && errno != ENOENT && errno != ENOTDIR)
        return fail_errno(call, "look at", key);
    return fail(call, REGSTORE_NOT_FOUND, "there is no blob '%.300s'", key);
}

void stat_fill(struct regstore_stat *out, const struct stat *file)
{
    memset(out, 0, sizeof *out);
    out->length = (uint64_t)file->st_size;
    out->mtime_ns = (int64_t)file->st_mtim.tv_sec * 1000000000 + file->st_mtim.tv_nsec;
    (void)snprintf(out->etag, sizeof out->etag, "%llx-%llx-%llx", (unsigned long long)file->st_ino,
                   (unsigned long long)out->mtime_ns, (unsigned long long)file->st_size);
}

static regstore_status try_stat(struct call *call, const struct regstore_call *host_call,
                                struct regstore_store *store, const char *key,
                                struct regstore_stat *out)
{
    struct stat file;
    struct regstore_stat told;
    TRY(enter(call, host_call, store));
    TRY(check_key(call, key));
    TRY(call_check(call));
    TRY(look_at_blob(call, store, key, &file));
    stat_fill(&told, &file);
    give(out, &told, sizeof told);
    return REGSTORE_OK;
}

static regstore_status stat_blob(struct regstore_store *store,
                                 const struct regstore_call *host_call, const char *key,
                                 struct regstore_stat *out)
{
    struct call call;
    return call_end(&call, try_stat(&call, host_call, store, key, out));
}

/* --- reading --- */

struct regstore_reader {
    struct regstore_store *store;
    int fd; /* what replaces the blob is another file: we go on with ours */
    uint64_t at, end;
};

static regstore_status open_reader(struct call *call, struct regstore_store *store, const char *key,
                                   const struct regstore_read_opts *opts,
                                   struct regstore_reader **out, struct regstore_stat *told)
{
    struct stat file;
    int fd = -1;
    TRY(take_flags(call, opts->flags, 0));
    TRY(check_key(call, key));
    TRY(call_check(call));
    TRY(open_blob(call, store, key, &fd, &file));
    stat_fill(told, &file);
    struct regstore_reader *reader = NULL;
    regstore_status status = REGSTORE_OK;
    if (opts->etag != NULL && strcmp(opts->etag, told->etag) != 0)
        status = fail(call, REGSTORE_CONFLICT, "'%.300s' is another blob by now", key);
    else if ((reader = malloc(sizeof *reader)) == NULL)
        status = fail(call, REGSTORE_NO_MEMORY, "out of memory");
    if (status != REGSTORE_OK) {
        (void)close(fd); /* nothing was written */
        return status;
    }
    const uint64_t at = opts->offset < told->length ? opts->offset : told->length;
    const uint64_t rest = told->length - at;
    const uint64_t len = opts->length != 0 && opts->length < rest ? opts->length : rest;
    *reader = (struct regstore_reader){store_keep(store), fd, at, at + len};
    *out = reader;
    return REGSTORE_OK;
}

static regstore_status try_read_open(struct call *call, const struct regstore_call *host_call,
                                     struct regstore_store *store, const char *key,
                                     const struct regstore_read_opts *host_opts,
                                     struct regstore_reader **reader, struct regstore_stat *out)
{
    struct regstore_read_opts opts;
    struct regstore_stat told;
    TRY(enter(call, host_call, store));
    TRY(take(call, &opts, sizeof opts, host_opts));
    TRY(open_reader(call, store, key, &opts, reader, &told));
    give(out, &told, sizeof told);
    return REGSTORE_OK;
}

static regstore_status read_open(struct regstore_store *store,
                                 const struct regstore_call *host_call, const char *key,
                                 const struct regstore_read_opts *host_opts,
                                 struct regstore_reader **reader, struct regstore_stat *out)
{
    struct call call;
    return call_end(&call, try_read_open(&call, host_call, store, key, host_opts, reader, out));
}

static regstore_status read_some(struct call *call, const struct regstore_call *host_call,
                                 struct regstore_reader *reader, void *buf, size_t cap, size_t *got)
{
    TRY(enter(call, host_call, reader->store));
    TRY(call_check(call));
    const uint64_t rest = reader->end - reader->at;
    size_t len = cap < rest ? cap : (size_t)rest;
    if (len > READ_BYTES)
        len = READ_BYTES; /* so that the next look at cancel is not far */
    const ssize_t n = pread(reader->fd, buf, len, (off_t)reader->at);
    if (n < 0)
        return fail_errno(call, "read", "a blob");
    if (n == 0 && len > 0) /* READ-2 */
        return fail(call, REGSTORE_CORRUPT, "the file of a blob has become shorter");
    reader->at += (uint64_t)n;
    *got = (size_t)n;
    return REGSTORE_OK;
}

static regstore_status read_next(struct regstore_reader *reader,
                                 const struct regstore_call *host_call, void *buf, size_t cap,
                                 size_t *got)
{
    struct call call;
    return call_end(&call, read_some(&call, host_call, reader, buf, cap, got));
}

static void read_close(struct regstore_reader *reader)
{
    if (reader == NULL)
        return;
    (void)close(reader->fd); /* nothing was written */
    store_close(reader->store);
    free(reader);
}

/* --- deleting --- */

/* The folders that are empty now go with the blob: a key may have their name one day (KEY-3). */
regstore_status remove_blob(struct call *call, const struct regstore_store *store, const char *key)
{
    char path[PATH_BYTES];
    TRY(check_key(call, key));
    TRY(call_check(call));
    path_of(store, key, path);
    if (unlink(path) != 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR)
            return REGSTORE_OK; /* there was no blob */
        return fail_errno(call, "delete", key);
    }
    if (starts_with(key, UPLOADS))
        return REGSTORE_OK;
    for (char *slash = strrchr(path, '/'); slash > path + strlen(store->path);
         slash = strrchr(path, '/')) {
        *slash = '\0';
        if (rmdir(path) != 0)
            break; /* others lie there */
    }
    return REGSTORE_OK;
}

static regstore_status delete_blobs(struct regstore_store *store,
                                    const struct regstore_call *host_call, const char *const *keys,
                                    size_t n, regstore_status *results)
{
    struct call call;
    regstore_status first = enter(&call, host_call, store);
    const bool is_refused = first != REGSTORE_OK;
    for (size_t i = 0; i < n; i++) {
        struct call one = call; /* error speaks of the first that failed */
        const regstore_status status = is_refused ? first : remove_blob(&one, store, keys[i]);
        if (results != NULL)
            results[i] = status;
        if (first == REGSTORE_OK && status != REGSTORE_OK) {
            first = status;
            call.error = one.error;
        }
    }
    return call_end(&call, first);
}

/* --- check --- */

static regstore_status check_folder(struct call *call, const struct regstore_store *store,
                                    const char **found)
{
    struct stat file;
    const char *path = store->path[0] != '\0' ? store->path : "/";
    TRY(call_check(call));
    if (stat(path, &file) != 0) {
        *found = "storage_path is not there yet, and will be made by the first upload";
        return errno == ENOENT ? REGSTORE_OK : fail_errno(call, "look at", path);
    }
    if (!S_ISDIR(file.st_mode))
        return fail(call, REGSTORE_CONFIG, "storage_path '%.300s' is no folder", path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return fail_errno(call, "read, write and enter", path);
    *found = "storage_path is a folder that we may write to";
    return REGSTORE_OK;
}

/* The way of a blob, through the functions that any blob goes through. */
static regstore_status check_by_writing(struct call *call, const struct regstore_store *store)
{
    static const char probe[] = "regstore check";
    struct staging staging;
    struct stat file;
    char key[STAGING_NAME + 16], back[sizeof probe] = "";
    int fd = -1;
    TRY(staging_init(call, &staging, ""));
    (void)snprintf(key, sizeof key, "regstore-check-%s", staging.name);
    regstore_status status = staging_hold(call, store, &staging);
    if (status == REGSTORE_OK)
        status = staging_append(call, &staging, probe, sizeof probe);
    if (status == REGSTORE_OK)
        status = staging_publish(call, store, &staging, key, true, &file);
    if (status == REGSTORE_OK)
        status = open_blob(call, store, key, &fd, &file);
    if (status == REGSTORE_OK && (pread(fd, back, sizeof back, 0) != (ssize_t)sizeof back ||
                                  memcmp(back, probe, sizeof back) != 0))
        status = fail(call, REGSTORE_CORRUPT, "other bytes came back than were written");
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
    staging_release(&staging, false);
    struct call cleanup = {0}; /* also when the time is over */
    const regstore_status removed = staging_remove(&cleanup, store, staging.name);
    const regstore_status deleted = remove_blob(&cleanup, store, key);
    if (status == REGSTORE_OK && (removed != REGSTORE_OK || deleted != REGSTORE_OK)) {
        call->error = cleanup.error;
        return deleted != REGSTORE_OK ? deleted : removed;
    }
    return status;
}

static void report(const struct regstore_check_opts *opts, const char *name, struct call *call,
                   regstore_status status, const char *found, const char *advice)
{
    const bool is_fine = status == REGSTORE_OK;
    if (opts->step != NULL)
        opts->step(opts->ctx, name, status, is_fine ? found : call->error.message,
                   is_fine ? "" : advice);
}

static regstore_status try_check(struct call *call, const struct regstore_call *host_call,
                                 struct regstore_store *store,
                                 const struct regstore_check_opts *host_opts)
{
    struct regstore_check_opts opts;
    const char *found = "";
    TRY(enter(call, host_call, store));
    TRY(take(call, &opts, sizeof opts, host_opts));
    TRY(take_flags(call, opts.flags, REGSTORE_CHECK_WRITE));
    regstore_status status = check_folder(call, store, &found);
    report(&opts, "storage_path", call, status, found, "Name a folder of the registry's own user.");
    if (status != REGSTORE_OK || (opts.flags & REGSTORE_CHECK_WRITE) == 0)
        return status;
    status = check_by_writing(call, store);
    report(&opts, "write", call, status, "a probe came back and is gone again",
           "The file system must have room, and locks.");
    return status;
}

static regstore_status check(struct regstore_store *store, const struct regstore_call *host_call,
                             const struct regstore_check_opts *host_opts)
{
    struct call call;
    return call_end(&call, try_check(&call, host_call, store, host_opts));
}

static const struct regstore_plugin plugin = {
    .struct_size = sizeof plugin,
    .abi_minor = REGSTORE_ABI_MINOR,
    .features = REGSTORE_F_ATOMIC_IF_ABSENT,
    .name = "FolderStorage",
    .version = "1.0",
    .description = "Blobs as files in a folder: the backend of the tutorial.",
    .params = params,
    .store_open = store_open,
    .store_features = store_features,
    .store_close = store_close,
    .check = check,
    .upload_open = upload_open,
    .upload_write = upload_write,
    .upload_offset = upload_offset,
    .upload_digest = upload_digest,
    .upload_suspend = upload_suspend,
    .upload_commit = upload_commit,
    .upload_abort = upload_abort,
    .upload_close = upload_close,
    .read_open = read_open,
    .read_next = read_next,
    .read_close = read_close,
    .stat = stat_blob,
    .delete_blobs = delete_blobs,
    .list_open = list_open,
    .list_next = list_next,
    .list_close = list_close,
    .purge = purge, /* extension, copy and presign are NULL: not offered */
};

REGSTORE_EXPORT const struct regstore_plugin *regstore_plugin_v1(void)
{
    return &plugin;
}
