/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "objects.h"
#include "process.h"

/* One S3 connection carries some 90 MB/s; this many at once for each event loop. */
#define CONNECTIONS        32
#define ATTEMPTS           5
#define CONNECT_TIMEOUT_MS 10000
#define STALL_TIMEOUT_MS   60000

struct stss3_store *stss3_store_ref(struct stss3_store *store)
{
    atomic_fetch_add(&store->refs, 1);
    return store;
}

static void free_store(struct stss3_store *store)
{
    const bool is_elsewhere = store->process != 0 && store->process != plug_process();
    stss3_http_free(store->http); /* first: what is under way uses all the rest */
    if (is_elsewhere) {
        /* A child: the parent's threads may have held these locks, and destroying one can wait for
         * a thread that is not here (FORK-2).  They are left as they are. */
        stss3_config_free(store->config);
        free(store);
        return;
    }
    stss3_sessions_free(store->sessions);
    if (store->client.config != NULL)
        stss3_client_clear(&store->client);
    stss3_budget_free(store->budget);
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
    uint64_t none = 0;
    if (here == 0)
        return plug_no_memory(call);
    if (!atomic_compare_exchange_strong(&store->process, &none, here) && none != here)
        return plug_fail(call, REGSTORE_STATE,
                         "the store was used before a fork, in the parent: open one in this "
                         "process (FORK-3)");
    return REGSTORE_OK;
}

static void say_what_was_chosen(const struct stss3_store *store)
{
    const struct stss3_config *c = store->config;
    if (c->is_endpoint_over_region)
        plug_logf(&store->host, REGSTORE_LOG_INFO, "config",
                  "s3_region and endpoint_url are both given: S3 is asked at %s in region %s "
                  "(Quay's own driver would ignore endpoint_url)",
                  c->s3.authority, c->region);
    if (c->is_sts_implied)
        plug_logf(&store->host, REGSTORE_LOG_INFO, "config",
                  "endpoint_url names another server than AWS and sts_endpoint_url is missing: "
                  "STS is asked at %s",
                  c->sts.authority);
}

static regstore_status fill_store(struct stss3_store *store, struct plug_call *call)
{
    const struct stss3_config *c = store->config;
    const struct stss3_http_options options = {.host = &store->host,
                                               .ca_bundle = c->ca_bundle,
                                               .loops = c->loops,
                                               .connections = CONNECTIONS,
                                               .attempts = ATTEMPTS,
                                               .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                               .stall_timeout_ms = STALL_TIMEOUT_MS};
    store->http = stss3_http_new(&options);
    store->budget = stss3_budget_new(c->memory_bytes, c->spill_folder);
    if (store->http == NULL || store->budget == NULL)
        return plug_no_memory(call);
    store->sessions = stss3_sessions_new(c, &store->host, store->http);
    if (store->sessions == NULL)
        return plug_no_memory(call);
    stss3_client_init(&store->client, c, &store->host, store->http, store->sessions);
    return REGSTORE_OK;
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
    regstore_status status = stss3_config_new(call, settings, n, &store->config);
    if (status == REGSTORE_OK)
        status = fill_store(store, call);
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
           REGSTORE_F_SHA512;
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
    if (status == REGSTORE_OK)
        status = check_key(s, &c, key, "key");
    if (status == REGSTORE_OK)
        status = stss3_store_enter(s, &c);
    if (status == REGSTORE_OK)
        status = stss3_head(&s->client, &c, key, &object);
    if (status == REGSTORE_OK) {
        struct regstore_stat stat;
        stss3_stat_of(&object, &stat);
        plug_give(out, &stat, sizeof stat);
    }
    return plug_call_end(&c, status);
}
