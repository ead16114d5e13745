/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations on objects, copies and uploads have in common. */
#ifndef FAKE_S3_OBJECT_H
#define FAKE_S3_OBJECT_H

#include <stdbool.h>

#include "store.h"

struct exchange;

/* What a request says of the object that it makes. False: refused. */
bool read_object_headers(struct exchange *x, struct fields *headers);
/* What object lock demands of a body.  words: "Put Object".  False: refused. */
bool check_lock(struct exchange *x, const struct bucket *b, const char *words);

/* Whether it asks for what we do not do: no object is made with less than was asked. */
bool check_object_wishes(struct exchange *x);

/* If-Match and If-None-Match of a write to the request's key. False: refused. */
bool check_write_conditions(struct exchange *x, const struct bucket *b);

/* Which conditions on an object a request names, by its headers. */
struct condition_names {
    const char *match, *none_match, *modified_since, *unmodified_since;
};
/* True when all hold. *is_unchanged: what failed is If-None-Match or If-Modified-Since. */
bool conditions_hold(const struct exchange *x, const struct condition_names *names,
                     const struct object *o, bool *is_unchanged);

void answer_sum(struct exchange *x, const struct stored_sum *sum);
/* <ChecksumCRC32> and <ChecksumType>, if there is one. */
void write_sum(struct text *to, const struct stored_sum *sum);

/* "bytes=5-9" within `size`: 1 and the range, 0 to be ignored, -1 not satisfiable. */
int read_range(const char *range, uint64_t size, uint64_t *first, uint64_t *bytes);

#endif
