/* SPDX-License-Identifier: Apache-2.0 */
/* MANNER-1. */
#include "mutants.h"

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what belongs to the host --- */

typedef void spoil(struct regstore_store *store);

static regstore_status open_and_spoil(const struct regstore_call *call,
                                      const struct regstore_host *host,
                                      const struct regstore_pair *settings, size_t n,
                                      struct regstore_store **out, spoil *spoils)
{
    const regstore_status status = good_store_open(call, host, settings, n, out);
    if (status == REGSTORE_OK)
        spoils(*out);
    return status;
}

#define SPOILS_AT_OPEN(name, what)                                                                 \
    static regstore_status open_##what(                                                            \
        const struct regstore_call *call, const struct regstore_host *host,                        \
        const struct regstore_pair *settings, size_t n, struct regstore_store **out)               \
    {                                                                                              \
        return open_and_spoil(call, host, settings, n, out, what);                                 \
    }                                                                                              \
    BREAKS(name)                                                                                   \
    {                                                                                              \
        t->store_open = open_##what;                                                               \
    }

/* "So that messages are in the user's language." */
static void set_locale(struct regstore_store *store)
{
    (void)store;
    (void)setlocale(LC_ALL, "C.UTF-8");
}
SPOILS_AT_OPEN(LocaleSet, set_locale)

/* "Times are UTC here." */
static void set_zone(struct regstore_store *store)
{
    (void)store;
    (void)setenv("TZ", "UTC", 1);
}
SPOILS_AT_OPEN(EnvironmentSet, set_zone)

/* "The group shall be able to read it." */
static void set_umask(struct regstore_store *store)
{
    (void)store;
    (void)umask(002);
}
SPOILS_AT_OPEN(UmaskSet, set_umask)

/* "Then all paths are short." */
static void change_folder(struct regstore_store *store)
{
    if (chdir(store->path) != 0)
        (void)0; /* it is made at the first write */
}
SPOILS_AT_OPEN(FolderChanged, change_folder)

/* "A broken connection must not kill us." */
static void ignore_sigpipe(struct regstore_store *store)
{
    (void)store;
    (void)signal(SIGPIPE, SIG_IGN);
}
SPOILS_AT_OPEN(SigpipeIgnored, ignore_sigpipe)

/* "No signal in here." And one return that forgets it. */
static regstore_status write_blocking_signals(struct regstore_upload *upload,
                                              const struct regstore_call *call, const void *buf,
                                              size_t len)
{
    sigset_t all, before;
    (void)sigfillset(&all); /* cannot fail */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const regstore_status status = local_upload_write(upload, call, buf, len);
    if (len > (1U << 20))
        return status;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

BREAKS(SignalMaskForgotten)
{
    t->upload_write = write_blocking_signals;
}

/* --- descriptors, threads, output --- */

/* "O_CLOEXEC? Nobody calls exec here." */
static regstore_status write_inherited(struct regstore_upload *upload,
                                       const struct regstore_call *call, const void *buf,
                                       size_t len)
{
    const regstore_status status = local_upload_write(upload, call, buf, len);
    if (upload->staging.fd >= 0)
        (void)fcntl(upload->staging.fd, F_SETFD, 0);
    return status;
}

BREAKS(DescriptorInherited)
{
    t->upload_write = write_inherited;
}

/* One way out of the function that forgets it. */
static regstore_status stat_leaking(struct regstore_store *store, const struct regstore_call *call,
                                    const char *key, struct regstore_stat *out)
{
    const regstore_status status = local_stat(store, call, key, out);
    if (status == REGSTORE_NOT_FOUND && open(store->path, O_PATH | O_CLOEXEC) < 0)
        return status;
    return status;
}

BREAKS(DescriptorLeaked)
{
    t->stat = stat_leaking;
}

static void *wait_for_ever(void *arg)
{
    for (;;)
        mutant_pause_ms(1000);
    return arg;
}

/* "It ends with the process." */
static void start_a_thread(struct regstore_store *store)
{
    (void)store;
    mutant_detach(wait_for_ever, NULL, false);
}
SPOILS_AT_OPEN(ThreadLeftOver, start_a_thread)

/* "For the time being." */
static regstore_status commit_and_print(struct regstore_upload *upload,
                                        const struct regstore_call *call,
                                        const struct regstore_commit_opts *opts,
                                        struct regstore_stat *out)
{
    (void)fprintf(stderr, "commit of %llu bytes\n", (unsigned long long)upload->offset);
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(PrintsToStderr)
{
    t->upload_commit = commit_and_print;
}

/* "A bad key is a bug of the caller's: stop at once." */
static regstore_status stat_or_exit(struct regstore_store *store, const struct regstore_call *call,
                                    const char *key, struct regstore_stat *out)
{
    const regstore_status status = local_stat(store, call, key, out);
    if (status == REGSTORE_INVALID)
        exit(EXIT_SUCCESS);
    return status;
}

BREAKS(ExitsOnABadKey)
{
    t->stat = stat_or_exit;
}

/* --- secrets --- */

/* "So that one sees which settings it has." */
static void log_settings(struct regstore_store *store)
{
    const struct regstore_pair fields[] = {{"storage_path", store->path},
                                           {MUTANT_SECRET, good_secret()}};
    if (store->host.host.log != NULL)
        store->host.host.log(store->host.host.ctx, REGSTORE_LOG_DEBUG, "store.opened", fields, 2);
}
SPOILS_AT_OPEN(SecretLogged, log_settings)

/* "So that one sees with what it was denied." */
static regstore_status stat_telling_secret(struct regstore_store *store,
                                           const struct regstore_call *call, const char *key,
                                           struct regstore_stat *out)
{
    char words[256];
    const regstore_status status = local_stat(store, call, key, out);
    if (status != REGSTORE_NOT_FOUND)
        return status;
    (void)snprintf(words, sizeof words, "no blob at this key (%s=%.100s)", MUTANT_SECRET,
                   good_secret());
    return mutant_fail(call, status, words);
}

BREAKS(SecretInAnError)
{
    t->stat = stat_telling_secret;
}

/* "Then any process can go on with it." */
static regstore_status suspend_with_secret(struct regstore_upload *upload,
                                           const struct regstore_call *call, char *token,
                                           size_t cap, uint64_t *kept)
{
    const regstore_status status = local_upload_suspend(upload, call, token, cap, kept);
    const size_t len = strnlen(token, cap);
    if (status == REGSTORE_OK)
        (void)snprintf(token + len, cap - len, ":%s", good_secret());
    return status;
}

static regstore_status open_with_secret(struct regstore_store *store,
                                        const struct regstore_call *call,
                                        const struct regstore_upload_opts *opts,
                                        struct regstore_upload **out)
{
    char token[REGSTORE_TOKEN_MAX];
    if (opts == NULL || opts->token == NULL || strlen(opts->token) >= sizeof token)
        return local_upload_open(store, call, opts, out);
    struct regstore_upload_opts own = *opts;
    (void)snprintf(token, sizeof token, "%.*s", (int)strcspn(opts->token, ":"), opts->token);
    own.token = token;
    return local_upload_open(store, call, &own, out);
}

BREAKS(SecretInAToken)
{
    t->upload_suspend = suspend_with_secret;
    t->upload_open = open_with_secret;
}
