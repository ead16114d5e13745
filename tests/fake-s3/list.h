/* SPDX-License-Identifier: Apache-2.0 */
/* What all lists have in common. */
#ifndef FAKE_S3_LIST_H
#define FAKE_S3_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct exchange;

struct list_request {
    const char *prefix;
    const char *delimiter; /* or NULL */
    bool is_url;           /* encoding-type=url */
    size_t most;
};

/* `max_name` is max-keys, max-uploads or max-parts. False: refused. */
bool read_list_request(struct exchange *x, const char *max_name, struct list_request *l);

/* An element with a key or a part of one, coded as the request wants it. */
void list_name(struct text *to, const struct list_request *l, const char *element,
               const char *name);
void list_number(struct text *to, const char *element, uint64_t number);

/* What a key that begins with the prefix is grouped under, to be freed; NULL: it stands alone. */
char *common_prefix(const struct list_request *l, const char *key);

#endif
