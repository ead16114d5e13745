/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: down and up the folders in the byte order of whole keys.  A folder sorts as its name with
 * "/" behind it.  Of each folder on the way the names are kept, and of no other.
 */
#define _GNU_SOURCE
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct level {
    char **names; /* sorted; those of folders end in "/" */
    size_t n, at;
    size_t path_len; /* of list->path, what names this folder */
};

struct regstore_list {
    struct regstore_store *store;
    uint64_t flags, left; /* left: until the limit; UINT64_MAX: none */
    bool is_delimited;
    char prefix[REGSTORE_KEY_MAX], after[REGSTORE_KEY_MAX];
    char path[2 * REGSTORE_KEY_MAX]; /* the key that we are at */
    struct level *levels;
    size_t depth;
    size_t fold; /* the depth of a folder that is one entry if a key lies in it; 0: none */
    bool is_begun;
};

static void level_free(struct level *level)
{
    for (size_t i = 0; i < level->n; i++)
        free(level->names[i]);
    free(level->names);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_folder(int fd, const struct dirent *entry)
{
    struct stat file;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(fd, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(file.st_mode);
}

static bool add_name(struct level *level, int fd, const struct dirent *entry)
{
    char name[NAME_MAX + 2];
    (void)snprintf(name, sizeof name, "%s%s", entry->d_name, is_folder(fd, entry) ? "/" : "");
    if ((level->n & (level->n - 1)) == 0) { /* grows at each power of two */
        const size_t room = level->n == 0 ? 1 : 2 * level->n;
        char **names = realloc(level->names, room * sizeof *names);
        if (names == NULL)
            return false;
        level->names = names;
    }
    level->names[level->n] = strdup(name);
    return level->names[level->n] != NULL && ++level->n > 0;
}

static regstore_status read_folder(struct call *call, DIR *folder, struct level *level)
{
    for (;;) {
        TRY(call_check(call));
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL && errno != 0)
            return fail_errno(call, "read", "a folder");
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!add_name(level, dirfd(folder), entry))
            return fail(call, REGSTORE_NO_MEMORY, "out of memory");
    }
    if (level->n > 0)
        qsort(level->names, level->n, sizeof *level->names, by_bytes);
    return REGSTORE_OK;
}

/* Goes down into the folder that list->path names.  One that is gone meanwhile has no names. */
static regstore_status descend(struct call *call, struct regstore_list *list)
{
    char path[PATH_BYTES];
    struct level level = {.path_len = strlen(list->path)};
    path_of(list->store, list->path, path);
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return fail_errno(call, "open", list->path);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && folder == NULL) {
        (void)close(fd); /* nothing was written */
        return fail(call, REGSTORE_NO_MEMORY, "out of memory");
    }
    regstore_status status = REGSTORE_OK;
    if (folder != NULL) {
        status = read_folder(call, folder, &level);
        (void)closedir(folder); /* likewise */
    }
    struct level *levels =
        status != REGSTORE_OK ? NULL : realloc(list->levels, (list->depth + 1) * sizeof *levels);
    if (levels == NULL) {
        level_free(&level);
        return status != REGSTORE_OK ? status : fail(call, REGSTORE_NO_MEMORY, "out of memory");
    }
    list->levels = levels;
    list->levels[list->depth++] = level;
    return REGSTORE_OK;
}

static void ascend(struct regstore_list *list)
{
    level_free(&list->levels[--list->depth]);
    if (list->depth < list->fold)
        list->fold = 0;
}

/* Is there anything to be listed at this key, or below it when it ends in "/"? */
static bool is_wanted(struct call *call, const struct regstore_list *list, const char *key)
{
    const bool is_folder = key[strlen(key) - 1] == '/';
    const bool skips = (list->flags & REGSTORE_LIST_AFTER_SUBTREE) != 0;
    if (!starts_with(key, list->prefix) && !(is_folder && starts_with(list->prefix, key)))
        return false;
    if (starts_with(key, UPLOADS) && !starts_with(list->prefix, UPLOADS))
        return false;
    if (list->after[0] != '\0' && skips && starts_with(key, list->after))
        return false;
    if (strcmp(key, list->after) <= 0 && !(is_folder && starts_with(list->after, key)))
        return false;
    char name[REGSTORE_KEY_MAX]; /* files of others, with names that are no keys, are passed over */
    const size_t len = strlen(key) - is_folder;
    if (len >= sizeof name)
        return false;
    memcpy(name, key, len);
    name[len] = '\0';
    return check_key(call, name) == REGSTORE_OK;
}

/* One step. *is_found: list->path is an entry. */
static regstore_status step(struct call *call, struct regstore_list *list, bool *is_found,
                            struct regstore_stat *told)
{
    struct level *level = &list->levels[list->depth - 1];
    TRY(call_check(call));
    *is_found = false;
    if (level->at == level->n) {
        ascend(list);
        return REGSTORE_OK;
    }
    (void)snprintf(list->path + level->path_len, sizeof list->path - level->path_len, "%s",
                   level->names[level->at]);
    if (!is_wanted(call, list, list->path)) {
        level->at++;
        return REGSTORE_OK;
    }
    if (list->path[strlen(list->path) - 1] == '/') {
        const bool is_folded =
            list->fold == 0 && list->is_delimited && strlen(list->path) > strlen(list->prefix);
        TRY(descend(call, list));
        list->levels[list->depth - 2].at++;
        if (is_folded)
            list->fold = list->depth;
        return REGSTORE_OK;
    }
    struct stat file;
    const regstore_status status = look_at_blob(call, list->store, list->path, &file);
    if (status != REGSTORE_OK && status != REGSTORE_NOT_FOUND)
        return status;
    level->at++;
    *is_found = status == REGSTORE_OK;
    if (*is_found)
        stat_fill(told, &file);
    return REGSTORE_OK;
}

static regstore_status next(struct call *call, struct regstore_list *list,
                            struct regstore_stat *told)
{
    bool is_found = false;
    if (!list->is_begun) {
        TRY(descend(call, list));
        list->is_begun = true;
    }
    while (list->depth > 0 && list->left > 0 && !is_found)
        TRY(step(call, list, &is_found, told));
    if (!is_found) {
        list->path[0] = '\0';
        return REGSTORE_OK;
    }
    if (list->fold > 0) { /* the first blob in it: the folder is the entry, and done with */
        list->path[list->levels[list->fold - 1].path_len] = '\0';
        memset(told, 0, sizeof *told);
        told->flags = REGSTORE_STAT_PREFIX;
        while (list->fold > 0)
            ascend(list);
    }
    if (list->left != UINT64_MAX)
        list->left--;
    return REGSTORE_OK;
}

static regstore_status take_opts(struct call *call, struct regstore_list *list,
                                 const struct regstore_list_opts *opts)
{
    const char *prefix = opts->prefix != NULL ? opts->prefix : "";
    const char *after = opts->start_after != NULL ? opts->start_after : "";
    TRY(take_flags(call, opts->flags, REGSTORE_LIST_AFTER_SUBTREE));
    if (opts->delimiter != NULL && strcmp(opts->delimiter, "/") != 0)
        return fail(call, REGSTORE_INVALID, "a delimiter other than '/'");
    TRY(check_text(call, prefix));
    TRY(check_text(call, after));
    list->flags = opts->flags;
    list->left = opts->limit != 0 ? opts->limit : UINT64_MAX;
    list->is_delimited = opts->delimiter != NULL;
    (void)snprintf(list->prefix, sizeof list->prefix, "%s", prefix);
    (void)snprintf(list->after, sizeof list->after, "%s", after);
    return REGSTORE_OK;
}

static regstore_status try_open(struct call *call, const struct regstore_call *host_call,
                                struct regstore_store *store,
                                const struct regstore_list_opts *host_opts,
                                struct regstore_list **out)
{
    struct regstore_list_opts opts;
    TRY(enter(call, host_call, store));
    TRY(take(call, &opts, sizeof opts, host_opts));
    TRY(call_check(call));
    struct regstore_list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return fail(call, REGSTORE_NO_MEMORY, "out of memory");
    list->store = store_keep(store);
    const regstore_status status = take_opts(call, list, &opts);
    if (status == REGSTORE_OK)
        *out = list;
    else
        list_close(list);
    return status;
}

regstore_status list_open(struct regstore_store *store, const struct regstore_call *host_call,
                          const struct regstore_list_opts *host_opts, struct regstore_list **out)
{
    struct call call;
    return call_end(&call, try_open(&call, host_call, store, host_opts, out));
}

static regstore_status try_next(struct call *call, const struct regstore_call *host_call,
                                struct regstore_list *list, char *key, size_t cap,
                                struct regstore_stat *out)
{
    struct regstore_stat told = {0};
    TRY(enter(call, host_call, list->store));
    if (cap < REGSTORE_KEY_MAX)
        return fail(call, REGSTORE_RANGE, "a key takes up to %d bytes", REGSTORE_KEY_MAX);
    TRY(next(call, list, &told));
    (void)snprintf(key, cap, "%s", list->path);
    give(out, &told, sizeof told);
    return REGSTORE_OK;
}

regstore_status list_next(struct regstore_list *list, const struct regstore_call *host_call,
                          char *key, size_t cap, struct regstore_stat *out)
{
    struct call call;
    return call_end(&call, try_next(&call, host_call, list, key, cap, out));
}

void list_close(struct regstore_list *list)
{
    if (list == NULL)
        return;
    while (list->depth > 0)
        ascend(list);
    free(list->levels);
    store_close(list->store);
    free(list);
}
