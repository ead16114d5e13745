/* SPDX-License-Identifier: Apache-2.0 */
/* DEL-1. */
#include <stdlib.h>
#include <string.h>

#include "blob.h"

enum { MANY = 2100, NOT_SET = 77 };

static void deleted_blob_is_gone_and_a_missing_one_is_ok(struct world *w)
{
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 1000);
    blob_delete(w, key.s); /* was never there */
    blob_put(w, key.s, &content);
    blob_delete(w, key.s);
    blob_must_be_absent(w, key.s);
    blob_delete(w, key.s);
    blob_put(w, key.s, &content); /* and may come back */
    blob_must_be(w, key.s, &content);
}

/* Real ones sit around the places where a service's batches end. */
static bool is_real(unsigned i)
{
    return i == 0 || i == 1 || (i >= 998 && i <= 1002) || (i >= 1998 && i <= 2001) || i == MANY - 1;
}

static void more_than_1000_keys_go_in_one_call(struct world *w)
{
    CALL(c);
    struct key *keys = calloc(MANY, sizeof *keys);
    static const char *pointers[MANY];
    static regstore_status results[MANY];
    const struct content content = content_of(test_seed(w, 1), 10);
    CLAIM(keys != NULL, "no memory for the test itself");
    for (unsigned i = 0; i < MANY; i++) {
        keys[i] = key_of(w, "many/%05u", i);
        pointers[i] = keys[i].s;
        results[i] = NOT_SET;
        if (is_real(i))
            blob_put(w, keys[i].s, &content);
    }
    EXPECT_OK(&c, w->p->delete_blobs(w->store, &c.in, pointers, MANY, results));
    for (unsigned i = 0; i < MANY; i++) {
        CLAIM(results[i] == REGSTORE_OK, "results[%u] is %d", i, (int)results[i]);
        CLAIM(!is_real(i) || !blob_exists(w, keys[i].s), "key %u of %u is still there", i,
              (unsigned)MANY);
    }
    free(keys);
}

static void bad_key_among_good_ones_is_told_and_the_good_ones_go(struct world *w)
{
    CALL(c);
    struct key good[4];
    const char *keys[6];
    regstore_status results[7];
    const struct content content = content_of(test_seed(w, 1), 10);
    for (unsigned i = 0; i < 4; i++) {
        good[i] = key_of(w, "good%u", i);
        blob_put(w, good[i].s, &content);
    }
    keys[0] = good[0].s, keys[1] = "bad//key", keys[2] = good[1].s;
    keys[3] = good[2].s, keys[4] = "../bad", keys[5] = good[3].s;
    for (unsigned i = 0; i < 7; i++)
        results[i] = NOT_SET;
    EXPECT(&c, w->p->delete_blobs(w->store, &c.in, keys, 6, results), REGSTORE_INVALID);
    for (unsigned i = 0; i < 6; i++) {
        const regstore_status due = i == 1 || i == 4 ? REGSTORE_INVALID : REGSTORE_OK;
        CLAIM(results[i] == due, "results[%u] is %d", i, (int)results[i]);
    }
    CLAIM(results[6] == NOT_SET, "a result past the last key was written");
    CLAIM(c.error.message[0] != '\0', "INVALID came without a message");
    for (unsigned i = 0; i < 4; i++)
        CLAIM(!blob_exists(w, good[i].s), "good key %u is still there", i);
}

static void no_keys_and_no_results_and_a_key_twice_are_fine(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "blob"), other = key_of(w, "other");
    const char *twice[] = {key.s, other.s, key.s};
    const struct content content = content_of(test_seed(w, 1), 10);
    EXPECT_OK(&c, w->p->delete_blobs(w->store, &c.in, twice, 0, NULL));
    blob_put(w, key.s, &content);
    blob_put(w, other.s, &content);
    EXPECT_OK(&c, w->p->delete_blobs(w->store, &c.in, twice, 3, NULL));
    CLAIM(!blob_exists(w, key.s) && !blob_exists(w, other.s), "a blob is still there");
}

/* A call that is refused as a whole is the result of every key. */
static void results_are_filled_whenever_the_call_returns(struct world *w)
{
    const struct key key = key_of(w, "blob"), other = key_of(w, "other");
    const char *keys[] = {key.s, other.s};
    const struct content content = content_of(test_seed(w, 1), 10);
    const int32_t cancel = 1;
    CALL(young);
    CALL(old);
    CALL(cancelled);
    struct {
        struct regstore_call known;
        uint64_t unknown;
    } longer = {.known = young.in, .unknown = 1};
    longer.known.struct_size = sizeof longer;
    old.in.struct_size -= 8;
    cancelled.in.cancel = &cancel;
    const struct {
        const struct regstore_call *call;
        regstore_status due;
    } cases[] = {{&longer.known, REGSTORE_UNSUPPORTED},
                 {&old.in, REGSTORE_INVALID},
                 {&cancelled.in, REGSTORE_CANCELLED}};
    blob_put(w, key.s, &content);
    blob_put(w, other.s, &content);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        regstore_status results[3] = {NOT_SET, NOT_SET, NOT_SET};
        const regstore_status status =
            w->p->delete_blobs(w->store, cases[i].call, keys, 2, results);
        CLAIM(status == cases[i].due, "call %zu gave %d, not %d", i, (int)status,
              (int)cases[i].due);
        CLAIM(results[0] == status && results[1] == status,
              "call %zu gave %d, and the results are %d and %d", i, (int)status, (int)results[0],
              (int)results[1]);
        CLAIM(results[2] == NOT_SET, "a result past the last key was written");
        blob_must_be(w, key.s, &content);
        blob_must_be(w, other.s, &content);
    }
}

static void neighbours_stay(struct world *w)
{
    static const char *const names[] = {"ab", "a-b", "a.b", "A", "sub/a", "b/a", "a0", "aa/a"};
    const struct key key = key_of(w, "a");
    const struct content content = content_of(test_seed(w, 1), 10);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct key near = key_of(w, "%s", names[i]);
        blob_put(w, near.s, &content);
    }
    blob_put(w, key.s, &content);
    blob_delete(w, key.s);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct key near = key_of(w, "%s", names[i]);
        CLAIM(blob_is(w, near.s, &content), "deleting \"a\" took \"%s\" with it", names[i]);
    }
}

static const struct test delete_tests[] = {
    {"DEL-1", "deleted_blob_is_gone_and_a_missing_one_is_ok",
     deleted_blob_is_gone_and_a_missing_one_is_ok, 0},
    {"DEL-1", "more_than_1000_keys_go_in_one_call", more_than_1000_keys_go_in_one_call, 0},
    {"DEL-1", "bad_key_among_good_ones_is_told_and_the_good_ones_go",
     bad_key_among_good_ones_is_told_and_the_good_ones_go, 0},
    {"DEL-1", "no_keys_and_no_results_and_a_key_twice_are_fine",
     no_keys_and_no_results_and_a_key_twice_are_fine, 0},
    {"DEL-1", "results_are_filled_whenever_the_call_returns",
     results_are_filled_whenever_the_call_returns, 0},
    {"DEL-1", "neighbours_stay", neighbours_stay, 0},
};

const struct family family_delete = FAMILY(delete);
