/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large the parts of an upload are, so that they never run out.  Pure arithmetic.
 *
 * A server takes so many parts of so many bytes at the most, and AWS's largest object is as large
 * as all of them together: it fits only when its length is known from the beginning.  Of what is
 * not known, at least unknown_bytes fit: so many parts need not be of the largest size, and they
 * begin small and grow only once these come to an end, since large ones do not fit into memory:
 *
 *   first first .. 2*first ......... 4* 8* 16* .. max max max ......................... max
 *   |-------- until -----------------|- step each -|----- as many as unknown_bytes need -----|
 */
#ifndef STSS3_PART_SIZE_H
#define STSS3_PART_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stss3_part_limits {
    uint64_t min_bytes;     /* of every part but the last */
    uint64_t max_bytes;     /* of any part */
    uint64_t unknown_bytes; /* of a blob whose length nobody told, or told wrong, so many fit */
    size_t count;           /* parts of one upload */
    bool are_equal;         /* every part but the last is as long as the first (Cloudflare R2);
                               unknown_bytes is of no meaning then: the first part decides */
};

/* What an upload would like. */
struct stss3_part_wish {
    uint64_t bytes;    /* of the first parts */
    uint64_t expected; /* of the whole; 0: not known.  It may be wrong */
};

/* How long the part is that follows n others, unless it is the last; first: of the first of these.
 */
uint64_t stss3_part_size(const struct stss3_part_limits *limits, const struct stss3_part_wish *wish,
                         size_t n, uint64_t first);

/* How many parts may be smaller than the largest with unknown_bytes still to fit. */
size_t stss3_spare_parts(const struct stss3_part_limits *limits);

/* Whether len bytes may be sent as the part that follows n others, though more will come: else they
 * are kept until there are more of them. */
bool stss3_part_may_be_short(const struct stss3_part_limits *limits, size_t n, uint64_t len);
/* The same when they cannot be kept. */
bool stss3_part_can_be_short(const struct stss3_part_limits *limits, size_t n, uint64_t len);

/* Of a copy of length bytes in parts of one size: the nearest to wish that the limits allow. */
uint64_t stss3_copy_part_size(const struct stss3_part_limits *limits, uint64_t wish,
                              uint64_t length);

#endif
