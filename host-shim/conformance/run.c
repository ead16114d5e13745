/* SPDX-License-Identifier: Apache-2.0 */
/* One test on libcheck's fork mode; what the test's process prints is kept for the report. */
#include "run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <check.h>

/* A test whose time is over is asked to stop by the cancel flag of its calls; this much later it is
 * killed. */
enum { GRACE_S = 10, PRINTED_MAX = 1500 };

/* What the process of a test finds after libcheck's fork, and what its signal handler needs. */
static struct {
    const struct run *run;
    struct slot *slot;
    unsigned index;
} current;

static void stop_test(int signal_number)
{
    (void)signal_number;
    __atomic_store_n(&current.slot->record.stop, STOP_TIME_OVER, __ATOMIC_SEQ_CST);
}

static void stop_on(int signal_number)
{
    struct sigaction action = {.sa_handler = stop_test, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);            /* cannot fail */
    (void)sigaction(signal_number, &action, NULL); /* the number is a good one */
}

START_TEST(run_current)
{
    (void)_i;
    static struct world w;
    const struct run *run = current.run;
    const struct result *result = &current.slot->result;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* the runner is killed when it all takes too long */
    w = (struct world){.backend = run->backend,
                       .test = result->test,
                       .record = &current.slot->record,
                       .seed = result->seed,
                       .is_own_store = run->is_own_store,
                       .lock_file = run->lock};
    (void)snprintf(w.run_prefix, sizeof w.run_prefix, "%s", run->prefix);
    (void)snprintf(w.prefix, sizeof w.prefix, "%s%u/", run->prefix, current.index);
    stop_on(SIGALRM);
    (void)alarm(run->timeout_s);
    world_init(&w);
    result->test->run(&w);
    world_clear(&w);
    world_pass(&w);
}
END_TEST

void *run_shared(size_t size)
{
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return room == MAP_FAILED ? NULL : room;
}

/* --- what the test printed --- */

/* From here on; -1 where that cannot be had, and then it goes where ours goes. */
static int catch_output(void)
{
    const int file = memfd_create("printed", MFD_CLOEXEC);
    if (file >= 0 && (dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0)) {
        (void)close(file); /* nothing was written */
        return -1;
    }
    return file;
}

/* The first of it: what a sanitizer says begins with what matters. */
static void add_output(struct result *result, int file)
{
    char printed[PRINTED_MAX + 1];
    const size_t len = strlen(result->text);
    const ssize_t got = file < 0 ? 0 : pread(file, printed, PRINTED_MAX, 0);
    if (got <= 0)
        return;
    for (ssize_t i = 0; i < got; i++)
        if (printed[i] == '\0')
            printed[i] = ' ';
    printed[got] = '\0';
    (void)snprintf(result->text + len, sizeof result->text - len, "\nits process printed:\n%s%s",
                   printed, got == PRINTED_MAX ? " ..." : "");
}

/* --- what became of it --- */

static void judge_failure(struct result *result, const struct record *record, TestResult *seen,
                          unsigned timeout_s)
{
    const bool is_late = result->took_ms >= (int64_t)(timeout_s + GRACE_S) * 1000;
    result->verdict = VERDICT_FAIL;
    if (record->outcome == OUTCOME_FAILED)
        (void)snprintf(result->text, sizeof result->text, "%s", record->text);
    else if (tr_rtype(seen) == CK_PASS && record->outcome == OUTCOME_NONE)
        (void)snprintf(result->text, sizeof result->text, "the plugin ended the process");
    else if (is_late)
        (void)snprintf(result->text, sizeof result->text,
                       "it hung: its time was over after %u s, its calls were cancelled, and %d s "
                       "later the process was killed",
                       timeout_s, GRACE_S);
    else /* libcheck has words for signals and exits */
        (void)snprintf(result->text, sizeof result->text,
                       "the process of the test did not survive: %s", tr_msg(seen));
}

static void judge(struct result *result, const struct record *record, TestResult *seen,
                  unsigned timeout_s)
{
    const bool is_well = tr_rtype(seen) == CK_PASS;
    if (is_well && record->outcome == OUTCOME_PASSED) {
        result->verdict = VERDICT_PASS;
    } else if (is_well && record->outcome == OUTCOME_SKIPPED) {
        result->verdict = VERDICT_SKIP;
        (void)snprintf(result->text, sizeof result->text, "%s", record->text);
    } else {
        judge_failure(result, record, seen, timeout_s);
    }
}

void run_test(const struct run *run, struct slot *slot, unsigned index)
{
    struct result *result = &slot->result;
    current.run = run;
    current.slot = slot;
    current.index = index;
    const int printed = catch_output();
    Suite *suite = suite_create(result->family->name);
    TCase *tcase = tcase_create(result->test->claim);
    tcase_set_timeout(tcase, run->timeout_s + GRACE_S);
    tcase_add_test(tcase, run_current);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    const int64_t begin = now_ms();
    srunner_run_all(runner, CK_SILENT);
    result->took_ms = now_ms() - begin;
    TestResult **seen = srunner_results(runner);
    judge(result, &slot->record, seen[0], run->timeout_s);
    if (result->verdict == VERDICT_FAIL)
        add_output(result, printed);
    free(seen);
    srunner_free(runner);
}
