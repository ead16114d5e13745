/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include "buf.h"
#include "path.h"
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One folder on the way down. */
struct level {
    struct plug_buf text; /* the names, each with its NUL; those of folders end in "/" */
    const char **names;   /* sorted */
    size_t count, next;
    size_t path_len; /* how much of list->path names this folder, its "/" included */
};

struct regstore_list {
    struct regstore_store *store;
    uint64_t process;
    uint64_t flags, left; /* left: entries until the limit */
    bool is_delimited, is_begun;
    char prefix[REGSTORE_KEY_MAX], after[REGSTORE_KEY_MAX];
    struct level *levels;
    size_t depth, room;
    size_t rolled; /* the depth of the folder that is to be shown as a common prefix; 0: none */
    int folder;    /* the innermost folder, -1: not open */
    char path[REGSTORE_KEY_MAX + NAME_MAX + 2];
};

static void level_clear(struct level *level)
{
    plug_buf_clear(&level->text);
    free(level->names);
}

static void folder_close(struct regstore_list *list)
{
    local_fd_close(&list->folder);
    list->folder = -1;
}

static void ascend(struct regstore_list *list)
{
    level_clear(&list->levels[--list->depth]);
    folder_close(list);
}

static void report_skipped(struct regstore_list *list, const char *why, const char *name)
{
    if (atomic_exchange(&list->store->has_skipped, true))
        return;
    plug_log(&list->store->host, REGSTORE_LOG_WARNING, "skipped",
             PLUG_FIELDS({"folder", list->path}, {"name", name}, {"reason", why},
                         {"message", "listings pass over what can be no blob; told once"}));
}

static unsigned char type_of(int folder, const struct dirent *entry)
{
    struct stat file;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (fstatat(folder, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) != 0)
        return DT_UNKNOWN; /* It has gone meanwhile. */
    return (unsigned char)IFTODT(file.st_mode);
}

static void add_name(struct regstore_list *list, struct level *level, int folder,
                     const struct dirent *entry)
{
    struct plug_call unheard = {0};
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    const unsigned char type = type_of(folder, entry);
    if (type == DT_UNKNOWN)
        return;
    if (type != DT_DIR && type != DT_REG) {
        report_skipped(list, "neither file nor folder", name);
        return;
    }
    if (plug_key_check(&unheard, name, "name") != REGSTORE_OK ||
        level->path_len + strlen(name) >= REGSTORE_KEY_MAX) {
        report_skipped(list, "no valid key", "");
        return;
    }
    plug_buf_add(&level->text, name, strlen(name));
    if (type == DT_DIR)
        plug_buf_char(&level->text, '/');
    plug_buf_char(&level->text, '\0');
    level->count++;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in the order of the keys below them: a folder's keys all begin with its name and "/".
 * A name that was replaced while the folder was read may have come twice. */
static regstore_status sort_names(struct plug_call *call, struct level *level)
{
    level->names = calloc(level->count + 1, sizeof *level->names);
    if (level->names == NULL || plug_buf_failed(&level->text))
        return plug_no_memory(call);
    const char *at = level->text.data;
    for (size_t i = 0; i < level->count; i++, at += strlen(at) + 1)
        level->names[i] = at;
    qsort(level->names, level->count, sizeof *level->names, compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < level->count; i++) {
        if (kept == 0 || strcmp(level->names[kept - 1], level->names[i]) != 0)
            level->names[kept++] = level->names[i];
    }
    level->count = kept;
    return REGSTORE_OK;
}

static regstore_status read_names(struct plug_call *call, struct regstore_list *list, int fd,
                                  struct level *level)
{
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        close(fd);
        return plug_no_memory(call);
    }
    regstore_status status = REGSTORE_OK;
    while (status == REGSTORE_OK) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL)
            break;
        add_name(list, level, fd, entry);
        status = plug_call_check(call);
    }
    if (status == REGSTORE_OK && errno != 0)
        status = local_fail(call, "read folder", list->path);
    closedir(folder);
    return status == REGSTORE_OK ? sort_names(call, level) : status;
}

/* Opens the folder that the first len bytes of list->path name.  NOT_FOUND: it is not there. */
static regstore_status open_folder(struct plug_call *call, const struct regstore_list *list,
                                   size_t len, int flags, int *fd)
{
    LOCAL_FD root = -1;
    TRY(local_root_open(call, list->store, false, &root));
    char path[sizeof list->path];
    snprintf(path, sizeof path, "%.*s", (int)len, list->path);
    *fd = local_openat(root, len == 0 ? "." : path, flags | O_DIRECTORY);
    if (*fd >= 0)
        return REGSTORE_OK;
    return errno == ENOENT || errno == ENOTDIR ? REGSTORE_NOT_FOUND
                                               : local_fail(call, "open folder", path);
}

static regstore_status push(struct plug_call *call, struct regstore_list *list, int fd)
{
    if (list->depth == list->room) {
        const size_t room = list->room == 0 ? 8 : list->room * 2;
        struct level *grown = realloc(list->levels, room * sizeof *grown);
        if (grown == NULL) {
            close(fd);
            return plug_no_memory(call);
        }
        list->levels = grown;
        list->room = room;
    }
    struct level *level = &list->levels[list->depth];
    *level = (struct level){.path_len = strlen(list->path)};
    const regstore_status status = read_names(call, list, fd, level);
    if (status != REGSTORE_OK) {
        level_clear(level);
        return status;
    }
    list->depth++;
    folder_close(list);
    return REGSTORE_OK;
}

/* Goes into the folder that list->path names.  A folder that is gone has no keys. */
static regstore_status descend(struct plug_call *call, struct regstore_list *list)
{
    int fd;
    const regstore_status status =
        open_folder(call, list, strlen(list->path), O_RDONLY, &fd);
    if (status == REGSTORE_NOT_FOUND)
        return REGSTORE_OK;
    TRY(status);
    return push(call, list, fd);
}

static bool is_hidden(const struct regstore_list *list, const char *path)
{
    return plug_starts_with(path, PLUG_UPLOADS) && !plug_starts_with(list->prefix, PLUG_UPLOADS);
}

/* May a key that is (or, of a folder, begins with) path be shown? */
static bool is_wanted(const struct regstore_list *list, const char *path, bool is_folder)
{
    if (!plug_starts_with(path, list->prefix) &&
        !(is_folder && plug_starts_with(list->prefix, path)))
        return false;
    if (is_hidden(list, path))
        return false;
    if (list->after[0] == '\0')
        return true;
    if ((list->flags & REGSTORE_LIST_AFTER_SUBTREE) != 0 && plug_starts_with(path, list->after))
        return false;
    return strcmp(path, list->after) > 0 || (is_folder && plug_starts_with(list->after, path));
}

/* The first folder below the prefix is shown as a common prefix once a key is found in it. */
static bool is_common_prefix(const struct regstore_list *list, const char *path)
{
    return list->is_delimited && list->rolled == 0 && plug_starts_with(path, list->prefix);
}

/* What lies at list->path, the innermost folder's entry called name.  NOT_FOUND without words: it
 * has gone, or is no file any more. */
static regstore_status look_at(struct plug_call *call, struct regstore_list *list, const char *name,
                               struct regstore_stat *found)
{
    struct stat file;
    const struct level *level = &list->levels[list->depth - 1];
    if (list->folder < 0)
        TRY(open_folder(call, list, level->path_len, O_PATH, &list->folder));
    if (fstatat(list->folder, name, &file, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? REGSTORE_NOT_FOUND : local_fail(call, "look at", list->path);
    if (!S_ISREG(file.st_mode))
        return REGSTORE_NOT_FOUND;
    local_stat_fill(found, &file);
    return REGSTORE_OK;
}

/* A key was found inside the folder that is to be shown as a common prefix. */
static void roll_up(struct regstore_list *list, struct regstore_stat *found)
{
    list->path[list->levels[list->rolled - 1].path_len] = '\0';
    while (list->depth >= list->rolled)
        ascend(list);
    list->rolled = 0;
    *found = (struct regstore_stat){.flags = REGSTORE_STAT_PREFIX};
}

/* Takes the next name of the innermost folder.  NOT_FOUND without words: there was nothing to show,
 * go on. */
static regstore_status take_name(struct plug_call *call, struct regstore_list *list,
                                 struct regstore_stat *found)
{
    struct level *level = &list->levels[list->depth - 1];
    if (level->next == level->count) {
        if (list->rolled == list->depth)
            list->rolled = 0;
        ascend(list);
        return REGSTORE_NOT_FOUND;
    }
    const char *name = level->names[level->next++];
    const size_t index = list->depth - 1;
    snprintf(list->path + level->path_len, sizeof list->path - level->path_len, "%s", name);
    const bool is_folder = name[strlen(name) - 1] == '/';
    if (!is_wanted(list, list->path, is_folder))
        return REGSTORE_NOT_FOUND;
    regstore_status status;
    if (is_folder) {
        const bool is_rolled = is_common_prefix(list, list->path);
        status = descend(call, list);
        if (status == REGSTORE_OK && is_rolled && list->depth == index + 2)
            list->rolled = list->depth;
    } else {
        status = look_at(call, list, name, found);
        if (status == REGSTORE_OK) {
            if (list->rolled != 0)
                roll_up(list, found);
            return REGSTORE_OK;
        }
    }
    if (status != REGSTORE_OK && status != REGSTORE_NOT_FOUND)
        list->levels[index].next--; /* The next call tries it again. */
    return status == REGSTORE_OK ? REGSTORE_NOT_FOUND : status;
}

/* The walk begins in the folder of the prefix. */
static regstore_status begin(struct plug_call *call, struct regstore_list *list)
{
    struct plug_call unheard = {0};
    (void)local_split(list->prefix, list->path); /* Only the folder matters. */
    /* No key begins with what cannot be a folder. */
    const bool can_match = list->prefix[0] != '/' &&
                           (list->path[0] == '\0' ||
                            local_key_check(&unheard, list->path, "prefix") == REGSTORE_OK);
    if (list->path[0] != '\0')
        strncat(list->path, "/", sizeof list->path - strlen(list->path) - 1);
    if (can_match)
        TRY(descend(call, list));
    list->is_begun = true;
    return REGSTORE_OK;
}

regstore_status local_list_step(struct plug_call *call, struct regstore_list *list,
                                const char **key, struct regstore_stat *found)
{
    if (!list->is_begun)
        TRY(begin(call, list));
    while (list->depth > 0 && list->left > 0) {
        TRY(plug_call_check(call));
        const regstore_status status = take_name(call, list, found);
        if (status == REGSTORE_NOT_FOUND)
            continue;
        TRY(status);
        list->left--;
        *key = list->path;
        return REGSTORE_OK;
    }
    *key = "";
    return REGSTORE_OK;
}

regstore_status local_list_new(struct plug_call *call, struct regstore_store *store,
                               const struct regstore_list_opts *opts, struct regstore_list **out)
{
    struct regstore_list *list = calloc(1, sizeof *list);
    if (list == NULL)
        return plug_no_memory(call);
    list->store = local_store_keep(store);
    list->folder = -1;
    list->process = plug_process();
    list->flags = opts->flags;
    list->left = opts->limit == 0 ? UINT64_MAX : opts->limit;
    list->is_delimited = opts->delimiter != NULL;
    snprintf(list->prefix, sizeof list->prefix, "%s", opts->prefix == NULL ? "" : opts->prefix);
    snprintf(list->after, sizeof list->after, "%s",
             opts->start_after == NULL ? "" : opts->start_after);
    if (list->process == 0) {
        local_list_close(list);
        return plug_no_memory(call);
    }
    *out = list;
    return REGSTORE_OK;
}

static regstore_status opts_check(struct plug_call *call, const struct regstore_list_opts *opts)
{
    TRY(plug_take_flags(call, opts->flags, REGSTORE_LIST_AFTER_SUBTREE, "list_opts.flags"));
    if (opts->prefix != NULL)
        TRY(plug_prefix_check(call, opts->prefix, "prefix"));
    if (opts->start_after != NULL)
        TRY(plug_prefix_check(call, opts->start_after, "start_after"));
    if (opts->delimiter != NULL && strcmp(opts->delimiter, "/") != 0)
        return plug_fail(call, REGSTORE_INVALID, "delimiter: NULL or '/'");
    return REGSTORE_OK;
}

regstore_status local_list_open(struct regstore_store *store, const struct regstore_call *host_call,
                                const struct regstore_list_opts *host_opts,
                                struct regstore_list **out)
{
    struct plug_call call;
    struct regstore_list_opts opts;
    regstore_status status = plug_call_begin(&call, host_call);
    if (status == REGSTORE_OK)
        status = plug_take(&call, &opts, sizeof opts, host_opts, "list_opts");
    if (status == REGSTORE_OK)
        status = opts_check(&call, &opts);
    if (status == REGSTORE_OK)
        status = local_list_new(&call, store, &opts, out);
    return plug_call_end(&call, status);
}

regstore_status local_list_next(struct regstore_list *list, const struct regstore_call *host_call,
                                char *key, size_t cap, struct regstore_stat *out)
{
    struct plug_call call;
    struct regstore_stat found = {0};
    const char *next = "";
    regstore_status status = plug_call_begin(&call, host_call);
    if (status == REGSTORE_OK && list->process != plug_process())
        status = plug_fail(&call, REGSTORE_STATE, "the list belongs to the parent process");
    if (status == REGSTORE_OK && cap < REGSTORE_KEY_MAX)
        status = plug_fail(&call, REGSTORE_RANGE, "a key needs %d bytes", REGSTORE_KEY_MAX);
    if (status == REGSTORE_OK)
        status = local_list_step(&call, list, &next, &found);
    if (status == REGSTORE_OK) {
        snprintf(key, cap, "%s", next);
        plug_give(out, &found, sizeof found);
    }
    return plug_call_end(&call, status);
}

void local_list_close(struct regstore_list *list)
{
    if (list == NULL)
        return;
    while (list->depth > 0)
        ascend(list);
    folder_close(list);
    free(list->levels);
    local_store_close(list->store);
    free(list);
}
