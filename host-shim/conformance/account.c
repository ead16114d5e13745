/* SPDX-License-Identifier: Apache-2.0 */
/* Counts, and the document that --json prints and --compare reads. */
#include "account.h"

#include <string.h>

#include "../command/feature_names.h"
#include "../command/json.h"
#include "list.h"
#include "page_read.h"

size_t account_count(const struct account *a, enum verdict verdict)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        n += a->results[i].verdict == verdict;
    return n;
}

size_t account_unasked(const struct account *a)
{
    size_t all = 0;
    for (const struct family *const *f = suite_families; *f != NULL; f++)
        all += (*f)->n;
    return all - a->n;
}

bool account_speaks_of(const struct account *a, const struct rule *rule)
{
    for (size_t i = 0; i < a->n; i++)
        if ((a->results[i].verdict == VERDICT_PASS || a->results[i].verdict == VERDICT_FAIL) &&
            suite_test_bears(a->results[i].test, rule->name))
            return true;
    return false;
}

static void write_plugin(struct json *json, const struct about *about)
{
    json_open(json, "plugin", '{');
    json_text(json, "name", about->name);
    json_text(json, "version", about->version);
    json_text(json, "path", about->path);
    json_number(json, "abi_minor", about->abi_minor);
    json_open(json, "may_offer", '[');
    features_json(json, about->features);
    json_close(json, ']');
    json_open(json, "offers", '[');
    features_json(json, about->store_features);
    json_close(json, ']');
    json_open(json, "settings", '[');
    for (size_t i = 0; i < about->n_keys; i++)
        json_text(json, NULL, about->key[i]);
    json_close(json, ']');
    json_close(json, '}');
}

static void write_run(struct json *json, const struct account *a)
{
    char began[32] = "";
    struct tm utc;
    if (gmtime_r(&a->began, &utc) != NULL)
        (void)strftime(began, sizeof began, "%Y-%m-%dT%H:%M:%SZ", &utc); /* it fits */
    json_text(json, "name", a->options->name);
    json_text(json, "location", a->options->source.location);
    json_text(json, "began", began);
    json_number(json, "ms", (uint64_t)a->took_ms);
    json_number(json, "seed", a->run->seed);
    json_number(json, "jobs", a->options->jobs);
    json_number(json, "repeat", a->options->repeat);
    json_number(json, "timeout_s", a->options->timeout_s);
    json_text(json, "works_under", a->run->about->place[0] ? a->run->about->place : a->run->prefix);
    json_bool(json, "stopped", a->is_stopped);
    json_text(json, "leftover", a->leftover[0] ? a->leftover : NULL);
}

static void write_test(struct json *json, const struct family *family, const struct test *test,
                       const struct result *result)
{
    json_open(json, NULL, '{');
    json_text(json, "family", family->name);
    json_text(json, "claim", test->claim);
    list_rules_json(json, test);
    json_text(json, "verdict", page_verdict_word(result ? result->verdict : VERDICT_NONE));
    json_text(json, "seen", result ? result->text : "not asked for");
    json_number(json, "at_ms", result ? (uint64_t)result->at_ms : 0);
    json_number(json, "ms", result ? (uint64_t)result->took_ms : 0);
    json_close(json, '}');
}

/* Those that were not asked for stand among the others, so that nobody takes a part for the whole.
 */
static void write_tests(struct json *json, const struct account *a)
{
    size_t next = 0;
    json_open(json, "tests", '[');
    for (const struct family *const *f = suite_families; *f != NULL; f++) {
        for (size_t t = 0; t < (*f)->n; t++) {
            const bool is_next = next < a->n && a->results[next].test == &(*f)->tests[t];
            write_test(json, *f, &(*f)->tests[t], is_next ? &a->results[next] : NULL);
            next += is_next;
        }
    }
    json_close(json, ']');
}

static void write_untested(struct json *json, const struct account *a)
{
    json_open(json, "rules_without_a_word", '[');
    for (const struct rule *rule = suite_rules; rule->name != NULL; rule++) {
        const char *why = suite_no_test(rule);
        if (account_speaks_of(a, rule))
            continue;
        json_open(json, NULL, '{');
        json_text(json, "rule", rule->name);
        json_text(json, "why", why ? why : "none of its tests ran to its end");
        json_close(json, '}');
    }
    json_close(json, ']');
}

void account_write_json(const struct account *a, FILE *out)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_number(&json, PAGE_FORMAT_NAME, PAGE_FORMAT);
    write_plugin(&json, a->run->about);
    write_run(&json, a);
    json_open(&json, "counts", '{');
    json_number(&json, "passed", account_count(a, VERDICT_PASS));
    json_number(&json, "failed", account_count(a, VERDICT_FAIL));
    json_number(&json, "skipped", account_count(a, VERDICT_SKIP));
    json_number(&json, "not_run", account_count(a, VERDICT_NONE));
    json_number(&json, "not_asked_for", account_unasked(a));
    json_close(&json, '}');
    write_tests(&json, a);
    write_untested(&json, a);
    json_close(&json, '}');
    (void)fputc('\n', out); /* whoever owns out looks for errors at the end */
}
