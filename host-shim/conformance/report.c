/* SPDX-License-Identifier: Apache-2.0 */
/* Two printers: one line a test and, where one fails, what the rule says and what was seen. */
#include "report.h"

#include <stdio.h>
#include <string.h>

/* Prints text with each line behind a prefix. */
static void print_lines(const char *prefix, const char *text)
{
    while (*text != '\0') {
        const size_t len = strcspn(text, "\n");
        printf("%s%.*s\n", prefix, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

/* The first rule of a test. */
static const struct rule *first_rule(const struct test *test)
{
    return suite_rule(test->rules, strcspn(test->rules, " "));
}

static void print_alone(const struct report *r, const struct result *result, uint64_t seed,
                        const char *prefix)
{
    printf("%salone: %s --test %s/%s --seed %llu\n", prefix, r->how_to_run, result->family->name,
           result->test->claim, (unsigned long long)seed);
}

void report_begin(struct report *r, const struct run *run, const char *about)
{
    if (r->tap) {
        printf("TAP version 13\n1..%u\n", r->planned);
        printf("# regstore conformance of %s\n", about);
        return;
    }
    printf("regstore conformance of %s\n", about);
    printf("%u tests; seed %llu; all keys lie under %s, which is removed at the end\n", r->planned,
           (unsigned long long)run->seed, run->prefix);
    (void)fflush(stdout); /* shown when the first test begins */
}

void report_start(struct report *r, const struct family *family, const struct test *test)
{
    if (!r->tap && r->last != family)
        printf("\n%s\n", family->name);
    r->last = family;
    (void)fflush(stdout);
    if (r->live)
        (void)fprintf(stderr, "\r\033[K... %s/%s", family->name, test->claim);
}

static void print_text(struct report *r, const struct result *result, uint64_t seed)
{
    static const char *const words[] = {"ok  ", "FAIL", "skip"};
    printf("  %s %-18s %s (%lld ms)\n", words[result->verdict], result->test->rules,
           result->test->claim, (long long)result->took_ms);
    if (result->verdict == VERDICT_SKIP)
        print_lines("         ", result->text);
    if (result->verdict != VERDICT_FAIL)
        return;
    const struct rule *rule = first_rule(result->test);
    if (rule != NULL)
        printf("       rule:  %s: %s\n", rule->name, rule->text);
    printf("       seen:\n");
    print_lines("         ", result->text);
    print_alone(r, result, seed, "       ");
}

static void print_tap(struct report *r, const struct result *result, uint64_t seed)
{
    const unsigned number = r->passed + r->failed + r->skipped;
    printf("%s %u - %s/%s [%s]", result->verdict == VERDICT_FAIL ? "not ok" : "ok", number,
           result->family->name, result->test->claim, result->test->rules);
    if (result->verdict == VERDICT_SKIP)
        printf(" # SKIP %.*s", (int)strcspn(result->text, "\n"), result->text);
    printf("\n");
    if (result->verdict != VERDICT_FAIL)
        return;
    print_lines("# ", result->text);
    print_alone(r, result, seed, "# ");
}

void report_result(struct report *r, const struct result *result, uint64_t seed)
{
    if (r->live)
        (void)fprintf(stderr, "\r\033[K");
    r->passed += result->verdict == VERDICT_PASS;
    r->failed += result->verdict == VERDICT_FAIL;
    r->skipped += result->verdict == VERDICT_SKIP;
    (r->tap ? print_tap : print_text)(r, result, seed);
    (void)fflush(stdout); /* one who watches sees each result at once */
}

void report_leftover(const struct report *r, const struct run *run, const char *why)
{
    printf("%s%s could not be removed:\n", r->tap ? "# " : "\n", run->prefix);
    print_lines(r->tap ? "# " : "  ", why);
}

void report_end(const struct report *r)
{
    printf("%s%u passed, %u failed, %u skipped\n", r->tap ? "# " : "\n", r->passed, r->failed,
           r->skipped);
    (void)fflush(stdout);
}
