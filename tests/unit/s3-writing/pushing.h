/* SPDX-License-Identifier: Apache-2.0 */
/* Pushes of made-up bytes, and the cases of this program. */
#ifndef TEST_PUSHING_H
#define TEST_PUSHING_H

#include "regstore.h"

#include <stdbool.h>

#include <check.h>

#define KIB 1024u
#define MIB (1024u * KIB)

#define LENGTH_OF(table) (sizeof(table) / sizeof(table)[0])

struct push {
    struct regstore_store *store;
    const char *key;
    uint64_t length, hint;
    uint64_t stop_every; /* suspended and taken up again after so many bytes; 0: never */
    bool tells_key;      /* at open, not at commit */
    uint64_t commit_flags;
    struct regstore_error error; /* of the call that failed, or of commit */
    struct regstore_stat stat;
};

/* The first status that is not OK, or commit's.  The bytes are fill(.., 1, ..). */
regstore_status push(struct push *p);
/* The same, and it must go well; then it is read and compared. */
void push_and_compare(struct push *p);

unsigned count_of(const char *operation);

TCase *at_rest_case(void);
TCase *conflicts_case(void);
TCase *parts_case(void);
TCase *sums_case(void);
TCase *wholes_case(void);

#endif
