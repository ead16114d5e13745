/* SPDX-License-Identifier: Apache-2.0 */
/* Tests on libcheck's fork mode, one runner a test so that each result is known at once. */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

/* A test whose time is over is asked to stop by the cancel flag of its calls; this much later it is
 * killed. */
enum { GRACE_S = 10, KEYS_AT_ONCE = 1000, WORK_DONE = 8 };

/* What the process of a test finds after libcheck's fork, and what its signal handler needs. */
static struct {
    const struct run *run;
    const struct test *test;
    struct record *record;
    unsigned index; /* within all tests; makes the prefix */
} current;

static void stop_test(int signal_number)
{
    (void)signal_number;
    __atomic_store_n(&current.record->stop, 1, __ATOMIC_SEQ_CST);
}

static void stop_on(int signal_number)
{
    struct sigaction action = {.sa_handler = stop_test, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);            /* cannot fail */
    (void)sigaction(signal_number, &action, NULL); /* the number is a good one */
}

static void make_world(struct world *w, const struct run *run, const struct test *test,
                       struct record *record)
{
    memset(w, 0, sizeof *w);
    w->backend = run->backend;
    w->test = test;
    w->record = record;
    w->seed = run->seed;
    w->is_own_store = run->is_own_store;
    (void)snprintf(w->run_prefix, sizeof w->run_prefix, "%s", run->prefix);
}

START_TEST(run_current)
{
    (void)_i;
    static struct world w;
    make_world(&w, current.run, current.test, current.record);
    (void)snprintf(w.prefix, sizeof w.prefix, "%s%u/", current.run->prefix, current.index);
    stop_on(SIGALRM);
    stop_on(SIGTERM);
    (void)alarm(current.run->timeout_s);
    world_init(&w);
    current.test->run(&w);
    world_clear(&w);
    world_pass(&w);
}
END_TEST

static struct record *new_record(void)
{
    void *room = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return room == MAP_FAILED ? NULL : room;
}

static void drop_record(struct record *record)
{
    if (record != NULL)
        (void)munmap(record, sizeof *record); /* our own mapping */
}

static void judge(struct result *result, const struct record *record, TestResult *seen)
{
    const char *text = record->text;
    if (tr_rtype(seen) == CK_PASS && record->outcome == OUTCOME_SKIPPED) {
        result->verdict = VERDICT_SKIP;
    } else if (tr_rtype(seen) == CK_PASS && record->outcome == OUTCOME_PASSED) {
        result->verdict = VERDICT_PASS;
    } else {
        result->verdict = VERDICT_FAIL;
        if (tr_rtype(seen) == CK_PASS && record->outcome == OUTCOME_NONE)
            text = "the plugin ended the process";
        else if (record->outcome != OUTCOME_FAILED)
            text = tr_msg(seen);
    }
    (void)snprintf(result->text, sizeof result->text, "%s", text);
}

void run_test(const struct run *run, const struct family *family, const struct test *test,
              struct result *result)
{
    *result = (struct result){.family = family, .test = test, .verdict = VERDICT_FAIL};
    struct record *record = new_record();
    if (record == NULL) {
        (void)snprintf(result->text, sizeof result->text, "no memory for the test itself");
        return;
    }
    current.run = run;
    current.test = test;
    current.record = record;
    current.index++;
    Suite *suite = suite_create(family->name);
    TCase *tcase = tcase_create(test->claim);
    tcase_set_timeout(tcase, run->timeout_s + GRACE_S);
    tcase_add_test(tcase, run_current);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    const int64_t begin = now_ms();
    srunner_run_all(runner, CK_SILENT);
    result->took_ms = now_ms() - begin;
    TestResult **seen = srunner_results(runner);
    judge(result, record, seen[0]);
    free(seen);
    srunner_free(runner);
    drop_record(record);
}

/* --- outside of tests --- */

/* Any test will do for a world outside of tests: it needs nothing. */
static const struct test no_test = {"", "outside of tests", NULL, NEEDS_NO_STORE};

/* Runs work in a process of its own, which says in record what went wrong. */
static bool apart(const struct run *run, struct record *record, void (*work)(struct world *w),
                  char *why, size_t cap)
{
    const pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        static struct world w;
        make_world(&w, run, &no_test, record);
        w.is_step = true;
        work(&w);
        _exit(WORK_DONE);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == WORK_DONE)
        return true;
    if (record->text[0] == '\0')
        (void)snprintf(why, cap, "its process was ended by %s %d",
                       WIFSIGNALED(status) ? "signal" : "exit",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    else
        (void)snprintf(why, cap, "%s", record->text);
    return false;
}

/* The plugin's name and file, or the words of the failure, for people. */
static void probe(struct world *w)
{
    CALL(c);
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
    p->store_close(w->store);
    (void)snprintf(text, cap, "%.64s %.64s (%.1024s), ABI minor %u", p->name, p->version, w->path,
                   p->abi_minor);
}

bool run_probe(const struct run *run, struct record *about, char *why, size_t cap)
{
    struct record *record = new_record();
    const bool ok = record != NULL && apart(run, record, probe, why, cap);
    if (ok)
        *about = *record;
    drop_record(record);
    return ok;
}

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

static void clean(struct world *w)
{
    static char keys[KEYS_AT_ONCE + 1][REGSTORE_KEY_MAX];
    static const char *pointers[KEYS_AT_ONCE];
    world_init(w);
    world_open_store(w);
    for (unsigned round = 0;; round++) {
        CALL(c);
        const size_t n = list_some(w, keys);
        if (n == 0)
            break;
        CLAIM(round < 1000, "keys under %s come back after delete_blobs", w->run_prefix);
        for (size_t i = 0; i < n; i++)
            pointers[i] = keys[i];
        EXPECT_OK(&c, w->p->delete_blobs(w->store, &c.in, pointers, n, NULL));
    }
    world_clear(w);
}

bool run_clean(const struct run *run, char *why, size_t cap)
{
    struct record *record = new_record();
    const bool ok = record != NULL && apart(run, record, clean, why, cap);
    drop_record(record);
    return ok;
}
