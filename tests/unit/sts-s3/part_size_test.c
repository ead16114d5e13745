/* SPDX-License-Identifier: Apache-2.0 */
/* The sizes of parts: whatever the length, the hint, the stops and the server's limits, all fits.
 */
#include "suites.h"

#include "part_size.h"

#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define KIB          1024ull
#define MIB          (1024 * KIB)
#define GIB          (1024 * MIB)
#define TIB          (1024 * GIB)

/* As servers have them, and smaller ones. */
static const struct stss3_part_limits limits[] = {
    {5 * MIB, 5 * GIB, 5 * TIB, 10000, false},   /* most */
    {5 * MIB, 5 * GIB, 4500 * GIB, 1000, false}, /* Scaleway */
    {5 * MIB, 5 * GIB, 46000 * GIB, 10000, false}, {1 * KIB, 1 * MIB, 9 * GIB, 10000, false},
    {64 * KIB, 1 * MIB, 40 * MIB, 40, false}, /* all of them must be of the largest size */
    {64 * KIB, 1 * MIB, 37 * MIB, 40, false}, /* no room for steps */
    {1 * KIB, 1 * KIB, 40 * KIB, 40, false},
};
static const struct stss3_part_limits equal = {5 * MIB, 5 * GIB, 5 * TIB, 10000, true};

static uint64_t random_state = 88172645463325252ull;

static uint64_t random_below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

/* An upload as upload.c makes its parts, without the bytes. */
struct upload {
    const struct stss3_part_limits *l;
    struct stss3_part_wish wish;
    size_t n;
    uint64_t sent, tail, first;
    size_t shorts; /* parts that were cut short by a stop */
};

/* Check writes each of its own assertions down, and here are millions. */
#define CLAIM(claim)                                                                               \
    do {                                                                                           \
        if (!(claim))                                                                              \
            ck_abort_msg("not so: " #claim);                                                       \
    } while (0)

static void send_part(struct upload *u, bool is_last)
{
    CLAIM(u->n < u->l->count);
    CLAIM(u->tail <= u->l->max_bytes);
    if (!is_last)
        CLAIM(u->tail >= u->l->min_bytes);
    if (u->n == 0)
        u->first = u->tail;
    else if (u->l->are_equal && !is_last)
        CLAIM(u->tail == u->first);
    u->n++;
    u->sent += u->tail;
    u->tail = 0;
}

/* A full part goes out when the next byte comes, so that the last one may be of any size. */
static void write_bytes(struct upload *u, uint64_t bytes)
{
    while (bytes > 0) {
        const uint64_t size = stss3_part_size(u->l, &u->wish, u->n, u->first);
        CLAIM(size >= u->l->min_bytes);
        CLAIM(size <= u->l->max_bytes);
        if (u->tail >= size) {
            send_part(u, false);
            continue;
        }
        const uint64_t room = size - u->tail, taken = room < bytes ? room : bytes;
        u->tail += taken;
        bytes -= taken;
    }
}

static void stop(struct upload *u)
{
    const bool is_full = u->tail == stss3_part_size(u->l, &u->wish, u->n, u->first);
    if (!is_full && !stss3_part_may_be_short(u->l, u->n, u->tail))
        return;
    u->shorts += !is_full;
    if (u->n + 1 < u->l->count)
        send_part(u, false);
}

static uint64_t hint_of(const struct stss3_part_limits *l, unsigned kind, uint64_t length)
{
    const uint64_t hints[] = {0, length, 1, length / 10 + 1, l->unknown_bytes, UINT64_MAX};
    return hints[kind];
}
enum { HINTS = 6 };

static uint64_t length_of(const struct stss3_part_limits *l, unsigned kind)
{
    const uint64_t lengths[] = {1,
                                l->min_bytes,
                                l->min_bytes + 1,
                                l->max_bytes + 1,
                                l->unknown_bytes / 1000 + 1,
                                l->unknown_bytes / 3,
                                l->unknown_bytes - 1,
                                l->unknown_bytes};
    return kind < COUNT(lengths) ? lengths[kind] : 1 + random_below(l->unknown_bytes);
}
enum { LENGTHS = 16 };

static const uint64_t bases[] = {5 * MIB, 16 * MIB, 100 * MIB, 5 * GIB};

START_TEST(blob_of_unknown_length_fits_whatever_the_hint)
{
    const struct stss3_part_limits *l = &limits[_i];
    for (unsigned i = 0; i < LENGTHS * HINTS * COUNT(bases); i++) {
        const uint64_t length = length_of(l, i % LENGTHS);
        struct upload u = {
            .l = l,
            .wish = {bases[i / LENGTHS % COUNT(bases)],
                     hint_of(l, i / LENGTHS / (unsigned)COUNT(bases), length)},
        };
        write_bytes(&u, length);
        send_part(&u, true);
        ck_assert_uint_eq(u.sent, length);
    }
}
END_TEST

START_TEST(largest_object_fits_when_its_length_is_known)
{
    const struct stss3_part_limits *l = &limits[_i];
    const uint64_t largest = l->count * l->max_bytes;
    for (unsigned i = 0; i < 200; i++) {
        const uint64_t length = i == 0 ? largest : 1 + random_below(largest);
        struct upload u = {.l = l, .wish = {bases[i % COUNT(bases)], length}};
        write_bytes(&u, length);
        send_part(&u, true);
        ck_assert_uint_eq(u.sent, length);
    }
}
END_TEST

/* Stops that cut parts short, as many as there are spare parts, and later ones that do not. */
START_TEST(blob_fits_with_stops_while_parts_can_be_spared)
{
    const struct stss3_part_limits *l = &limits[_i];
    const size_t spare = stss3_spare_parts(l);
    for (unsigned i = 0; i < LENGTHS * HINTS; i++) {
        const uint64_t length = length_of(l, i % LENGTHS);
        struct upload u = {.l = l, .wish = {5 * MIB, hint_of(l, i / LENGTHS, length)}};
        uint64_t left = length;
        while (left > 0 && u.n < spare) {
            uint64_t some = 1 + random_below(4 * l->min_bytes);
            some = some < left ? some : left;
            write_bytes(&u, some);
            left -= some;
            if (left > 0)
                stop(&u);
        }
        write_bytes(&u, left);
        send_part(&u, true);
        ck_assert_uint_eq(u.sent, length);
    }
}
END_TEST

/* However often it stops: the fourth of what all parts could hold, by the number of sizes that
 * there are between the smallest and the largest. */
START_TEST(who_stops_all_the_time_gets_far_all_the_same)
{
    const struct stss3_part_limits *l = &limits[_i];
    unsigned sizes = 1;
    for (uint64_t bytes = l->min_bytes; bytes < l->max_bytes; bytes *= 2)
        sizes++;
    const uint64_t length = l->count * l->max_bytes / 4 / sizes;
    struct upload u = {.l = l, .wish = {5 * MIB, 0}};
    uint64_t left = length;
    while (left > 0) {
        uint64_t some = l->min_bytes + random_below(l->min_bytes);
        some = some < left ? some : left;
        write_bytes(&u, some);
        left -= some;
        if (left > 0)
            stop(&u);
    }
    send_part(&u, true);
    ck_assert_uint_eq(u.sent, length);
}
END_TEST

START_TEST(parts_of_a_blob_of_known_length_are_of_one_size)
{
    const struct stss3_part_limits *l = &limits[0];
    const uint64_t lengths[] = {6 * MIB, 900 * MIB, 3 * GIB, 100 * GIB, 5 * TIB};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        const struct stss3_part_wish wish = {5 * MIB, lengths[i]};
        const uint64_t size = stss3_part_size(l, &wish, 0, 0);
        const size_t parts = (size_t)((lengths[i] + size - 1) / size);
        for (size_t n = 0; n < parts; n++)
            ck_assert_uint_eq(stss3_part_size(l, &wish, n, size), size);
        ck_assert_uint_eq(size % (5 * MIB), 0);
    }
}
END_TEST

/* What fits into memory stays so for as long as the limits allow. */
START_TEST(parts_of_usual_blobs_stay_small)
{
    const struct stss3_part_wish wish = {5 * MIB, 0};
    struct upload most = {.l = &limits[0], .wish = wish}, few = {.l = &limits[1], .wish = wish};
    write_bytes(&most, 75 * GIB);
    ck_assert_uint_le(stss3_part_size(most.l, &wish, most.n, 0), 10 * MIB);
    write_bytes(&few, 300 * MIB);
    ck_assert_uint_le(stss3_part_size(few.l, &wish, few.n, 0), 10 * MIB);
}
END_TEST

START_TEST(equal_parts_are_as_long_as_the_first_whatever_comes)
{
    const uint64_t lengths[] = {1, 16 * MIB, 17 * MIB, 3 * GIB, 100 * GIB, 156 * GIB, 5 * TIB};
    const uint64_t hints[] = {0, 1, 20 * MIB, 100 * GIB, 5 * TIB};
    for (size_t i = 0; i < COUNT(lengths) * COUNT(hints); i++) {
        const uint64_t length = lengths[i % COUNT(lengths)], hint = hints[i / COUNT(lengths)];
        /* Of a length that was not told, only what parts of the usual size hold. */
        if (length > hint && length > 10000 * 16 * MIB)
            continue;
        struct upload u = {.l = &equal, .wish = {16 * MIB, hint}};
        uint64_t left = length;
        while (left > 0) {
            uint64_t some = 1 + random_below(length / 100 + 3 * MIB);
            some = some < left ? some : left;
            write_bytes(&u, some);
            left -= some;
            if (left > 0)
                stop(&u);
        }
        send_part(&u, true);
        ck_assert_uint_eq(u.sent, length);
        ck_assert_uint_eq(u.shorts, 0);
    }
}
END_TEST

START_TEST(copy_has_no_more_parts_than_there_may_be)
{
    const uint64_t wishes[] = {1, 64 * MIB, 5 * GIB, UINT64_MAX};
    for (size_t i = 0; i < COUNT(limits) * COUNT(wishes) * LENGTHS; i++) {
        const struct stss3_part_limits *l = &limits[i % COUNT(limits)];
        const uint64_t length = length_of(l, (unsigned)(i / COUNT(limits) / COUNT(wishes)));
        const uint64_t size =
            stss3_copy_part_size(l, wishes[i / COUNT(limits) % COUNT(wishes)], length);
        ck_assert_uint_le((length + size - 1) / size, l->count);
        ck_assert_uint_ge(size, l->min_bytes);
        ck_assert_uint_le(size, l->max_bytes);
    }
}
END_TEST

Suite *part_size_suite(void)
{
    Suite *suite = suite_create("part_size");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, blob_of_unknown_length_fits_whatever_the_hint, 0, COUNT(limits));
    tcase_add_loop_test(tcase, largest_object_fits_when_its_length_is_known, 0, COUNT(limits));
    tcase_add_loop_test(tcase, blob_fits_with_stops_while_parts_can_be_spared, 0, COUNT(limits));
    tcase_add_loop_test(tcase, who_stops_all_the_time_gets_far_all_the_same, 0, COUNT(limits));
    tcase_add_test(tcase, parts_of_a_blob_of_known_length_are_of_one_size);
    tcase_add_test(tcase, parts_of_usual_blobs_stay_small);
    tcase_add_test(tcase, equal_parts_are_as_long_as_the_first_whatever_comes);
    tcase_add_test(tcase, copy_has_no_more_parts_than_there_may_be);
    suite_add_tcase(suite, tcase);
    return suite;
}
