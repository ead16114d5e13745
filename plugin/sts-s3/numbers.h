/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in answers: of an element, of Content-Length and of Content-Range.  Pure. */
#ifndef STSS3_NUMBERS_H
#define STSS3_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits and nothing else, at most INT64_MAX (what a length and an offset can be).  False,
 * with *out untouched, for anything else: strtoull would make 0 of nothing and 2^64 - 1 of "-1". */
bool stss3_number_parse(const char *text, uint64_t *out);

/* "bytes FIRST-LAST/TOTAL", with FIRST <= LAST < TOTAL.  False, with all untouched, for anything
 * else, an unknown TOTAL ("*") included. */
bool stss3_content_range_parse(const char *text, uint64_t *first, uint64_t *last, uint64_t *total);

#endif
