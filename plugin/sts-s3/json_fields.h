/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as the sources of credentials speak it: one object, of which a few members are wanted.  As
 * strict as RFC 8259, and stricter where two readers could differ: text must be UTF-8 without NUL,
 * a wanted member may stand there once.  Depth and size are bounded, nothing recurses.  Pure.
 */
#ifndef STSS3_JSON_FIELDS_H
#define STSS3_JSON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

#define STSS3_JSON_BYTES_MAX (64u << 10) /* a session token has a few thousand */
#define STSS3_JSON_DEPTH_MAX 32

/* A member of the outermost object.  Its text is appended to *text: a string decoded, a number as
 * it stands, "true" or "false".  null is the same as no such member. */
struct stss3_json_field {
    const char *name;
    struct plug_buf *text;
    bool is_given; /* out */
};

/*
 * NULL, or what is wrong, as words that continue "the answer ..." and never quote it: a secret may
 * stand in it.  On failure the buffers may hold a part; wipe them in any case.  Whether memory ran
 * out the buffers tell (plug_buf_failed).
 */
const char *stss3_json_fields(const char *text, size_t len, struct stss3_json_field *fields,
                              size_t n);

#endif
