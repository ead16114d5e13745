/* SPDX-License-Identifier: Apache-2.0 */
#include "mutants.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* LocalStorage's own entry, by another name in this build. */
const struct regstore_plugin *local_plugin_v1(void);

static char secret[128];

const char *good_secret(void)
{
    return secret;
}

/* Takes the secret out of the settings, which LocalStorage does not know.  False: it is there
 * twice. */
static bool take_secret(struct regstore_pair *settings, size_t *n)
{
    size_t kept = 0;
    bool is_taken = false;
    secret[0] = '\0';
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(settings[i].key, MUTANT_SECRET) != 0) {
            settings[kept++] = settings[i];
            continue;
        }
        if (is_taken)
            return false;
        is_taken = true;
        (void)snprintf(secret, sizeof secret, "%s", settings[i].value);
    }
    *n = kept;
    return true;
}

regstore_status good_store_open(const struct regstore_call *call, const struct regstore_host *host,
                                const struct regstore_pair *settings, size_t n,
                                struct regstore_store **out)
{
    struct regstore_pair *own = calloc(n + 1, sizeof *own);
    if (own == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    if (n > 0)
        memcpy(own, settings, n * sizeof *own);
    const regstore_status status =
        take_secret(own, &n)
            ? local_store_open(call, host, own, n, out)
            : mutant_fail(call, REGSTORE_CONFIG, MUTANT_SECRET ": it is given twice");
    free(own);
    return status;
}

const struct regstore_plugin *good_plugin(void)
{
    static struct regstore_param params[3];
    static struct regstore_plugin table;
    params[0] = local_params[0];
    params[1] = (struct regstore_param){MUTANT_SECRET, NULL, "Nothing needs it: a secret to keep.",
                                        REGSTORE_PARAM_SECRET};
    table = *local_plugin_v1();
    table.params = params;
    table.store_open = good_store_open;
    return &table;
}

BREAKS(Good)
{
    (void)t; /* it breaks nothing */
}

regstore_status mutant_fail(const struct regstore_call *host_call, regstore_status status,
                            const char *words)
{
    struct plug_call call;
    if (plug_call_begin(&call, host_call) == REGSTORE_OK)
        (void)plug_fail(&call, status, "%s", words);
    return plug_call_end(&call, status);
}

struct mutant_path mutant_path(const struct regstore_store *store, const char *key)
{
    struct mutant_path path;
    if (snprintf(path.s, sizeof path.s, "%s/%s", store->path, key) >= (int)sizeof path.s)
        path.s[0] = '\0'; /* no file has this name */
    return path;
}

struct mutant_path mutant_staged(const struct regstore_upload *upload)
{
    char name[LOCAL_NAME_MAX], key[LOCAL_NAME_MAX + sizeof "uploads/"];
    local_name_text(&upload->staging.name, name);
    (void)snprintf(key, sizeof key, "uploads/%s", name);
    return mutant_path(upload->store, key);
}

bool mutant_is_there(const struct regstore_store *store, const char *key)
{
    return access(mutant_path(store, key).s, F_OK) == 0;
}

void mutant_pause_ms(unsigned ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

void mutant_detach(void *(*work)(void *arg), void *arg, bool with_signals)
{
    pthread_t thread;
    sigset_t all, before;
    (void)sigfillset(&all); /* cannot fail */
    if (with_signals)
        (void)sigemptyset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, work, arg) == 0)
        (void)pthread_detach(thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}
