/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the suite is made of: rules, tests that prove them, and families of tests.  A test is a
 * claim about any plugin; it runs in a process of its own (run.h) in a world of its own (world.h).
 */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

/* What a test needs beyond a plugin, besides the REGSTORE_F_* bits of the store's features; where
 * it is missing the test is skipped with the reason. */
#define NEEDS_NO_STORE (UINT64_C(1) << 63) /* the test opens its stores itself, or none */
#define NEEDS_COPY     (UINT64_C(1) << 62) /* the slot copy */
#define NEEDS_PRESIGN  (UINT64_C(1) << 61) /* the slot presign */
/* The test purges what is a few seconds old, at any key: only where nobody else has uploads. */
#define NEEDS_OWN_STORE (UINT64_C(1) << 60)
/* With --jobs no other test runs beside it: it measures seconds.  What needs its own store is alone
 * as well. */
#define NEEDS_ALONE (UINT64_C(1) << 59)

struct test {
    const char *rules; /* one or more, separated by a space; the first is the one it proves */
    const char *claim;
    void (*run)(struct world *w);
    uint64_t needs;
};

struct family {
    const char *name;
    const struct test *tests;
    size_t n;
};

struct rule {
    const char *name, *text; /* both as regstore.h has them */
};

/* A rule that no test can hold, and why. */
struct no_test {
    const char *rule, *why;
};

/* All families, in the order in which they run; ends with name == NULL. */
extern const struct family *const suite_families[];

/* All rules of regstore.h, in its order; ends with name == NULL. */
extern const struct rule suite_rules[];

/* Those of them that the suite has no test for; ends with rule == NULL. */
extern const struct no_test suite_no_tests[];

/* NULL when there is no such rule. */
const struct rule *suite_rule(const char *name, size_t len);

/* What the rule speaks of, for people: "commit" of COM-1. */
const char *suite_topic(const struct rule *rule);
/* Why no test can hold the rule; NULL when one can. */
const char *suite_no_test(const struct rule *rule);
/* The rule that the test proves. */
const struct rule *suite_first_rule(const struct test *test);
bool suite_is_alone(const struct test *test);

/* True when the test bears this rule ("COM-1") or one of this kind ("COM"). */
bool suite_test_bears(const struct test *test, const char *rule);

extern const struct family family_load, family_settings, family_growth, family_key, family_upload,
    family_digest, family_resume, family_writers, family_commit, family_read, family_stat,
    family_list, family_delete, family_copy, family_threads, family_callback, family_manners,
    family_deadline, family_state, family_presign, family_purge, family_fork, family_secrets;

#define FAMILY(name_)                                                                              \
    {                                                                                              \
#name_, name_##_tests, sizeof name_##_tests / sizeof name_##_tests[0]                      \
    }

#endif
