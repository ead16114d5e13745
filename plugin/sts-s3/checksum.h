/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksums that S3 takes and keeps beside an object's bytes.  Pure.
 *
 * What costs least depends on what the bytes have cost already: their SHA-256 is there, since it
 * signs each request, but S3 makes no SHA-256 of a whole out of those of its parts, so no reader
 * can use it.  CRCs it does join; CRC-32C is one instruction for eight bytes on most machines.
 */
#ifndef STSS3_CHECKSUM_H
#define STSS3_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum stss3_checksum {
    STSS3_SUM_NONE,
    STSS3_SUM_MD5, /* Content-MD5: checked, and forgotten */
    STSS3_SUM_CRC32C,
    STSS3_SUM_CRC64NVME,
    STSS3_SUM_SHA256,
};

#define STSS3_SUM_BYTES 32

struct stss3_sum {
    enum stss3_checksum kind;
    uint8_t bytes[STSS3_SUM_BYTES]; /* as many as stss3_sum_length() */
};

size_t stss3_sum_length(enum stss3_checksum kind);
/* "x-amz-checksum-crc32c"; NULL for none. */
const char *stss3_sum_header(enum stss3_checksum kind);
/* "CRC32C", as in x-amz-checksum-algorithm; NULL for what S3 does not keep. */
const char *stss3_sum_algorithm(enum stss3_checksum kind);
/* Whether S3 makes the whole's out of those of the parts (FULL_OBJECT); else their own (COMPOSITE).
 */
bool stss3_sum_is_joined(enum stss3_checksum kind);

/* Of bytes that come piece by piece. */
struct stss3_summing;
/* NULL: no memory, or an algorithm that this machine does not have (MD5 under FIPS). */
struct stss3_summing *stss3_summing_new(enum stss3_checksum kind);
bool stss3_summing_add(struct stss3_summing *s, const void *data, size_t len);
bool stss3_summing_end(struct stss3_summing *s, struct stss3_sum *out);
void stss3_summing_free(struct stss3_summing *s);
/* In one go; false as above. */
bool stss3_sum_of(enum stss3_checksum kind, const void *data, size_t len, struct stss3_sum *out);

/* whole becomes that of its bytes and the next ones'.  For kinds that are joined. */
void stss3_sum_join(struct stss3_sum *whole, const struct stss3_sum *next, uint64_t next_bytes);

void stss3_sum_base64(const struct stss3_sum *sum, struct plug_buf *out);
/* False: the text is no such checksum. */
bool stss3_sum_parse(enum stss3_checksum kind, const char *base64, struct stss3_sum *out);

bool stss3_has_md5(void);
/* For a server that says no more than that it wants one. */
enum stss3_checksum stss3_demanded_checksum(void);

#endif
