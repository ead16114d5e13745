/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other stores demand or refuse where AWS does not: --provider.  Each is as strict as the
 * strictest release of that store that is known.
 */
#ifndef FAKE_S3_RULES_H
#define FAKE_S3_RULES_H

#include <stdbool.h>
#include <stdint.h>

struct rules {
    const char *name;
    uint32_t most_parts;
    bool wants_equal_parts;     /* of all but the last */
    bool has_random_etags;      /* of what was uploaded in parts */
    bool refuses_part_copy;     /* UploadPartCopy: NotImplemented */
    bool denies_part_copy;      /* UploadPartCopy: AccessDenied */
    bool knows_no_list_v2;      /* ListObjectsV2 is answered as ListObjects */
    bool refuses_encoding;      /* encoding-type: InvalidArgument */
    bool wants_md5;             /* DeleteObjects: Content-MD5 and nothing else */
    bool ignores_if_none_match; /* what is written */
    bool refuses_encryption;    /* x-amz-server-side-encryption: there is no KMS */
    bool refuses_checksums;     /* x-amz-checksum-* and trailers: NotImplemented */
};

/* NULL: nobody of that name.  "aws" has no rules of its own. */
const struct rules *rules_named(const char *name);

#endif
