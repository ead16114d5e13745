/* SPDX-License-Identifier: Apache-2.0 */
/* The families and the rules. */
#include "suite.h"

#include <string.h>

const struct family *const suite_families[] = {&family_load,
                                               &family_settings,
                                               &family_growth,
                                               &family_key,
                                               &family_upload,
                                               &family_digest,
                                               &family_resume,
                                               &family_writers,
                                               &family_commit,
                                               &family_read,
                                               &family_stat,
                                               &family_list,
                                               &family_delete,
                                               &family_copy,
                                               &family_threads,
                                               &family_callback,
                                               &family_manners,
                                               &family_deadline,
                                               &family_state,
                                               &family_presign,
                                               &family_purge,
                                               &family_fork,
                                               &family_secrets,
                                               NULL};

const struct rule suite_rules[] = {
#include "rules.inc"
    {NULL, NULL}};

const struct no_test suite_no_tests[] = {
    {"FORK-4", "it speaks of means; FORK-2 and FORK-3 hold their effects"},
    {"FORK-5", "it speaks of means; FORK-3 holds their effect, a child that never hangs"},
    {NULL, NULL}};

static const struct {
    const char *kind, *topic;
} topics[] = {
    {"GROW", "growth"},
    {"CB", "callbacks"},
    {"ERR", "error"},
    {"CALL", "a call"},
    {"KEY", "keys"},
    {"THR", "threads"},
    {"FORK", "fork"},
    {"STORE", "store_open"},
    {"CHECK", "check"},
    {"UP", "upload"},
    {"TOK", "suspend and resume"},
    {"COM", "commit"},
    {"ABO", "abort"},
    {"READ", "read"},
    {"STAT", "stat"},
    {"DEL", "delete"},
    {"COPY", "copy"},
    {"LIST", "list"},
    {"SIGN", "presigned URLs"},
    {"PURGE", "purge"},
    {"LOAD", "regstore_plugin_v1"},
    {"MANNER", "manners"},
};

const char *suite_topic(const struct rule *rule)
{
    const size_t len = strcspn(rule->name, "-");
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        if (strlen(topics[i].kind) == len && strncmp(topics[i].kind, rule->name, len) == 0)
            return topics[i].topic;
    return "other"; /* a kind that has no words yet */
}

const char *suite_no_test(const struct rule *rule)
{
    for (const struct no_test *n = suite_no_tests; n->rule != NULL; n++)
        if (strcmp(n->rule, rule->name) == 0)
            return n->why;
    return NULL;
}

const struct rule *suite_first_rule(const struct test *test)
{
    return suite_rule(test->rules, strcspn(test->rules, " "));
}

bool suite_is_alone(const struct test *test)
{
    return (test->needs & (NEEDS_ALONE | NEEDS_OWN_STORE)) != 0;
}

const struct rule *suite_rule(const char *name, size_t len)
{
    for (const struct rule *rule = suite_rules; rule->name != NULL; rule++)
        if (strlen(rule->name) == len && strncmp(rule->name, name, len) == 0)
            return rule;
    return NULL;
}

bool suite_test_bears(const struct test *test, const char *rule)
{
    const size_t wanted = strlen(rule);
    for (const char *at = test->rules; *at != '\0'; at += strspn(at, " ")) {
        const size_t len = strcspn(at, " ");
        if (strncmp(at, rule, wanted) == 0 && (len == wanted || at[wanted] == '-'))
            return true;
        at += len;
    }
    return false;
}
