/* SPDX-License-Identifier: Apache-2.0 */
#include "part_size.h"

/* Parts of each size on the way to the largest, where there are enough of them. */
#define STEP_PARTS 8

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static uint64_t clamp(const struct stss3_part_limits *l, uint64_t bytes)
{
    if (bytes < l->min_bytes)
        return l->min_bytes;
    return bytes < l->max_bytes ? bytes : l->max_bytes;
}

/* bytes * 2^times, but no more than the largest. */
static uint64_t doubled(const struct stss3_part_limits *l, uint64_t bytes, size_t times)
{
    for (; times > 0 && bytes < l->max_bytes; times--)
        bytes = bytes > l->max_bytes / 2 ? l->max_bytes : bytes * 2;
    return bytes;
}

static size_t doublings(const struct stss3_part_limits *l, uint64_t bytes)
{
    size_t n = 0;
    while (doubled(l, bytes, n) < l->max_bytes)
        n++;
    return n;
}

size_t stss3_spare_parts(const struct stss3_part_limits *l)
{
    const uint64_t needed = divide_up(l->unknown_bytes, l->max_bytes);
    return needed < l->count ? l->count - (size_t)needed : 0;
}

/* The smallest multiple of unit with which length fits into n parts. */
static uint64_t fitting(const struct stss3_part_limits *l, uint64_t unit, uint64_t length, size_t n)
{
    if (n == 0 || length / n >= l->max_bytes)
        return l->max_bytes;
    const uint64_t units = divide_up(divide_up(length, n), unit);
    return units == 0 ? unit : clamp(l, units * unit);
}

uint64_t stss3_part_size(const struct stss3_part_limits *l, const struct stss3_part_wish *wish,
                         size_t n, uint64_t first)
{
    const uint64_t least = clamp(l, wish->bytes);
    if (l->are_equal)
        return n > 0 ? first : fitting(l, least, wish->expected, l->count);
    const size_t spare = stss3_spare_parts(l), rounds = doublings(l, least);
    size_t step = rounds == 0 ? 0 : spare / (2 * rounds);
    if (step > STEP_PARTS)
        step = STEP_PARTS;
    const size_t until = spare - rounds * step;
    const bool is_known = wish->expected != 0;
    const uint64_t begin = is_known ? fitting(l, least, wish->expected, until) : least;
    /* One size more is soon reached: it costs little memory, and saves half of the requests. */
    if (n < until)
        return is_known || n < until / 4 ? begin : doubled(l, begin, 1);
    return step == 0 ? l->max_bytes : doubled(l, begin, 1 + (n - until) / step + !is_known);
}

bool stss3_part_can_be_short(const struct stss3_part_limits *l, size_t n, uint64_t len)
{
    return !l->are_equal && len >= l->min_bytes && n + 1 < l->count;
}

/* Who stops often writes many small parts.  Half of all are for that; then what is too little to be
 * a part grows, as slowly as the rest of the parts allows: it is carried along until it suffices.
 */
bool stss3_part_may_be_short(const struct stss3_part_limits *l, size_t n, uint64_t len)
{
    if (!stss3_part_can_be_short(l, n, len))
        return false;
    const size_t half = l->count / 2, step = half / (doublings(l, l->min_bytes) + 1);
    if (n < half)
        return true;
    return len >= (step == 0 ? l->max_bytes : doubled(l, l->min_bytes, 1 + (n - half) / step));
}

uint64_t stss3_copy_part_size(const struct stss3_part_limits *l, uint64_t wish, uint64_t length)
{
    const uint64_t least = divide_up(length, l->count);
    return clamp(l, wish < least ? least : wish);
}
