/* SPDX-License-Identifier: Apache-2.0 */
/* LIST-1, on a set of more than 1,000 keys that the family's tests share. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blob.h"

enum { KEYS = 1103, MAKERS = 8, FOLDERS = 7 };

/* The shared set, sorted by bytes: the i-th key. */
struct set {
    char key[KEYS][256];
    char prefix[128];
};

static int by_bytes(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Plain keys, keys in folders, folders in folders, and neighbours that sort around "/". */
static void name_key(char key[256], const char *prefix, unsigned i)
{
    static const char *const middles[] = {"/k", "/deep/k", ".", "-x/", "0/"};
    const unsigned shape = i % 6, folder = i / 6 % FOLDERS;
    if (shape == 5)
        (void)snprintf(key, 256, "%sn%04u", prefix, i);
    else
        (void)snprintf(key, 256, "%sdir-%u%s%04u", prefix, folder, middles[shape], i);
}

static void make_some(struct world *w, unsigned maker, void *arg)
{
    const struct set *set = arg;
    for (unsigned i = maker; i < KEYS; i += MAKERS) {
        const struct content c = content_of(i, i % 50);
        blob_put(w, set->key[i], &c);
    }
}

/* The first test that wants the set makes it; a marker says that it is whole. */
static struct set *the_set(struct world *w)
{
    static struct set set;
    char marker[128];
    (void)snprintf(set.prefix, sizeof set.prefix, "%smany/", w->run_prefix);
    (void)snprintf(marker, sizeof marker, "%smany-is-whole", w->run_prefix);
    for (unsigned i = 0; i < KEYS; i++)
        name_key(set.key[i], set.prefix, i);
    qsort(set.key, KEYS, sizeof set.key[0], by_bytes);
    world_lock(w);
    if (!blob_exists(w, marker)) {
        const struct content c = content_of(1, 1);
        in_threads(w, MAKERS, make_some, &set);
        blob_put(w, marker, &c);
    }
    world_unlock(w);
    return &set;
}

struct entry {
    const char *text;
    size_t len;
    bool is_prefix;
};

/* What the key shows as, with a delimiter: itself, or its folder below the prefix. */
static struct entry entry_of(const char *key, const struct regstore_list_opts *opts)
{
    struct entry e = {key, strlen(key), false};
    const char *slash = opts->delimiter ? strchr(key + strlen(opts->prefix), '/') : NULL;
    if (slash != NULL) {
        e.len = (size_t)(slash + 1 - key);
        e.is_prefix = true;
    }
    return e;
}

static bool is_begun(const char *key, const struct regstore_list_opts *opts)
{
    if (strncmp(key, opts->prefix, strlen(opts->prefix)) != 0)
        return false;
    if (opts->start_after == NULL)
        return true;
    if ((opts->flags & REGSTORE_LIST_AFTER_SUBTREE) &&
        strncmp(key, opts->start_after, strlen(opts->start_after)) == 0)
        return false;
    return strcmp(key, opts->start_after) > 0;
}

/* The plugin's list must be what follows from the sorted keys. */
static void list_must_be_right(struct world *w, const struct set *set,
                               const struct regstore_list_opts *opts, const char *what)
{
    CALL(c);
    struct regstore_list *list = NULL;
    char seen[REGSTORE_KEY_MAX];
    struct entry last = {"", 0, false};
    uint64_t n = 0;
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, opts, &list));
    for (unsigned i = 0; i < KEYS && (opts->limit == 0 || n < opts->limit); i++) {
        if (!is_begun(set->key[i], opts))
            continue;
        const struct entry e = entry_of(set->key[i], opts);
        if (e.is_prefix && e.len == last.len && strncmp(e.text, last.text, e.len) == 0)
            continue;
        struct regstore_stat st = STAT_INIT;
        EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, &st));
        CLAIM(strlen(seen) == e.len && strncmp(seen, e.text, e.len) == 0,
              "%s: entry %llu is \"%s\", due was \"%.*s\"", what, (unsigned long long)n, seen,
              (int)e.len, e.text);
        CLAIM(!(st.flags & REGSTORE_STAT_PREFIX) == !e.is_prefix,
              "%s: the entry \"%s\" is %sa common prefix, and its flag says otherwise", what, seen,
              e.is_prefix ? "" : "not ");
        last = e;
        n++;
    }
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, NULL));
        CLAIM(seen[0] == '\0', "%s: after %llu entries, which are all, came \"%s\"", what,
              (unsigned long long)n, seen);
    }
    w->p->list_close(list);
}

static void more_than_1000_keys_come_in_byte_order_each_once(struct world *w)
{
    const struct set *set = the_set(w);
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = set->prefix};
    list_must_be_right(w, set, &opts, "all");
}

static void prefix_may_end_anywhere(struct world *w)
{
    static const char *const tails[] = {"n",       "n0",          "n00",    "d",
                                        "dir",     "dir-",        "dir-3",  "dir-3/",
                                        "dir-3/d", "dir-3/deep/", "dir-3.", "dir-30",
                                        "dir-30/", "dir-3-x",     "absent", "dir-3/absent/",
                                        "zzz"};
    const struct set *set = the_set(w);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char prefix[256];
        (void)snprintf(prefix, sizeof prefix, "%s%s", set->prefix, tails[i]);
        const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix};
        list_must_be_right(w, set, &opts, prefix);
    }
}

static void limit_ends_the_list(struct world *w)
{
    const uint64_t limits[] = {1, 2, 999, 1000, 1001, KEYS - 1, KEYS, KEYS + 1, UINT64_MAX};
    const struct set *set = the_set(w);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char what[64];
        const struct regstore_list_opts opts = {
            .struct_size = sizeof opts, .prefix = set->prefix, .limit = limits[i]};
        (void)snprintf(what, sizeof what, "limit %llu", (unsigned long long)limits[i]);
        list_must_be_right(w, set, &opts, what);
    }
}

static void start_after_begins_behind_the_key(struct world *w)
{
    static const char *const tails[] = {
        "",          "dir-2",  "dir-2-", "dir-2/", "dir-2/deep", "dir-2/deep/zzz",
        "dir-2/zzz", "dir-20", "m",      "zzz"};
    const struct set *set = the_set(w);
    const unsigned places[] = {0, 1, 500, 998, 999, 1000, 1001, KEYS - 2, KEYS - 1};
    struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = set->prefix};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        opts.start_after = set->key[places[i]];
        list_must_be_right(w, set, &opts, opts.start_after);
    }
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char after[256];
        (void)snprintf(after, sizeof after, "%s%s", set->prefix, tails[i]);
        opts.start_after = after;
        list_must_be_right(w, set, &opts, after);
        opts.delimiter = "/"; /* a folder shows while a key below it comes after */
        list_must_be_right(w, set, &opts, after);
        opts.delimiter = NULL;
    }
    opts.start_after = "!"; /* before the prefix */
    list_must_be_right(w, set, &opts, "start_after before the prefix");
    opts.start_after = "~"; /* behind the prefix: nothing is left */
    list_must_be_right(w, set, &opts, "start_after behind the prefix");
}

static void delimiter_folds_folders_into_one_entry(struct world *w)
{
    static const char *const tails[] = {"", "d", "dir-1", "dir-1/", "dir-1/d", "dir-1/deep/", "n"};
    const struct set *set = the_set(w);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char prefix[256];
        (void)snprintf(prefix, sizeof prefix, "%s%s", set->prefix, tails[i]);
        struct regstore_list_opts opts = {
            .struct_size = sizeof opts, .prefix = prefix, .delimiter = "/"};
        list_must_be_right(w, set, &opts, prefix);
        opts.limit = 5;
        list_must_be_right(w, set, &opts, prefix);
    }
}

static void after_subtree_skips_all_that_begins_so(struct world *w)
{
    static const char *const tails[] = {"dir-1", "dir-1/", "dir-1/deep/", "dir-6", "n", "d", "zzz"};
    const struct set *set = the_set(w);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char after[256];
        (void)snprintf(after, sizeof after, "%s%s", set->prefix, tails[i]);
        struct regstore_list_opts opts = {.struct_size = sizeof opts,
                                          .flags = REGSTORE_LIST_AFTER_SUBTREE,
                                          .prefix = set->prefix,
                                          .start_after = after};
        list_must_be_right(w, set, &opts, after);
        opts.delimiter = "/";
        list_must_be_right(w, set, &opts, after);
        opts.limit = 3;
        list_must_be_right(w, set, &opts, after);
    }
}

/* --- on sets of their own --- */

static void keys_around_the_slash_sort_by_bytes(struct world *w)
{
    static const char *const sorted[] = {
        "A",     "a b",   "a!",   "a#b",   "a-b",      "a.b",          "a/b",
        "a/b-c", "a/b.c", "a/bc", "a/c/d", "a/c0",     "a0",           "aa",
        "a~",    "b-/x",  "b/x",  "b0/x",  "\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x90\xb3"};
    enum { N = sizeof sorted / sizeof sorted[0] };
    CALL(c);
    const struct content content = content_of(1, 1);
    const struct key prefix = key_of(w, "order/");
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix.s};
    struct regstore_list *list = NULL;
    for (unsigned i = 0; i < N; i++) {
        const struct key key = key_of(w, "order/%s", sorted[N - 1 - i]);
        blob_put(w, key.s, &content);
    }
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    for (unsigned i = 0; i <= N; i++) {
        char seen[REGSTORE_KEY_MAX];
        const struct key key = key_of(w, "order/%s", i < N ? sorted[i] : "");
        EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, NULL));
        CLAIM(strcmp(seen, i < N ? key.s : "") == 0, "entry %u is \"%s\", due was \"%s\"", i, seen,
              i < N ? key.s : "");
    }
    w->p->list_close(list);
}

static void key_buffer_below_key_max_is_range_and_loses_nothing(struct world *w)
{
    CALL(c);
    char seen[REGSTORE_KEY_MAX];
    const size_t caps[] = {0, 1, 64, REGSTORE_KEY_MAX - 1};
    const struct content content = content_of(1, 1);
    const struct key prefix = key_of(w, "cap/"), key = key_of(w, "cap/only");
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix.s};
    struct regstore_list *list = NULL;
    blob_put(w, key.s, &content);
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        memset(seen, '#', sizeof seen);
        EXPECT(&c, w->p->list_next(list, &c.in, seen, caps[i], NULL), REGSTORE_RANGE);
        CLAIM(seen[caps[i]] == '#', "with cap %zu the byte at %zu was written", caps[i], caps[i]);
    }
    EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, NULL));
    CLAIM(strcmp(seen, key.s) == 0, "after RANGE came \"%s\"", seen);
    w->p->list_close(list);
}

static void wrong_opts_are_refused(struct world *w)
{
    CALL(c);
    struct regstore_list *list = NULL;
    static const char *const bad[] = {"-", "", "//", "ab"};
    struct regstore_list_opts opts = {.struct_size = sizeof opts};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        opts.delimiter = bad[i];
        EXPECT(&c, w->p->list_open(w->store, &c.in, &opts, &list), REGSTORE_INVALID,
               REGSTORE_UNSUPPORTED);
    }
}

static void prefix_never_leads_out_of_the_store(struct world *w)
{
    static const char *const bad[] = {"../", "..", "x/../../", "/", "/etc/", "./"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CALL(c);
        char seen[REGSTORE_KEY_MAX];
        struct regstore_list *list = NULL;
        const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = bad[i]};
        const regstore_status status = w->p->list_open(w->store, &c.in, &opts, &list);
        EXPECT_SEEN(&c, "list_open", status, REGSTORE_OK, REGSTORE_INVALID);
        if (status != REGSTORE_OK)
            continue;
        const regstore_status next = w->p->list_next(list, &c.in, seen, sizeof seen, NULL);
        EXPECT_SEEN(&c, "list_next", next, REGSTORE_OK, REGSTORE_INVALID);
        CLAIM(next != REGSTORE_OK || seen[0] == '\0', "the prefix \"%s\" shows \"%s\"", bad[i],
              seen);
        w->p->list_close(list);
    }
}

/* Neighbours come and go between the entries; the 40 that stay come once each. */
static void keys_that_stay_come_once_while_others_come_and_go(struct world *w)
{
    enum { STAY = 40 };
    CALL(c);
    char seen[REGSTORE_KEY_MAX];
    unsigned next = 0;
    const struct content content = content_of(1, 1);
    const struct key prefix = key_of(w, "change/");
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix.s};
    struct regstore_list *list = NULL;
    for (unsigned i = 0; i < STAY; i++) {
        const struct key key = key_of(w, "change/stay%03u", i),
                         goes = key_of(w, "change/stay%03u-", i);
        blob_put(w, key.s, &content);
        blob_put(w, goes.s, &content);
    }
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    for (unsigned i = 0;; i++) {
        EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, NULL));
        if (seen[0] == '\0')
            break;
        const struct key due = key_of(w, "change/stay%03u", next);
        next += strcmp(seen, due.s) == 0;
        CLAIM(strlen(seen) != strlen(due.s) || strcmp(seen, due.s) == 0,
              "\"%s\" came, due was \"%s\"", seen, due.s);
        const struct key goes = key_of(w, "change/stay%03u-", (i * 7) % STAY);
        const struct key comes = key_of(w, "change/stay%03u+", (i * 11) % STAY);
        blob_delete(w, goes.s);
        blob_put(w, comes.s, &content);
    }
    CLAIM(next == STAY, "%u of %u keys came", next, (unsigned)STAY);
    w->p->list_close(list);
}

/* As many at once as one thread may have, each an entry further than the one before it. */
static void many_lists_take_turns(struct world *w)
{
    enum { LISTS = 200, NAMES = 5 };
    CALL(c);
    static struct regstore_list *lists[LISTS];
    char seen[REGSTORE_KEY_MAX];
    const struct content content = content_of(1, 1);
    const struct key prefix = key_of(w, "turns/");
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = prefix.s};
    for (unsigned i = 0; i < NAMES; i++) {
        const struct key key = key_of(w, "turns/%u", i);
        blob_put(w, key.s, &content);
    }
    for (unsigned turn = 0; turn < LISTS + NAMES; turn++) {
        if (turn < LISTS)
            EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &lists[turn]));
        for (unsigned i = turn < NAMES ? 0 : turn - NAMES; i <= turn && i < LISTS; i++) {
            const struct key due = key_of(w, "turns/%u", turn - i);
            EXPECT_OK(&c, w->p->list_next(lists[i], &c.in, seen, sizeof seen, NULL));
            CLAIM(strcmp(seen, turn - i < NAMES ? due.s : "") == 0,
                  "list %u shows \"%s\" as entry %u", i, seen, turn - i);
        }
    }
    for (unsigned i = 0; i < LISTS; i++)
        w->p->list_close(lists[i]);
}

/* --- memory --- */

/* Two lists, one of all keys and one of the last SOME; both are of pages that a service gives at a
 * time.  Each folder has few names. */
enum { ALL = 3000, SOME = 2000, IN_A_FOLDER = 50, NAME = 230, BATCH = 200, MAKE_MS = 40000 };
enum { LOOKS_MIN = 2, LOOKS_MAX = 8 };

#if IS_SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void);

static size_t memory_in_use(void)
{
    return __sanitizer_get_current_allocated_bytes(); /* what was freed stays in quarantine */
}
#else
/* Pages that are this process's alone, whoever allocated them. */
static size_t memory_in_use(void)
{
    unsigned long all = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%*u %lu %lu", &all, &shared) != 2)
        all = shared = 0;
    if (file != NULL)
        (void)fclose(file); /* nothing was written */
    return (all - shared) * (size_t)sysconf(_SC_PAGESIZE);
}
#endif

static struct key long_key(const struct world *w, unsigned i)
{
    return key_of(w, "long/%0*u/%0*u", NAME, i / IN_A_FOLDER, NAME, i);
}

struct hoard {
    unsigned first; /* of a batch to be made; of a list */
    size_t most;    /* memory that the list took */
};

static void make_some_long_keys(struct world *w, unsigned maker, void *arg)
{
    const struct hoard *h = arg;
    const struct content content = content_of(1, 1);
    for (unsigned i = h->first + maker; i < h->first + BATCH; i += MAKERS) {
        const struct key key = long_key(w, i);
        blob_put(w, key.s, &content);
    }
}

static void make_long_keys(struct world *w, void *arg)
{
    in_threads(w, MAKERS, make_some_long_keys, arg);
}

/* In a process that has done nothing else: what others have freed would hide it. */
static void list_and_weigh(struct world *w, void *arg)
{
    CALL(c);
    struct hoard *h = arg;
    char seen[REGSTORE_KEY_MAX];
    const struct key prefix = key_of(w, "long/"),
                     after = long_key(w, h->first > 0 ? h->first - 1 : 0);
    const struct regstore_list_opts opts = {.struct_size = sizeof opts,
                                            .prefix = prefix.s,
                                            .start_after = h->first > 0 ? after.s : NULL};
    struct regstore_list *list = NULL;
    const size_t before = memory_in_use();
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    for (unsigned i = h->first; i < ALL; i++) {
        const struct key due = long_key(w, i);
        EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, NULL));
        CLAIM(strcmp(seen, due.s) == 0, "entry %u is \"%s\"", i - h->first, seen);
        const size_t now = i % 100 == 0 ? memory_in_use() : before;
        if (now > before && now - before > h->most)
            h->most = now - before;
    }
    w->p->list_close(list);
}

/* The least of some looks: how far a plugin has read ahead is chance, on a busy machine more so. */
static size_t weigh(struct world *w, unsigned first, size_t least)
{
    struct hoard *h = world_shared(w, sizeof *h);
    *h = (struct hoard){first, 0};
    in_new_process(w, list_and_weigh, h);
    return h->most < least ? h->most : least;
}

/* A page more of keys may take a fraction of what it holds, never all of it: that is a plugin that
 * keeps what it has read. */
static void memory_of_a_list_does_not_grow_with_its_keys(struct world *w)
{
    struct hoard batch = {0, 0};
    size_t of_some = SIZE_MAX, of_all = SIZE_MAX;
    const size_t more = (size_t)(ALL - SOME) * 2 * NAME;
    const int64_t begin = now_ms();
    for (; batch.first < ALL; batch.first += BATCH) {
        if (now_ms() - begin > MAKE_MS)
            SKIP("the store is too slow to take %d keys in the time of a test", ALL);
        in_new_process(w, make_long_keys, &batch);
    }
    unsigned looks = 0;
    do {
        of_some = weigh(w, ALL - SOME, of_some);
        of_all = weigh(w, 0, of_all);
    } while (++looks < LOOKS_MAX && (looks < LOOKS_MIN || of_all >= of_some + more / 2));
    CLAIM(of_all < of_some + more / 2,
          "a list of %d keys took %zu bytes, one of %d took %zu: of the %zu bytes of the keys that "
          "it has more it kept too many",
          SOME, of_some, ALL, of_all, more);
}

static const struct test list_tests[] = {
    {"LIST-1", "more_than_1000_keys_come_in_byte_order_each_once",
     more_than_1000_keys_come_in_byte_order_each_once, 0},
    {"LIST-1", "prefix_may_end_anywhere", prefix_may_end_anywhere, 0},
    {"LIST-1", "limit_ends_the_list", limit_ends_the_list, 0},
    {"LIST-1", "start_after_begins_behind_the_key", start_after_begins_behind_the_key, 0},
    {"LIST-1", "delimiter_folds_folders_into_one_entry", delimiter_folds_folders_into_one_entry, 0},
    {"LIST-1", "after_subtree_skips_all_that_begins_so", after_subtree_skips_all_that_begins_so, 0},
    {"LIST-1", "keys_around_the_slash_sort_by_bytes", keys_around_the_slash_sort_by_bytes, 0},
    {"LIST-1", "key_buffer_below_key_max_is_range_and_loses_nothing",
     key_buffer_below_key_max_is_range_and_loses_nothing, 0},
    {"LIST-1", "wrong_opts_are_refused", wrong_opts_are_refused, 0},
    {"KEY-1 LIST-1", "prefix_never_leads_out_of_the_store", prefix_never_leads_out_of_the_store, 0},
    {"LIST-1", "keys_that_stay_come_once_while_others_come_and_go",
     keys_that_stay_come_once_while_others_come_and_go, 0},
    {"THR-4 LIST-1", "many_lists_take_turns", many_lists_take_turns, 0},
    {"LIST-1", "memory_of_a_list_does_not_grow_with_its_keys",
     memory_of_a_list_does_not_grow_with_its_keys, NEEDS_NO_STORE},
};

const struct family family_list = FAMILY(list);
