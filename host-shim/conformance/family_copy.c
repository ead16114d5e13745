/* SPDX-License-Identifier: Apache-2.0 */
/* COPY-1. */
#include "blob.h"

static const uint64_t sizes[] = {0, 1, 1000, 5 * MIB, 12 * MIB + 3};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static regstore_status copy(struct world *w, struct call *c, const struct key *from,
                            const struct key *to, uint64_t flags)
{
    const struct regstore_copy_opts opts = {.struct_size = sizeof opts, .flags = flags};
    return w->p->copy(w->store, &c->in, from->s, to->s, &opts);
}

static void copy_has_all_bytes_and_stands_alone(struct world *w)
{
    for (size_t i = 0; i < SIZES; i++) {
        CALL(c);
        const struct key from = key_of(w, "from%zu", i), to = key_of(w, "to/%zu", i);
        const struct key second = key_of(w, "second%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        const struct content other = content_of(test_seed(w, 99), sizes[i] + 1);
        blob_put(w, from.s, &content);
        EXPECT_OK(&c, copy(w, &c, &from, &to, 0));
        EXPECT_OK(&c, copy(w, &c, &to, &second, 0));
        blob_must_be(w, to.s, &content);
        blob_must_be(w, from.s, &content);
        blob_put(w, from.s, &other); /* the copy does not follow its source */
        blob_must_be(w, to.s, &content);
        blob_delete(w, from.s);
        blob_must_be(w, to.s, &content);
        blob_put(w, to.s, &other); /* nor the other way round */
        blob_must_be(w, second.s, &content);
    }
}

static void copy_onto_itself_is_ok(struct world *w)
{
    for (size_t i = 0; i < SIZES; i++) {
        CALL(c);
        const struct key key = key_of(w, "blob%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        blob_put(w, key.s, &content);
        EXPECT_OK(&c, copy(w, &c, &key, &key, 0));
        blob_must_be(w, key.s, &content);
    }
}

static void copy_replaces_the_target_whole(struct world *w)
{
    const struct key from = key_of(w, "from"), to = key_of(w, "to");
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t j = 0; j < SIZES; j += 2) {
            CALL(c);
            const struct content new = content_of(test_seed(w, i), sizes[i]);
            const struct content old = content_of(test_seed(w, 10 + j), sizes[j]);
            blob_put(w, from.s, &new);
            blob_put(w, to.s, &old);
            EXPECT_OK(&c, copy(w, &c, &from, &to, 0));
            blob_must_be(w, to.s, &new);
        }
    }
}

static void copy_of_a_missing_blob_is_not_found_and_target_stays(struct world *w)
{
    CALL(c);
    const struct key from = key_of(w, "absent"), to = key_of(w, "to"), free = key_of(w, "free");
    const struct content content = content_of(test_seed(w, 1), 1000);
    blob_put(w, to.s, &content);
    EXPECT(&c, copy(w, &c, &from, &to, 0), REGSTORE_NOT_FOUND);
    EXPECT(&c, copy(w, &c, &from, &free, 0), REGSTORE_NOT_FOUND);
    EXPECT(&c, copy(w, &c, &from, &from, 0), REGSTORE_NOT_FOUND);
    blob_must_be(w, to.s, &content);
    blob_must_be_absent(w, free.s);
}

static void copy_if_absent_over_a_blob_is_exists(struct world *w)
{
    for (size_t i = 0; i < SIZES; i++) {
        CALL(c);
        const struct key from = key_of(w, "from%zu", i), to = key_of(w, "to%zu", i);
        const struct key free = key_of(w, "free%zu", i);
        const struct content content = content_of(test_seed(w, i), sizes[i]);
        const struct content old = content_of(test_seed(w, 99), 777);
        blob_put(w, from.s, &content);
        blob_put(w, to.s, &old);
        EXPECT(&c, copy(w, &c, &from, &to, REGSTORE_COPY_IF_ABSENT), REGSTORE_EXISTS);
        blob_must_be(w, to.s, &old);
        EXPECT_OK(&c, copy(w, &c, &from, &free, REGSTORE_COPY_IF_ABSENT));
        blob_must_be(w, free.s, &content);
    }
}

static const struct test copy_tests[] = {
    {"COPY-1", "copy_has_all_bytes_and_stands_alone", copy_has_all_bytes_and_stands_alone,
     NEEDS_COPY},
    {"COPY-1", "copy_onto_itself_is_ok", copy_onto_itself_is_ok, NEEDS_COPY},
    {"COPY-1", "copy_replaces_the_target_whole", copy_replaces_the_target_whole, NEEDS_COPY},
    {"COPY-1", "copy_of_a_missing_blob_is_not_found_and_target_stays",
     copy_of_a_missing_blob_is_not_found_and_target_stays, NEEDS_COPY},
    {"COPY-1", "copy_if_absent_over_a_blob_is_exists", copy_if_absent_over_a_blob_is_exists,
     NEEDS_COPY},
};

const struct family family_copy = FAMILY(copy);
