/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "objects.h"
#include "process.h"

struct stss3_store *stss3_store_ref(struct stss3_store *store)
{
    atomic_fetch_add(&store->refs, 1);
    return store;
}

static void free_store(struct stss3_store *store)
{
    /* In a child: only what it made itself.  The parent's threads may have held the locks of the
     * rest, and destroying one can wait for a thread that is not here (FORK-2). */
    stss3_running_free(atomic_load(&store->running));
    stss3_config_free(store->config);
    free(store);
}

void stss3_store_unref(struct stss3_store *store)
{
    if (store != NULL && atomic_fetch_sub(&store->refs, 1) == 1)
        free_store(store);
}

regstore_status stss3_store_enter(struct stss3_store *store, struct plug_call *call)
{
    const uint64_t here = plug_process();
    struct stss3_running *found = atomic_load(&store->running);
    if (here == 0)
        return plug_no_memory(call);
    if (found != NULL && found->process == here)
        return REGSTORE_OK;
    if (store->config->checksum == STSS3_SUM_MD5 &&
        !stss3_has_md5()) /* not asked in open: FORK-1 */
        return plug_fail(call, REGSTORE_CONFIG,
                         "'checksum_algorithm' is md5, which this machine's OpenSSL does not have "
                         "(FIPS): crc32c, crc64nvme, sha256 or none is right");
    struct stss3_running *fresh = stss3_running_new(store->config, &store->host);
    if (fresh == NULL)
        return plug_no_memory(call);
    /* Of threads that come first at once one wins; the others drop theirs unused. */
    if (!atomic_compare_exchange_strong(&store->running, &found, fresh))
        stss3_running_free(fresh);
    else if (found != NULL)
        stss3_running_leave(found);
    return REGSTORE_OK;
}

static void say_what_was_chosen(const struct stss3_store *store)
{
    const struct stss3_config *c = store->config;
    if (c->is_endpoint_over_region)
        plug_log(&store->host, REGSTORE_LOG_INFO, "config",
                 PLUG_FIELDS({"setting", "endpoint_url"}, {"host", c->s3.authority},
                             {"region", c->region},
                             {"message", "s3_region is given as well; Quay's own driver would "
                                         "ignore endpoint_url"}));
    if (c->is_host_ignored)
        plug_log(&store->host, REGSTORE_LOG_WARNING, "config",
                 PLUG_FIELDS({"setting", "host"}, {"host", c->s3.authority},
                             {"message", "endpoint_url names another server, which is obeyed"}));
    if (c->s3_from != NULL && strncmp(c->s3_from, "AWS_", 4) == 0)
        plug_log(&store->host, REGSTORE_LOG_INFO, "config",
                 PLUG_FIELDS({"setting", c->s3_from}, {"host", c->s3.authority},
                             {"message", "the environment names S3"}));
    if (c->is_sts_implied)
        plug_log(&store->host, REGSTORE_LOG_INFO, "config",
                 PLUG_FIELDS({"setting", "sts_endpoint_url"}, {"host", c->sts.authority},
                             {"message", "it is missing, and endpoint_url names another server "
                                         "than AWS"}));
}

static regstore_status open_store(struct plug_call *call, const struct regstore_host *host,
                                  const struct regstore_pair *settings, size_t n,
                                  struct stss3_store **out)
{
    struct plug_host offered;
    TRY(plug_host_init(&offered, call, host));
    struct stss3_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return plug_no_memory(call);
    store->refs = 1;
    store->host = offered;
    plug_gauge_init(&store->uploads_open, PLUG_UPLOADS_OPEN);
    regstore_status status = stss3_config_new(call, settings, n, &store->config);
    if (status != REGSTORE_OK) {
        free_store(store);
        return status;
    }
    say_what_was_chosen(store);
    *out = store;
    return REGSTORE_OK;
}

regstore_status stss3_store_open(const struct regstore_call *call, const struct regstore_host *host,
                                 const struct regstore_pair *settings, size_t n,
                                 struct regstore_store **out)
{
    struct plug_call c;
    struct stss3_store *store = NULL;
    regstore_status status = plug_call_begin(&c, call);
    *out = NULL;
    if (status == REGSTORE_OK)
        status = open_store(&c, host, settings, n, &store);
    if (status == REGSTORE_OK)
        *out = (struct regstore_store *)(void *)store;
    return plug_call_end(&c, status);
}

void stss3_store_close(struct regstore_store *store)
{
    stss3_store_unref(stss3_store_of(store));
}

uint64_t stss3_store_features(const struct regstore_store *store)
{
    (void)store;
    return REGSTORE_F_PRESIGN_GET | REGSTORE_F_PRESIGN_PUT | REGSTORE_F_SERVER_COPY |
           REGSTORE_F_SHA512 | REGSTORE_F_FORK_AFTER_USE;
}

regstore_status stss3_key_length(const struct stss3_store *store, struct plug_call *call,
                                 const char *key, const char *what)
{
    const size_t root = strlen(store->config->root);
    if (root + strlen(key) <= 1024)
        return REGSTORE_OK;
    return plug_fail(
        call, REGSTORE_INVALID,
        "%s is too long: S3 takes 1024 bytes, and storage_path has %zu of them (KEY-2)", what,
        root);
}

void stss3_stat_of(const struct stss3_object *object, struct regstore_stat *out)
{
    memset(out, 0, sizeof *out);
    out->length = object->length;
    out->mtime_ns = object->mtime_ns;
    memcpy(out->digest, object->digest, sizeof out->digest);
    memcpy(out->etag, object->etag, sizeof out->etag);
}

static regstore_status check_key(struct stss3_store *store, struct plug_call *call, const char *key,
                                 const char *what)
{
    TRY(plug_key_check(call, key, what));
    return stss3_key_length(store, call, key, what);
}

regstore_status stss3_stat(struct regstore_store *store, const struct regstore_call *call,
                           const char *key, struct regstore_stat *out)
{
    struct stss3_store *s = stss3_store_of(store);
    struct plug_call c;
    struct stss3_object object;
    regstore_status status = plug_call_begin(&c, call);
    plug_call_measure(&c, &s->host, "stat");
    if (status == REGSTORE_OK)
        status = check_key(s, &c, key, "key");
    if (status == REGSTORE_OK)
        status = stss3_store_enter(s, &c);
    if (status == REGSTORE_OK)
        status = stss3_head(&s->running->client, &c, key, &object);
    if (status == REGSTORE_OK) {
        struct regstore_stat stat;
        stss3_stat_of(&object, &stat);
        plug_give(out, &stat, sizeof stat);
    }
    return plug_call_end(&c, status);
}
