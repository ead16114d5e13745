/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML as S3 and STS speak it: elements and text.  Attributes and namespaces are passed over, a
 * document type is refused (so no entity is ever expanded), depth and size are bounded, and
 * what ends early is an error.  Pure.
 */
#ifndef STSS3_XML_H
#define STSS3_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "call.h"

#define STSS3_XML_BYTES_MAX (16u << 20) /* a list of 1,000 keys of 1,024 bytes as %XX has 3 MiB */
#define STSS3_XML_DEPTH_MAX 16
#define STSS3_XML_PATH_MAX  256

/*
 * Paths are relative to the root and have no namespace prefix: "Contents/Key", and "" for the root
 * itself.  begin may be NULL.  end gets the element's text as it stands, "" when the element has
 * others inside; the text is valid for the call.  A status other than OK stops the reading and
 * becomes its result; whoever returns it has set error's words.
 */
struct stss3_xml_handler {
    const char *root; /* the name that the root must have; NULL: any */
    void *ctx;
    regstore_status (*begin)(void *ctx, const char *path);
    regstore_status (*end)(void *ctx, const char *path, const char *text);
};

/* Whitespace before "<?xml" is passed over (CompleteMultipartUpload sends it to keep the line
 * busy).  UNAVAILABLE, retryable: not XML, cut off, another root, a bound passed.  NO_MEMORY. */
regstore_status stss3_xml_read(const char *data, size_t len,
                               const struct stss3_xml_handler *handler, struct plug_error *error);

/* For small answers: the text of the element at path is appended to *text.  One that is missing
 * leaves its buffer as it was. */
struct stss3_xml_field {
    const char *path;
    struct plug_buf *text;
};
regstore_status stss3_xml_pick(const char *data, size_t len, const char *root,
                               const struct stss3_xml_field *fields, size_t n,
                               struct plug_error *error);

/*
 * What an error's body says: S3's <Error>, the same from Ceph's STS, and AWS's STS with
 * <ErrorResponse><Error>.  Texts are printable ASCII and cut to size; nothing else of the body is
 * kept, since S3 echoes session tokens in it.
 */
struct stss3_error_body {
    char code[64], message[400], request_id[128];
    char host_id[128];      /* S3's second id, which its support asks for */
    char region[64];        /* AuthorizationHeaderMalformed: where it should go */
    int64_t server_time_ns; /* RequestTimeTooSkewed; 0: not told */
    bool had_no_memory;     /* whether it is an error nobody knows */
};

/*
 * True: the body is an error, complete and with a code.  False, with *out all zero but for
 * had_no_memory: anything else.
 * Ask this of every answer with XML, a 200 included (CompleteMultipartUpload, CopyObject,
 * UploadPartCopy); it stops at the first element when that is no error's.
 */
bool stss3_error_body_parse(const char *data, size_t len, struct stss3_error_body *out);

/* Appends text for an element of a request; CR, LF and tab go as references, since a parser would
 * change them. */
void stss3_xml_escape(struct plug_buf *out, const char *text);

#endif
