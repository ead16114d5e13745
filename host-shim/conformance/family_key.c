/* SPDX-License-Identifier: Apache-2.0 */
/* KEY-1 to KEY-4: which keys there are. */
#include <stdio.h>
#include <string.h>

#include "blob.h"
#include "trap.h"

/* Every verb that takes a key must refuse this one. */
static void must_be_invalid_as_target(struct world *w, const char *key, const char *source)
{
    CALL(c);
    struct regstore_upload *u = NULL;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .key = key};
    EXPECT(&c, w->p->upload_open(w->store, &c.in, &opts, &u), REGSTORE_INVALID);
    u = upload_new(w, NULL);
    EXPECT(&c, upload_commit(w, u, &c, key, NULL, 0), REGSTORE_INVALID);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
    if (w->p->copy != NULL)
        EXPECT(&c, w->p->copy(w->store, &c.in, source, key, NULL), REGSTORE_INVALID);
}

static void must_be_invalid(struct world *w, const char *key, const char *source)
{
    CALL(c);
    struct regstore_stat st = STAT_INIT;
    struct regstore_reader *r = NULL;
    regstore_status result = REGSTORE_OK;
    EXPECT(&c, w->p->stat(w->store, &c.in, key, &st), REGSTORE_INVALID);
    EXPECT(&c, w->p->read_open(w->store, &c.in, key, NULL, &r, NULL), REGSTORE_INVALID);
    EXPECT(&c, w->p->delete_blobs(w->store, &c.in, &key, 1, &result), REGSTORE_INVALID);
    CLAIM(result == REGSTORE_INVALID, "delete_blobs: results[0] is %s",
          regstore_host_status_name(result));
    must_be_invalid_as_target(w, key, source);
    if (w->p->copy != NULL)
        EXPECT(&c, w->p->copy(w->store, &c.in, key, source, NULL), REGSTORE_INVALID);
}

/* As they are, and behind the test's own prefix. */
static const char *const bad_keys[] = {
    "/",
    "//",
    ".",
    "..",
    "/lead",
    "trail/",
    "a//b",
    "./a",
    "../a",
    "a/.",
    "a/..",
    "a/./b",
    "a/../b",
    "../../conformance",
    "a\nb",
    "a\tb",
    "a\x01z",
    "a\x1fz",
    "a\x7fz",
    "\xff",
    "a\xc0\xafz",
    "\xe2\x82",
    "\x80",
    "\xed\xa0\x80",
    "\xf5\x80\x80\x80",
    "\xf4\x90\x80\x80",
};
enum { BAD_KEYS = sizeof bad_keys / sizeof bad_keys[0] };

static void key_that_breaks_the_rule_is_invalid_everywhere(struct world *w)
{
    const struct key source = key_of(w, "source");
    const struct content c = content_of(test_seed(w, 1), 10);
    struct key key;
    blob_put(w, source.s, &c);
    must_be_invalid(w, "", source.s);
    for (size_t i = 0; i < BAD_KEYS; i++) {
        key = key_of(w, "x/%s", bad_keys[i]);
        must_be_invalid(w, key.s, source.s);
        must_be_invalid(w, bad_keys[i], source.s);
    }
    CLAIM(blob_is(w, source.s, &c), "the blob that lay beside is not what it was");
}

static void key_of_1024_bytes_is_invalid(struct world *w)
{
    char key[REGSTORE_KEY_MAX + 1];
    const struct key source = key_of(w, "source");
    for (size_t i = 0; i < REGSTORE_KEY_MAX; i++)
        key[i] = i % 100 == 99 ? '/' : 'k';
    key[REGSTORE_KEY_MAX] = '\0';
    must_be_invalid(w, key, source.s);
}

static void refuse_under_the_trap(struct world *w, void *arg)
{
    CALL(c);
    struct regstore_stat st = STAT_INIT;
    struct regstore_reader *r = NULL;
    const char *bad = "a/../b";
    regstore_status status[3];
    (void)arg;
    if (!trap_set())
        SKIP("this machine lets no process filter its own system calls");
    status[0] = w->p->stat(w->store, &c.in, bad, &st);
    status[1] = w->p->read_open(w->store, &c.in, bad, NULL, &r, NULL);
    status[2] = w->p->delete_blobs(w->store, &c.in, &bad, 1, NULL);
    CLAIM(trap_caught() == NULL, "refusing the key made the system call %s", trap_caught());
    for (size_t i = 0; i < 3; i++)
        EXPECT_SEEN(&c, "a verb with the key a/../b", status[i], REGSTORE_INVALID);
}

static void bad_key_is_refused_before_any_io(struct world *w)
{
    in_new_process(w, refuse_under_the_trap, NULL);
}

/* Keys that a backend which quotes, cuts or folds in the wrong place would lose or mix up. */
static const char *const odd_keys[] = {
    "plain",
    "with space",
    " lead",
    "trail ",
    "plus+plus",
    "percent%2Fslash",
    "percent%",
    "q?a=b&c=d",
    "hash#tag",
    "semi;colon",
    "colon:x",
    "at@sign",
    "back\\slash",
    "quote'\"",
    "<xml>&amp;",
    "star*",
    "tilde~",
    "brace{}[]",
    "pipe|",
    "dollar$",
    "comma,",
    "...",
    "..dots",
    "dots..",
    ".hidden",
    "trail.",
    "-dash",
    "UPPER",
    "upper",
    "%",
    "%%41",
    "equal=",
    "a b/c d",
    "caret^`",
    "!excl(1)",
    "\xc3\xbc",  /* u with two dots, in one character */
    "u\xcc\x88", /* and in two: another key */
    "\xe6\xbc\xa2\xe5\xad\x97",
    "\xf0\x9f\x90\xb3",
    "\xef\xbc\x8f",
    "\xef\xbf\xbd",
};
enum { ODD_KEYS = sizeof odd_keys / sizeof odd_keys[0] };

static void odd_key_is_listed(struct world *w, const char *key)
{
    CALL(c);
    struct regstore_list *list = NULL;
    char seen[REGSTORE_KEY_MAX];
    bool found = false;
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = key};
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    do {
        EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, NULL));
        found |= strcmp(seen, key) == 0;
    } while (seen[0] != '\0');
    w->p->list_close(list);
    CLAIM(found, "a list with the prefix \"%s\" does not show that key", key);
}

static void every_legal_key_names_its_own_blob(struct world *w)
{
    for (size_t i = 0; i < ODD_KEYS; i++) {
        const struct key key = key_of(w, "%s", odd_keys[i]);
        const struct content c = content_of(test_seed(w, i), 10 + i);
        blob_put(w, key.s, &c);
    }
    for (size_t i = 0; i < ODD_KEYS; i++) {
        const struct key key = key_of(w, "%s", odd_keys[i]);
        const struct content c = content_of(test_seed(w, i), 10 + i);
        CLAIM(blob_is(w, key.s, &c), "the key \"%s\" does not have its own blob", odd_keys[i]);
        odd_key_is_listed(w, key.s);
    }
    for (size_t i = 0; i < ODD_KEYS; i++) {
        const struct key key = key_of(w, "%s", odd_keys[i]);
        blob_delete(w, key.s);
        CLAIM(!blob_exists(w, key.s), "the key \"%s\" is still there after delete", odd_keys[i]);
    }
}

/* A digit and the word that a person needs. */
static bool names_a_limit(const char *message)
{
    return strpbrk(message, "0123456789") != NULL;
}

static void is_stored_or_limit_is_named(struct world *w, const struct key *key)
{
    CALL(c);
    const struct content content = content_of(test_seed(w, strlen(key->s)), 100);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, content.length);
    const regstore_status status = upload_commit(w, u, &c, key->s, NULL, 0);
    EXPECT_SEEN(&c, "commit to a long key", status, REGSTORE_OK, REGSTORE_INVALID);
    if (status == REGSTORE_OK) {
        struct key other = *key; /* it differs in what a backend might cut off */
        other.s[strlen(other.s) - 1] ^= 1;
        blob_must_be(w, key->s, &content);
        CLAIM(!blob_exists(w, other.s),
              "with the key another one of its length is there: it was cut");
        blob_delete(w, key->s);
    } else {
        CLAIM(names_a_limit(c.error.message), "the message names no limit: \"%s\"",
              c.error.message);
        call_reset(&c);
        EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    }
    upload_end(w, u);
}

static void long_key_is_stored_or_its_limit_is_named(struct world *w)
{
    const size_t lengths[] = {256, 512, 900, 1000, 1022, 1023};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct key key = key_of(w, "long/");
        for (size_t at = strlen(key.s); at < lengths[i]; at++) {
            key.s[at] = at % 90 == 89 && at + 1 < lengths[i] ? '/' : 'k';
            key.s[at + 1] = '\0';
        }
        is_stored_or_limit_is_named(w, &key);
    }
}

static void long_part_is_stored_or_its_limit_is_named(struct world *w)
{
    const size_t lengths[] = {200, 255, 256, 300};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char part[512];
        memset(part, 'p', lengths[i]);
        part[lengths[i]] = '\0';
        const struct key key = key_of(w, "part/%s", part);
        is_stored_or_limit_is_named(w, &key);
    }
}

/* Puts a blob at second while one lies at first; one of the two is the other's folder. */
static void neither_is_lost(struct world *w, const struct key *first, const struct key *second)
{
    CALL(c);
    const struct content one = content_of(test_seed(w, 1), 1000),
                         two = content_of(test_seed(w, 2), 2000);
    blob_put(w, first->s, &one);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &two, two.length);
    const regstore_status status = upload_commit(w, u, &c, second->s, NULL, 0);
    EXPECT_SEEN(&c, "commit of a key under a key", status, REGSTORE_OK, REGSTORE_CONFLICT);
    CLAIM(blob_is(w, first->s, &one), "the blob at %s is lost", first->s);
    if (status == REGSTORE_OK)
        CLAIM(blob_is(w, second->s, &two), "OK, but the blob at %s is not there", second->s);
    call_reset(&c);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
    CLAIM(blob_is(w, first->s, &one), "after abort the blob at %s is lost", first->s);
}

static void key_under_a_key_is_stored_or_conflict(struct world *w)
{
    const struct key a = key_of(w, "one"), a_b = key_of(w, "one/under");
    const struct key b = key_of(w, "two"), b_a = key_of(w, "two/under/it");
    neither_is_lost(w, &a, &a_b);
    neither_is_lost(w, &b_a, &b);
}

static void folder_of_a_key_is_no_blob(struct world *w)
{
    const struct content c = content_of(test_seed(w, 1), 1000);
    const struct key folder = key_of(w, "folder"), key = key_of(w, "folder/blob");
    blob_put(w, key.s, &c);
    blob_must_be_absent(w, folder.s);
    blob_delete(w, folder.s);
    CLAIM(blob_is(w, key.s, &c), "deleting \"folder\" took \"folder/blob\" with it");
}

static void uploads_is_no_target(struct world *w)
{
    const struct key source = key_of(w, "source");
    const struct content c = content_of(test_seed(w, 1), 10);
    char key[160];
    (void)snprintf(key, sizeof key, "uploads/%s", w->prefix);
    blob_put(w, source.s, &c);
    key[strlen(key) - 1] = '\0'; /* the prefix ends with a slash */
    must_be_invalid_as_target(w, key, source.s);
    must_be_invalid_as_target(w, "uploads/x", source.s);
}

static void uploads_may_be_read_and_deleted(struct world *w)
{
    CALL(c);
    char key[160], seen[REGSTORE_KEY_MAX];
    struct regstore_list *list = NULL;
    (void)snprintf(key, sizeof key, "uploads/%sabsent", w->prefix);
    const struct regstore_list_opts opts = {.struct_size = sizeof opts, .prefix = key};
    blob_must_be_absent(w, key);
    blob_delete(w, key);
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    EXPECT_OK(&c, w->p->list_next(list, &c.in, seen, sizeof seen, NULL));
    CLAIM(seen[0] == '\0', "a list shows %s", seen);
    w->p->list_close(list);
}

static void presigned_put_under_uploads_is_invalid(struct world *w)
{
    CALL(c);
    static char url[REGSTORE_URL_MAX];
    int64_t expires_ns = 0;
    const struct regstore_presign_opts opts = {
        .struct_size = sizeof opts, .ttl_s = 60, .method = "PUT"};
    EXPECT(&c, w->p->presign(w->store, &c.in, "uploads/x", &opts, url, sizeof url, &expires_ns),
           REGSTORE_INVALID);
}

/* A list from start_after on must not show what lies under uploads/. */
static void must_hide_uploads(struct world *w, const char *prefix, const char *start_after,
                              const char *delimiter)
{
    CALL(c);
    struct regstore_list *list = NULL;
    char key[REGSTORE_KEY_MAX];
    const struct regstore_list_opts opts = {.struct_size = sizeof opts,
                                            .limit = 20,
                                            .prefix = prefix,
                                            .start_after = start_after,
                                            .delimiter = delimiter};
    EXPECT_OK(&c, w->p->list_open(w->store, &c.in, &opts, &list));
    do {
        EXPECT_OK(&c, w->p->list_next(list, &c.in, key, sizeof key, NULL));
        CLAIM(strncmp(key, "uploads/", 8) != 0, "a list with prefix %s%s shows %s",
              prefix ? prefix : "NULL", delimiter ? " and a delimiter" : "", key);
    } while (key[0] != '\0');
    w->p->list_close(list);
}

static void lists_hide_uploads_unless_asked_for(struct world *w)
{
    /* Something lies there in mid-upload, on backends that stage there. */
    const struct content c = content_of(test_seed(w, 1), 6 * MIB);
    char token[REGSTORE_TOKEN_MAX];
    CALL(call);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &c, c.length);
    upload_park(w, u, token);
    must_hide_uploads(w, "u", NULL, NULL);
    must_hide_uploads(w, "upload", NULL, NULL);
    must_hide_uploads(w, "uploads", NULL, NULL);
    must_hide_uploads(w, "u", NULL, "/");
    must_hide_uploads(w, NULL, "uploads", NULL);
    must_hide_uploads(w, "", "upload~", NULL);
    u = upload_resume(w, token);
    EXPECT_OK(&call, w->p->upload_abort(u, &call.in));
    upload_end(w, u);
}

static const struct test key_tests[] = {
    {"KEY-1", "key_that_breaks_the_rule_is_invalid_everywhere",
     key_that_breaks_the_rule_is_invalid_everywhere, 0},
    {"KEY-1", "key_of_1024_bytes_is_invalid", key_of_1024_bytes_is_invalid, 0},
    {"KEY-1", "bad_key_is_refused_before_any_io", bad_key_is_refused_before_any_io, NEEDS_NO_STORE},
    {"KEY-1", "every_legal_key_names_its_own_blob", every_legal_key_names_its_own_blob, 0},
    {"KEY-2", "long_key_is_stored_or_its_limit_is_named", long_key_is_stored_or_its_limit_is_named,
     0},
    {"KEY-2", "long_part_is_stored_or_its_limit_is_named",
     long_part_is_stored_or_its_limit_is_named, 0},
    {"KEY-3", "key_under_a_key_is_stored_or_conflict", key_under_a_key_is_stored_or_conflict, 0},
    {"KEY-3", "folder_of_a_key_is_no_blob", folder_of_a_key_is_no_blob, 0},
    {"KEY-4", "uploads_is_no_target", uploads_is_no_target, 0},
    {"KEY-4", "uploads_may_be_read_and_deleted", uploads_may_be_read_and_deleted, 0},
    {"KEY-4", "presigned_put_under_uploads_is_invalid", presigned_put_under_uploads_is_invalid,
     NEEDS_PRESIGN | REGSTORE_F_PRESIGN_PUT},
    {"KEY-4", "lists_hide_uploads_unless_asked_for", lists_hide_uploads_unless_asked_for, 0},
};

const struct family family_key = FAMILY(key);
