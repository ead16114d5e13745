/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Go cannot do by itself: call through a pointer, and give a call memory that stays where it
 * is. A frame is the host's side of one call (CALL-1); Go sets cancel with an atomic store from
 * another goroutine.
 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "regstore-host.h"

#include <stdlib.h>

struct bridge_frame {
    struct regstore_call call;
    struct regstore_error error;
    struct regstore_stat stat;
    int32_t cancel;
};

/* NULL: no memory. */
static inline struct bridge_frame *bridge_frame_new(uint64_t timeout_ms)
{
    struct bridge_frame *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->error.struct_size = sizeof f->error;
    f->stat.struct_size = sizeof f->stat;
    f->call.struct_size = sizeof f->call;
    f->call.timeout_ms = timeout_ms;
    f->call.cancel = &f->cancel;
    f->call.error = &f->error;
    return f;
}

typedef const struct regstore_plugin *bridge_table;

static inline regstore_status bridge_store_open(bridge_table t, struct bridge_frame *f,
                                                const struct regstore_host *host,
                                                const struct regstore_pair *pairs, size_t n,
                                                struct regstore_store **out)
{
    return t->store_open(&f->call, host, pairs, n, out);
}

static inline uint64_t bridge_store_features(bridge_table t, const struct regstore_store *store)
{
    return t->store_features(store);
}

static inline void bridge_store_close(bridge_table t, struct regstore_store *store)
{
    t->store_close(store);
}

static inline regstore_status bridge_upload_open(bridge_table t, struct regstore_store *store,
                                                 struct bridge_frame *f, const char *key,
                                                 const char *token, const char *content_type,
                                                 uint64_t flags, uint64_t length,
                                                 struct regstore_upload **out)
{
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts,
                                              .flags = flags,
                                              .expected_length = length,
                                              .key = key,
                                              .token = token,
                                              .content_type = content_type};
    return t->upload_open(store, &f->call, &opts, out);
}

static inline regstore_status bridge_upload_write(bridge_table t, struct regstore_upload *u,
                                                  struct bridge_frame *f, const void *buf,
                                                  size_t len)
{
    return t->upload_write(u, &f->call, buf, len);
}

static inline uint64_t bridge_upload_offset(bridge_table t, const struct regstore_upload *u)
{
    return t->upload_offset(u);
}

static inline regstore_status bridge_upload_suspend(bridge_table t, struct regstore_upload *u,
                                                    struct bridge_frame *f, char *token,
                                                    uint64_t *kept)
{
    token[0] = '\0';
    return t->upload_suspend(u, &f->call, token, REGSTORE_TOKEN_MAX, kept);
}

static inline regstore_status bridge_upload_commit(bridge_table t, struct regstore_upload *u,
                                                   struct bridge_frame *f, const char *key,
                                                   const char *digest)
{
    const struct regstore_commit_opts opts = {
        .struct_size = sizeof opts, .key = key, .digest = digest};
    return t->upload_commit(u, &f->call, &opts, &f->stat);
}

static inline regstore_status bridge_upload_abort(bridge_table t, struct regstore_upload *u,
                                                  struct bridge_frame *f)
{
    return t->upload_abort(u, &f->call);
}

static inline void bridge_upload_close(bridge_table t, struct regstore_upload *u)
{
    t->upload_close(u);
}

static inline regstore_status bridge_read_open(bridge_table t, struct regstore_store *store,
                                               struct bridge_frame *f, const char *key,
                                               uint64_t offset, struct regstore_reader **out)
{
    const struct regstore_read_opts opts = {.struct_size = sizeof opts, .offset = offset};
    return t->read_open(store, &f->call, key, &opts, out, &f->stat);
}

static inline regstore_status bridge_read_next(bridge_table t, struct regstore_reader *r,
                                               struct bridge_frame *f, void *buf, size_t cap,
                                               size_t *got)
{
    return t->read_next(r, &f->call, buf, cap, got);
}

static inline void bridge_read_close(bridge_table t, struct regstore_reader *r)
{
    t->read_close(r);
}

static inline regstore_status bridge_stat(bridge_table t, struct regstore_store *store,
                                          struct bridge_frame *f, const char *key)
{
    return t->stat(store, &f->call, key, &f->stat);
}

static inline regstore_status bridge_delete(bridge_table t, struct regstore_store *store,
                                            struct bridge_frame *f, const char *const *keys,
                                            size_t n)
{
    return t->delete_blobs(store, &f->call, keys, n, NULL);
}

static inline regstore_status bridge_copy(bridge_table t, struct regstore_store *store,
                                          struct bridge_frame *f, const char *from, const char *to)
{
    return t->copy(store, &f->call, from, to, NULL);
}

static inline regstore_status bridge_list_open(bridge_table t, struct regstore_store *store,
                                               struct bridge_frame *f, const char *prefix,
                                               const char *start_after, const char *delimiter,
                                               uint64_t flags, uint64_t limit,
                                               struct regstore_list **out)
{
    const struct regstore_list_opts opts = {.struct_size = sizeof opts,
                                            .flags = flags,
                                            .limit = limit,
                                            .prefix = prefix,
                                            .start_after = start_after,
                                            .delimiter = delimiter};
    return t->list_open(store, &f->call, &opts, out);
}

static inline regstore_status bridge_list_next(bridge_table t, struct regstore_list *l,
                                               struct bridge_frame *f, char *key)
{
    const uint64_t size = sizeof f->stat;
    f->stat = (struct regstore_stat){.struct_size = size};
    return t->list_next(l, &f->call, key, REGSTORE_KEY_MAX, &f->stat);
}

static inline void bridge_list_close(bridge_table t, struct regstore_list *l)
{
    t->list_close(l);
}

static inline regstore_status bridge_presign(bridge_table t, struct regstore_store *store,
                                             struct bridge_frame *f, const char *key,
                                             const char *method, uint64_t ttl_s, uint64_t min_ttl_s,
                                             char *url)
{
    int64_t expires_ns;
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .ttl_s = ttl_s, .min_ttl_s = min_ttl_s, .method = method};
    return t->presign(store, &f->call, key, &opts, url, REGSTORE_URL_MAX, &expires_ns);
}

#endif
