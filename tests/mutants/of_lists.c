/* SPDX-License-Identifier: Apache-2.0 */
/* LIST-1. */
#include "mutants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A list around the good one, which these mutants count, filter and sort. */
struct around {
    struct regstore_list *good;
    char prefix[REGSTORE_KEY_MAX], last[REGSTORE_KEY_MAX];
    uint64_t n;
    char (*sorted)[REGSTORE_KEY_MAX];
    size_t n_sorted, next;
};

static struct regstore_list_opts known(const struct regstore_list_opts *opts)
{
    if (opts != NULL && opts->struct_size == sizeof *opts)
        return *opts;
    return (struct regstore_list_opts){.struct_size = sizeof(struct regstore_list_opts)};
}

static regstore_status around_open(struct regstore_store *store, const struct regstore_call *call,
                                   const struct regstore_list_opts *opts,
                                   struct regstore_list **out)
{
    struct around *around = calloc(1, sizeof *around);
    if (around == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    const regstore_status status = local_list_open(store, call, opts, &around->good);
    if (status != REGSTORE_OK) {
        free(around);
        return status;
    }
    const char *prefix = known(opts).prefix;
    (void)snprintf(around->prefix, sizeof around->prefix, "%s", prefix != NULL ? prefix : "");
    *out = (struct regstore_list *)around;
    return REGSTORE_OK;
}

static void around_close(struct regstore_list *list)
{
    struct around *around = (struct around *)list;
    if (around == NULL)
        return;
    local_list_close(around->good);
    free(around->sorted);
    free(around);
}

static void put_around(struct regstore_plugin *t,
                       regstore_status (*next)(struct regstore_list *, const struct regstore_call *,
                                               char *, size_t, struct regstore_stat *))
{
    t->list_open = around_open;
    t->list_next = next;
    t->list_close = around_close;
}

enum { PAGE = 1000 };

/* "The next page begins behind the key that it begins with." */
static regstore_status next_losing_one(struct regstore_list *list, const struct regstore_call *call,
                                       char *key, size_t cap, struct regstore_stat *out)
{
    struct around *around = (struct around *)list;
    if (around->n++ == PAGE) {
        const regstore_status status = local_list_next(around->good, call, key, cap, NULL);
        if (status != REGSTORE_OK)
            return status;
    }
    return local_list_next(around->good, call, key, cap, out);
}

BREAKS(ListLosesThe1001st)
{
    put_around(t, next_losing_one);
}

/* "The next page begins with the key that ended the last one." */
static regstore_status next_twice(struct regstore_list *list, const struct regstore_call *call,
                                  char *key, size_t cap, struct regstore_stat *out)
{
    struct around *around = (struct around *)list;
    if (around->n++ == PAGE && cap >= REGSTORE_KEY_MAX) {
        (void)snprintf(key, cap, "%s", around->last);
        return REGSTORE_OK;
    }
    const regstore_status status = local_list_next(around->good, call, key, cap, out);
    if (status == REGSTORE_OK)
        (void)snprintf(around->last, sizeof around->last, "%s", key);
    return status;
}

BREAKS(ListRepeatsThe1000th)
{
    put_around(t, next_twice);
}

/* The parts of a path one by one: "a/b" comes before "a-b". */
static int by_parts(const void *a, const void *b)
{
    const unsigned char *one = a, *two = b;
    while (*one != '\0' && *one == *two) {
        one++;
        two++;
    }
    const int left = *one == '/' ? 1 : *one, right = *two == '/' ? 1 : *two;
    return left - right;
}

static regstore_status collect(struct around *around, const struct regstore_call *call)
{
    size_t room = 64;
    around->sorted = calloc(room, sizeof around->sorted[0]);
    regstore_status status = around->sorted != NULL ? REGSTORE_OK : REGSTORE_NO_MEMORY;
    while (status == REGSTORE_OK) {
        if (around->n_sorted == room) {
            void *larger = realloc(around->sorted, 2 * room * sizeof around->sorted[0]);
            if (larger == NULL)
                return REGSTORE_NO_MEMORY;
            around->sorted = larger;
            room *= 2;
        }
        char *key = around->sorted[around->n_sorted];
        status = local_list_next(around->good, call, key, REGSTORE_KEY_MAX, NULL);
        if (status == REGSTORE_OK && key[0] == '\0')
            break;
        around->n_sorted++;
    }
    if (status == REGSTORE_OK)
        qsort(around->sorted, around->n_sorted, sizeof around->sorted[0], by_parts);
    return status;
}

/* "Folder by folder, each sorted." */
static regstore_status next_by_parts(struct regstore_list *list, const struct regstore_call *call,
                                     char *key, size_t cap, struct regstore_stat *out)
{
    struct around *around = (struct around *)list;
    (void)out;
    if (around->sorted == NULL) {
        const regstore_status status = collect(around, call);
        if (status != REGSTORE_OK)
            return status;
    }
    const bool is_end = around->next == around->n_sorted;
    (void)snprintf(key, cap, "%s", is_end ? "" : around->sorted[around->next]);
    around->next += !is_end;
    return REGSTORE_OK;
}

BREAKS(ListSortedByParts)
{
    put_around(t, next_by_parts);
}

/* "A prefix is a folder." */
static regstore_status next_in_folder(struct regstore_list *list, const struct regstore_call *call,
                                      char *key, size_t cap, struct regstore_stat *out)
{
    struct around *around = (struct around *)list;
    const size_t len = strlen(around->prefix);
    for (;;) {
        const regstore_status status = local_list_next(around->good, call, key, cap, out);
        if (status != REGSTORE_OK || key[0] == '\0' || len == 0 || around->prefix[len - 1] == '/' ||
            key[len] == '/' || key[len] == '\0')
            return status;
    }
}

BREAKS(PrefixIsAFolder)
{
    put_around(t, next_in_folder);
}

/* "RANGE, and on with the next one." */
static regstore_status next_losing_on_range(struct regstore_list *list,
                                            const struct regstore_call *call, char *key, size_t cap,
                                            struct regstore_stat *out)
{
    struct around *around = (struct around *)list;
    char unseen[REGSTORE_KEY_MAX];
    const regstore_status status = local_list_next(around->good, call, key, cap, out);
    if (status == REGSTORE_RANGE)
        (void)local_list_next(around->good, call, unseen, sizeof unseen, NULL);
    return status;
}

BREAKS(RangeLosesAnEntry)
{
    put_around(t, next_losing_on_range);
}

/* "It ends in '/', that says it." */
static regstore_status next_unflagged(struct regstore_list *list, const struct regstore_call *call,
                                      char *key, size_t cap, struct regstore_stat *out)
{
    struct regstore_stat st = {.struct_size = sizeof st};
    const regstore_status status =
        local_list_next(((struct around *)list)->good, call, key, cap, &st);
    st.flags = 0;
    if (status == REGSTORE_OK)
        plug_give(out, &st, sizeof st);
    return status;
}

BREAKS(PrefixUnflagged)
{
    put_around(t, next_unflagged);
}

/* "After the end comes the beginning." */
static regstore_status next_failing_at_the_end(struct regstore_list *list,
                                               const struct regstore_call *call, char *key,
                                               size_t cap, struct regstore_stat *out)
{
    struct around *around = (struct around *)list;
    if (around->n > 0)
        return mutant_fail(call, REGSTORE_STATE, "the list has ended");
    const regstore_status status = local_list_next(around->good, call, key, cap, out);
    around->n += status == REGSTORE_OK && key[0] == '\0';
    return status;
}

BREAKS(ListEndOnlyOnce)
{
    put_around(t, next_failing_at_the_end);
}

/* --- opts that are read wrongly --- */

static regstore_status open_without_limit(struct regstore_store *store,
                                          const struct regstore_call *call,
                                          const struct regstore_list_opts *opts,
                                          struct regstore_list **out)
{
    struct regstore_list_opts own = known(opts);
    own.limit = 0;
    return local_list_open(store, call, &own, out);
}

/* "The host can stop whenever it likes." */
BREAKS(LimitIgnored)
{
    t->list_open = open_without_limit;
}

static regstore_status open_limited_short(struct regstore_store *store,
                                          const struct regstore_call *call,
                                          const struct regstore_list_opts *opts,
                                          struct regstore_list **out)
{
    struct regstore_list_opts own = known(opts);
    own.limit = own.limit > PAGE ? PAGE : own.limit;
    return local_list_open(store, call, &own, out);
}

/* "max-keys is at most a thousand." */
BREAKS(LimitCutToAThousand)
{
    t->list_open = open_limited_short;
}

static regstore_status open_with_key(struct regstore_store *store, const struct regstore_call *call,
                                     const struct regstore_list_opts *opts,
                                     struct regstore_list **out)
{
    struct regstore_list_opts own = known(opts);
    char before[REGSTORE_KEY_MAX];
    if (own.start_after != NULL && own.start_after[0] != '\0' &&
        (own.flags & REGSTORE_LIST_AFTER_SUBTREE) == 0) {
        (void)snprintf(before, sizeof before, "%s", own.start_after);
        before[strlen(before) - 1]--; /* a key that comes before it */
        own.start_after = before;
    }
    return local_list_open(store, call, &own, out);
}

/* "From this key on." */
BREAKS(StartAfterIncluded)
{
    t->list_open = open_with_key;
}

static regstore_status open_behind_key_only(struct regstore_store *store,
                                            const struct regstore_call *call,
                                            const struct regstore_list_opts *opts,
                                            struct regstore_list **out)
{
    struct regstore_list_opts own = known(opts);
    own.flags &= ~(uint64_t)REGSTORE_LIST_AFTER_SUBTREE;
    return local_list_open(store, call, &own, out);
}

/* "start_after does it, nearly." */
BREAKS(AfterSubtreeIgnored)
{
    t->list_open = open_behind_key_only;
}

static regstore_status open_something(struct regstore_store *store,
                                      const struct regstore_call *call,
                                      const struct regstore_list_opts *opts,
                                      struct regstore_list **out)
{
    const char *prefix = known(opts).prefix;
    char folder[REGSTORE_KEY_MAX];
    (void)snprintf(folder, sizeof folder, "%s", prefix != NULL ? prefix : "");
    const size_t len = strlen(folder);
    if (len > 0 && folder[len - 1] == '/') {
        folder[len - 1] = '\0';
        if (!mutant_is_there(store, folder))
            return mutant_fail(call, REGSTORE_NOT_FOUND, "there is no such folder");
    }
    return local_list_open(store, call, opts, out);
}

/* "opendir() says ENOENT." */
BREAKS(NothingIsNotFound)
{
    t->list_open = open_something;
}

static regstore_status open_any_delimiter(struct regstore_store *store,
                                          const struct regstore_call *call,
                                          const struct regstore_list_opts *opts,
                                          struct regstore_list **out)
{
    struct regstore_list_opts own = known(opts);
    if (own.delimiter != NULL && strcmp(own.delimiter, "/") != 0)
        own.delimiter = NULL;
    return local_list_open(store, call, &own, out);
}

/* "Any other delimiter folds nothing." */
BREAKS(AnyDelimiterTaken)
{
    t->list_open = open_any_delimiter;
}

/* --- a list by numbers --- */

enum { FEW = 16 };

struct by_number {
    struct regstore_store *store;
    struct regstore_list *good;
    char prefix[REGSTORE_KEY_MAX];
    uint64_t n;
};

static regstore_status numbers_open(struct regstore_store *store, const struct regstore_call *call,
                                    const struct regstore_list_opts *opts,
                                    struct regstore_list **out)
{
    struct by_number *numbers = calloc(1, sizeof *numbers);
    if (numbers == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    const regstore_status status = local_list_open(store, call, opts, &numbers->good);
    if (status != REGSTORE_OK) {
        free(numbers);
        return status;
    }
    const struct regstore_list_opts own = known(opts);
    /* Plain lists only; the others are the good plugin's. */
    numbers->store = own.start_after == NULL && own.delimiter == NULL && own.limit == 0
                         ? local_store_keep(store)
                         : NULL;
    (void)snprintf(numbers->prefix, sizeof numbers->prefix, "%s", own.prefix ? own.prefix : "");
    *out = (struct regstore_list *)numbers;
    return REGSTORE_OK;
}

/* "SELECT ... LIMIT 16 OFFSET n" */
static regstore_status number_next(struct regstore_list *list, const struct regstore_call *call,
                                   char *key, size_t cap, struct regstore_stat *out)
{
    struct by_number *numbers = (struct by_number *)list;
    char passed[REGSTORE_KEY_MAX];
    if (numbers->store != NULL && numbers->n > 0 && numbers->n % FEW == 0) {
        const struct regstore_list_opts opts = {.struct_size = sizeof opts,
                                                .prefix = numbers->prefix};
        struct regstore_list *page;
        regstore_status status = local_list_open(numbers->store, call, &opts, &page);
        for (uint64_t i = 0; status == REGSTORE_OK && i < numbers->n; i++)
            status = local_list_next(page, call, passed, sizeof passed, NULL);
        if (status != REGSTORE_OK)
            return status;
        local_list_close(numbers->good);
        numbers->good = page;
    }
    const regstore_status status = local_list_next(numbers->good, call, key, cap, out);
    numbers->n += status == REGSTORE_OK && key[0] != '\0';
    return status;
}

static void numbers_close(struct regstore_list *list)
{
    struct by_number *numbers = (struct by_number *)list;
    if (numbers == NULL)
        return;
    local_list_close(numbers->good);
    local_store_close(numbers->store);
    free(numbers);
}

BREAKS(ListByNumber)
{
    t->list_open = numbers_open;
    t->list_next = number_next;
    t->list_close = numbers_close;
}
