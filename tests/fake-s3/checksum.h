/* SPDX-License-Identifier: Apache-2.0 */
/* S3's five checksums, each over a stream of bytes. */
#ifndef FAKE_S3_CHECKSUM_H
#define FAKE_S3_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

enum checksum_kind { SUM_CRC32, SUM_CRC32C, SUM_CRC64NVME, SUM_SHA1, SUM_SHA256, SUM_NONE };

enum { CHECKSUM_BYTES = 32 };

/* "CRC32" as in x-amz-checksum-algorithm, whatever its case; SUM_NONE where it is no such. */
enum checksum_kind checksum_named(const char *name);
const char *checksum_name(enum checksum_kind kind);
/* "x-amz-checksum-crc32" and "ChecksumCRC32". */
const char *checksum_header(enum checksum_kind kind);
const char *checksum_element(enum checksum_kind kind);
size_t checksum_length(enum checksum_kind kind);
int checksum_is_crc(enum checksum_kind kind);

struct checksum {
    enum checksum_kind kind;
    uint64_t crc;
    EVP_MD_CTX *digest;
};

void checksum_start(struct checksum *c, enum checksum_kind kind);
void checksum_add(struct checksum *c, const void *bytes, size_t length);
/* Frees what checksum_start() took; base64, to be freed. */
char *checksum_end(struct checksum *c);

/* The CRC of two streams end to end, all of it in base64: NULL where a text is no CRC. */
char *checksum_join(enum checksum_kind kind, const char *first, const char *second,
                    uint64_t second_bytes);

#endif
