/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purge: what crashed processes left behind.  Ages are the service's: its Date beside its own
 * timestamps, so that a wrong clock here deletes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "key.h"
#include "listing.h"
#include "timestamp.h"
#include "upload.h"

struct purge {
    struct stss3_store *store;
    struct plug_call *call;
    struct regstore_purged done;
    int64_t older_than_ns;
    bool is_dry_run;
    regstore_status first; /* of what failed */
    struct plug_error words;
};

static void note_failure(struct purge *p, regstore_status status)
{
    p->done.failed++;
    if (p->first == REGSTORE_OK) {
        p->first = status;
        p->words = p->call->error;
    }
}

static bool is_old(const struct purge *p, int64_t life_ns, int64_t now_ns)
{
    return life_ns != 0 && now_ns - life_ns >= p->older_than_ns;
}

/* An upload's last sign of life: its newest part. */
struct signs {
    int64_t newest_ns;
    uint64_t bytes;
};

static regstore_status see_part(void *ctx, unsigned number, const struct stss3_part *part,
                                int64_t mtime_ns)
{
    struct signs *s = ctx;
    (void)number;
    s->bytes += part->length;
    if (mtime_ns > s->newest_ns)
        s->newest_ns = mtime_ns;
    return REGSTORE_OK;
}

/* Or the tail that a slow pusher parks again and again beside it.  (That of an upload at its final
 * key has a name that the key does not tell; it counts by its parts alone.) */
static regstore_status see_parked(struct purge *p, const char *key, struct signs *s)
{
    char name[STSS3_STAGE_KEY_MAX];
    struct stss3_listing l;
    const int len = snprintf(name, sizeof name, "%s.", key);
    if (!plug_starts_with(key, PLUG_UPLOADS) || len < 0 || (size_t)len >= sizeof name)
        return REGSTORE_OK;
    if (!stss3_listing_init(&l, &p->store->running->client, name, "", false, STSS3_PARK_SLOTS))
        return plug_no_memory(p->call);
    const regstore_status status = stss3_listing_next(&l, p->call);
    for (size_t i = 0; status == REGSTORE_OK && i < l.n; i++)
        if (l.entries[i].mtime_ns > s->newest_ns)
            s->newest_ns = l.entries[i].mtime_ns;
    stss3_listing_clear(&l);
    return status;
}

static regstore_status purge_upload(void *ctx, const char *key, const char *upload_id,
                                    int64_t begun_ns, int64_t now_ns)
{
    struct purge *p = ctx;
    struct signs signs = {.newest_ns = begun_ns};
    TRY(plug_call_check(p->call)); /* PURGE-3: the next call goes on */
    if (!is_old(p, begun_ns, now_ns)) {
        p->done.spared++;
        return REGSTORE_OK;
    }
    regstore_status status = stss3_multipart_parts(&p->store->running->client, p->call, key,
                                                   upload_id, see_part, &signs);
    if (status == REGSTORE_GONE)
        return REGSTORE_OK; /* over by now */
    if (status == REGSTORE_OK)
        status = see_parked(p, key, &signs);
    if (status == REGSTORE_OK && !is_old(p, signs.newest_ns, now_ns)) {
        p->done.spared++;
        return REGSTORE_OK;
    }
    if (status == REGSTORE_OK && !p->is_dry_run)
        status = stss3_multipart_abort(&p->store->running->client, p->call, key, upload_id);
    if (status == REGSTORE_CANCELLED || status == REGSTORE_TIMEOUT)
        return status;
    if (status != REGSTORE_OK) {
        note_failure(p, status);
        return REGSTORE_OK;
    }
    p->done.uploads++;
    p->done.bytes += signs.bytes;
    return REGSTORE_OK;
}

/* At most STSS3_DELETE_MAX entries. */
static regstore_status purge_entries(struct purge *p, const struct stss3_entry *entries,
                                     size_t count, int64_t now_ns)
{
    const char *keys[STSS3_DELETE_MAX];
    uint64_t lengths[STSS3_DELETE_MAX];
    regstore_status results[STSS3_DELETE_MAX] = {REGSTORE_OK};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_old(p, entries[i].mtime_ns, now_ns)) {
            p->done.spared++;
            continue;
        }
        keys[n] = entries[i].key;
        lengths[n++] = entries[i].length;
    }
    regstore_status status = REGSTORE_OK;
    if (n != 0 && !p->is_dry_run)
        status = stss3_store_delete(p->store, p->call, keys, n, results);
    for (size_t i = 0; i < n; i++) {
        if (results[i] != REGSTORE_OK) {
            note_failure(p, results[i]);
            continue;
        }
        p->done.objects++;
        p->done.bytes += lengths[i];
    }
    return status == REGSTORE_CANCELLED || status == REGSTORE_TIMEOUT ? status : REGSTORE_OK;
}

static regstore_status purge_objects(struct purge *p)
{
    struct stss3_listing l;
    if (!stss3_listing_init(&l, &p->store->running->client, PLUG_UPLOADS, "", false,
                            STSS3_DELETE_MAX))
        return plug_no_memory(p->call);
    regstore_status status = REGSTORE_OK;
    while (status == REGSTORE_OK && !l.is_last) {
        status = stss3_listing_next(&l, p->call);
        for (size_t at = 0; status == REGSTORE_OK && at < l.n; at += STSS3_DELETE_MAX)
            status =
                purge_entries(p, l.entries + at,
                              l.n - at < STSS3_DELETE_MAX ? l.n - at : STSS3_DELETE_MAX, l.now_ns);
    }
    stss3_listing_clear(&l);
    return status;
}

static regstore_status purge(struct purge *p, const struct regstore_purge_opts *opts)
{
    struct regstore_purge_opts o;
    TRY(plug_take(p->call, &o, sizeof o, opts, "purge_opts"));
    TRY(plug_take_flags(p->call, o.flags,
                        REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS | REGSTORE_PURGE_DRY_RUN,
                        "purge_opts"));
    if (o.older_than_s == 0)
        return plug_fail(p->call, REGSTORE_INVALID,
                         "older_than_s is 0: that would take the uploads that are under way");
    TRY(stss3_store_enter(p->store, p->call));
    const uint64_t both = REGSTORE_PURGE_OBJECTS | REGSTORE_PURGE_UPLOADS;
    const uint64_t what = (o.flags & both) == 0 ? both : o.flags & both;
    p->is_dry_run = (o.flags & REGSTORE_PURGE_DRY_RUN) != 0;
    p->older_than_ns = o.older_than_s > INT64_MAX / STSS3_NS_PER_S
                           ? INT64_MAX
                           : (int64_t)o.older_than_s * STSS3_NS_PER_S;
    TRY(plug_call_check(p->call));
    if ((what & REGSTORE_PURGE_UPLOADS) != 0)
        TRY(stss3_multipart_uploads(&p->store->running->client, p->call, "", purge_upload, p));
    if ((what & REGSTORE_PURGE_OBJECTS) != 0)
        TRY(purge_objects(p));
    return p->first == REGSTORE_OK ? REGSTORE_OK : plug_call_adopt(p->call, &p->words);
}

regstore_status stss3_purge(struct regstore_store *store, const struct regstore_call *call,
                            const struct regstore_purge_opts *opts, struct regstore_purged *out)
{
    struct plug_call c;
    struct purge p = {.store = stss3_store_of(store), .call = &c};
    regstore_status status = plug_call_begin(&c, call);
    if (status == REGSTORE_OK)
        status = purge(&p, opts);
    plug_give(out, &p.done, sizeof p.done);
    return plug_call_end(&c, status);
}
