/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 98 };

void list_print_wrapped(const char *prefix, const char *words)
{
    size_t column = 0;
    while (*words != '\0') {
        const size_t len = strcspn(words, " ");
        if (column > 0 && column + 1 + len > COLUMNS) {
            printf("\n");
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column == 0 ? prefix : " ", (int)len, words);
        words += len + (words[len] == ' ');
    }
    printf("\n");
}

/* The tests of the rule that are asked for. */
static unsigned count_tests(const struct options *o, const struct rule *rule)
{
    unsigned n = 0;
    for (const struct family *const *f = suite_families; *f != NULL; f++)
        for (size_t t = 0; t < (*f)->n; t++)
            n += options_select(o, *f, &(*f)->tests[t]) &&
                 suite_test_bears(&(*f)->tests[t], rule->name);
    return n;
}

static bool is_whole(const struct options *o)
{
    return o->families.n == 0 && o->rules.n == 0 && o->tests.n == 0;
}

void list_print(const struct options *o)
{
    for (const struct family *const *f = suite_families; *f != NULL; f++)
        for (size_t t = 0; t < (*f)->n; t++)
            if (options_select(o, *f, &(*f)->tests[t]))
                printf("%s/%s [%s]%s\n", (*f)->name, (*f)->tests[t].claim, (*f)->tests[t].rules,
                       suite_is_alone(&(*f)->tests[t]) ? " alone" : "");
    printf("\nThe rules, as regstore.h has them:\n");
    for (const struct rule *rule = suite_rules; rule->name != NULL; rule++) {
        const unsigned n = count_tests(o, rule);
        const char *why = suite_no_test(rule);
        if (n == 0 && !(is_whole(o) && why != NULL))
            continue;
        printf("\n%s (%s)", rule->name, suite_topic(rule));
        if (n > 0)
            printf(", %u test%s\n", n, n == 1 ? "" : "s");
        else
            printf(", no test: %s\n", why);
        list_print_wrapped("    ", rule->text);
    }
}

void list_rules_json(struct json *json, const struct test *test)
{
    json_open(json, "rules", '[');
    for (const char *at = test->rules; *at != '\0'; at += strspn(at, " ")) {
        char name[32];
        const size_t len = strcspn(at, " ");
        (void)snprintf(name, sizeof name, "%.*s", (int)len, at); /* no rule's name is as long */
        json_text(json, NULL, name);
        at += len;
    }
    json_close(json, ']');
}

static void print_tests_json(struct json *json, const struct options *o)
{
    json_open(json, "tests", '[');
    for (const struct family *const *f = suite_families; *f != NULL; f++) {
        for (size_t t = 0; t < (*f)->n; t++) {
            const struct test *test = &(*f)->tests[t];
            if (!options_select(o, *f, test))
                continue;
            json_open(json, NULL, '{');
            json_text(json, "family", (*f)->name);
            json_text(json, "claim", test->claim);
            list_rules_json(json, test);
            json_bool(json, "alone", suite_is_alone(test));
            json_close(json, '}');
        }
    }
    json_close(json, ']');
}

void list_print_json(const struct options *o)
{
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    print_tests_json(&json, o);
    json_open(&json, "rules", '[');
    for (const struct rule *rule = suite_rules; rule->name != NULL; rule++) {
        json_open(&json, NULL, '{');
        json_text(&json, "rule", rule->name);
        json_text(&json, "topic", suite_topic(rule));
        json_text(&json, "says", rule->text);
        json_number(&json, "tests", count_tests(o, rule));
        json_text(&json, "no_test_because", suite_no_test(rule));
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    printf("\n");
}
