/* SPDX-License-Identifier: Apache-2.0 */
/* Faults on demand: the rules and which of them strikes. */
#include "faults.h"

#include "codec.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum fault_action action;
    enum fault_phase phase; /* unless the rule says another */
} actions[] = {
    {"error", FAULT_ERROR, FAULT_BEFORE},
    {"reset", FAULT_RESET, FAULT_BEFORE},
    {"close", FAULT_CLOSE, FAULT_BEFORE},
    {"stall", FAULT_STALL, FAULT_BEFORE},
    {"trickle", FAULT_TRICKLE, FAULT_MIDDLE},
    {"ok-error", FAULT_OK_ERROR, FAULT_READ},
    {"whitespace", FAULT_WHITESPACE, FAULT_MIDDLE},
    {"redirect", FAULT_REDIRECT, FAULT_BEFORE},
    {"date", FAULT_DATE, FAULT_AFTER},
    {"no-date", FAULT_NO_DATE, FAULT_AFTER},
    {"etag", FAULT_ETAG, FAULT_AFTER},
    {"no-etag", FAULT_NO_ETAG, FAULT_AFTER},
    {"empty-etag", FAULT_EMPTY_ETAG, FAULT_AFTER},
    {"garble", FAULT_GARBLE, FAULT_AFTER},
    {"pad", FAULT_PAD, FAULT_AFTER},
    {"flip", FAULT_FLIP, FAULT_MIDDLE},
    {"shorten", FAULT_SHORTEN, FAULT_AFTER},
    {"expire", FAULT_EXPIRE, FAULT_BEFORE},
    {"clock", FAULT_CLOCK, FAULT_BEFORE},
    {"signal", FAULT_SIGNAL, FAULT_BEFORE},
};

static const char *const phases[] = {"before", "read", "after", "middle"};

static const char *const words[] = {"op",   "key",     "skip", "times", "when", "do",    "status",
                                    "code", "message", "ms",   "bytes", "to",   "region", "pid"};

void faults_clear(struct faults *all)
{
    for (size_t i = 0; i < all->count; i++)
        fields_clear(&all->items[i].rule);
    free(all->items);
    *all = (struct faults){0};
}

static bool read_word(const struct fields *rule, const char *name, uint64_t *number)
{
    const char *value = fields_get(rule, name);
    return value == NULL || read_number(value, INT32_MAX, number);
}

static const char *read_action(struct fault *f)
{
    const char *name = fields_get(&f->rule, "do");
    const char *when = fields_get(&f->rule, "when");
    bool is_known = false;

    for (size_t i = 0; name != NULL && i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, name) == 0) {
            f->action = actions[i].action;
            f->phase = actions[i].phase;
            is_known = true;
        }
    if (!is_known)
        return "do: no such fault";
    if (when == NULL)
        return NULL;
    for (unsigned i = 0; i < sizeof phases / sizeof phases[0]; i++)
        if (strcmp(phases[i], when) == 0) {
            f->phase = (enum fault_phase)i;
            return NULL;
        }
    return "when: before, read, after or middle";
}

static const char *read_ms(struct fault *f)
{
    const char *ms = fields_get(&f->rule, "ms");
    bool is_negative = ms != NULL && *ms == '-';
    uint64_t number = 0;
    if (ms != NULL && !read_number(ms + is_negative, INT32_MAX, &number))
        return "ms: no number";
    f->ms = is_negative ? -(int64_t)number : (int64_t)number;
    return NULL;
}

static const char *read_rule(struct fault *f)
{
    for (size_t i = 0; i < f->rule.count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++)
            is_known = is_known || strcmp(words[j], f->rule.items[i].name) == 0;
        if (!is_known)
            return "it has a word that no rule knows";
    }
    const char *wrong = read_action(f);
    if (wrong == NULL)
        wrong = read_ms(f);
    if (wrong != NULL)
        return wrong;
    uint64_t status = f->action == FAULT_REDIRECT ? 307 : 500;
    f->times = 1;
    if (!read_word(&f->rule, "skip", &f->skip) || !read_word(&f->rule, "times", &f->times) ||
        !read_word(&f->rule, "status", &status) || !read_word(&f->rule, "bytes", &f->bytes) ||
        !read_word(&f->rule, "pid", &f->pid))
        return "skip, times, status, bytes and pid are numbers";
    if (f->action == FAULT_SIGNAL && f->pid == 0)
        return "pid: whom it signals";
    f->is_endless = f->times == 0;
    f->status = (unsigned)status;
    return f->status < 200 || f->status > 599 ? "status: from 200 to 599" : NULL;
}

const char *faults_add(struct faults *all, const char *rule)
{
    struct fault f = {0};
    const char *wrong = query_decode(rule, &f.rule) ? read_rule(&f) : "it cannot be decoded";
    if (wrong != NULL) {
        fields_clear(&f.rule);
        return wrong;
    }
    all->items = grow(all->items, all->count, sizeof all->items[0]);
    all->items[all->count++] = f;
    return NULL;
}

static bool word_matches(const struct fault *f, const char *name, const char *value)
{
    const char *pattern = fields_get(&f->rule, name);
    return pattern == NULL || fnmatch(pattern, value == NULL ? "" : value, 0) == 0;
}

struct fault *faults_match(struct faults *all, const char *operation, const char *key)
{
    for (size_t i = 0; i < all->count; i++) {
        struct fault *f = &all->items[i];
        if (f->is_spent || !word_matches(f, "op", operation) || !word_matches(f, "key", key))
            continue;
        if (f->skip > 0) {
            f->skip--;
            continue;
        }
        if (!f->is_endless && --f->times == 0)
            f->is_spent = true;
        struct fault *struck = grab(sizeof *struck);
        *struck = *f;
        struck->rule = (struct fields){0};
        fields_copy(&struck->rule, &f->rule);
        return struck;
    }
    return NULL;
}

void fault_free(struct fault *f)
{
    if (f == NULL)
        return;
    fields_clear(&f->rule);
    free(f);
}
