/* SPDX-License-Identifier: Apache-2.0 */
/* Two printers: one line a test and, where one fails, what the rule says and what was seen. */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "list.h"

/* Prints text with each line behind a prefix. */
static void print_lines(const char *prefix, const char *text)
{
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        printf("%s%.*s\n", prefix, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void print_alone(const struct report *r, const struct result *result, const char *prefix)
{
    printf("%salone: %s --test %s/%s --seed %llu\n", prefix, r->account->options->how_to_run,
           result->family->name, result->test->claim, (unsigned long long)result->seed);
}

void report_begin(struct report *r)
{
    const struct run *run = r->account->run;
    const struct about *about = run->about;
    const struct options *o = r->account->options;
    const char *mark = o->tap ? "# " : "";
    if (r->is_quiet)
        return;
    if (o->tap)
        printf("TAP version 13\n1..%zu\n", r->account->n);
    printf("%sregstore conformance of %s %s (%s), ABI minor %u\n", mark, about->name,
           about->version, about->path, about->abi_minor);
    if (about->place[0] != '\0')
        printf("%sall that it makes lies under %s, and is removed at the end\n", mark,
               about->place);
    else
        printf("%sall keys lie under %s, and are removed at the end\n", mark, run->prefix);
    printf("%s%zu test%s, %u at a time; seed %llu\n", mark, r->account->n,
           r->account->n == 1 ? "" : "s", o->jobs, (unsigned long long)run->seed);
    if (about->strange[0] != '\0')
        printf("%s%s: no purge in earnest without --own-store\n", mark, about->strange);
    (void)fflush(stdout); /* shown when the first test begins */
}

void report_started(void *report, const struct result *result)
{
    struct report *r = report;
    if (r->live)
        (void)fprintf(stderr, "\r\033[K... %s/%s", result->family->name, result->test->claim);
}

static void print_text(struct report *r, const struct result *result)
{
    static const char *const words[] = {"-   ", "ok  ", "FAIL", "skip"};
    if (r->last != result->family)
        printf("\n%s\n", result->family->name);
    r->last = result->family;
    printf("  %s %-18s %s (%lld ms)\n", words[result->verdict], result->test->rules,
           result->test->claim, (long long)result->took_ms);
    if (result->verdict == VERDICT_SKIP)
        print_lines("         ", result->text);
    if (result->verdict != VERDICT_FAIL)
        return;
    const struct rule *rule = suite_first_rule(result->test);
    if (rule != NULL) {
        printf("       rule:  %s (%s)\n", rule->name, suite_topic(rule));
        list_print_wrapped("         ", rule->text);
    }
    printf("       seen:\n");
    print_lines("         ", result->text);
    print_alone(r, result, "       ");
}

static void print_tap(struct report *r, const struct result *result)
{
    printf("%s %u - %s/%s [%s]", result->verdict == VERDICT_FAIL ? "not ok" : "ok", r->told,
           result->family->name, result->test->claim, result->test->rules);
    if (result->verdict == VERDICT_SKIP)
        printf(" # SKIP %.*s", (int)strcspn(result->text, "\n"), result->text);
    printf("\n");
    if (result->verdict != VERDICT_FAIL)
        return;
    print_lines("# ", result->text);
    print_alone(r, result, "# ");
}

void report_result(void *report, const struct result *result)
{
    struct report *r = report;
    r->told++;
    if (r->live)
        (void)fprintf(stderr, "\r\033[K");
    if (r->is_quiet)
        return;
    (r->account->options->tap ? print_tap : print_text)(r, result);
    (void)fflush(stdout); /* one who watches sees each result at once */
}

/* --- the end --- */

static bool has_reason(const struct result *result, const char *why)
{
    return result->verdict == VERDICT_SKIP && strcmp(result->text, why) == 0;
}

/* Each reason once, with the tests that it kept from running. */
static void print_skipped(const struct account *a, const char *mark)
{
    for (size_t i = 0; i < a->n; i++) {
        const char *why = a->results[i].text;
        bool is_first = a->results[i].verdict == VERDICT_SKIP;
        for (size_t before = 0; before < i && is_first; before++)
            is_first = !has_reason(&a->results[before], why);
        if (!is_first)
            continue;
        printf("%s  %.*s:\n", mark, (int)strcspn(why, "\n"), why);
        for (size_t at = i; at < a->n; at++)
            if (has_reason(&a->results[at], why))
                printf("%s    %s/%s\n", mark, a->results[at].family->name,
                       a->results[at].test->claim);
    }
}

/* Rules of which this run proves nothing. */
static void print_silent_rules(const struct account *a, const char *mark)
{
    char names[2048] = "";
    for (const struct rule *rule = suite_rules; rule->name != NULL; rule++) {
        const char *why = suite_no_test(rule);
        const size_t len = strlen(names);
        if (why != NULL)
            printf("%s  %s: no test can hold it: %s\n", mark, rule->name, why);
        else if (!account_speaks_of(a, rule))
            (void)snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? " " : "", rule->name);
    }
    if (names[0] == '\0')
        return;
    printf("%s  no test of this run says anything about\n", mark);
    char prefix[16];
    (void)snprintf(prefix, sizeof prefix, "%s    ", mark);
    list_print_wrapped(prefix, names);
}

void report_end(const struct report *r)
{
    const struct account *a = r->account;
    const bool tap = a->options->tap;
    const char *mark = tap ? "# " : "";
    const size_t unasked = account_unasked(a), not_run = account_count(a, VERDICT_NONE);
    if (r->is_quiet)
        return;
    if (a->is_stopped)
        printf("%s\n", tap ? "Bail out! stopped" : "\nstopped");
    printf("%s\n%sleft out:\n", tap ? "#" : "", mark);
    print_skipped(a, mark);
    if (not_run > 0)
        printf("%s  %zu test%s had not ended when the run was stopped\n", mark, not_run,
               not_run == 1 ? "" : "s");
    if (unasked > 0)
        printf("%s  %zu tests: not asked for by --family, --rule or --test\n", mark, unasked);
    print_silent_rules(a, mark);
    if (a->leftover[0] != '\0') {
        printf("%s\n%snot all of %s could be removed:\n", tap ? "#" : "", mark,
               a->run->about->place[0] ? a->run->about->place : a->run->prefix);
        print_lines(tap ? "#   " : "  ", a->leftover);
    }
    printf("%s%zu passed, %zu failed, %zu skipped\n", tap ? "# " : "\n",
           account_count(a, VERDICT_PASS), account_count(a, VERDICT_FAIL),
           account_count(a, VERDICT_SKIP));
    (void)fflush(stdout);
}
