/* SPDX-License-Identifier: Apache-2.0 */
/* S3's five checksums, each over a stream of bytes. */
#include "checksum.h"

#include "codec.h"
#include "text.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name, *header, *element;
    size_t bytes;
    uint64_t polynomial; /* reflected; 0: a digest */
} kinds[] = {
    [SUM_CRC32] = {"CRC32", "x-amz-checksum-crc32", "ChecksumCRC32", 4, 0xedb88320},
    [SUM_CRC32C] = {"CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C", 4, 0x82f63b78},
    [SUM_CRC64NVME] = {"CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME", 8,
                       0x9a6c9329ac4bc9b5},
    [SUM_SHA1] = {"SHA1", "x-amz-checksum-sha1", "ChecksumSHA1", 20, 0},
    [SUM_SHA256] = {"SHA256", "x-amz-checksum-sha256", "ChecksumSHA256", 32, 0},
};

/* What eight bytes do to a CRC, byte by byte ("slicing by eight"). */
static uint64_t tables[SUM_SHA1][8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (size_t kind = 0; kind < SUM_SHA1; kind++) {
        for (uint64_t byte = 0; byte < 256; byte++) {
            uint64_t crc = byte;
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ ((crc & 1) != 0 ? kinds[kind].polynomial : 0);
            tables[kind][0][byte] = crc;
        }
        for (size_t i = 1; i < 8; i++)
            for (size_t byte = 0; byte < 256; byte++) {
                uint64_t before = tables[kind][i - 1][byte];
                tables[kind][i][byte] = before >> 8 ^ tables[kind][0][before & 0xff];
            }
    }
}

enum checksum_kind checksum_named(const char *name)
{
    for (size_t i = 0; i < SUM_NONE; i++)
        if (strcasecmp(kinds[i].name, name) == 0)
            return (enum checksum_kind)i;
    return SUM_NONE;
}

const char *checksum_name(enum checksum_kind kind)
{
    return kinds[kind].name;
}

const char *checksum_header(enum checksum_kind kind)
{
    return kinds[kind].header;
}

const char *checksum_element(enum checksum_kind kind)
{
    return kinds[kind].element;
}

size_t checksum_length(enum checksum_kind kind)
{
    return kinds[kind].bytes;
}

int checksum_is_crc(enum checksum_kind kind)
{
    return kind < SUM_SHA1;
}

void checksum_start(struct checksum *c, enum checksum_kind kind)
{
    (void)pthread_once(&tables_once, make_tables);
    *c = (struct checksum){.kind = kind};
    if (checksum_is_crc(kind)) {
        c->crc = kinds[kind].bytes == 8 ? UINT64_MAX : UINT32_MAX;
        return;
    }
    c->digest = EVP_MD_CTX_new();
    (void)EVP_DigestInit_ex(c->digest, kind == SUM_SHA1 ? EVP_sha1() : EVP_sha256(), NULL);
}

void checksum_add(struct checksum *c, const void *bytes, size_t length)
{
    const unsigned char *p = bytes;
    if (!checksum_is_crc(c->kind)) {
        (void)EVP_DigestUpdate(c->digest, bytes, length);
        return;
    }
    const uint64_t(*table)[256] = tables[c->kind];
    uint64_t crc = c->crc;
    for (; length >= 8; length -= 8, p += 8) {
        uint64_t eight;
        memcpy(&eight, p, 8);
        eight ^= crc;
        crc = 0;
        for (size_t i = 0; i < 8; i++)
            crc ^= table[7 - i][eight >> (8 * i) & 0xff];
    }
    for (; length > 0; length--)
        crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
    c->crc = crc;
}

static char *crc_text(enum checksum_kind kind, uint64_t crc)
{
    unsigned char bytes[8];
    size_t length = kinds[kind].bytes;
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(crc >> (8 * (length - 1 - i)));
    return base64_encode(bytes, length);
}

char *checksum_end(struct checksum *c)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    if (checksum_is_crc(c->kind))
        return crc_text(c->kind, ~c->crc);
    (void)EVP_DigestFinal_ex(c->digest, bytes, NULL);
    EVP_MD_CTX_free(c->digest);
    c->digest = NULL;
    return base64_encode(bytes, kinds[c->kind].bytes);
}

/* The product of two polynomials modulo the CRC's, all reflected: the highest bit is x^0. */
static uint64_t multiply(enum checksum_kind kind, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = 1ULL << (8 * kinds[kind].bytes - 1); bit != 0; bit >>= 1) {
        if ((a & bit) != 0)
            product ^= b;
        b = b >> 1 ^ ((b & 1) != 0 ? kinds[kind].polynomial : 0);
    }
    return product;
}

static bool crc_number(enum checksum_kind kind, const char *text, uint64_t *crc)
{
    unsigned char bytes[8];
    size_t length = kinds[kind].bytes;
    if (!base64_decode(text, bytes, length))
        return false;
    *crc = 0;
    for (size_t i = 0; i < length; i++)
        *crc = *crc << 8 | bytes[i];
    return true;
}

char *checksum_join(enum checksum_kind kind, const char *first, const char *second,
                    uint64_t second_bytes)
{
    uint64_t one, two;
    if (!crc_number(kind, first, &one) || !crc_number(kind, second, &two))
        return NULL;
    /* Bytes after it multiply a CRC by x^8 each; x^8 is squared for each bit of their number. */
    uint64_t power = 1ULL << (8 * kinds[kind].bytes - 9);
    for (; second_bytes != 0; second_bytes >>= 1) {
        if ((second_bytes & 1) != 0)
            one = multiply(kind, power, one);
        power = multiply(kind, power, power);
    }
    return crc_text(kind, one ^ two);
}
