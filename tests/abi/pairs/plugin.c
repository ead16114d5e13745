/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin: a small backend that keeps blobs as files of one flat folder, and says in the host's
 * log what of each struct reached it.  It is built against the header of every released minor, and
 * host.c likewise; any of the ones must work with any of the others.  So it uses what minor 0
 * has, and what a later minor adds stands between #if and #endif.
 *
 * It keeps the growth rules to the letter, and of the others what the pairs need: no SHA-512, no
 * delimiter, no fork, and two writers are not told apart.
 */
#include "plugin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct regstore_reader {
    struct regstore_store *store;
    int file;
    uint64_t offset, end;
};

struct regstore_list {
    struct regstore_store *store;
    struct dirent **entries;
    int n, next;
    uint64_t left;
};

static regstore_status store_open(const struct regstore_call *call,
                                  const struct regstore_host *host,
                                  const struct regstore_pair *settings, size_t n,
                                  struct regstore_store **out)
{
    const char *path = NULL;
    TRY(flat_begin(call));
    for (size_t i = 0; i < n; i++) {
        if (strcmp(settings[i].key, "storage_path") == 0)
            path = settings[i].value;
        else if (strcmp(settings[i].key, "note") != 0)
            return flat_fail(call, REGSTORE_CONFIG, "a setting that this plugin does not know");
    }
    if (path == NULL)
        return flat_fail(call, REGSTORE_CONFIG, "storage_path is missing");
    if (host != NULL && host->struct_size < offsetof(struct regstore_host, clock_ns) + 8)
        return flat_fail(call, REGSTORE_INVALID, "a struct is smaller than in minor 0");
    struct regstore_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return flat_fail(call, REGSTORE_NO_MEMORY, "no memory");
    if (host != NULL) /* It offers: what is not known is ignored. */
        memcpy(&store->host, host,
               host->struct_size < sizeof(*host) ? (size_t)host->struct_size : sizeof(*host));
    store->refs = 1;
    (void)mkdir(path, 0700); /* Whether it is there, the next line tells. */
    store->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (store->folder < 0) {
        free(store);
        return flat_fail(call, REGSTORE_CONFIG, "storage_path is no folder");
    }
    if (store->host.metric != NULL)
        store->host.metric(store->host.ctx, REGSTORE_METRIC_GAUGE, "stores", 1.5,
                           &(struct regstore_pair){"backend", "flat"}, 1);
    *out = store;
    return REGSTORE_OK;
}

static regstore_status check(struct regstore_store *store, const struct regstore_call *call,
                             const struct regstore_check_opts *opts)
{
    struct regstore_check_opts ours = {0};
    TRY(flat_begin(call));
    TAKE(ours, opts, step);
    TRY(flat_know_flags(call, ours.flags, REGSTORE_CHECK_WRITE));
    bool is_there = faccessat(store->folder, ".", R_OK | W_OK, 0) == 0;
    if (ours.step != NULL)
        ours.step(ours.ctx, "folder", is_there ? REGSTORE_OK : REGSTORE_DENIED,
                  is_there ? "can be written" : "cannot be written",
                  is_there ? "" : "look at its owner");
    return is_there ? REGSTORE_OK
                    : flat_fail(call, REGSTORE_DENIED, "the folder cannot be written");
}

static regstore_status stat_blob(struct regstore_store *store, const struct regstore_call *call,
                                 const char *key, struct regstore_stat *out)
{
    char name[NAME_BYTES];
    TRY(flat_begin(call));
    TRY(flat_name_of(call, key, name));
    int file = openat(store->folder, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return flat_fail_by_errno(call);
    regstore_status status = flat_tell_stat(call, file, out);
    (void)close(file); /* It was read. */
    return status;
}

static regstore_status read_open(struct regstore_store *store, const struct regstore_call *call,
                                 const char *key, const struct regstore_read_opts *opts,
                                 struct regstore_reader **reader, struct regstore_stat *out)
{
    struct regstore_read_opts ours = {0};
    struct stat found;
    char name[NAME_BYTES];
    TRY(flat_begin(call));
    TAKE(ours, opts, etag);
    TRY(flat_know_flags(call, ours.flags, 0));
    TRY(flat_name_of(call, key, name));
    flat_say(store, "read_open", "%" PRIu64 " %" PRIu64 " %s", ours.offset, ours.length,
             ours.etag != NULL ? "etag" : "-");
    struct regstore_reader *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return flat_fail(call, REGSTORE_NO_MEMORY, "no memory");
    made->file = openat(store->folder, name, O_RDONLY | O_CLOEXEC);
    if (made->file < 0 || fstat(made->file, &found) != 0) {
        regstore_status status = flat_fail_by_errno(call);
        if (made->file >= 0)
            (void)close(made->file);
        free(made);
        return status;
    }
    made->store = flat_hold(store);
    made->offset = ours.offset;
    made->end = ours.length == 0 ? UINT64_MAX : ours.offset + ours.length;
    (void)flat_tell_stat(call, made->file, out); /* It was asked a moment ago. */
    *reader = made;
    return REGSTORE_OK;
}

static regstore_status read_next(struct regstore_reader *reader, const struct regstore_call *call,
                                 void *buf, size_t cap, size_t *got)
{
    TRY(flat_begin(call));
    uint64_t left = reader->end - reader->offset;
    ssize_t n = pread(reader->file, buf, left < cap ? (size_t)left : cap, (off_t)reader->offset);
    if (n < 0)
        return flat_fail_by_errno(call);
    reader->offset += (uint64_t)n;
    *got = (size_t)n;
    return REGSTORE_OK;
}

static void read_close(struct regstore_reader *reader)
{
    if (reader == NULL)
        return;
    (void)close(reader->file); /* It was read. */
    flat_close(reader->store);
    free(reader);
}

static regstore_status delete_blobs(struct regstore_store *store, const struct regstore_call *call,
                                    const char *const *keys, size_t n, regstore_status *results)
{
    regstore_status is_legal = flat_begin(call), first = is_legal;
    for (size_t i = 0; i < n; i++) {
        char name[NAME_BYTES];
        regstore_status status =
            is_legal == REGSTORE_OK ? flat_name_of(call, keys[i], name) : is_legal;
        if (status == REGSTORE_OK && unlinkat(store->folder, name, 0) != 0 && errno != ENOENT)
            status = flat_fail_by_errno(call);
        if (first == REGSTORE_OK)
            first = status;
        if (results != NULL)
            results[i] = status;
    }
    return first;
}

static regstore_status copy(struct regstore_store *store, const struct regstore_call *call,
                            const char *from, const char *to, const struct regstore_copy_opts *opts)
{
    struct regstore_copy_opts ours = {0};
    char source[NAME_BYTES], target[NAME_BYTES];
    TRY(flat_begin(call));
    TAKE(ours, opts, flags);
    TRY(flat_know_flags(call, ours.flags, REGSTORE_COPY_IF_ABSENT));
    TRY(flat_name_of(call, from, source));
    TRY(flat_name_of(call, to, target));
    flat_say(store, "copy", "%" PRIu64 " %s %s", ours.flags, from, to);
    /* Files may share their bytes. What is there is replaced by a second name, in one step. */
    bool replaces = (ours.flags & REGSTORE_COPY_IF_ABSENT) == 0;
    if (replaces)
        (void)unlinkat(store->folder, "u.copy", 0); /* As a rule there is none. */
    if (linkat(store->folder, source, store->folder, replaces ? "u.copy" : target, 0) != 0)
        return flat_fail_by_errno(call);
    if (replaces && renameat(store->folder, "u.copy", store->folder, target) != 0)
        return flat_fail_by_errno(call);
    if (replaces)
        (void)unlinkat(store->folder, "u.copy", 0); /* It stays when both are one file already. */
    return REGSTORE_OK;
}

static int compare(const void *a, const void *b)
{
    const struct dirent *const *one = a, *const *other = b;
    return strcmp((*one)->d_name, (*other)->d_name);
}

static int is_blob(const struct dirent *entry)
{
    return strncmp(entry->d_name, "b.", 2) == 0;
}

static void key_of(char *name)
{
    memmove(name, name + 2, strlen(name + 2) + 1);
    for (char *mark = name; (mark = strchr(mark, '\1')) != NULL;)
        *mark = '/';
}

/* Leaves those that are asked for, as keys, in byte order. */
static void choose(struct regstore_list *list, const struct regstore_list_opts *opts)
{
    int kept = 0;
    for (int i = 0; i < list->n; i++) {
        struct dirent *entry = list->entries[i];
        key_of(entry->d_name);
        bool is_asked_for =
            (opts->prefix == NULL ||
             strncmp(entry->d_name, opts->prefix, strlen(opts->prefix)) == 0) &&
            (opts->start_after == NULL || strcmp(entry->d_name, opts->start_after) > 0);
        if (is_asked_for)
            list->entries[kept++] = entry;
        else
            free(entry);
    }
    list->n = kept;
    if (kept > 0) /* else there may be no array at all */
        qsort(list->entries, (size_t)kept, sizeof(list->entries[0]), compare);
}

static regstore_status list_open(struct regstore_store *store, const struct regstore_call *call,
                                 const struct regstore_list_opts *opts, struct regstore_list **out)
{
    struct regstore_list_opts ours = {0};
    TRY(flat_begin(call));
    TAKE(ours, opts, delimiter);
    TRY(flat_know_flags(call, ours.flags, 0));
    flat_say(store, "list_open", "%" PRIu64 " %s %s %s", ours.limit, OR_NONE(ours.prefix),
             OR_NONE(ours.start_after), OR_NONE(ours.delimiter));
    if (ours.delimiter != NULL)
        return flat_fail(call, REGSTORE_UNSUPPORTED, "no delimiter in a flat folder");
    struct regstore_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return flat_fail(call, REGSTORE_NO_MEMORY, "no memory");
    list->n = scandirat(store->folder, ".", &list->entries, is_blob, NULL);
    if (list->n < 0) {
        free(list);
        return flat_fail_by_errno(call);
    }
    choose(list, &ours);
    list->left = ours.limit == 0 ? UINT64_MAX : ours.limit;
    list->store = flat_hold(store);
    *out = list;
    return REGSTORE_OK;
}

static regstore_status list_next(struct regstore_list *list, const struct regstore_call *call,
                                 char *key, size_t cap, struct regstore_stat *out)
{
    TRY(flat_begin(call));
    if (cap < REGSTORE_KEY_MAX)
        return flat_fail(call, REGSTORE_RANGE, "no room for a key");
    key[0] = '\0';
    if (list->next == list->n || list->left == 0)
        return REGSTORE_OK;
    (void)snprintf(key, cap, "%s", list->entries[list->next]->d_name);
    TRY(stat_blob(list->store, call, key, out));
    list->next++;
    list->left--;
    return REGSTORE_OK;
}

static void list_close(struct regstore_list *list)
{
    if (list == NULL)
        return;
    for (int i = 0; i < list->n; i++)
        free(list->entries[i]);
    free(list->entries);
    flat_close(list->store);
    free(list);
}

static regstore_status presign(struct regstore_store *store, const struct regstore_call *call,
                               const char *key, const struct regstore_presign_opts *opts, char *url,
                               size_t cap, int64_t *expires_ns)
{
    struct regstore_presign_opts ours = {0};
    TRY(flat_begin(call));
    TAKE(ours, opts, content_type);
    TRY(flat_know_flags(call, ours.flags, 0));
    int n = snprintf(url, cap, "flat:%s?%s&%" PRIu64 "&%" PRIu64 "&%s", key, OR_NONE(ours.method),
                     ours.ttl_s, ours.min_ttl_s, OR_NONE(ours.content_type));
    if (n < 0 || (size_t)n >= cap)
        return flat_fail(call, REGSTORE_RANGE, "no room for the URL");
    *expires_ns = flat_now_ns(store) + (int64_t)ours.ttl_s * 1000000000;
    return REGSTORE_OK;
}

static regstore_status purge(struct regstore_store *store, const struct regstore_call *call,
                             const struct regstore_purge_opts *opts, struct regstore_purged *out)
{
    struct regstore_purge_opts ours = {0};
    struct regstore_purged purged = {0};
    struct dirent **entries;
    TRY(flat_begin(call));
    TAKE(ours, opts, older_than_s);
    TRY(flat_know_flags(call, ours.flags,
                        REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS | REGSTORE_PURGE_DRY_RUN));
    if (ours.older_than_s == 0)
        return flat_fail(call, REGSTORE_INVALID, "no age");
    int n = scandirat(store->folder, ".", &entries, NULL, NULL);
    if (n < 0)
        return flat_fail_by_errno(call);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        struct stat found;
        bool is_unfinished =
            strncmp(name, "u.", 2) == 0 && fstatat(store->folder, name, &found, 0) == 0;
        uint64_t age_s =
            is_unfinished ? (uint64_t)(flat_now_ns(store) / 1000000000 - found.st_mtim.tv_sec) : 0;
        if (is_unfinished && age_s <= ours.older_than_s) {
            purged.spared++;
        } else if (is_unfinished && ((ours.flags & REGSTORE_PURGE_DRY_RUN) != 0 ||
                                     unlinkat(store->folder, name, 0) == 0)) {
            purged.uploads++;
            purged.bytes += (uint64_t)found.st_size;
        } else if (is_unfinished) {
            purged.failed++;
        }
        free(entries[i]);
    }
    free(entries);
    flat_give(out, &purged, sizeof(purged));
    return purged.failed == 0 ? REGSTORE_OK
                              : flat_fail(call, REGSTORE_UNAVAILABLE, "not all is gone");
}

static const void *extension(const char *id)
{
    return strcmp(id, "org.regstore.flat/1") == 0 ? "flat" : NULL;
}

static uint64_t store_features(const struct regstore_store *store)
{
    (void)store; /* The same for all. */
    return REGSTORE_F_SERVER_COPY | REGSTORE_F_PRESIGN_GET;
}

#ifdef REGSTORE_F_NEXT
/* What only a host of that minor can meet: the new slot, which answers with the new status. */
static regstore_status next_slot(struct regstore_store *store, const struct regstore_call *call)
{
    (void)store; /* Nothing of it is needed. */
    TRY(flat_begin(call));
    return flat_fail(call, REGSTORE_NEXT, "the status of the next minor");
}
#endif

static const struct regstore_param params[] = {
    {"storage_path", NULL, "the folder, which must be there",
     REGSTORE_PARAM_REQUIRED | REGSTORE_PARAM_PATH},
    {"note", "none", "not used", 0},
    {NULL, NULL, NULL, 0},
};

static const struct regstore_plugin table = {
    .struct_size = sizeof(table),
    .abi_minor = REGSTORE_ABI_MINOR,
    .features = REGSTORE_F_SERVER_COPY | REGSTORE_F_PRESIGN_GET,
    .name = "Flat",
    .version = "1",
    .description = "files of one folder, for the pairs of minors",
    .params = params,
    .extension = extension,
    .store_open = store_open,
    .store_features = store_features,
    .store_close = flat_close,
    .check = check,
    .upload_open = flat_upload_open,
    .upload_write = flat_upload_write,
    .upload_offset = flat_upload_offset,
    .upload_digest = flat_upload_digest,
    .upload_suspend = flat_upload_suspend,
    .upload_commit = flat_upload_commit,
    .upload_abort = flat_upload_abort,
    .upload_close = flat_upload_close,
    .read_open = read_open,
    .read_next = read_next,
    .read_close = read_close,
    .stat = stat_blob,
    .delete_blobs = delete_blobs,
    .copy = copy,
    .list_open = list_open,
    .list_next = list_next,
    .list_close = list_close,
    .presign = presign,
    .purge = purge,
#ifdef REGSTORE_F_NEXT
    .next_slot = next_slot,
#endif
};

const struct regstore_plugin *regstore_plugin_v1(void)
{
    return &table;
}
