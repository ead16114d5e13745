/* SPDX-License-Identifier: Apache-2.0 */
/* READ-1 and READ-2. */
#include <string.h>

#include "blob.h"

static void range_must_be(struct world *w, const char *key, const struct content *c,
                          uint64_t offset, uint64_t length)
{
    CALL(call);
    struct regstore_stat st = STAT_INIT;
    struct regstore_reader *r = NULL;
    const struct regstore_read_opts opts = {
        .struct_size = sizeof opts, .offset = offset, .length = length};
    const uint64_t from = offset < c->length ? offset : c->length;
    const uint64_t end = length == 0 || length > c->length - from ? c->length : from + length;
    EXPECT_OK(&call, w->p->read_open(w->store, &call.in, key, &opts, &r, &st));
    CLAIM(st.length == c->length, "out says %llu bytes, the whole has %llu",
          (unsigned long long)st.length, (unsigned long long)c->length);
    reader_must_give(w, r, c, from, end, 100000);
    w->p->read_close(r);
}

static void ranges_of(struct world *w, uint64_t size, const uint64_t *lengths, size_t n_lengths)
{
    const uint64_t borders[] = {0,       1,        4096,        64 * KIB - 1, 64 * KIB,
                                MIB,     4 * MIB,  5 * MIB - 1, 5 * MIB,      5 * MIB + 1,
                                8 * MIB, 10 * MIB, size / 2,    size - 1};
    const struct key key = key_of(w, "size%llu", (unsigned long long)size);
    const struct content c = content_of(test_seed(w, size), size);
    blob_put(w, key.s, &c);
    for (size_t i = 0; i < sizeof borders / sizeof borders[0]; i++)
        for (size_t j = 0; j < n_lengths && borders[i] < size; j++)
            range_must_be(w, key.s, &c, borders[i], lengths[j]);
}

static void every_range_gives_its_own_bytes(struct world *w)
{
    const uint64_t short_lengths[] = {0, 1, 2, 4095, 4096, 4097, 64 * KIB + 1};
    const uint64_t long_lengths[] = {1, 64 * KIB, MIB + 1, 5 * MIB + 1, 20 * MIB};
    ranges_of(w, 1, short_lengths, sizeof short_lengths / sizeof short_lengths[0]);
    ranges_of(w, 4096, short_lengths, sizeof short_lengths / sizeof short_lengths[0]);
    ranges_of(w, 70000, short_lengths, sizeof short_lengths / sizeof short_lengths[0]);
    ranges_of(w, 12 * MIB + 5, long_lengths, sizeof long_lengths / sizeof long_lengths[0]);
}

static void length_beyond_the_end_is_cut(struct world *w)
{
    const struct key key = key_of(w, "blob");
    const struct content c = content_of(test_seed(w, 1), 10000);
    const uint64_t lengths[] = {
        1, 2, 10000, 10001, UINT64_C(1) << 40, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};
    blob_put(w, key.s, &c);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        range_must_be(w, key.s, &c, 0, lengths[i]);
        range_must_be(w, key.s, &c, 9999, lengths[i]);
        range_must_be(w, key.s, &c, 5000, lengths[i]);
    }
}

static void offset_at_or_past_the_end_reads_as_empty(struct world *w)
{
    const uint64_t sizes[] = {0, 1, 10000, 6 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct key key = key_of(w, "blob%zu", i);
        const struct content c = content_of(test_seed(w, i), sizes[i]);
        const uint64_t offsets[] = {sizes[i],          sizes[i] + 1, sizes[i] + MIB,
                                    UINT64_C(1) << 40, INT64_MAX,    UINT64_MAX};
        blob_put(w, key.s, &c);
        for (size_t j = 0; j < sizeof offsets / sizeof offsets[0]; j++) {
            range_must_be(w, key.s, &c, offsets[j], 0);
            range_must_be(w, key.s, &c, offsets[j], 1);
            range_must_be(w, key.s, &c, offsets[j], UINT64_MAX);
        }
    }
}

static void missing_key_is_not_found_at_any_offset(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "absent");
    const uint64_t offsets[] = {0, 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct regstore_reader *r = NULL;
        const struct regstore_read_opts opts = {.struct_size = sizeof opts, .offset = offsets[i]};
        EXPECT(&c, w->p->read_open(w->store, &c.in, key.s, &opts, &r, NULL), REGSTORE_NOT_FOUND);
        CLAIM(r == NULL, "NOT_FOUND, and *reader was set");
    }
}

static void small_buffers_get_all_bytes(struct world *w)
{
    const struct key key = key_of(w, "blob");
    const struct content c = content_of(test_seed(w, 1), 5000);
    const size_t caps[] = {1, 2, 7, 4096, 4999, 5000, 5001};
    blob_put(w, key.s, &c);
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        struct regstore_reader *r = reader_new(w, key.s, 0, 0);
        reader_must_give(w, r, &c, 0, c.length, caps[i]);
        w->p->read_close(r);
    }
}

static void end_stays_the_end(struct world *w)
{
    CALL(c);
    unsigned char byte;
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 100);
    blob_put(w, key.s, &content);
    struct regstore_reader *r = reader_new(w, key.s, 0, 0);
    reader_must_give(w, r, &content, 0, 100, 64);
    for (unsigned i = 0; i < 3; i++) {
        size_t got = 1;
        EXPECT_OK(&c, w->p->read_next(r, &c.in, &byte, 1, &got));
        CLAIM(got == 0, "after the end read_next gave %zu bytes", got);
    }
    w->p->read_close(r);
}

static void nothing_is_written_past_the_buffer(struct world *w)
{
    enum { CALLS = 3 };
    static unsigned char buf[3 * 1024 * 1024];
    const size_t caps[] = {1, 2, 1000, 4096, 64 * 1024, sizeof buf / 2};
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 2 * MIB);
    blob_put(w, key.s, &content);
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        CALL(c);
        struct regstore_reader *r = reader_new(w, key.s, 0, 0);
        for (unsigned n = 0; n < CALLS; n++) {
            size_t got = 0;
            memset(buf, 0x5a, sizeof buf);
            EXPECT_OK(&c, w->p->read_next(r, &c.in, buf, caps[i], &got));
            for (size_t at = caps[i]; at < sizeof buf; at++)
                CLAIM(buf[at] == 0x5a, "read_next wrote %zu bytes past a buffer of %zu",
                      at - caps[i] + 1, caps[i]);
        }
        w->p->read_close(r);
    }
}

static void etag_of_another_blob_is_conflict(struct world *w)
{
    CALL(c);
    const struct key key = key_of(w, "blob");
    const struct content first = content_of(test_seed(w, 1), 1000);
    const struct content second = content_of(test_seed(w, 2), 1000);
    struct regstore_stat before = STAT_INIT, after = STAT_INIT;
    struct regstore_reader *r = NULL;
    struct regstore_read_opts opts = {.struct_size = sizeof opts, .etag = before.etag};
    blob_put(w, key.s, &first);
    EXPECT_OK(&c, w->p->stat(w->store, &c.in, key.s, &before));
    if (before.etag[0] == '\0')
        SKIP("this backend has no etags");
    EXPECT_OK(&c, w->p->read_open(w->store, &c.in, key.s, &opts, &r, NULL));
    reader_must_give(w, r, &first, 0, 1000, 1000);
    w->p->read_close(r);
    blob_put(w, key.s, &second);
    EXPECT_OK(&c, w->p->stat(w->store, &c.in, key.s, &after));
    CLAIM(strcmp(before.etag, after.etag) != 0, "another blob has the same etag %s", after.etag);
    EXPECT(&c, w->p->read_open(w->store, &c.in, key.s, &opts, &r, NULL), REGSTORE_CONFLICT);
    opts.etag = "no-such-etag";
    EXPECT(&c, w->p->read_open(w->store, &c.in, key.s, &opts, &r, NULL), REGSTORE_CONFLICT);
}

static void reader_may_be_closed_early(struct world *w)
{
    CALL(c);
    static unsigned char buf[1000];
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 21 * MIB);
    blob_put(w, key.s, &content);
    for (unsigned i = 0; i < 20; i++) {
        struct regstore_reader *r = reader_new(w, key.s, i * MIB, 0);
        size_t got = 0;
        if (i % 2)
            EXPECT_OK(&c, w->p->read_next(r, &c.in, buf, sizeof buf, &got));
        CLAIM(content_differs(&content, i * MIB, buf, got) == got, "other bytes at %u MiB", i);
        w->p->read_close(r);
    }
    blob_must_be(w, key.s, &content);
}

static void many_readers_take_turns(struct world *w)
{
    enum { READERS = 24 };
    CALL(c);
    static unsigned char buf[100000];
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 3 * MIB);
    struct regstore_reader *readers[READERS];
    uint64_t at[READERS] = {0};
    bool is_more = true;
    blob_put(w, key.s, &content);
    for (unsigned i = 0; i < READERS; i++)
        readers[i] = reader_new(w, key.s, 0, 0);
    while (is_more) {
        is_more = false;
        for (unsigned i = 0; i < READERS; i++) {
            size_t got = 0;
            EXPECT_OK(&c, w->p->read_next(readers[i], &c.in, buf, sizeof buf, &got));
            CLAIM(got <= content.length - at[i] &&
                      content_differs(&content, at[i], buf, got) == got,
                  "reader %u: other bytes at %llu", i, (unsigned long long)at[i]);
            at[i] += got;
            is_more |= got > 0;
        }
    }
    for (unsigned i = 0; i < READERS; i++) {
        CLAIM(at[i] == content.length, "reader %u ended at %llu", i, (unsigned long long)at[i]);
        w->p->read_close(readers[i]);
    }
}

/* Reads a little, changes the blob, reads on: the old bytes to their end, or a status that says so.
 */
static void changes_while_read(struct world *w, uint64_t size, const struct content *second)
{
    CALL(c);
    static unsigned char buf[64 * 1024];
    const struct key key = key_of(w, "changed%llu", (unsigned long long)size);
    const struct content first = content_of(test_seed(w, 1), size);
    uint64_t at = 0;
    blob_put(w, key.s, &first);
    struct regstore_reader *r = reader_new(w, key.s, 0, 0);
    for (size_t got = 1; got > 0; at += got) {
        regstore_status status = w->p->read_next(r, &c.in, buf, sizeof buf, &got);
        EXPECT_SEEN(&c, "read_next of a changed blob", status, REGSTORE_OK, REGSTORE_CONFLICT,
                    REGSTORE_CORRUPT, REGSTORE_UNAVAILABLE);
        if (status != REGSTORE_OK)
            break;
        CLAIM(got <= first.length - at && content_differs(&first, at, buf, got) == got,
              "after %llu bytes of the old blob came bytes of the new one", (unsigned long long)at);
        CLAIM(got > 0 || at == first.length, "OK and the end after %llu of %llu bytes",
              (unsigned long long)at, (unsigned long long)first.length);
        if (at == 0 && second != NULL)
            blob_put(w, key.s, second);
        else if (at == 0)
            blob_delete(w, key.s);
    }
    w->p->read_close(r);
}

static void blob_replaced_while_read_never_mixes(struct world *w)
{
    const uint64_t sizes[] = {100 * KIB, 3 * MIB, 21 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const struct content same = content_of(test_seed(w, 2), sizes[i]);
        const struct content shorter = content_of(test_seed(w, 3), sizes[i] / 2);
        const struct content longer = content_of(test_seed(w, 4), sizes[i] + MIB);
        changes_while_read(w, sizes[i], &same);
        changes_while_read(w, sizes[i], &shorter);
        changes_while_read(w, sizes[i], &longer);
    }
}

static void blob_deleted_while_read_never_ends_early_with_ok(struct world *w)
{
    changes_while_read(w, 100 * KIB, NULL);
    changes_while_read(w, 21 * MIB, NULL);
}

static const struct test read_tests[] = {
    {"READ-2", "every_range_gives_its_own_bytes", every_range_gives_its_own_bytes, 0},
    {"READ-1", "length_beyond_the_end_is_cut", length_beyond_the_end_is_cut, 0},
    {"READ-1", "offset_at_or_past_the_end_reads_as_empty", offset_at_or_past_the_end_reads_as_empty,
     0},
    {"READ-1", "missing_key_is_not_found_at_any_offset", missing_key_is_not_found_at_any_offset, 0},
    {"READ-2", "small_buffers_get_all_bytes", small_buffers_get_all_bytes, 0},
    {"READ-2", "end_stays_the_end", end_stays_the_end, 0},
    {"READ-2", "nothing_is_written_past_the_buffer", nothing_is_written_past_the_buffer, 0},
    {"READ-2", "etag_of_another_blob_is_conflict", etag_of_another_blob_is_conflict, 0},
    {"READ-2", "reader_may_be_closed_early", reader_may_be_closed_early, 0},
    {"THR-4 READ-2", "many_readers_take_turns", many_readers_take_turns, 0},
    {"READ-2", "blob_replaced_while_read_never_mixes", blob_replaced_while_read_never_mixes, 0},
    {"READ-2", "blob_deleted_while_read_never_ends_early_with_ok",
     blob_deleted_while_read_never_ends_early_with_ok, 0},
};

const struct family family_read = FAMILY(read);
