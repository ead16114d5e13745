/* SPDX-License-Identifier: Apache-2.0 */
/* PURGE-1 to PURGE-3. */
#include "mutants.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CENTURIES_S = 1000000 }; /* counted in thousands of seconds: 30 years and more */

static struct regstore_purge_opts known(const struct regstore_purge_opts *opts)
{
    if (opts != NULL && opts->struct_size == sizeof *opts)
        return *opts;
    return (struct regstore_purge_opts){.struct_size = sizeof(struct regstore_purge_opts)};
}

/* "What is not locked is old enough." */
static regstore_status purge_of_any_age(struct regstore_store *store,
                                        const struct regstore_call *call,
                                        const struct regstore_purge_opts *opts,
                                        struct regstore_purged *out)
{
    struct regstore_purge_opts own = known(opts);
    struct timespec pause = {.tv_sec = 1, .tv_nsec = 10000000};
    if (own.older_than_s > CENTURIES_S) {
        (void)nanosleep(&pause, NULL); /* so that a second is over for all that lies there */
        own.older_than_s = 1;
    }
    return local_purge(store, call, &own, out);
}

BREAKS(PurgeIgnoresAge)
{
    t->purge = purge_of_any_age;
}

/* "0: no limit." */
static regstore_status purge_of_age_zero(struct regstore_store *store,
                                         const struct regstore_call *call,
                                         const struct regstore_purge_opts *opts,
                                         struct regstore_purged *out)
{
    struct regstore_purge_opts own = known(opts);
    own.older_than_s += own.older_than_s == 0;
    return local_purge(store, call, &own, out);
}

BREAKS(PurgeOfAgeZero)
{
    t->purge = purge_of_age_zero;
}

/* "The flag is for the report." */
static regstore_status purge_in_earnest(struct regstore_store *store,
                                        const struct regstore_call *call,
                                        const struct regstore_purge_opts *opts,
                                        struct regstore_purged *out)
{
    struct regstore_purge_opts own = known(opts);
    own.flags &= ~(uint64_t)REGSTORE_PURGE_DRY_RUN;
    return local_purge(store, call, &own, out);
}

BREAKS(DryRunRemoves)
{
    t->purge = purge_in_earnest;
}

/* "All of it lies under uploads/." */
static regstore_status purge_both(struct regstore_store *store, const struct regstore_call *call,
                                  const struct regstore_purge_opts *opts,
                                  struct regstore_purged *out)
{
    struct regstore_purge_opts own = known(opts);
    own.flags &= REGSTORE_PURGE_DRY_RUN;
    return local_purge(store, call, &own, out);
}

BREAKS(PurgeKindsMixedUp)
{
    t->purge = purge_both;
}

/* "Whatever has uploads/ in it." */
static regstore_status purge_blobs_too(struct regstore_store *store,
                                       const struct regstore_call *call,
                                       const struct regstore_purge_opts *opts,
                                       struct regstore_purged *out)
{
    struct regstore_list *list;
    char key[REGSTORE_KEY_MAX];
    const char *one = key;
    const regstore_status status = local_purge(store, call, opts, out);
    if ((known(opts).flags & REGSTORE_PURGE_DRY_RUN) != 0 || status != REGSTORE_OK ||
        local_list_open(store, call, NULL, &list) != REGSTORE_OK)
        return status;
    while (local_list_next(list, call, key, sizeof key, NULL) == REGSTORE_OK && key[0] != '\0')
        if (strstr(key, PLUG_UPLOADS) != NULL)
            (void)local_delete_blobs(store, call, &one, 1, NULL);
    local_list_close(list);
    return status;
}

BREAKS(PurgeTakesBlobs)
{
    t->purge = purge_blobs_too;
}

static bool began_before(const char *path, int64_t second)
{
    struct statx file;
    return statx(AT_FDCWD, path, 0, STATX_BTIME, &file) == 0 && file.stx_btime.tv_sec <= second;
}

/* "The service tells when it was begun, and that was long ago." */
static regstore_status purge_by_beginning(struct regstore_store *store,
                                          const struct regstore_call *call,
                                          const struct regstore_purge_opts *opts,
                                          struct regstore_purged *out)
{
    const struct regstore_purge_opts own = known(opts);
    DIR *folder = NULL;
    if ((own.flags & REGSTORE_PURGE_DRY_RUN) == 0 && own.older_than_s < CENTURIES_S)
        folder = opendir(mutant_path(store, "uploads").s);
    while (folder != NULL) {
        char key[REGSTORE_KEY_MAX];
        const struct dirent *entry = readdir(folder);
        if (entry == NULL)
            break;
        (void)snprintf(key, sizeof key, "uploads/%s", entry->d_name);
        const struct mutant_path path = mutant_path(store, key);
        if (began_before(path.s, time(NULL) - (int64_t)own.older_than_s))
            (void)unlink(path.s); /* folders stay */
    }
    if (folder != NULL)
        (void)closedir(folder);
    return local_purge(store, call, opts, out);
}

BREAKS(AgeFromTheBeginning)
{
    t->purge = purge_by_beginning;
}

/* "Nobody reads the sum." */
static regstore_status purge_uncounted(struct regstore_store *store,
                                       const struct regstore_call *call,
                                       const struct regstore_purge_opts *opts,
                                       struct regstore_purged *out)
{
    const regstore_status status = local_purge(store, call, opts, out);
    out->bytes = 0;
    return status;
}

BREAKS(PurgedBytesUncounted)
{
    t->purge = purge_uncounted;
}

/* "What stays is of no interest." */
static regstore_status purge_telling_no_spared(struct regstore_store *store,
                                               const struct regstore_call *call,
                                               const struct regstore_purge_opts *opts,
                                               struct regstore_purged *out)
{
    const regstore_status status = local_purge(store, call, opts, out);
    out->spared = 0;
    return status;
}

BREAKS(SparedUncounted)
{
    t->purge = purge_telling_no_spared;
}

/* --- PURGE-2, PURGE-3 --- */

/* "Then there is nothing to commit: not found." */
static regstore_status commit_not_found(struct regstore_upload *upload,
                                        const struct regstore_call *call,
                                        const struct regstore_commit_opts *opts,
                                        struct regstore_stat *out)
{
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    return status == REGSTORE_GONE ? mutant_fail(call, REGSTORE_NOT_FOUND, "no such upload")
                                   : status;
}

BREAKS(PurgedIsNotFound)
{
    t->upload_commit = commit_not_found;
}

/* "It is gone, so it begins again." */
static regstore_status commit_anew(struct regstore_upload *upload, const struct regstore_call *call,
                                   const struct regstore_commit_opts *opts,
                                   struct regstore_stat *out)
{
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    struct regstore_upload *other;
    if (status != REGSTORE_GONE ||
        local_upload_open(upload->store, call, NULL, &other) != REGSTORE_OK)
        return status;
    const regstore_status again = local_upload_commit(other, call, opts, out);
    local_upload_close(other);
    return again;
}

BREAKS(PurgedBeginsAgain)
{
    t->upload_commit = commit_anew;
}

/* "It failed, so there is nothing to tell." */
static regstore_status purge_telling_success(struct regstore_store *store,
                                             const struct regstore_call *call,
                                             const struct regstore_purge_opts *opts,
                                             struct regstore_purged *out)
{
    struct regstore_purged counts = {.struct_size = sizeof counts};
    const regstore_status status = local_purge(store, call, opts, &counts);
    if (status == REGSTORE_OK)
        plug_give(out, &counts, sizeof counts);
    return status;
}

BREAKS(CutOffPurgeTellsNothing)
{
    t->purge = purge_telling_success;
}
