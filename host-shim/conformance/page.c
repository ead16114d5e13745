/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page is read without scripts: what is folded away is a <details>; failures and skips are not.
 * Nothing is said by colour alone.  What comes out of a document is text, never markup.
 */
#include "page.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n"
    "<title>regstore conformance</title>\n<style>\n"
    ":root{color-scheme:light dark;--line:#8884;--soft:#8881;--pass:#1a7f37;--fail:#cf222e;"
    "--skip:#7a6200}\n"
    "@media(prefers-color-scheme:dark){:root{--pass:#56d364;--fail:#ff7b72;--skip:#e3b341}}\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:84rem;padding:0 1rem}\n"
    "h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .4rem}\n"
    "table{border-collapse:collapse;width:100%;table-layout:fixed}\n"
    "th,td{border:1px solid var(--line);padding:.4rem .6rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}\n"
    "thead th{background:Canvas;position:sticky;top:0;z-index:1;"
    "box-shadow:inset 0 0 0 99px var(--soft)}\n"
    "tbody th{font-weight:normal}tr.topic th{background:var(--soft);font-weight:600}\n"
    "col.what{width:36%}b.rule{white-space:nowrap}small{opacity:.75}\n"
    ".pass{color:var(--pass)}.fail{color:var(--fail);font-weight:600}.skip,.none{color:var(--skip)}"
    "\n"
    "td.bad{box-shadow:inset 3px 0 var(--fail)}summary{cursor:pointer}\n"
    "ul{margin:.3rem 0;padding-left:1.1rem}li{margin:.15rem 0}\n"
    "pre{white-space:pre-wrap;margin:.2rem 0;padding:.4rem;background:var(--soft);"
    "font:12.5px/1.4 ui-monospace,monospace;color:CanvasText;font-weight:normal}\n"
    "p.note{max-width:56rem}\n"
    "@media print{thead th{position:static}body{margin:0;max-width:none}}\n"
    "</style></head><body>\n";

static const char introduction[] =
    "<p class=\"note\">Each row is a rule of <code>regstore.h</code>, in the header's own words; "
    "each "
    "column is one run of the conformance suite on one backend. <span class=\"pass\">&#10003; "
    "pass</span>: all tests of the rule that ran have passed. <span class=\"fail\">&#10007; "
    "fail</span>: one has not, and what was seen stands there. <span class=\"skip\">&#8211; "
    "skip</span>: the backend does not offer what the rule speaks of, or the run could not test "
    "it; "
    "the reason stands there. A passed test shows that a rule was kept where it was tried, not "
    "that "
    "it cannot be broken.</p>\n";

static void put(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", out); /* whoever owns out looks for errors at the end */
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc(*text, out);
        }
    }
}

static void put_between(FILE *out, const char *before, const char *text, const char *after)
{
    (void)fputs(before, out); /* as above */
    put(out, text);
    (void)fputs(after, out);
}

/* A long name may be broken behind each "_". */
static void put_breakable(FILE *out, const char *name)
{
    char part[256];
    while (*name != '\0') {
        size_t len = strcspn(name, "_");
        len += name[len] == '_';
        (void)snprintf(part, sizeof part, "%.*s", (int)len, name); /* a claim is shorter */
        put(out, part);
        name += len;
        if (*name != '\0')
            (void)fputs("<wbr>", out);
    }
}

/* --- the runs --- */

static void put_title(FILE *out, const struct page_run *run)
{
    put_between(out, "<strong>", run->name != NULL ? run->name : run->plugin, "</strong>");
    if (run->name == NULL && run->location != NULL)
        put_between(out, " <small>", run->location, "</small>");
}

static void put_head_row(FILE *out, const struct page_run *runs, size_t n, const char *what)
{
    (void)fprintf(out, "<table><colgroup><col class=\"what\">");
    for (size_t i = 0; i < n; i++)
        (void)fputs("<col>", out);
    (void)fprintf(out, "</colgroup><thead><tr><th>%s</th>", what);
    for (size_t i = 0; i < n; i++) {
        (void)fputs("<th>", out);
        put_title(out, &runs[i]);
        (void)fputs("</th>", out);
    }
    (void)fputs("</tr></thead><tbody>\n", out);
}

static size_t count(const struct page_run *run, enum verdict verdict)
{
    size_t n = 0;
    for (size_t i = 0; i < run->n; i++)
        n += run->tests[i].verdict == verdict;
    return n;
}

static void put_tests(FILE *out, const struct page_run *run)
{
    (void)fprintf(out, "<span class=\"%s\">%zu failed</span>, %zu passed, %zu skipped",
                  count(run, VERDICT_FAIL) > 0 ? "fail" : "pass", count(run, VERDICT_FAIL),
                  count(run, VERDICT_PASS), count(run, VERDICT_SKIP));
    if (count(run, VERDICT_NONE) > 0)
        (void)fprintf(out, ", <span class=\"none\">%zu not run</span>", count(run, VERDICT_NONE));
    if (run->is_stopped)
        (void)fputs("; <span class=\"fail\">the run was stopped</span>", out);
}

static void put_plugin(FILE *out, const struct page_run *run)
{
    put(out, run->plugin);
    put_between(out, " ", run->version, "");
    put_between(out, ", ABI minor ", run->abi_minor, "");
}

static void put_offers(FILE *out, const struct page_run *run)
{
    put(out, run->offers[0] ? run->offers : "nothing beyond what all do");
}

static void put_settings(FILE *out, const struct page_run *run)
{
    put(out, run->settings);
}

static void put_when(FILE *out, const struct page_run *run)
{
    put(out, run->began);
    (void)fprintf(out, ", %.1f s, seed ", (double)strtoull(run->ms, NULL, 10) / 1000);
    put(out, run->seed);
}

static void put_leftover(FILE *out, const struct page_run *run)
{
    if (run->leftover == NULL)
        put_between(out, "nothing (it worked under ", run->works_under, ")");
    else
        put_between(out, "<span class=\"fail\">not all could be removed:</span><pre>",
                    run->leftover, "</pre>");
}

static const struct {
    const char *what;
    void (*put)(FILE *out, const struct page_run *run);
} facts[] = {
    {"Tests", put_tests},   {"Plugin", put_plugin},
    {"Offers", put_offers}, {"Settings given (values are not told)", put_settings},
    {"When", put_when},     {"Left behind", put_leftover},
};

static void put_facts(FILE *out, const struct page_run *runs, size_t n)
{
    put_head_row(out, runs, n, "Run");
    for (size_t f = 0; f < sizeof facts / sizeof facts[0]; f++) {
        (void)fprintf(out, "<tr><th>%s</th>", facts[f].what);
        for (size_t i = 0; i < n; i++) {
            (void)fputs("<td>", out);
            facts[f].put(out, &runs[i]);
            (void)fputs("</td>", out);
        }
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</tbody></table>\n", out);
}

/* --- the rules --- */

static bool bears(const struct page_test *test, const char *rule)
{
    for (size_t i = 0; i < test->n_rules; i++)
        if (strcmp(test->rules[i], rule) == 0)
            return true;
    return false;
}

static const struct {
    const char *style, *sign, *word;
} looks[] = {{"none", "&#8230;", "not run"},
             {"pass", "&#10003;", "pass"},
             {"fail", "&#10007;", "fail"},
             {"skip", "&#8211;", "skip"}};

static void put_test(FILE *out, const struct page_test *test)
{
    (void)fprintf(out, "<li><span class=\"%s\">%s</span> ", looks[test->verdict].style,
                  looks[test->verdict].sign);
    put(out, test->family);
    (void)fputc('/', out);
    put_breakable(out, test->claim);
    if (test->verdict == VERDICT_PASS)
        (void)fprintf(out, " <small>%llu ms</small>", (unsigned long long)test->ms);
    else
        put_between(out, "<pre>", test->seen, "</pre>");
    (void)fputs("</li>", out);
}

static void put_tests_of(FILE *out, const struct page_run *run, const char *rule, bool failed)
{
    for (size_t i = 0; i < run->n; i++)
        if (bears(&run->tests[i], rule) && (run->tests[i].verdict == VERDICT_FAIL) == failed)
            put_test(out, &run->tests[i]);
}

static void put_cell(FILE *out, const struct page_run *run, const char *rule)
{
    size_t seen[sizeof looks / sizeof looks[0]] = {0}, all = 0;
    for (size_t i = 0; i < run->n; i++) {
        if (bears(&run->tests[i], rule)) {
            seen[run->tests[i].verdict]++;
            all++;
        }
    }
    if (all == 0) {
        (void)fputs("<td><span class=\"none\">no test</span></td>", out);
        return;
    }
    const enum verdict verdict = seen[VERDICT_FAIL] > 0   ? VERDICT_FAIL
                                 : seen[VERDICT_NONE] > 0 ? VERDICT_NONE
                                 : seen[VERDICT_PASS] > 0 ? VERDICT_PASS
                                                          : VERDICT_SKIP;
    (void)fprintf(out, "<td%s><details%s><summary><span class=\"%s\">%s %s</span>",
                  verdict == VERDICT_FAIL ? " class=\"bad\"" : "",
                  verdict == VERDICT_FAIL || verdict == VERDICT_SKIP ? " open" : "",
                  looks[verdict].style, looks[verdict].sign, looks[verdict].word);
    (void)fprintf(out, " <small>%zu of %zu passed", seen[VERDICT_PASS], all);
    if (seen[VERDICT_SKIP] > 0)
        (void)fprintf(out, ", %zu skipped", seen[VERDICT_SKIP]);
    (void)fputs("</small></summary><ul>", out);
    put_tests_of(out, run, rule, true); /* first what somebody has to read */
    put_tests_of(out, run, rule, false);
    (void)fputs("</ul></details></td>", out);
}

static void put_rule(FILE *out, const struct page_run *runs, size_t n, const struct rule *rule)
{
    const char *why = suite_no_test(rule);
    (void)fprintf(out, "<tr id=\"%s\"><th scope=\"row\"><b class=\"rule\">%s</b> ", rule->name,
                  rule->name);
    put(out, rule->text);
    (void)fputs("</th>", out);
    if (why != NULL) {
        (void)fprintf(out,
                      "<td colspan=\"%zu\"><span class=\"none\">no test can hold it</span>: ", n);
        put_between(out, "", why, "</td>");
    } else {
        for (size_t i = 0; i < n; i++)
            put_cell(out, &runs[i], rule->name);
    }
    (void)fputs("</tr>\n", out);
}

static void put_rules(FILE *out, const struct page_run *runs, size_t n)
{
    const char *topic = "";
    put_head_row(out, runs, n, "Rule");
    for (const struct rule *rule = suite_rules; rule->name != NULL; rule++) {
        if (strcmp(topic, suite_topic(rule)) != 0) {
            topic = suite_topic(rule);
            (void)fprintf(out, "<tr class=\"topic\"><th colspan=\"%zu\">%s</th></tr>\n", n + 1,
                          topic);
        }
        put_rule(out, runs, n, rule);
    }
    (void)fputs("</tbody></table>\n", out);
}

/* --- what was left out --- */

static bool is_left_out(const struct page_test *test)
{
    return test->verdict == VERDICT_SKIP || test->verdict == VERDICT_NONE;
}

/* Each reason once, with its tests. */
static void put_left_out(FILE *out, const struct page_run *run)
{
    (void)fputs("<td><ul>", out);
    for (size_t i = 0; i < run->n; i++) {
        const char *why = run->tests[i].seen;
        size_t same = 0;
        bool is_first = is_left_out(&run->tests[i]);
        for (size_t before = 0; before < i && is_first; before++)
            is_first =
                !is_left_out(&run->tests[before]) || strcmp(run->tests[before].seen, why) != 0;
        if (!is_first)
            continue;
        for (size_t at = i; at < run->n; at++)
            same += is_left_out(&run->tests[at]) && strcmp(run->tests[at].seen, why) == 0;
        put_between(out, "<li>", why[0] ? why : "the run was stopped before their end", "");
        (void)fprintf(out, ": %zu test%s</li>", same, same == 1 ? "" : "s");
    }
    (void)fputs("</ul></td>", out);
}

/* A newer suite has families and rules that an older document does not know. */
void page_write(FILE *out, const struct page_run *runs, size_t n)
{
    (void)fputs(head, out);
    (void)fputs("<h1>regstore conformance</h1>\n", out);
    (void)fputs(introduction, out);
    put_facts(out, runs, n);
    (void)fputs("<h2>Rules</h2>\n", out);
    put_rules(out, runs, n);
    (void)fputs("<h2>Left out</h2>\n", out);
    put_head_row(out, runs, n, "Why");
    (void)fputs(
        "<tr><th>What was not tested in this run. The tests themselves stand at their rules."
        "</th>",
        out);
    for (size_t i = 0; i < n; i++)
        put_left_out(out, &runs[i]);
    (void)fputs("</tr></tbody></table>\n</body></html>\n", out);
}
