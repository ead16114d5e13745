/* SPDX-License-Identifier: Apache-2.0 */
/* The document's members that the page needs; others are passed over. */
#include "page_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"

enum { FILE_MAX = 64 * 1024 * 1024 };

static const char *const words[] = {"not run", "pass", "fail", "skip"};

const char *page_verdict_word(enum verdict verdict)
{
    return words[verdict];
}

/* Where the reader stands: the names of what is open, the outermost first. */
struct place {
    struct json_read r;
    const char *open[JSON_DEPTH + 1];
    enum json_kind kind;
};

static bool is_in(const struct place *p, unsigned depth, const char *name)
{
    return p->r.depth >= depth && strcmp(p->open[depth], name) == 0;
}

struct member {
    const char *in, *name; /* in: "" for the document itself */
    size_t offset;         /* of a const char * in a page_run */
};

static const struct member members[] = {
    {"plugin", "name", offsetof(struct page_run, plugin)},
    {"plugin", "version", offsetof(struct page_run, version)},
    {"plugin", "abi_minor", offsetof(struct page_run, abi_minor)},
    {"", "name", offsetof(struct page_run, name)},
    {"", "location", offsetof(struct page_run, location)},
    {"", "began", offsetof(struct page_run, began)},
    {"", "ms", offsetof(struct page_run, ms)},
    {"", "seed", offsetof(struct page_run, seed)},
    {"", "works_under", offsetof(struct page_run, works_under)},
    {"", "leftover", offsetof(struct page_run, leftover)},
};

static void set(struct page_run *run, size_t offset, const char *value)
{
    memcpy((char *)run + offset, &value, sizeof value);
}

static void take_member(struct page_run *run, const struct place *p)
{
    const char *in = p->r.depth == 1 ? "" : p->r.depth == 2 ? p->open[2] : "?";
    const bool is_null = p->kind == JSON_WORD && strcmp(p->r.value, "null") == 0;
    for (size_t i = 0; i < sizeof members / sizeof members[0] && !is_null; i++)
        if (strcmp(members[i].in, in) == 0 && strcmp(members[i].name, p->r.name) == 0)
            set(run, members[i].offset, p->r.value);
    if (p->r.depth == 1 && strcmp(p->r.name, "stopped") == 0)
        run->is_stopped = strcmp(p->r.value, "true") == 0;
}

static void add_word(char *list, size_t cap, const char *word)
{
    const size_t len = strlen(list);
    (void)snprintf(list + len, cap - len, "%s%s", len > 0 ? ", " : "", word); /* for people */
}

static bool take_verdict(struct page_test *test, const char *word)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            test->verdict = (enum verdict)i;
            return true;
        }
    }
    return false;
}

/* In the last test; false where a verdict is none. */
static bool take_of_test(struct page_run *run, const struct place *p)
{
    struct page_test *test = &run->tests[run->n - 1];
    if (is_in(p, 4, "rules")) {
        if (test->n_rules < PAGE_RULES)
            test->rules[test->n_rules++] = p->r.value;
        return true;
    }
    if (strcmp(p->r.name, "family") == 0)
        test->family = p->r.value;
    else if (strcmp(p->r.name, "claim") == 0)
        test->claim = p->r.value;
    else if (strcmp(p->r.name, "seen") == 0)
        test->seen = p->r.value;
    else if (strcmp(p->r.name, "ms") == 0)
        test->ms = strtoull(p->r.value, NULL, 10);
    else if (strcmp(p->r.name, "verdict") == 0)
        return take_verdict(test, p->r.value);
    return true;
}

static bool add_test(struct page_run *run)
{
    struct page_test *more = realloc(run->tests, (run->n + 1) * sizeof *more);
    if (more == NULL)
        return false;
    run->tests = more;
    run->tests[run->n++] = (struct page_test){.family = "", .claim = "", .seen = ""};
    return true;
}

static bool take(struct page_run *run, struct place *p, bool *is_ours)
{
    struct json_read *r = &p->r;
    if (p->kind == JSON_OPEN) {
        p->open[r->depth] = r->name;
        return !(r->depth == 3 && is_in(p, 2, "tests")) || add_test(run);
    }
    if (p->kind == JSON_CLOSE)
        return true;
    if (r->depth == 1 && strcmp(r->name, PAGE_FORMAT_NAME) == 0)
        *is_ours = strtoull(r->value, NULL, 10) == PAGE_FORMAT;
    if (r->depth >= 3 && is_in(p, 2, "tests") && run->n > 0)
        return take_of_test(run, p);
    if (r->depth == 3 && is_in(p, 3, "settings"))
        add_word(run->settings, sizeof run->settings, r->value);
    else if (r->depth == 3 && is_in(p, 3, "offers"))
        add_word(run->offers, sizeof run->offers, r->value);
    else
        take_member(run, p);
    return true;
}

bool page_read(struct page_run *run, char *document, char *why, size_t cap)
{
    struct place p;
    bool is_ours = false, ok = true;
    *run = (struct page_run){.document = document,
                             .plugin = "?",
                             .version = "?",
                             .began = "",
                             .abi_minor = "?",
                             .ms = "0",
                             .seed = "?",
                             .works_under = ""};
    json_read_init(&p.r, document);
    p.kind = json_read_next(&p.r);
    while (ok && p.kind != JSON_END && p.kind != JSON_BAD) {
        ok = take(run, &p, &is_ours);
        p.kind = json_read_next(&p.r);
    }
    if (ok && p.kind == JSON_END && is_ours)
        return true;
    (void)snprintf(why, cap, "%s",
                   p.kind == JSON_BAD ? "is no JSON, or not all of it"
                                      : "is not what this version prints with --json");
    page_clear(run);
    return false;
}

bool page_read_file(struct page_run *run, const char *path, char *why, size_t cap)
{
    FILE *file = fopen(path, "re");
    char *document = NULL, reason[128] = "";
    size_t room = 0;
    *run = (struct page_run){.document = NULL};
    if (file == NULL) {
        (void)snprintf(why, cap, "%s: %s", path, strerror(errno));
        return false;
    }
    const ssize_t len = getdelim(&document, &room, '\0', file); /* JSON has no NUL */
    (void)fclose(file);                                         /* nothing was written */
    if (len < 0 || len > FILE_MAX)
        (void)snprintf(reason, sizeof reason, "is empty, too large or cannot be read");
    else if (page_read(run, document, reason, sizeof reason))
        return true;
    else
        document = NULL;
    free(document);
    (void)snprintf(why, cap, "%s %s", path, reason);
    return false;
}

void page_clear(struct page_run *run)
{
    free(run->document);
    free(run->tests);
    *run = (struct page_run){.document = NULL};
}
