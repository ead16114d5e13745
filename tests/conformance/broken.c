/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LocalStorage with one verb broken beyond what a status can tell: for the suite's own tests, which
 * shall report it and go on.  BREAK_... chooses what; REAL is LocalStorage's path.
 */
#include "regstore.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct regstore_plugin table;
static const struct regstore_plugin *real;

#ifdef BREAK_CRASHES
static regstore_status read_next(struct regstore_reader *reader, const struct regstore_call *call,
                                 void *buf, size_t cap, size_t *got)
{
    (void)reader, (void)call, (void)buf, (void)cap, (void)got;
    (void)raise(SIGSEGV); /* a store through a bad pointer, that no sanitizer has words for */
    return REGSTORE_INTERNAL;
}
#endif

#ifdef BREAK_HANGS
static regstore_status upload_write(struct regstore_upload *upload,
                                    const struct regstore_call *call, const void *data, size_t len)
{
    (void)upload, (void)call, (void)data, (void)len;
    for (;;)
        (void)pause(); /* it returns with every signal that is handled */
    return REGSTORE_INTERNAL;
}
#endif

#ifdef BREAK_EXITS
static regstore_status stat_blob(struct regstore_store *store, const struct regstore_call *call,
                                 const char *key, struct regstore_stat *out)
{
    (void)store, (void)call, (void)key, (void)out;
    _exit(EXIT_SUCCESS); /* as a test that has passed would */
}
#endif

#ifdef BREAK_CLOSES_OUTPUT
static regstore_status upload_commit(struct regstore_upload *upload,
                                     const struct regstore_call *call,
                                     const struct regstore_commit_opts *opts,
                                     struct regstore_stat *out)
{
    (void)close(STDOUT_FILENO); /* the next thing that is opened gets its number */
    return real->upload_commit(upload, call, opts, out);
}
#endif

#ifdef BREAK_PRINTS
static regstore_status upload_commit(struct regstore_upload *upload,
                                     const struct regstore_call *call,
                                     const struct regstore_commit_opts *opts,
                                     struct regstore_stat *out)
{
    static const char words[] = "not ok 1 - \"}]\n1..0\n";
    if (write(STDOUT_FILENO, words, sizeof words - 1) < 0)
        return REGSTORE_INTERNAL;
    return real->upload_commit(upload, call, opts, out);
}
#endif

#ifdef BREAK_LEAVES_A_PROCESS
static regstore_status upload_commit(struct regstore_upload *upload,
                                     const struct regstore_call *call,
                                     const struct regstore_commit_opts *opts,
                                     struct regstore_stat *out)
{
    if (fork() == 0) {
        (void)setsid();
        for (;;)
            (void)pause();
    }
    return real->upload_commit(upload, call, opts, out);
}
#endif

#ifdef BREAK_SOMETIMES
/* The number of the run of a test stands in its keys, behind the first slash. */
static regstore_status stat_blob(struct regstore_store *store, const struct regstore_call *call,
                                 const char *key, struct regstore_stat *out)
{
    const regstore_status status = real->stat(store, call, key, out);
    if (status == REGSTORE_OK && out != NULL && strstr(key, "/1/") != NULL)
        out->length++;
    return status;
}
#endif

#if defined BREAK_REPORTED || defined BREAK_REPORTED_UNSEEN
static unsigned counted;

static void *count(void *arg)
{
    counted++;
    return arg;
}

/* The thread sanitizer has words for the one, the address sanitizer for the other. */
static void be_reported(void)
{
    pthread_t thread;
    const int status = pthread_create(&thread, NULL, count, NULL);
    counted++;
    if (status == 0)
        (void)pthread_join(thread, NULL);
    volatile char *room = malloc(1);
    if (room != NULL)
        counted += (unsigned)room[counted > 0];
    free((void *)(uintptr_t)room);
}
#endif

#ifdef BREAK_REPORTED
static regstore_status stat_blob(struct regstore_store *store, const struct regstore_call *call,
                                 const char *key, struct regstore_stat *out)
{
    be_reported();
    return real->stat(store, call, key, out);
}
#endif

#ifdef BREAK_REPORTED_UNSEEN
/* The suite asks what purge would take in a process of its own, whose end says nothing of a test.
 */
static regstore_status purge(struct regstore_store *store, const struct regstore_call *call,
                             const struct regstore_purge_opts *opts, struct regstore_purged *out)
{
    if (opts != NULL && (opts->flags & REGSTORE_PURGE_DRY_RUN) != 0)
        be_reported();
    return real->purge(store, call, opts, out);
}
#endif

static void make_table(void)
{
    void *module = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    const struct regstore_plugin *(*entry)(void) = NULL;
    void *symbol = module == NULL ? NULL : dlsym(module, "regstore_plugin_v1");
    if (symbol == NULL)
        abort(); /* the build is broken, not the plugin under test */
    memcpy(&entry, &symbol, sizeof entry);
    real = entry();
    memcpy(&table, real, sizeof table);
#if defined BREAK_CRASHES
    table.read_next = read_next;
#elif defined BREAK_HANGS
    table.upload_write = upload_write;
#elif defined BREAK_EXITS || defined BREAK_SOMETIMES || defined BREAK_REPORTED
    table.stat = stat_blob;
#elif defined BREAK_CLOSES_OUTPUT || defined BREAK_PRINTS || defined BREAK_LEAVES_A_PROCESS
    table.upload_commit = upload_commit;
#elif defined BREAK_REPORTED_UNSEEN
    table.purge = purge;
#else
#error "say what is broken"
#endif
}

REGSTORE_EXPORT const struct regstore_plugin *regstore_plugin_v1(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_table); /* its arguments are good ones */
    return &table;
}
