/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include "digest.h"
#include "path.h"
#include "settings.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct regstore_param local_params[] = {
    {"storage_path", NULL,
     "The folder that holds the blobs, beginning with '/'. It is made at the first write when only "
     "its last part is missing.",
     REGSTORE_PARAM_REQUIRED | REGSTORE_PARAM_PATH},
    {NULL, NULL, NULL, 0},
};

uint64_t local_store_features(const struct regstore_store *store)
{
    (void)store; /* Every store offers the same. */
    return REGSTORE_F_SERVER_COPY | REGSTORE_F_ATOMIC_IF_ABSENT | REGSTORE_F_SHA512 |
           REGSTORE_F_FORK_AFTER_USE;
}

/* Drops doubled and trailing slashes, so that one place has one name in tokens. */
static char *normalized(const char *path)
{
    char *out = malloc(strlen(path) + 2);
    if (out == NULL)
        return NULL;
    size_t len = 0;
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/' && len > 0 && out[len - 1] == '/')
            continue;
        out[len++] = *at;
    }
    if (len > 1 && out[len - 1] == '/')
        len--;
    out[len] = '\0';
    return out;
}

static regstore_status path_check(struct plug_call *call, const char *path)
{
    if (path[0] != '/')
        return plug_fail(call, REGSTORE_CONFIG,
                         "storage_path: must begin with '/', so that it means the same folder in "
                         "every process, not '%s'",
                         path);
    /* The longest key is opened relative to storage_path, so the two need not fit together. */
    if (strlen(path) >= PATH_MAX)
        return plug_fail(call, REGSTORE_CONFIG, "storage_path: longer than %d bytes", PATH_MAX - 1);
    return REGSTORE_OK;
}

regstore_status local_short_name(struct plug_call *call, const char *text, char out[33])
{
    struct plug_digest *digest = plug_digest_new(REGSTORE_UPLOAD_SHA256);
    if (digest == NULL)
        return plug_no_memory(call);
    char full[REGSTORE_DIGEST_MAX];
    plug_digest_update(digest, text, strlen(text));
    const regstore_status status = plug_digest_text(digest, "sha256", full, sizeof full);
    plug_digest_free(digest);
    if (status != REGSTORE_OK)
        return plug_fail(call, REGSTORE_INTERNAL, "no SHA-256");
    snprintf(out, 33, "%.32s", full + strlen("sha256:"));
    return REGSTORE_OK;
}

static regstore_status fill(struct regstore_store *store, struct plug_call *call,
                            const struct regstore_host *host, const struct regstore_pair *settings,
                            size_t n)
{
    TRY(plug_host_init(&store->host, call, host));
    plug_gauge_init(&store->uploads_open, PLUG_UPLOADS_OPEN);
    const char *values[1];
    TRY(plug_settings_sort(call, local_params, settings, n, values));
    const char *path = plug_setting(local_params, values, "storage_path");
    TRY(path_check(call, path));
    store->path = normalized(path);
    if (store->path == NULL)
        return plug_no_memory(call);
    return local_short_name(call, store->path, store->place);
}

regstore_status local_store_open(const struct regstore_call *host_call,
                                 const struct regstore_host *host,
                                 const struct regstore_pair *settings, size_t n,
                                 struct regstore_store **out)
{
    struct plug_call call;
    regstore_status status = plug_call_begin(&call, host_call);
    if (status != REGSTORE_OK)
        return plug_call_end(&call, status);
    struct regstore_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return plug_call_end(&call, plug_no_memory(&call));
    atomic_init(&store->users, 1);
    atomic_init(&store->has_skipped, false);
    atomic_init(&store->is_uploads_synced, false);
    status = fill(store, &call, host, settings, n);
    if (status == REGSTORE_OK)
        *out = store;
    else
        local_store_close(store);
    return plug_call_end(&call, status);
}

struct regstore_store *local_store_keep(struct regstore_store *store)
{
    atomic_fetch_add(&store->users, 1);
    return store;
}

void local_store_close(struct regstore_store *store)
{
    if (store == NULL || atomic_fetch_sub(&store->users, 1) != 1)
        return;
    free(store->path);
    free(store);
}

void local_stat_fill(struct regstore_stat *out, const struct stat *file)
{
    const int64_t mtime_ns = local_mtime_ns(file);
    *out = (struct regstore_stat){.length = (uint64_t)file->st_size, .mtime_ns = mtime_ns};
    /* Not ctime: a copy may be a hard link, and making one changes the ctime of its source. */
    snprintf(out->etag, sizeof out->etag, "%llx-%llx-%llx", (unsigned long long)file->st_ino,
             (unsigned long long)mtime_ns, (unsigned long long)file->st_size);
}
