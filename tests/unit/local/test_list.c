/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing against a model: the keys in an array, sorted by strcmp, and each option applied to it in
 * the words of the ABI.
 */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KEYS 120
#define STORES 12
#define LISTS 300

static char keys[KEYS][64];
static size_t n_keys;

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static unsigned draw(unsigned below)
{
    return (unsigned)random() % below;
}

/* Parts from an alphabet around "/" (0x2f), so that folders and files interleave. */
static void random_text(char *text, size_t size, unsigned parts)
{
    static const char *const pieces[] = {"a", "a-", "a.", "a0", "b", "-", "0", "aa", "\xc3\xa9"};
    text[0] = '\0';
    for (unsigned i = 0; i < parts; i++) {
        if (i > 0)
            strncat(text, "/", size - strlen(text) - 1);
        for (unsigned j = draw(2) + 1; j > 0; j--)
            strncat(text, pieces[draw(sizeof pieces / sizeof pieces[0])], size - strlen(text) - 1);
    }
}

static void fill_store(void)
{
    n_keys = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        random_text(keys[n_keys], sizeof keys[0], draw(4) + 1);
        const regstore_status status = put(keys[n_keys], "x");
        ck_assert_msg(status == REGSTORE_OK || status == REGSTORE_CONFLICT, "%s", error.message);
        n_keys += status == REGSTORE_OK; /* a key under a key */
    }
    qsort(keys, n_keys, sizeof keys[0], compare);
    size_t kept = 0;
    for (size_t i = 0; i < n_keys; i++)
        if (kept == 0 || strcmp(keys[kept - 1], keys[i]) != 0)
            memmove(keys[kept++], keys[i], sizeof keys[0]);
    n_keys = kept;
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The next entry of the model after position *at, "" at the end. */
static void next_of_model(const struct regstore_list_opts *opts, size_t *at, char entry[64])
{
    char last[64];
    snprintf(last, sizeof last, "%s", entry);
    for (entry[0] = '\0'; *at < n_keys; (*at)++) {
        const char *key = keys[*at];
        if (!begins(key, opts->prefix))
            continue;
        if (opts->start_after[0] != '\0' &&
            (strcmp(key, opts->start_after) <= 0 ||
             ((opts->flags & REGSTORE_LIST_AFTER_SUBTREE) != 0 && begins(key, opts->start_after))))
            continue;
        snprintf(entry, 64, "%s", key);
        char *slash = strchr(entry + strlen(opts->prefix), '/');
        if (opts->delimiter == NULL || slash == NULL) {
            (*at)++;
            return;
        }
        slash[1] = '\0';
        if (strcmp(entry, last) != 0)
            return;
        entry[0] = '\0';
    }
}

static void draw_text(char text[64])
{
    text[0] = '\0';
    if (draw(3) == 0)
        return;
    if (draw(2) == 0)
        random_text(text, 64, draw(3) + 1);
    else
        snprintf(text, 64, "%s", keys[draw((unsigned)n_keys)]);
    if (draw(2) == 0) {
        char *slash = strrchr(text, '/');
        if (slash != NULL)
            slash[draw(2)] = '\0';
    }
}

static void compare_with_model(void)
{
    char prefix[64], after[64], expected[64] = "", key[REGSTORE_KEY_MAX];
    draw_text(prefix);
    draw_text(after);
    const struct regstore_list_opts opts = {
        .struct_size = sizeof opts,
        .flags = draw(2) == 0 ? 0 : REGSTORE_LIST_AFTER_SUBTREE,
        .limit = draw(2) == 0 ? 0 : draw(9) + 1,
        .prefix = prefix,
        .start_after = after,
        .delimiter = draw(2) == 0 ? NULL : "/",
    };
    struct regstore_list *list = NULL;
    struct regstore_stat found = {.struct_size = sizeof found};
    ck_ok(plugin->list_open(store, plain(), &opts, &list));
    size_t at = 0;
    for (uint64_t n = 0;; n++) {
        next_of_model(&opts, &at, expected);
        if (opts.limit != 0 && n == opts.limit)
            expected[0] = '\0';
        ck_ok(plugin->list_next(list, plain(), key, sizeof key, &found));
        ck_assert_msg(strcmp(key, expected) == 0,
                      "'%s', not '%s' (prefix '%s', after '%s', delimiter %d, flags %d)", key,
                      expected, prefix, after, opts.delimiter != NULL, (int)opts.flags);
        if (key[0] == '\0')
            break;
        const bool is_prefix = key[strlen(key) - 1] == '/';
        ck_assert_uint_eq(found.flags, is_prefix ? REGSTORE_STAT_PREFIX : 0);
        ck_assert_uint_eq(found.length, is_prefix ? 0 : 1);
    }
    plugin->list_close(list);
}

START_TEST(lists_of_random_keys_are_those_of_the_model)
{
    for (unsigned i = 0; i < STORES; i++) {
        srandom(i + 1);
        fill_store();
        ck_assert_uint_gt(n_keys, 50);
        for (unsigned j = 0; j < LISTS; j++)
            compare_with_model();
        for (size_t j = 0; j < n_keys; j++)
            ck_ok(remove_blob(keys[j]));
    }
}
END_TEST

START_TEST(empty_folders_are_no_common_prefixes)
{
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .delimiter = "/"};
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX];
    ck_assert_int_eq(mkdir(file_of("a"), 0700), 0);
    ck_assert_int_eq(mkdir(file_of("a/b"), 0700), 0);
    ck_ok(put("c/d", "x"));
    ck_ok(plugin->list_open(store, plain(), &opts, &list));
    ck_ok(plugin->list_next(list, plain(), key, sizeof key, NULL));
    ck_assert_str_eq(key, "c/");
    ck_ok(plugin->list_next(list, plain(), key, sizeof key, NULL));
    ck_assert_str_eq(key, "");
    plugin->list_close(list);
}
END_TEST

START_TEST(names_that_are_no_keys_are_passed_over)
{
    const struct regstore_list_opts opts = {.struct_size = sizeof opts};
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX];
    FILE *file = fopen(file_of("not\nutf\xff"), "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    ck_ok(put("z", "x"));
    ck_ok(plugin->list_open(store, plain(), &opts, &list));
    ck_ok(plugin->list_next(list, plain(), key, sizeof key, NULL));
    ck_assert_str_eq(key, "z");
    plugin->list_close(list);
}
END_TEST

START_TEST(list_of_a_storage_path_that_is_not_there_is_empty)
{
    const struct regstore_list_opts opts = {.struct_size = sizeof opts};
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX], path[128];
    snprintf(path, sizeof path, "%s/missing", place);
    struct regstore_store *missing = open_store(path, NULL);
    ck_ok(plugin->list_open(missing, plain(), &opts, &list));
    ck_ok(plugin->list_next(list, plain(), key, sizeof key, NULL));
    ck_assert_str_eq(key, "");
    plugin->list_close(list);
    plugin->store_close(missing);
}
END_TEST

void add_list_tests(Suite *suite)
{
    add_claim(suite, lists_of_random_keys_are_those_of_the_model);
    add_claim(suite, empty_folders_are_no_common_prefixes);
    add_claim(suite, names_that_are_no_keys_are_passed_over);
    add_claim(suite, list_of_a_storage_path_that_is_not_there_is_empty);
}
