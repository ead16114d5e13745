/* SPDX-License-Identifier: Apache-2.0 */
/* Children that look and clean; they speak through shared memory. */
#include "apart.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"

enum {
    KEYS_AT_ONCE = 1000,
    WORK_DONE = 8,
    EXTRA_S = 60,      /* beyond the time of a test: cleaning is many tests' */
    YOUNG_MS = 60000,  /* what is left becomes old enough to be purged within this */
    OPEN_FOLDERS = 16, /* of nftw at a time */
};

/* Any test will do for a world outside of tests: it needs nothing. */
static const struct test no_test = {"", "outside of tests", NULL, NEEDS_NO_STORE};

static void say_end(char *why, size_t cap, enum child_end end, int status)
{
    if (end == END_STOPPED)
        (void)snprintf(why, cap, "stopped");
    else if (end == END_OUT_OF_TIME)
        (void)snprintf(why, cap, "its process hung and was killed");
    else if (WIFSIGNALED(status))
        (void)snprintf(why, cap, "its process was ended by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(why, cap, "its process was ended by exit(%d)", WEXITSTATUS(status));
}

static _Noreturn void do_work(const struct run *run, struct record *record,
                              void (*work)(const struct run *run, struct world *w))
{
    static struct world w;
    w = (struct world){.backend = run->backend,
                       .test = &no_test,
                       .record = record,
                       .seed = run->seed,
                       .is_step = true};
    (void)snprintf(w.run_prefix, sizeof w.run_prefix, "%s", run->prefix);
    work(run, &w);
    _exit(WORK_DONE);
}

static bool apart(const struct run *run, void (*work)(const struct run *run, struct world *w),
                  bool may_stop, char *why, size_t cap)
{
    struct record *record = run_shared(sizeof *record);
    int status = 0;
    const pid_t pid = record == NULL ? -1 : child_fork();
    if (pid == 0)
        do_work(run, record, work);
    if (pid < 0) {
        (void)snprintf(why, cap, "no memory for a process");
        return false;
    }
    const enum child_end end =
        child_wait_for(pid, (int64_t)(run->timeout_s + EXTRA_S) * 1000, may_stop, &status);
    const bool ok = end == END_BY_ITSELF && WIFEXITED(status) && WEXITSTATUS(status) == WORK_DONE;
    if (!ok && record->text[0] != '\0')
        (void)snprintf(why, cap, "%s", record->text);
    else if (!ok)
        say_end(why, cap, end, status);
    (void)munmap(record, sizeof *record); /* our own mapping */
    return ok;
}

/* --- what there is to test --- */

static void tell_settings(struct about *about, const struct backend *b)
{
    for (size_t i = 0; i < b->n && about->n_keys < ABOUT_KEYS; i++)
        (void)snprintf(about->key[about->n_keys++], sizeof about->key[0], "%s", b->settings[i].key);
}

static void probe(const struct run *run, struct world *w)
{
    CALL(c);
    struct about *about = run->about;
    char *text = w->record->text;
    static const size_t cap = sizeof w->record->text;
    const struct regstore_plugin *p = backend_load(w->backend, w->path, text, cap);
    if (p == NULL)
        _exit(EXIT_FAILURE);
    const regstore_status status =
        p->store_open(&c.in, NULL, w->backend->settings, w->backend->n, &w->store);
    if (status != REGSTORE_OK) {
        (void)snprintf(text, cap, "the store does not open: %s: %s",
                       regstore_host_status_name(status), c.error.message);
        _exit(EXIT_FAILURE);
    }
    about->store_features = p->store_features(w->store);
    p->store_close(w->store);
    about->features = p->features;
    about->abi_minor = p->abi_minor;
    (void)snprintf(about->name, sizeof about->name, "%s", p->name);
    (void)snprintf(about->version, sizeof about->version, "%s", p->version);
    (void)snprintf(about->path, sizeof about->path, "%s", w->path);
    (void)snprintf(about->place, sizeof about->place, "%s", w->backend->place);
    tell_settings(about, w->backend);
}

bool apart_probe(const struct run *run, char *why, size_t cap)
{
    return apart(run, probe, true, why, cap);
}

static struct regstore_purged purge(struct world *w, uint64_t flags, regstore_status *status)
{
    CALL(c);
    struct regstore_purged out = {.struct_size = sizeof out};
    const struct regstore_purge_opts opts = {
        .struct_size = sizeof opts, .flags = flags, .older_than_s = 1};
    *status = w->p->purge(w->store, &c.in, &opts, &out);
    if (*status != REGSTORE_OK)
        (void)snprintf(w->record->text, sizeof w->record->text, "purge gave %s: \"%.511s\"",
                       regstore_host_status_name(*status), c.error.message);
    return out;
}

static void look(const struct run *run, struct world *w)
{
    regstore_status status;
    world_init(w);
    world_open_store(w);
    const struct regstore_purged seen = purge(w, REGSTORE_PURGE_DRY_RUN, &status);
    if (status == REGSTORE_OK && (seen.uploads > 0 || seen.objects > 0 || seen.spared > 0))
        (void)snprintf(run->about->strange, sizeof run->about->strange,
                       "in a place that is new and empty purge sees %llu uploads and %llu objects, "
                       "and spares %llu",
                       (unsigned long long)seen.uploads, (unsigned long long)seen.objects,
                       (unsigned long long)seen.spared);
    world_clear(w);
}

void apart_look(const struct run *run)
{
    char why[1024];
    (void)apart(run, look, true, why, sizeof why); /* as the header says */
}

/* --- leaving nothing --- */

/* Up to KEYS_AT_ONCE keys under the run's prefix; returns how many. */
static size_t list_some(struct world *w, char (*keys)[REGSTORE_KEY_MAX])
{
    CALL(c);
    struct regstore_list *list = NULL;
    const struct regstore_list_opts opts = {
        .struct_size = sizeof opts, .prefix = w->run_prefix, .limit = KEYS_AT_ONCE};
    size_t n = 0;
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    while (n < KEYS_AT_ONCE) {
        EXPECT_OK(&c, w->p->list_next(list, &c.in, keys[n], sizeof keys[n], NULL));
        if (keys[n][0] == '\0')
            break;
        /* A plugin that fails the suite may list anything; only what is ours is removed. */
        CLAIM(strncmp(keys[n], w->run_prefix, strlen(w->run_prefix)) == 0,
              "a list with prefix %s shows %s", w->run_prefix, keys[n]);
        n++;
    }
    w->p->list_close(list);
    return n;
}

static void remove_keys(struct world *w)
{
    static char keys[KEYS_AT_ONCE + 1][REGSTORE_KEY_MAX];
    static const char *pointers[KEYS_AT_ONCE];
    for (unsigned round = 0;; round++) {
        CALL(c);
        const size_t n = list_some(w, keys);
        if (n == 0)
            return;
        CLAIM(round < 1000, "keys under %s come back after delete_blobs", w->run_prefix);
        for (size_t i = 0; i < n; i++)
            pointers[i] = keys[i];
        EXPECT_OK(&c, w->p->delete_blobs(w->store, &c.in, pointers, n, NULL));
    }
}

/* Until nothing is left that was too young.  In our own place alone: elsewhere it would end other
 * people's uploads. */
static void end_uploads(const struct run *run, struct world *w)
{
    const int64_t end = now_ms() + YOUNG_MS;
    const struct timespec pause = {.tv_nsec = 200000000};
    if (run->about->place[0] == '\0' || run->about->strange[0] != '\0')
        return;
    for (;;) {
        regstore_status status;
        const struct regstore_purged seen = purge(w, 0, &status);
        if (status != REGSTORE_OK)
            world_fail(w, __FILE__, __LINE__, "%s", w->record->text);
        if (seen.spared == 0 && seen.uploads == 0 && seen.objects == 0)
            return;
        CLAIM(now_ms() < end, "%llu unfinished uploads do not become old enough to be purged",
              (unsigned long long)seen.spared);
        (void)nanosleep(&pause, NULL); /* they are looked at again; nothing tells when */
    }
}

static void clean(const struct run *run, struct world *w)
{
    world_init(w);
    world_open_store(w);
    remove_keys(w); /* first, so that it is done also where purge is what is broken */
    end_uploads(run, w);
    remove_keys(w);
    world_clear(w);
}

static int remove_empty(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)at;
    if (type == FTW_DP)
        (void)rmdir(path); /* one that holds anything stays */
    return 0;
}

bool apart_clean(const struct run *run, char *why, size_t cap)
{
    const bool ok = apart(run, clean, false, why, cap);
    /* The place bears our random name.  Of a backend that keeps no files it is no path here. */
    if (run->about->place[0] == '/')
        (void)nftw(run->about->place, remove_empty, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
    if (ok && run->about->place[0] == '/' && access(run->about->place, F_OK) == 0) {
        (void)snprintf(why, cap, "something lies there that is none of the run's keys");
        return false;
    }
    return ok;
}
