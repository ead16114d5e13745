/* SPDX-License-Identifier: Apache-2.0 */
/* Reads JSON, one value after the other, out of a buffer that it decodes in place. */
#ifndef CONFORMANCE_JSON_READ_H
#define CONFORMANCE_JSON_READ_H

#include <stdbool.h>

enum { JSON_DEPTH = 16 };

/* WORD: a number, true, false or null. */
enum json_kind { JSON_TEXT, JSON_WORD, JSON_OPEN, JSON_CLOSE, JSON_END, JSON_BAD };

struct json_read {
    char *at;                 /* the document, which ends with NUL */
    const char *name;         /* of the value in its object; "" in an array and at the top */
    const char *value;        /* of TEXT and WORD; both stay where they are */
    char closing[JSON_DEPTH]; /* what ends each open one */
    unsigned depth;
    bool is_first; /* nothing stands yet in what was opened last */
};

void json_read_init(struct json_read *r, char *document);
enum json_kind json_read_next(struct json_read *r);

#endif
