/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Purge: what crashed processes left behind.  Ages are the service's: its Date beside its own
 * timestamps, so that a wrong clock here deletes nothing.
 *
 * What belongs to one upload lives and dies together: its multipart upload, and the objects at
 * uploads/<id> and uploads/<id>.<slot>.  So the multipart uploads are looked at first, and who of
 * them lives is remembered when the objects' turn comes.  Where the objects alone are asked for,
 * that look is taken only once one of them is old.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "key.h"
#include "listing.h"
#include "timestamp.h"
#include "upload.h"

#define ID_LENGTH 36

struct id {
    char text[ID_LENGTH + 1]; /* "": none */
};

struct purge {
    struct stss3_store *store;
    struct plug_call *call;
    struct regstore_purged done;
    int64_t older_than_ns;
    bool is_dry_run, takes_uploads;
    regstore_status first; /* of what failed */
    struct plug_error words;

    bool has_looked; /* at the multipart uploads */
    int64_t look_ns; /* when */
    struct id *living;
    size_t n_living, cap_living;
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

/* Of an object under uploads/; "" for what no upload of ours has put there. */
static struct id id_of_object(const char *key)
{
    struct id id = {""};
    const char *text = key + strlen(PLUG_UPLOADS);
    if (plug_starts_with(key, PLUG_UPLOADS) && strspn(text, "0123456789abcdef-") >= ID_LENGTH)
        memcpy(id.text, text, ID_LENGTH);
    return id;
}

/* Of a multipart upload.  One at a final key may be a SOLE one's, whose id follows from the key;
 * the id of any other there is not to be known, and it counts by its parts alone. */
static struct id id_of_upload(const char *key)
{
    struct id id = {""};
    if (plug_starts_with(key, PLUG_UPLOADS))
        return id_of_object(key);
    stss3_sole_id(key, id.text);
    return id;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct id *)a)->text, ((const struct id *)b)->text);
}

static regstore_status remember(struct purge *p, const struct id *id)
{
    if (id->text[0] == '\0')
        return REGSTORE_OK;
    if (p->n_living == p->cap_living) {
        const size_t cap = p->cap_living == 0 ? 64 : 2 * p->cap_living;
        struct id *grown = reallocarray(p->living, cap, sizeof *grown);
        if (grown == NULL)
            return plug_no_memory(p->call);
        p->living = grown;
        p->cap_living = cap;
    }
    p->living[p->n_living++] = *id;
    return REGSTORE_OK;
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

/* Or the tail that a slow pusher parks again and again beside it. */
static regstore_status see_objects(struct purge *p, const struct id *id, struct signs *s)
{
    char prefix[STSS3_STAGE_KEY_MAX];
    struct stss3_listing l;
    if (id->text[0] == '\0')
        return REGSTORE_OK;
    (void)snprintf(prefix, sizeof prefix, PLUG_UPLOADS "%s", id->text);
    if (!stss3_listing_init(&l, &p->store->running->client, prefix, "", false, STSS3_DELETE_MAX))
        return plug_no_memory(p->call);
    const regstore_status status = stss3_listing_next(&l, p->call);
    for (size_t i = 0; status == REGSTORE_OK && i < l.n; i++)
        if (l.entries[i].mtime_ns > s->newest_ns)
            s->newest_ns = l.entries[i].mtime_ns;
    stss3_listing_clear(&l);
    return status;
}

/* What could not be judged lives, and so does what has come to an end just now. */
static regstore_status look_at_upload(struct purge *p, const char *key, const char *upload_id,
                                      int64_t now_ns, struct signs *signs, bool *is_dead)
{
    const struct id id = id_of_upload(key);
    regstore_status status = REGSTORE_OK;
    *is_dead = false;
    if (is_old(p, signs->newest_ns, now_ns))
        status = stss3_multipart_parts(&p->store->running->client, p->call, key, upload_id,
                                       see_part, signs);
    if (status == REGSTORE_OK && p->takes_uploads && is_old(p, signs->newest_ns, now_ns))
        status = see_objects(p, &id, signs);
    if (status == REGSTORE_CANCELLED || status == REGSTORE_TIMEOUT)
        return status;
    *is_dead = status == REGSTORE_OK && is_old(p, signs->newest_ns, now_ns);
    if (*is_dead)
        return REGSTORE_OK;
    if (status == REGSTORE_OK)
        p->done.spared += p->takes_uploads ? 1 : 0;
    else if (status != REGSTORE_GONE)
        note_failure(p, status);
    return remember(p, &id);
}

static regstore_status purge_upload(void *ctx, const char *key, const char *upload_id,
                                    int64_t begun_ns, int64_t now_ns)
{
    struct purge *p = ctx;
    struct signs signs = {.newest_ns = begun_ns};
    regstore_status status = REGSTORE_OK;
    bool is_dead;
    TRY(plug_call_check(p->call)); /* PURGE-3: the next call goes on */
    if (p->look_ns == 0)
        p->look_ns = now_ns;
    TRY(look_at_upload(p, key, upload_id, now_ns, &signs, &is_dead));
    if (!is_dead || !p->takes_uploads)
        return REGSTORE_OK;
    if (!p->is_dry_run)
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

static regstore_status look_at_uploads(struct purge *p)
{
    if (p->has_looked)
        return REGSTORE_OK;
    TRY(stss3_multipart_uploads(&p->store->running->client, p->call, "", purge_upload, p));
    if (p->look_ns == 0) /* there are none */
        p->look_ns = stss3_service_clock_now_ns(p->store->running->client.clock);
    if (p->n_living > 1)
        qsort(p->living, p->n_living, sizeof *p->living, by_id);
    p->has_looked = true;
    return REGSTORE_OK;
}

/* Where the objects of the upload end that the first one belongs to. */
static size_t group_end(const struct stss3_listing *l, size_t first)
{
    const struct id id = id_of_object(l->entries[first].key);
    size_t end = first + 1;
    while (id.text[0] != '\0' && end < l->n &&
           strncmp(l->entries[end].key + strlen(PLUG_UPLOADS), id.text, ID_LENGTH) == 0)
        end++;
    return end;
}

static regstore_status judge_group(struct purge *p, const struct stss3_entry *entries, size_t n,
                                   int64_t now_ns, bool *is_dead)
{
    const struct id id = id_of_object(entries[0].key);
    int64_t newest_ns = entries[0].mtime_ns;
    *is_dead = false;
    for (size_t i = 0; i < n; i++) {
        if (!is_old(p, entries[i].mtime_ns, now_ns))
            return REGSTORE_OK;
        if (entries[i].mtime_ns > newest_ns)
            newest_ns = entries[i].mtime_ns;
    }
    TRY(look_at_uploads(p));
    /* What was not old yet at the look may have got its multipart upload after it. */
    *is_dead = is_old(p, newest_ns, now_ns < p->look_ns ? now_ns : p->look_ns) &&
               (p->n_living == 0 || bsearch(&id, p->living, p->n_living, sizeof id, by_id) == NULL);
    return REGSTORE_OK;
}

static regstore_status delete_objects(struct purge *p, const struct stss3_entry *entries, size_t n)
{
    const char **keys = calloc(n, sizeof *keys);
    regstore_status *results = calloc(n, sizeof *results); /* REGSTORE_OK */
    regstore_status status =
        keys == NULL || results == NULL ? plug_no_memory(p->call) : REGSTORE_OK;
    for (size_t i = 0; status == REGSTORE_OK && i < n; i++)
        keys[i] = entries[i].key;
    const bool is_told = status == REGSTORE_OK;
    if (is_told && !p->is_dry_run)
        status = stss3_store_delete(p->store, p->call, keys, n, results);
    for (size_t i = 0; is_told && i < n; i++) {
        if (results[i] != REGSTORE_OK) {
            note_failure(p, results[i]);
            continue;
        }
        p->done.objects++;
        p->done.bytes += entries[i].length;
    }
    free(results);
    free(keys);
    return !is_told || status == REGSTORE_CANCELLED || status == REGSTORE_TIMEOUT ? status
                                                                                  : REGSTORE_OK;
}

/* The first n entries of the page, which are whole groups. */
static regstore_status purge_groups(struct purge *p, struct stss3_listing *l, size_t n)
{
    size_t dead = 0; /* they are moved to the front */
    for (size_t first = 0, end; first < n; first = end) {
        bool is_dead;
        end = group_end(l, first);
        TRY(judge_group(p, l->entries + first, end - first, l->now_ns, &is_dead));
        p->done.spared += is_dead ? 0 : end - first;
        for (size_t i = first; is_dead && i < end; i++) {
            const struct stss3_entry entry = l->entries[i];
            l->entries[i] = l->entries[dead];
            l->entries[dead++] = entry;
        }
    }
    return dead == 0 ? REGSTORE_OK : delete_objects(p, l->entries, dead);
}

/* A group that the page's end may have cut is left to the next page, which begins with it. */
static regstore_status purge_page(struct purge *p, struct stss3_listing *l)
{
    size_t n = l->n, last = 0;
    char *before = NULL; /* the key before that group */
    if (!l->is_last) {
        for (size_t first = 0; first < l->n; first = group_end(l, first))
            last = first;
        n = last == 0 ? l->n : last;
    }
    if (n < l->n) {
        before = strdup(l->entries[n - 1].key);
        if (before == NULL)
            return plug_no_memory(p->call);
    }
    regstore_status status = purge_groups(p, l, n);
    if (status == REGSTORE_OK && before != NULL && !stss3_listing_after(l, before))
        status = plug_no_memory(p->call);
    free(before);
    return status;
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
        if (status == REGSTORE_OK)
            status = purge_page(p, &l);
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
    p->takes_uploads = (what & REGSTORE_PURGE_UPLOADS) != 0;
    if (p->takes_uploads)
        TRY(look_at_uploads(p));
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
    plug_call_measure(&c, &p.store->host, "purge");
    if (status == REGSTORE_OK)
        status = purge(&p, opts);
    free(p.living);
    plug_give(out, &p.done, sizeof p.done);
    plug_purged(&p.store->host, &p.done, p.is_dry_run, status);
    return plug_call_end(&c, status);
}
