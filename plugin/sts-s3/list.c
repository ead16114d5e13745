/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "listing.h"
#include "process.h"

#define PAGE_SIZE 1000

struct stss3_list {
    struct stss3_store *store;
    uint64_t process;
    struct stss3_listing listing;
    char *start_after;
    bool is_after_subtree, hides_uploads, has_begun;
    char *folder; /* the common prefix that start_after lies in, or NULL; "a/" for "a/b" */
    struct stss3_entry folder_entry;
    uint64_t left; /* entries still to be given; UINT64_MAX: no limit */
    size_t at;     /* in the page */
};

static void free_list(struct stss3_list *l)
{
    if (l == NULL)
        return;
    stss3_listing_clear(&l->listing);
    free(l->start_after);
    free(l->folder);
    stss3_store_unref(l->store);
    free(l);
}

static regstore_status check_opts(struct plug_call *call, const struct regstore_list_opts *o)
{
    TRY(plug_take_flags(call, o->flags, REGSTORE_LIST_AFTER_SUBTREE, "list_opts"));
    TRY(plug_prefix_check(call, o->prefix == NULL ? "" : o->prefix, "prefix"));
    TRY(plug_prefix_check(call, o->start_after == NULL ? "" : o->start_after, "start_after"));
    if (o->delimiter != NULL && strcmp(o->delimiter, "/") != 0)
        return plug_fail(call, REGSTORE_INVALID, "delimiter must be NULL or \"/\"");
    return REGSTORE_OK;
}

/* One more than is wanted never: the service is asked for no more than limit (uploads/, which is
 * passed over, may cost one entry). */
static unsigned page_size(const struct stss3_list *l)
{
    const uint64_t want = l->left == UINT64_MAX ? PAGE_SIZE : l->left + (l->hides_uploads ? 1 : 0);
    return want < PAGE_SIZE ? (unsigned)want : PAGE_SIZE;
}

/* False: no memory. */
static bool find_folder(struct stss3_list *l, const char *prefix)
{
    const size_t len = strlen(prefix);
    const char *slash =
        plug_starts_with(l->start_after, prefix) ? strchr(l->start_after + len, '/') : NULL;
    if (slash == NULL)
        return true;
    l->folder = strndup(l->start_after, (size_t)(slash - l->start_after) + 1);
    return l->folder != NULL;
}

static regstore_status new_list(struct stss3_store *store, struct plug_call *call,
                                const struct regstore_list_opts *o, struct stss3_list **out)
{
    const char *prefix = o->prefix == NULL ? "" : o->prefix;
    const char *after = o->start_after == NULL ? "" : o->start_after;
    struct stss3_list *l = calloc(1, sizeof *l);
    if (l == NULL)
        return plug_no_memory(call);
    l->store = stss3_store_ref(store);
    l->process = plug_process();
    l->left = o->limit == 0 ? UINT64_MAX : o->limit;
    l->is_after_subtree = (o->flags & REGSTORE_LIST_AFTER_SUBTREE) != 0 && after[0] != '\0';
    l->hides_uploads = !plug_starts_with(prefix, PLUG_UPLOADS);
    l->start_after = strdup(after);
    bool ok = l->start_after != NULL && (o->delimiter == NULL || find_folder(l, prefix)) &&
              stss3_listing_init(&l->listing, &store->running->client, prefix, after,
                                 o->delimiter != NULL, page_size(l));
    if (ok && l->folder != NULL)
        ok = stss3_listing_skip(&l->listing, l->folder);
    else if (ok && l->is_after_subtree)
        ok = stss3_listing_skip(&l->listing, after);
    if (!ok) {
        free_list(l);
        return plug_no_memory(call);
    }
    *out = l;
    return REGSTORE_OK;
}

regstore_status stss3_list_open(struct regstore_store *store, const struct regstore_call *call,
                                const struct regstore_list_opts *opts, struct regstore_list **out)
{
    struct plug_call c;
    struct regstore_list_opts o;
    struct stss3_list *l = NULL;
    regstore_status status = plug_call_begin(&c, call);
    *out = NULL;
    if (status == REGSTORE_OK)
        status = plug_take(&c, &o, sizeof o, opts, "list_opts");
    if (status == REGSTORE_OK)
        status = check_opts(&c, &o);
    if (status == REGSTORE_OK)
        status = stss3_store_enter(stss3_store_of(store), &c);
    if (status == REGSTORE_OK)
        status = new_list(stss3_store_of(store), &c, &o, &l);
    if (status == REGSTORE_OK)
        *out = (struct regstore_list *)(void *)l;
    return plug_call_end(&c, status);
}

/* Other tools' keys may be none of ours: "folder/" markers, "a//b", 1,024 bytes. */
static bool is_key(const struct stss3_entry *e)
{
    struct plug_call ignored = {0};
    const size_t len = strlen(e->key);
    if (!e->is_prefix)
        return plug_key_check(&ignored, e->key, "key") == REGSTORE_OK;
    return len != 0 && len < REGSTORE_KEY_MAX && e->key[len - 1] == '/' &&
           plug_prefix_check(&ignored, e->key, "prefix") == REGSTORE_OK;
}

/* Whether an entry is one that the host asked for.  Servers differ in what start_after does to
 * common prefixes; ours is the rule: after it, in byte order. */
static bool is_wanted(const struct stss3_list *l, const struct stss3_entry *e)
{
    if (e->key[0] == '\0' || strcmp(e->key, l->start_after) <= 0)
        return false;
    if (l->is_after_subtree && plug_starts_with(e->key, l->start_after))
        return false;
    if (e->is_prefix && !l->listing.has_delimiter)
        return false; /* nobody asked for common prefixes */
    return (!l->hides_uploads || !plug_starts_with(e->key, PLUG_UPLOADS)) && is_key(e);
}

/*
 * start_after speaks of keys, and a common prefix is there while a key below it is (LIST-1).
 * Servers differ when start_after lies inside one: AWS may give it, Ceph passes over it.  So we
 * look.
 */
static regstore_status look_into_folder(struct stss3_list *l, struct plug_call *call, bool *found)
{
    struct stss3_listing inside;
    *found = false;
    if (!stss3_listing_init(&inside, &l->store->running->client, l->folder, l->start_after, false,
                            1))
        return plug_no_memory(call);
    regstore_status status = REGSTORE_OK;
    if (l->is_after_subtree && !stss3_listing_skip(&inside, l->start_after))
        status = plug_no_memory(call);
    while (status == REGSTORE_OK && !*found && !inside.is_last) {
        status = stss3_listing_next(&inside, call);
        for (size_t i = 0; status == REGSTORE_OK && i < inside.n; i++)
            *found |= strcmp(inside.entries[i].key, l->start_after) > 0;
    }
    stss3_listing_clear(&inside);
    return status;
}

/* The next entry that is wanted; NULL with OK: the end. */
static regstore_status find_next(struct stss3_list *l, struct plug_call *call,
                                 const struct stss3_entry **out)
{
    if (l->folder != NULL) {
        bool is_there;
        TRY(look_into_folder(l, call, &is_there));
        l->folder_entry = (struct stss3_entry){.key = l->start_after, .is_prefix = true};
        l->start_after[strlen(l->folder)] = '\0'; /* all that follows is past the folder */
        free(l->folder);
        l->folder = NULL;
        *out = &l->folder_entry;
        if (is_there && (!l->hides_uploads || !plug_starts_with(l->start_after, PLUG_UPLOADS)))
            return REGSTORE_OK;
    }
    for (;;) {
        while (l->at < l->listing.n) {
            const struct stss3_entry *e = &l->listing.entries[l->at++];
            if (is_wanted(l, e)) {
                *out = e;
                return REGSTORE_OK;
            }
        }
        /* A page that ends in uploads/: the rest of that is jumped over, not walked through. */
        if (l->hides_uploads && !l->listing.is_last && l->listing.n != 0 &&
            plug_starts_with(l->listing.entries[l->listing.n - 1].key, PLUG_UPLOADS) &&
            !stss3_listing_skip(&l->listing, PLUG_UPLOADS))
            return plug_no_memory(call);
        *out = NULL;
        if (l->has_begun && l->listing.is_last)
            return REGSTORE_OK;
        l->listing.page_size = page_size(l);
        TRY(stss3_listing_next(&l->listing, call));
        l->has_begun = true;
        l->at = 0;
    }
}

static void stat_of_entry(const struct stss3_entry *e, struct regstore_stat *out)
{
    memset(out, 0, sizeof *out);
    out->length = e->length;
    out->mtime_ns = e->mtime_ns;
    out->flags = e->is_prefix ? REGSTORE_STAT_PREFIX : 0;
    memcpy(out->etag, e->etag, sizeof out->etag);
}

static regstore_status give_next(struct stss3_list *l, struct plug_call *call, char *key,
                                 struct regstore_stat *out)
{
    const struct stss3_entry *e = NULL;
    key[0] = '\0';
    TRY(plug_call_check(call));
    if (l->left == 0)
        return REGSTORE_OK;
    TRY(find_next(l, call, &e));
    if (e == NULL)
        return REGSTORE_OK;
    struct regstore_stat stat;
    stat_of_entry(e, &stat);
    memcpy(key, e->key, strlen(e->key) + 1); /* is_key() has seen that it fits */
    plug_give(out, &stat, sizeof stat);
    if (l->left != UINT64_MAX)
        l->left--;
    return REGSTORE_OK;
}

regstore_status stss3_list_next(struct regstore_list *list, const struct regstore_call *call,
                                char *key, size_t cap, struct regstore_stat *out)
{
    struct stss3_list *l = (struct stss3_list *)(void *)list;
    struct plug_call c;
    regstore_status status = plug_call_begin(&c, call);
    if (status == REGSTORE_OK && l->process != plug_process())
        status = plug_fail(&c, REGSTORE_STATE, "list: the handle was made before a fork (FORK-2)");
    if (status == REGSTORE_OK && (key == NULL || cap < REGSTORE_KEY_MAX))
        status =
            plug_fail(&c, REGSTORE_RANGE, "a key needs a buffer of %d bytes", REGSTORE_KEY_MAX);
    if (status == REGSTORE_OK)
        status = give_next(l, &c, key, out);
    return plug_call_end(&c, status);
}

void stss3_list_close(struct regstore_list *list)
{
    free_list((struct stss3_list *)(void *)list);
}
