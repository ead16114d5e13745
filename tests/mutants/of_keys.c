/* SPDX-License-Identifier: Apache-2.0 */
/* KEY-1 to KEY-4. */
#include "mutants.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* stat of a key that breaks the rule, and yet is let through: no blob has such a key. */
static regstore_status stat_letting(struct regstore_store *store, const struct regstore_call *call,
                                    const char *key, struct regstore_stat *out,
                                    bool (*is_let)(const char *key))
{
    const regstore_status status = local_stat(store, call, key, out);
    if (status == REGSTORE_INVALID && is_let(key))
        return mutant_fail(call, REGSTORE_NOT_FOUND, "no blob at this key");
    return status;
}

static bool has_dots(const char *key)
{
    return strstr(key, "..") != NULL;
}

/* "Reading cannot write anything, so the check is only for targets." */
static regstore_status stat_of_dots(struct regstore_store *store, const struct regstore_call *call,
                                    const char *key, struct regstore_stat *out)
{
    return stat_letting(store, call, key, out, has_dots);
}

BREAKS(DotDotTaken)
{
    t->stat = stat_of_dots;
}

static bool has_newline(const char *key)
{
    return strchr(key, '\n') != NULL;
}

/* "isprint() || isspace()" */
static regstore_status stat_of_newline(struct regstore_store *store,
                                       const struct regstore_call *call, const char *key,
                                       struct regstore_stat *out)
{
    return stat_letting(store, call, key, out, has_newline);
}

BREAKS(NewlineTaken)
{
    t->stat = stat_of_newline;
}

static bool has_surrogate(const char *key)
{
    return strstr(key, "\xed\xa0") != NULL;
}

/* "A lead byte and two more: that is UTF-8." */
static regstore_status stat_of_surrogate(struct regstore_store *store,
                                         const struct regstore_call *call, const char *key,
                                         struct regstore_stat *out)
{
    return stat_letting(store, call, key, out, has_surrogate);
}

BREAKS(SurrogateTaken)
{
    t->stat = stat_of_surrogate;
}

static bool is_one_too_long(const char *key)
{
    return strlen(key) == REGSTORE_KEY_MAX;
}

/* "strlen(key) > REGSTORE_KEY_MAX" */
static regstore_status stat_of_long(struct regstore_store *store, const struct regstore_call *call,
                                    const char *key, struct regstore_stat *out)
{
    return stat_letting(store, call, key, out, is_one_too_long);
}

BREAKS(KeyOneTooLongTaken)
{
    t->stat = stat_of_long;
}

/* "Most keys are good: look first." */
static regstore_status stat_looking_first(struct regstore_store *store,
                                          const struct regstore_call *call, const char *key,
                                          struct regstore_stat *out)
{
    if (!mutant_is_there(store, key) && local_stat(store, call, key, out) == REGSTORE_OK)
        return mutant_fail(call, REGSTORE_NOT_FOUND, "no blob at this key");
    return local_stat(store, call, key, out);
}

BREAKS(KeyCheckedAfterLook)
{
    t->stat = stat_looking_first;
}

/* "A space at the end is a slip of somebody's." */
static regstore_status commit_trimmed(struct regstore_upload *upload,
                                      const struct regstore_call *call,
                                      const struct regstore_commit_opts *opts,
                                      struct regstore_stat *out)
{
    char key[REGSTORE_KEY_MAX];
    if (opts == NULL || opts->key == NULL || strlen(opts->key) >= sizeof key)
        return local_upload_commit(upload, call, opts, out);
    struct regstore_commit_opts own = *opts;
    (void)snprintf(key, sizeof key, "%s", opts->key);
    for (size_t len = strlen(key); len > 0 && key[len - 1] == ' '; len--)
        key[len - 1] = '\0';
    own.key = key;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(KeyTrimmed)
{
    t->upload_commit = commit_trimmed;
}

/* "Too long is too long." */
static regstore_status commit_naming_no_limit(struct regstore_upload *upload,
                                              const struct regstore_call *call,
                                              const struct regstore_commit_opts *opts,
                                              struct regstore_stat *out)
{
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    return status == REGSTORE_INVALID ? mutant_fail(call, status, "the key is too long") : status;
}

BREAKS(LimitUnnamed)
{
    t->upload_commit = commit_naming_no_limit;
}

/* "The newer one wins." */
static regstore_status commit_making_way(struct regstore_upload *upload,
                                         const struct regstore_call *call,
                                         const struct regstore_commit_opts *opts,
                                         struct regstore_stat *out)
{
    const char *key = opts != NULL && opts->key != NULL ? opts->key : upload->key;
    for (const char *at = key; at != NULL && (at = strchr(at, '/')) != NULL; at++) {
        struct mutant_path folder = mutant_path(upload->store, key);
        folder.s[strlen(upload->store->path) + 1 + (size_t)(at - key)] = '\0';
        (void)unlink(folder.s); /* fails where it is a folder, as it should be */
    }
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(BlobMakesWay)
{
    t->upload_commit = commit_making_way;
}

/* "It was sealed, so it must be there: the folder is in the way, not the blob." */
static regstore_status commit_losing_conflict(struct regstore_upload *upload,
                                              const struct regstore_call *call,
                                              const struct regstore_commit_opts *opts,
                                              struct regstore_stat *out)
{
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    return status == REGSTORE_CONFLICT ? REGSTORE_OK : status;
}

BREAKS(ConflictOverlooked)
{
    t->upload_commit = commit_losing_conflict;
}

/* "stat() says that it is there." */
static regstore_status stat_of_anything(struct regstore_store *store,
                                        const struct regstore_call *call, const char *key,
                                        struct regstore_stat *out)
{
    const regstore_status status = local_stat(store, call, key, out);
    struct stat file;
    if (status != REGSTORE_NOT_FOUND || stat(mutant_path(store, key).s, &file) != 0)
        return status;
    struct regstore_stat found;
    local_stat_fill(&found, &file);
    plug_give(out, &found, sizeof found);
    return REGSTORE_OK;
}

BREAKS(FolderIsABlob)
{
    t->stat = stat_of_anything;
}

static regstore_status delete_below(struct regstore_store *store, const struct regstore_call *call,
                                    const char *folder)
{
    char key[REGSTORE_KEY_MAX], prefix[REGSTORE_KEY_MAX];
    struct regstore_list *list;
    (void)snprintf(prefix, sizeof prefix, "%.1000s/", folder);
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix};
    regstore_status status = local_list_open(store, call, &opts, &list);
    if (status != REGSTORE_OK)
        return status;
    const char *one = key;
    while ((status = local_list_next(list, call, key, sizeof key, NULL)) == REGSTORE_OK &&
           key[0] != '\0')
        (void)local_delete_blobs(store, call, &one, 1, NULL);
    local_list_close(list);
    return status;
}

/* "rm -r" */
static regstore_status delete_subtrees(struct regstore_store *store,
                                       const struct regstore_call *call, const char *const *keys,
                                       size_t n, regstore_status *results)
{
    for (size_t i = 0; i < n; i++)
        (void)delete_below(store, call, keys[i]);
    return local_delete_blobs(store, call, keys, n, results);
}

BREAKS(DeleteTakesSubtree)
{
    t->delete_blobs = delete_subtrees;
}

/* "It is a folder like any other." */
static regstore_status copy_anywhere(struct regstore_store *store, const struct regstore_call *call,
                                     const char *from, const char *to,
                                     const struct regstore_copy_opts *opts)
{
    const struct mutant_path source = mutant_path(store, from), target = mutant_path(store, to);
    if (plug_starts_with(to, PLUG_UPLOADS) && mutant_is_there(store, from)) {
        (void)unlink(target.s);
        return link(source.s, target.s) == 0
                   ? REGSTORE_OK
                   : mutant_fail(call, REGSTORE_UNAVAILABLE, "the target cannot be made");
    }
    return local_copy(store, call, from, to, opts);
}

BREAKS(UploadsIsATarget)
{
    t->copy = copy_anywhere;
}

/* "Whoever asks for what begins with 'u' can only mean this." */
static regstore_status list_uploads_too(struct regstore_store *store,
                                        const struct regstore_call *call,
                                        const struct regstore_list_opts *opts,
                                        struct regstore_list **out)
{
    struct regstore_list_opts own = {.struct_size = sizeof own};
    if (opts != NULL)
        own = *opts;
    const char *prefix = own.prefix != NULL ? own.prefix : "";
    if (prefix[0] != '\0' && strncmp(PLUG_UPLOADS, prefix, strlen(prefix)) == 0)
        own.prefix = PLUG_UPLOADS;
    return local_list_open(store, call, &own, out);
}

BREAKS(UploadsListed)
{
    t->list_open = list_uploads_too;
}

/* "Nobody but us has any business there." */
static regstore_status stat_but_uploads(struct regstore_store *store,
                                        const struct regstore_call *call, const char *key,
                                        struct regstore_stat *out)
{
    if (strncmp(key, PLUG_UPLOADS, strlen(PLUG_UPLOADS)) == 0)
        return mutant_fail(call, REGSTORE_INVALID, "uploads/ is the backend's own");
    return local_stat(store, call, key, out);
}

BREAKS(UploadsUnreadable)
{
    t->stat = stat_but_uploads;
}
