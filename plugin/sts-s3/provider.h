/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each S3 differs in, as one table (provider.c).  A row is the first guess, made before
 * anything has been asked; where a server answers otherwise, the answer is believed.  Pure.
 */
#ifndef STSS3_PROVIDER_H
#define STSS3_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

/* In which form a server takes a checksum of a body, beside the SHA-256 that the signature holds
 * and that all of them verify. */
enum stss3_checksum_form {
    STSS3_CHECKSUM_NONE, /* nothing is known: send none unless the server asks for one */
    STSS3_CHECKSUM_MD5,  /* Content-MD5, which FIPS forbids; costs more time than the SHA-256, so
                            only where it is demanded (object lock) */
    STSS3_CHECKSUM_CRC,  /* x-amz-checksum-crc32c and its like, in headers: cheap, stored, and
                            returned; also x-amz-checksum-sha256 */
};

struct stss3_provider {
    const char *name;  /* as the setting 'provider' has it: "r2" */
    const char *title; /* for people: "Cloudflare R2" */
    /* Its endpoints' hosts, patterns of fnmatch() with a space between; "": known by its name
     * alone, as servers that people run themselves are. */
    const char *hosts;
    const char *first_region; /* where the settings name none; NULL: the partition's */
    bool is_virtual_host;     /* "auto" addressing: the bucket stands in the host's name */

    unsigned list_version; /* ListObjects, 1, goes on from the last key: every server knows it */
    bool encodes_lists;    /* encoding-type=url is asked for.  Whether a list is encoded its answer
                              says (EncodingType), never this. */

    bool wants_equal_parts; /* all parts but the last have one length, copied ones too */
    unsigned parts_max;
    uint64_t part_min, part_max; /* part_min: of all but the last */
    uint64_t object_max;

    enum stss3_checksum_form put_checksum;    /* of PutObject and UploadPart */
    enum stss3_checksum_form delete_checksum; /* of DeleteObjects, which cannot go without one */
    bool has_batch_delete;                    /* DeleteObjects */
    bool has_part_copy;                       /* UploadPartCopy, for those who assume a role too */
    uint64_t copy_max;                        /* the largest source of CopyObject */
    bool is_sse_s3;                           /* AES256, unless the settings say otherwise */
};

/* NULL: there is no such name. */
const struct stss3_provider *stss3_provider_named(const char *name);
/* Never NULL: the last row, "other", takes every host.  host in lower case. */
const struct stss3_provider *stss3_provider_of_host(const char *host);
bool stss3_provider_is_host_of(const struct stss3_provider *provider, const char *host);
/* The i-th row; NULL after the last one. */
const struct stss3_provider *stss3_provider_at(unsigned i);
bool stss3_provider_is_aws(const struct stss3_provider *provider);

#endif
