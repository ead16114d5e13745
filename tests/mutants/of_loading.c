/* SPDX-License-Identifier: Apache-2.0 */
/* LOAD-1, STORE-1, CHECK-1: what is done too early, or told too little. */
#include "mutants.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- LOAD-1 --- */

static void *wait_for_ever(void *arg)
{
    for (;;)
        mutant_pause_ms(1000);
    return arg;
}

/* "The worker is needed anyhow, so it may as well be there from the start." */
BREAKS(ThreadAtLoad)
{
    (void)t;
    mutant_detach(wait_for_ever, NULL, false);
}

/* "Random numbers are wanted all the time." */
BREAKS(DescriptorAtLoad)
{
    (void)t;
    if (open("/dev/urandom", O_RDONLY | O_CLOEXEC) < 0)
        abort(); /* there is one on every Linux */
}

/* Its entry.c is compiled with SECOND_EXPORT. */
BREAKS(SecondExport)
{
    (void)t;
}

/* It is linked without -z nodelete: "dlclose shall give the memory back." */
BREAKS(Unloadable)
{
    (void)t;
}

/* Its entry.c is compiled with TABLE_OF_THE_THREAD. */
BREAKS(TableOfTheThread)
{
    (void)t;
}

static struct regstore_plugin *own_table;

/* "Now that a store is open, the table can say how it is called." */
static regstore_status open_and_describe(const struct regstore_call *call,
                                         const struct regstore_host *host,
                                         const struct regstore_pair *settings, size_t n,
                                         struct regstore_store **out)
{
    const regstore_status status = good_store_open(call, host, settings, n, out);
    if (status == REGSTORE_OK)
        own_table->description = "Blobs as files in a folder that is open.";
    return status;
}

BREAKS(TableChanges)
{
    own_table = t;
    t->store_open = open_and_describe;
}

/* "There is one extension, so whoever asks means that one." */
static const void *the_extension(const char *id)
{
    return id;
}

BREAKS(ExtensionForAll)
{
    t->extension = the_extension;
}

/* "It does not presign yet; the host can see that from the slot." */
static uint64_t features_and_more(const struct regstore_store *store)
{
    return local_store_features(store) | REGSTORE_F_PRESIGN_GET;
}

BREAKS(FeatureTooMany)
{
    t->store_features = features_and_more;
}

/* --- STORE-1 --- */

typedef size_t choose(struct regstore_pair *settings, size_t n);

/* store_open on settings of which some were left out or added. */
static regstore_status open_with(const struct regstore_call *call, const struct regstore_host *host,
                                 const struct regstore_pair *settings, size_t n,
                                 struct regstore_store **out, choose *chosen)
{
    struct regstore_pair *own = calloc(n + 1, sizeof *own);
    if (own == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        own[i] = settings[i];
    const regstore_status status = good_store_open(call, host, own, chosen(own, n), out);
    free(own);
    return status;
}

static size_t only_known(struct regstore_pair *settings, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (strcmp(settings[i].key, "storage_path") == 0 ||
            strcmp(settings[i].key, MUTANT_SECRET) == 0)
            settings[kept++] = settings[i];
    return kept;
}

/* "An older plugin must not stumble over a newer setting." */
static regstore_status open_known(const struct regstore_call *call,
                                  const struct regstore_host *host,
                                  const struct regstore_pair *settings, size_t n,
                                  struct regstore_store **out)
{
    return open_with(call, host, settings, n, out, only_known);
}

BREAKS(UnknownSettingIgnored)
{
    t->store_open = open_known;
}

static size_t the_last_of_each(struct regstore_pair *settings, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool comes_again = false;
        for (size_t j = i + 1; j < n; j++)
            comes_again |= strcmp(settings[i].key, settings[j].key) == 0;
        if (!comes_again)
            settings[kept++] = settings[i];
    }
    return kept;
}

/* "The last one wins, as on a command line." */
static regstore_status open_last(const struct regstore_call *call, const struct regstore_host *host,
                                 const struct regstore_pair *settings, size_t n,
                                 struct regstore_store **out)
{
    return open_with(call, host, settings, n, out, the_last_of_each);
}

BREAKS(SettingTwiceTaken)
{
    t->store_open = open_last;
}

static size_t with_a_path(struct regstore_pair *settings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(settings[i].key, "storage_path") == 0)
            return n;
    settings[n] = (struct regstore_pair){"storage_path", "/var/lib/registry"};
    return n + 1;
}

/* "Everybody has it there." */
static regstore_status open_somewhere(const struct regstore_call *call,
                                      const struct regstore_host *host,
                                      const struct regstore_pair *settings, size_t n,
                                      struct regstore_store **out)
{
    return open_with(call, host, settings, n, out, with_a_path);
}

BREAKS(MissingSettingGuessed)
{
    t->store_open = open_somewhere;
}

/* "They have one line of settings; they will find it." */
static regstore_status open_vaguely(const struct regstore_call *call,
                                    const struct regstore_host *host,
                                    const struct regstore_pair *settings, size_t n,
                                    struct regstore_store **out)
{
    const regstore_status status = good_store_open(call, host, settings, n, out);
    return status == REGSTORE_CONFIG ? mutant_fail(call, status, "the configuration is wrong")
                                     : status;
}

BREAKS(WrongSettingUnnamed)
{
    t->store_open = open_vaguely;
}

/* "Better to say at once that the folder is not there." */
static regstore_status open_and_look(const struct regstore_call *call,
                                     const struct regstore_host *host,
                                     const struct regstore_pair *settings, size_t n,
                                     struct regstore_store **out)
{
    const regstore_status status = good_store_open(call, host, settings, n, out);
    struct stat folder;
    if (status == REGSTORE_OK && stat((*out)->path, &folder) == 0 && !S_ISDIR(folder.st_mode)) {
        local_store_close(*out);
        return mutant_fail(call, REGSTORE_CONFIG, "storage_path: not a folder");
    }
    return status;
}

BREAKS(StoreOpenLooks)
{
    t->store_open = open_and_look;
}

/* --- CHECK-1 --- */

/* "The status says it all." */
static regstore_status check_silently(struct regstore_store *store,
                                      const struct regstore_call *call,
                                      const struct regstore_check_opts *opts)
{
    struct regstore_check_opts own = {.struct_size = sizeof own};
    if (opts != NULL)
        own.flags = opts->flags;
    return local_check(store, call, &own);
}

BREAKS(CheckTellsNothing)
{
    t->check = check_silently;
}

struct check {
    struct regstore_store *store;
    const struct regstore_call *call;
    const struct regstore_check_opts *opts;
    regstore_status status;
};

static void *check_there(void *arg)
{
    struct check *check = arg;
    check->status = local_check(check->store, check->call, check->opts);
    return NULL;
}

/* "I/O belongs to the worker." */
static regstore_status check_on_worker(struct regstore_store *store,
                                       const struct regstore_call *call,
                                       const struct regstore_check_opts *opts)
{
    pthread_t thread;
    struct check check = {store, call, opts, REGSTORE_OK};
    if (pthread_create(&thread, NULL, check_there, &check) != 0)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "no thread");
    (void)pthread_join(thread, NULL);
    return check.status;
}

BREAKS(CheckOnWorker)
{
    t->check = check_on_worker;
}

static void tell_nameless(void *ctx, const char *name, regstore_status status, const char *found,
                          const char *advice)
{
    const struct regstore_check_opts *opts = ctx;
    (void)name;
    opts->step(opts->ctx, "", status, found, advice);
}

static void tell_warning(void *ctx, const char *name, regstore_status status, const char *found,
                         const char *advice)
{
    const struct regstore_check_opts *opts = ctx;
    const bool is_full = strcmp(name, "storage_path") == 0;
    opts->step(opts->ctx, name, is_full ? REGSTORE_NO_SPACE : status, found, advice);
}

static regstore_status check_telling(struct regstore_store *store, const struct regstore_call *call,
                                     const struct regstore_check_opts *opts,
                                     void (*tell)(void *, const char *, regstore_status,
                                                  const char *, const char *))
{
    struct regstore_check_opts theirs = {.struct_size = sizeof theirs};
    if (opts != NULL)
        theirs = *opts;
    if (theirs.step == NULL)
        return local_check(store, call, opts);
    const struct regstore_check_opts own = {
        .struct_size = sizeof own, .flags = theirs.flags, .ctx = &theirs, .step = tell};
    return local_check(store, call, &own);
}

/* "What was found is clear enough." */
static regstore_status check_nameless(struct regstore_store *store,
                                      const struct regstore_call *call,
                                      const struct regstore_check_opts *opts)
{
    return check_telling(store, call, opts, tell_nameless);
}

BREAKS(CheckStepsNameless)
{
    t->check = check_nameless;
}

/* "A disk that is nearly full is a warning; the check as such is OK." */
static regstore_status check_warning(struct regstore_store *store, const struct regstore_call *call,
                                     const struct regstore_check_opts *opts)
{
    return check_telling(store, call, opts, tell_warning);
}

BREAKS(CheckOkInSpiteOfAStep)
{
    t->check = check_warning;
}

/* "It is empty, and the next check needs it again." */
static regstore_status check_and_leave(struct regstore_store *store,
                                       const struct regstore_call *call,
                                       const struct regstore_check_opts *opts)
{
    const struct regstore_commit_opts to = {.struct_size = sizeof to, .key = "check/probe"};
    struct regstore_upload *probe;
    if (opts == NULL || (opts->flags & REGSTORE_CHECK_WRITE) == 0 ||
        local_upload_open(store, call, NULL, &probe) != REGSTORE_OK)
        return local_check(store, call, opts);
    (void)local_upload_commit(probe, call, &to, NULL);
    local_upload_close(probe);
    return local_check(store, call, opts);
}

BREAKS(CheckLeavesAProbe)
{
    t->check = check_and_leave;
}
