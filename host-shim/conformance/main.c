/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: it has the plugin looked at, runs the tests, removes what they made, also after
 * Ctrl-C, and tells what they came to.  It never loads the plugin itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "../host/streams.h"
#include "apart.h"
#include "child.h"
#include "list.h"
#include "page.h"
#include "report.h"
#include "supervise.h"

enum { EXIT_USAGE = 2 };

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

static int complain(const char *what)
{
    (void)fprintf(stderr, "regstore-conformance: %s\n", what);
    return EXIT_USAGE;
}

/* --- the page --- */

/* The run of now, when there is one, stands before those of files. */
struct page {
    struct page_run runs[OPTION_WORDS + 1];
    size_t n;
};

/* Before anything runs, so that a wrong name costs nothing. */
static bool page_prepare(struct page *page, const struct options *o)
{
    char why[1024] = "";
    if (o->html == NULL)
        return true;
    const int file = open(o->html, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0 || close(file) != 0) {
        (void)snprintf(why, sizeof why, "%s: %s", o->html, strerror(errno));
        (void)complain(why);
        return false;
    }
    for (size_t i = 0; i < o->compare.n; i++) {
        if (!page_read_file(&page->runs[1 + i], o->compare.word[i], why, sizeof why)) {
            (void)complain(why);
            return false;
        }
        page->n++;
    }
    return true;
}

static bool page_finish(struct page *page, const struct options *o, char *document)
{
    char why[1024] = "";
    const size_t first = document == NULL ? 1 : 0;
    if (document != NULL && !page_read(&page->runs[0], document, why, sizeof why)) {
        (void)complain(why); /* our own document: this is our own bug */
        return false;
    }
    FILE *out = fopen(o->html, "we");
    if (out != NULL)
        page_write(out, &page->runs[first], page->n + 1 - first);
    const bool ok = out != NULL && ferror(out) == 0;
    if (out == NULL || fclose(out) != 0 || !ok) {
        (void)snprintf(why, sizeof why, "%s: %s", o->html, strerror(errno));
        (void)complain(why);
        return false;
    }
    return true;
}

static void page_end(struct page *page)
{
    for (size_t i = 0; i <= page->n; i++)
        page_clear(&page->runs[i]);
}

/* --- a run --- */

static bool choose_prefix(struct run *run, struct options *o)
{
    static char below[sizeof run->prefix];
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    run->seed = o->has_seed ? o->seed : random[0] % 1000000000;
    (void)snprintf(below, sizeof below, "conformance-%012llx",
                   (unsigned long long)(random[1] >> 16));
    (void)snprintf(run->prefix, sizeof run->prefix, "conformance-%012llx/",
                   (unsigned long long)(random[1] >> 16));
    o->source.below = below;
    return true;
}

/* False: why says what is wrong with the plugin or its settings. */
static bool prepare(struct run *run, struct options *o, char *why, size_t cap)
{
    run->timeout_s = o->timeout_s;
    run->about = run_shared(sizeof *run->about);
    run->lock = memfd_create("lock", MFD_CLOEXEC);
    if (run->about == NULL || run->lock < 0 || !choose_prefix(run, o)) {
        (void)snprintf(why, cap, "no memory, or no random numbers");
        return false;
    }
    if (!backend_init(run->backend, &o->source, why, cap) || !apart_probe(run, why, cap))
        return false;
    if (run->about->place[0] != '\0')
        apart_look(run);
    run->is_own_store =
        o->is_own_store || (run->about->place[0] != '\0' && run->about->strange[0] == '\0');
    return true;
}

static struct result *new_results(const struct options *o, size_t *n)
{
    size_t all = 0;
    for (const struct family *const *f = suite_families; *f != NULL; f++)
        all += (*f)->n;
    struct result *results = calloc(all + 1, sizeof *results);
    *n = 0;
    for (const struct family *const *f = suite_families; *f != NULL && results != NULL; f++) {
        for (size_t t = 0; t < (*f)->n; t++) {
            if (!options_select(o, *f, &(*f)->tests[t]))
                continue;
            results[*n].family = *f;
            results[(*n)++].test = &(*f)->tests[t];
        }
    }
    return results;
}

/* What was on its way to a service when the run was stopped arrives before it is looked for. */
static void let_arrive(void)
{
    const struct timespec pause = {.tv_sec = 1};
    (void)nanosleep(&pause, NULL); /* nothing tells when; cleaning looks more than once */
}

/* Returns the document when somebody wants it. */
static char *run_tests(struct account *a, const struct options *o)
{
    struct report report = {.account = a, .is_quiet = o->json, .live = isatty(STDERR_FILENO) == 1};
    const struct plan plan = {.run = a->run,
                              .results = a->results,
                              .n = a->n,
                              .jobs = o->jobs,
                              .repeat = o->repeat,
                              .started = report_started,
                              .done = report_result,
                              .ctx = &report};
    char *document = NULL;
    size_t len = 0;
    const int64_t begin = now_ms();
    report_begin(&report);
    a->is_stopped = !supervise(&plan);
    if (a->is_stopped)
        let_arrive();
    if (!apart_clean(a->run, a->leftover, sizeof a->leftover) && a->leftover[0] == '\0')
        (void)snprintf(a->leftover, sizeof a->leftover, "nobody knows why");
    a->took_ms = now_ms() - begin;
    report_end(&report);
    FILE *out = open_memstream(&document, &len);
    if (out == NULL)
        return NULL;
    account_write_json(a, out);
    if (fclose(out) != 0) {
        free(document);
        return NULL;
    }
    return document;
}

static int judge(const struct account *a)
{
    const bool ok = !a->is_stopped && a->leftover[0] == '\0' &&
                    account_count(a, VERDICT_FAIL) == 0 && account_count(a, VERDICT_PASS) > 0;
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_all(struct options *o, struct page *page)
{
    struct backend backend = {.n = 0};
    struct run run = {.backend = &backend};
    static struct account a;
    char why[4096] = "";
    child_guard();
    if (!prepare(&run, o, why, sizeof why)) {
        backend_clear(&backend);
        (void)complain(child_stop_was_wanted() ? "stopped before the first test" : why);
        return child_stop_was_wanted() ? EXIT_FAILURE : EXIT_USAGE;
    }
    a = (struct account){.options = o, .run = &run, .began = time(NULL)};
    a.results = new_results(o, &a.n);
    if (a.results == NULL)
        return complain("no memory");
    char *document = run_tests(&a, o);
    int status = document == NULL ? EXIT_FAILURE : judge(&a);
    if (o->json && document != NULL && fputs(document, stdout) < 0)
        status = EXIT_FAILURE;
    if (o->html != NULL && (document == NULL || !page_finish(page, o, document)))
        status = EXIT_FAILURE;
    else if (o->html == NULL)
        free(document);
    if (fflush(stdout) != 0)
        status = EXIT_FAILURE;
    free(a.results);
    backend_clear(&backend);
    return status;
}

int main(int argc, char **argv)
{
    static struct options o;
    static struct page page;
    bool is_done;
    if (!streams_occupy())
        return EXIT_FAILURE; /* there may be no stream to say it on */
    forget_environment();
    if (!options_read(&o, argc, argv, &is_done))
        return EXIT_USAGE;
    if (is_done)
        return EXIT_SUCCESS;
    if (o.list) {
        (o.json ? list_print_json : list_print)(&o);
        return EXIT_SUCCESS;
    }
    int status;
    if (!page_prepare(&page, &o))
        status = EXIT_USAGE; /* it has been said why */
    else if (o.is_page_only)
        status = page_finish(&page, &o, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
    else
        status = run_all(&o, &page);
    page_end(&page);
    return status;
}
