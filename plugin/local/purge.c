/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file under uploads/ is either an unfinished upload, told by its name, or counts as an
 * object: a copy that was cut off, or what another program put there.  The last sign of life is the
 * last write; a file that a handle holds locked is alive whatever its age.
 */
#include "purge.h"

#include "list.h"
#include "path.h"
#include "staging.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define FLAGS (REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS | REGSTORE_PURGE_DRY_RUN)

struct purge {
    struct regstore_store *store;
    uint64_t flags;
    int64_t newest_ns; /* what was last written at this time or before is old */
    struct regstore_purged counts;
};

static bool is_upload(const char *key)
{
    struct local_name name;
    return local_name_parse(key + strlen(PLUG_UPLOADS), &name);
}

/* Takes away a file that is locked; opened is what it was before. */
static regstore_status purge_locked(struct plug_call *call, struct purge *purge, int root,
                                    const char *key, const struct stat *opened)
{
    /* Before the lock it may have become a blob, or have been written; now it cannot. */
    struct stat file;
    LOCAL_FD path = local_openat(root, key, O_PATH);
    if (path < 0 || fstat(path, &file) != 0 || file.st_ino != opened->st_ino ||
        local_mtime_ns(&file) > purge->newest_ns) {
        purge->counts.spared++;
        return REGSTORE_OK;
    }
    if ((purge->flags & REGSTORE_PURGE_DRY_RUN) == 0)
        TRY(local_remove(call, root, key));
    *(is_upload(key) ? &purge->counts.uploads : &purge->counts.objects) += 1;
    purge->counts.bytes += (uint64_t)file.st_size;
    return REGSTORE_OK;
}

/* OK also when the file lives, or has gone by itself. */
static regstore_status purge_one(struct plug_call *call, struct purge *purge, const char *key)
{
    LOCAL_FD root = -1;
    TRY(local_root_open(call, purge->store, false, &root));
    LOCAL_FD fd = local_openat(root, key, O_RDWR | O_NONBLOCK | O_NOCTTY);
    struct stat file;
    if (fd < 0 || fstat(fd, &file) != 0)
        return errno == ENOENT ? REGSTORE_OK : local_fail(call, "open", key);
    /* A young one is not even locked: its next handle would be refused meanwhile. */
    if (local_mtime_ns(&file) > purge->newest_ns || !local_lock(fd)) {
        purge->counts.spared++;
        return REGSTORE_OK;
    }
    const regstore_status status = purge_locked(call, purge, root, key, &file);
    local_unlock(fd); /* A child forked meanwhile may keep the descriptor. */
    return status;
}

static bool is_asked_for(const struct purge *purge, const char *key)
{
    const uint64_t both = REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS;
    const uint64_t asked = (purge->flags & both) == 0 ? both : purge->flags;
    return (asked & (is_upload(key) ? REGSTORE_PURGE_UPLOADS : REGSTORE_PURGE_OBJECTS)) != 0;
}

/* Goes through all files; one that cannot be removed does not keep the others. */
static regstore_status purge_all(struct plug_call *call, struct purge *purge,
                                 struct regstore_list *list)
{
    regstore_status first = REGSTORE_OK;
    struct plug_error words = {0};
    for (;;) {
        const char *key;
        struct regstore_stat found;
        TRY(local_list_step(call, list, &key, &found));
        if (key[0] == '\0')
            break;
        if (!is_asked_for(purge, key))
            continue;
        const regstore_status status = purge_one(call, purge, key);
        purge->counts.failed += status != REGSTORE_OK;
        if (status != REGSTORE_OK && first == REGSTORE_OK) {
            first = status;
            words = call->error;
        }
    }
    call->error = words;
    return first;
}

static regstore_status purge_begin(struct plug_call *call, struct purge *purge,
                                   const struct regstore_purge_opts *opts)
{
    TRY(plug_take_flags(call, opts->flags, FLAGS, "purge_opts.flags"));
    if (opts->older_than_s == 0)
        return plug_fail(call, REGSTORE_INVALID,
                         "older_than_s is 0: that would take the uploads that are under way");
    purge->flags = opts->flags;
    const int64_t now_ns = plug_host_clock_ns(&purge->store->host);
    const uint64_t all_s = (uint64_t)(now_ns / 1000000000);
    purge->newest_ns =
        opts->older_than_s > all_s ? -1 : now_ns - (int64_t)opts->older_than_s * 1000000000;
    const struct regstore_list_opts below = {.struct_size = sizeof below, .prefix = PLUG_UPLOADS};
    struct regstore_list *list;
    TRY(local_list_new(call, purge->store, &below, &list));
    const regstore_status status = purge_all(call, purge, list);
    local_list_close(list);
    return status;
}

regstore_status local_purge(struct regstore_store *store, const struct regstore_call *host_call,
                            const struct regstore_purge_opts *host_opts,
                            struct regstore_purged *out)
{
    struct plug_call call;
    struct regstore_purge_opts opts;
    struct purge purge = {.store = store};
    regstore_status status = plug_call_begin(&call, host_call);
    plug_call_measure(&call, &store->host, "purge");
    if (status == REGSTORE_OK)
        status = plug_take(&call, &opts, sizeof opts, host_opts, "purge_opts");
    if (status == REGSTORE_OK)
        status = purge_begin(&call, &purge, &opts);
    plug_give(out, &purge.counts, sizeof purge.counts);
    plug_purged(&store->host, &purge.counts, (purge.flags & REGSTORE_PURGE_DRY_RUN) != 0, status);
    return plug_call_end(&call, status);
}
