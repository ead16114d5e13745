/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What S3 takes for a URI: percent-encoding of keys and queries, the query in the order in which it
 * is signed, and the endpoint's URL.  Pure.
 */
#ifndef STSS3_URI_H
#define STSS3_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Appends text with everything but A-Z a-z 0-9 - _ . ~ (and '/', if it is to be kept) as %XX. */
void stss3_uri_encode(struct plug_buf *out, const char *text, size_t len, bool keep_slash);

/*
 * Appends what an answer with encoding-type=url means: %XX is a byte, '+' is a space (AWS and MinIO
 * write a space so; a plus comes as %2B from everybody).  False: a '%' without two hex digits, or
 * %00, which no key has; out may hold a part then.
 */
bool stss3_uri_decode(struct plug_buf *out, const char *text, size_t len);

/*
 * A query, encoded when a pair is added and kept in the order of signing, which is also the order
 * on the wire: by encoded name, then by encoded value.  Zeroed is empty.  Like plug_buf it
 * remembers a failure; ask once, with stss3_query_failed().
 */
#define STSS3_QUERY_PAIRS 24

struct stss3_query {
    struct plug_buf text; /* the encoded pairs "name=value" one after the other, as added */
    struct stss3_query_pair {
        size_t at, name_len, value_len;
    } pairs[STSS3_QUERY_PAIRS];
    size_t n;
    bool failed;
};

/* value may be NULL: "uploads" goes out, and is signed, as "uploads=". */
void stss3_query_add(struct stss3_query *q, const char *name, const char *value);
void stss3_query_add_number(struct stss3_query *q, const char *name, uint64_t value);
/* Appends "a=1&b=2", nothing when empty or failed. */
void stss3_query_render(const struct stss3_query *q, struct plug_buf *out);
static inline bool stss3_query_failed(const struct stss3_query *q)
{
    return q->failed || plug_buf_failed(&q->text);
}
void stss3_query_clear(struct stss3_query *q); /* wipes: a presigned query holds a session token */

#define STSS3_HOST_WITH_PORT_MAX 300 /* and a scheme before it */

struct stss3_endpoint {
    bool tls;
    bool is_address;     /* an IP address: there is no bucket.host to be had */
    uint16_t port;       /* the scheme's own when the URL names none */
    char host[256];      /* lower case; an IPv6 address without its brackets */
    char authority[268]; /* for URLs and Host: brackets, and the port unless the scheme's */
};

/*
 * scheme://host[:port][/] and nothing else.  Returns NULL, or what is wrong as words that continue
 * "endpoint_url ..." ("must begin with https:// or http://").  The words never quote the text, in
 * which a password may stand.
 */
const char *stss3_endpoint_parse(const char *url, struct stss3_endpoint *out);

#endif
