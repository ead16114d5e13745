/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: it starts the runner, waits for it and for what it leaves, removes the keys of
 * the run, also after Ctrl-C, and prints the closing line.  It never loads the plugin itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../host/streams.h"
#include "options.h"
#include "report.h"

enum { EXIT_USAGE = 2 };

static volatile sig_atomic_t is_stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    is_stopped = 1;
}

static void handle_stops(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = stop}; /* no SA_RESTART: waitpid shall return */
    (void)sigemptyset(&action.sa_mask);             /* cannot fail */
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaction(signals[i], &action, NULL); /* the numbers are good ones */
}

/* libcheck would take orders from these. */
static void forget_environment(void)
{
    static const char *const names[] = {"CK_FORK",
                                        "CK_RUN_SUITE",
                                        "CK_RUN_CASE",
                                        "CK_INCLUDE_TAGS",
                                        "CK_EXCLUDE_TAGS",
                                        "CK_LOG_FILE_NAME",
                                        "CK_XML_LOG_FILE_NAME",
                                        "CK_TAP_LOG_FILE_NAME",
                                        "CK_DEFAULT_TIMEOUT",
                                        "CK_TIMEOUT_MULTIPLIER",
                                        "CK_VERBOSITY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unsetenv(names[i]); /* the names are good ones */
}

static void print_list(const struct options *o)
{
    for (const struct family *const *f = suite_families; *f != NULL; f++)
        for (size_t t = 0; t < (*f)->n; t++)
            if (options_select(o, *f, &(*f)->tests[t]))
                printf("%s/%s [%s]\n", (*f)->name, (*f)->tests[t].claim, (*f)->tests[t].rules);
}

static unsigned count_selected(const struct options *o)
{
    unsigned n = 0;
    for (const struct family *const *f = suite_families; *f != NULL; f++)
        for (size_t t = 0; t < (*f)->n; t++)
            n += options_select(o, *f, &(*f)->tests[t]);
    return n;
}

static void run_all(const struct options *o, const struct run *run, struct report *report)
{
    static struct result result;
    for (const struct family *const *f = suite_families; *f != NULL; f++) {
        for (size_t t = 0; t < (*f)->n; t++) {
            const struct test *test = &(*f)->tests[t];
            if (!options_select(o, *f, test))
                continue;
            report_start(report, *f, test);
            run_test(run, *f, test, &result);
            report_result(report, &result, run->seed);
        }
    }
}

/* The runner has a process group of its own, so that Ctrl-C reaches the supervisor alone; and what
 * the runner leaves becomes the supervisor's child, so that it can be waited for. */
static bool start_and_wait(const struct options *o, const struct run *run, struct report *report)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* without it a straggler may outlive the cleaning */
    (void)fflush(stdout);                   /* else the runner would print it again */
    const pid_t runner = fork();
    if (runner == 0) {
        (void)setpgid(0, 0); /* cannot fail in a fresh child */
        for (int i = 1; i <= SIGTERM; i++)
            if (i == SIGINT || i == SIGTERM || i == SIGHUP)
                (void)signal(i, SIG_DFL); /* the numbers are good ones */
        run_all(o, run, report);
        exit(EXIT_SUCCESS);
    }
    bool is_told = false;
    int status = 0, runner_status = -1;
    for (;;) {
        if (is_stopped && !is_told) {
            (void)kill(runner, SIGTERM); /* it may be gone already */
            is_told = true;
        }
        const pid_t pid = waitpid(-1, &status, 0);
        if (pid == runner)
            runner_status = status;
        if (pid < 0 && errno != EINTR)
            break;
    }
    return runner_status == 0;
}

static void *shared(size_t size)
{
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return room == MAP_FAILED ? NULL : room;
}

static int supervise(const struct options *o, const struct run *run, const char *about)
{
    char why[4096] = "";
    struct report *report = shared(sizeof *report); /* the runner counts, the supervisor sums up */
    if (report == NULL)
        return EXIT_FAILURE;
    *report = (struct report){.tap = o->tap,
                              .live = isatty(STDERR_FILENO) == 1,
                              .how_to_run = o->how_to_run,
                              .planned = count_selected(o)};
    handle_stops();
    report_begin(report, run, about);
    const bool ran = start_and_wait(o, run, report);
    if (!ran)
        printf("%s%s\n", o->tap ? "Bail out! " : "\n", is_stopped ? "stopped" : "the runner died");
    const bool is_clean = run_clean(run, why, sizeof why);
    if (!is_clean)
        report_leftover(report, run, why);
    report_end(report);
    const bool ok = ran && is_clean && report->failed == 0 && report->passed > 0;
    (void)munmap(report, sizeof *report); /* our own mapping */
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool choose_prefix(struct run *run, const struct options *o)
{
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    run->seed = o->has_seed ? o->seed : random[0] % 1000000000;
    (void)snprintf(run->prefix, sizeof run->prefix, "conformance-%012llx/",
                   (unsigned long long)(random[1] >> 16));
    return true;
}

int main(int argc, char **argv)
{
    static struct options o;
    static struct record about;
    struct backend backend;
    struct run run = {.backend = &backend};
    bool is_done;
    char why[4096] = "";
    if (!streams_occupy())
        return EXIT_FAILURE; /* there may be no stream to say it on */
    forget_environment();
    if (!options_read(&o, argc, argv, &is_done))
        return EXIT_USAGE;
    if (is_done)
        return EXIT_SUCCESS;
    if (o.list) {
        print_list(&o);
        return EXIT_SUCCESS;
    }
    run.timeout_s = o.timeout_s;
    run.is_own_store = o.is_own_store;
    if (!backend_init(&backend, &o.source, why, sizeof why) || !choose_prefix(&run, &o) ||
        !run_probe(&run, &about, why, sizeof why)) {
        (void)fprintf(stderr, "regstore-conformance: %s\n", why);
        backend_clear(&backend);
        return EXIT_USAGE;
    }
    const int status = supervise(&o, &run, about.text);
    backend_clear(&backend);
    return status;
}
