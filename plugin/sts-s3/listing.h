/* SPDX-License-Identifier: Apache-2.0 */
/* One page after the other of ListObjectsV2, or of ListObjects where the server knows no other, in
 * the order of the keys' bytes. */
#ifndef STSS3_LISTING_H
#define STSS3_LISTING_H

#include "objects.h"

struct stss3_entry {
    char *key; /* relative to the store's root */
    char etag[128];
    uint64_t length;
    int64_t mtime_ns;
    bool is_prefix; /* a common prefix, ending in "/" */
};

/* A walk over the keys that begin with prefix (relative to the root). */
struct stss3_listing {
    struct stss3_client *client;
    char *prefix;
    char *start_after; /* relative; "" or NULL: from the first */
    bool has_delimiter;
    unsigned page_size; /* 1 to 1,000 */

    struct stss3_entry *entries; /* of the page at hand, sorted */
    size_t n, cap;
    int64_t now_ns; /* the service's time of that page */
    bool is_last;
    bool is_v1;            /* ListObjects, since the walk began */
    struct plug_buf token; /* where the next page begins: of ListObjects a key, root and all */
};

/* Copies the texts.  NULL: no memory (nothing is held then). */
bool stss3_listing_init(struct stss3_listing *l, struct stss3_client *client, const char *prefix,
                        const char *start_after, bool has_delimiter, unsigned page_size);
void stss3_listing_clear(struct stss3_listing *l);

/* Fetches the next page into entries; n == 0 with is_last is the end (a page may be empty, and not
 * the last).  After a failure the same page can be fetched again. */
regstore_status stss3_listing_next(struct stss3_listing *l, struct plug_call *call);

/* Goes on after every key that begins with text, a new walk with another start. */
bool stss3_listing_skip(struct stss3_listing *l, const char *text);
/* Goes on after this key, which may be one of the page at hand. */
bool stss3_listing_after(struct stss3_listing *l, const char *key);

#endif
