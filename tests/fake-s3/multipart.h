/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations on uploads have in common. */
#ifndef FAKE_S3_MULTIPART_H
#define FAKE_S3_MULTIPART_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

struct exchange;

/* The query's upload and part; NULL and false: refused. */
struct upload *need_upload(struct exchange *x, const struct bucket *b);
bool read_part_number(struct exchange *x, uint32_t *number);

#endif
