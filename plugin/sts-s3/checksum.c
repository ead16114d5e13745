/* SPDX-License-Identifier: Apache-2.0 */
#include "checksum.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "crc.h"

static const struct {
    const char *header, *algorithm;
    const char *digest; /* as OpenSSL names it; NULL: a CRC */
    size_t length;
    enum stss3_crc crc;
} kinds[] = {
    [STSS3_SUM_NONE] = {NULL, NULL, NULL, 0, 0},
    [STSS3_SUM_MD5] = {"content-md5", NULL, "MD5", 16, 0},
    [STSS3_SUM_CRC32C] = {"x-amz-checksum-crc32c", "CRC32C", NULL, 4, STSS3_CRC32C},
    [STSS3_SUM_CRC64NVME] = {"x-amz-checksum-crc64nvme", "CRC64NVME", NULL, 8, STSS3_CRC64NVME},
    [STSS3_SUM_SHA256] = {"x-amz-checksum-sha256", "SHA256", "SHA256", 32, 0},
};

struct stss3_summing {
    enum stss3_checksum kind;
    uint64_t crc;
    EVP_MD_CTX *digest;
};

size_t stss3_sum_length(enum stss3_checksum kind)
{
    return kinds[kind].length;
}

const char *stss3_sum_header(enum stss3_checksum kind)
{
    return kinds[kind].header;
}

const char *stss3_sum_algorithm(enum stss3_checksum kind)
{
    return kinds[kind].algorithm;
}

bool stss3_sum_is_joined(enum stss3_checksum kind)
{
    return kind == STSS3_SUM_CRC32C || kind == STSS3_SUM_CRC64NVME;
}

/* Where a FIPS provider is all there is, the fetch of MD5 finds nothing. */
static bool start_digest(struct stss3_summing *s)
{
    EVP_MD *md = EVP_MD_fetch(NULL, kinds[s->kind].digest, NULL);
    s->digest = EVP_MD_CTX_new();
    const bool ok = md != NULL && s->digest != NULL && EVP_DigestInit_ex(s->digest, md, NULL) == 1;
    EVP_MD_free(md);
    return ok;
}

struct stss3_summing *stss3_summing_new(enum stss3_checksum kind)
{
    struct stss3_summing *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->kind = kind;
    if (kinds[kind].digest != NULL && !start_digest(s)) {
        stss3_summing_free(s);
        return NULL;
    }
    return s;
}

bool stss3_summing_add(struct stss3_summing *s, const void *data, size_t len)
{
    if (s->digest != NULL)
        return EVP_DigestUpdate(s->digest, data, len) == 1;
    if (s->kind != STSS3_SUM_NONE)
        s->crc = stss3_crc(kinds[s->kind].crc, s->crc, data, len);
    return true;
}

static void put_crc(uint64_t crc, struct stss3_sum *out)
{
    const size_t length = kinds[out->kind].length;
    for (size_t i = 0; i < length; i++)
        out->bytes[i] = (uint8_t)(crc >> (8 * (length - 1 - i)));
}

static uint64_t get_crc(const struct stss3_sum *sum)
{
    uint64_t crc = 0;
    for (size_t i = 0; i < kinds[sum->kind].length; i++)
        crc = crc << 8 | sum->bytes[i];
    return crc;
}

bool stss3_summing_end(struct stss3_summing *s, struct stss3_sum *out)
{
    *out = (struct stss3_sum){.kind = s->kind};
    if (s->digest != NULL)
        return EVP_DigestFinal_ex(s->digest, out->bytes, NULL) == 1;
    put_crc(s->crc, out);
    return true;
}

void stss3_summing_free(struct stss3_summing *s)
{
    if (s == NULL)
        return;
    EVP_MD_CTX_free(s->digest);
    free(s);
}

bool stss3_sum_of(enum stss3_checksum kind, const void *data, size_t len, struct stss3_sum *out)
{
    struct stss3_summing *s = stss3_summing_new(kind);
    const bool ok = s != NULL && stss3_summing_add(s, data, len) && stss3_summing_end(s, out);
    stss3_summing_free(s);
    return ok;
}

void stss3_sum_join(struct stss3_sum *whole, const struct stss3_sum *next, uint64_t next_bytes)
{
    put_crc(stss3_crc_join(kinds[whole->kind].crc, get_crc(whole), get_crc(next), next_bytes),
            whole);
}

void stss3_sum_base64(const struct stss3_sum *sum, struct plug_buf *out)
{
    plug_base64(out, sum->bytes, kinds[sum->kind].length);
}

bool stss3_sum_parse(enum stss3_checksum kind, const char *base64, struct stss3_sum *out)
{
    uint8_t bytes[STSS3_SUM_BYTES + 3];
    const size_t len = strlen(base64), length = kinds[kind].length;
    /* OpenSSL counts the zeros that '=' stands for as bytes. */
    if (length == 0 || len != (length + 2) / 3 * 4 ||
        EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)len) != (int)(len / 4 * 3))
        return false;
    *out = (struct stss3_sum){.kind = kind};
    memcpy(out->bytes, bytes, length);
    return true;
}

bool stss3_has_md5(void)
{
    EVP_MD *md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    EVP_MD_free(md5);
    return md5 != NULL;
}

enum stss3_checksum stss3_demanded_checksum(void)
{
    return stss3_has_md5() ? STSS3_SUM_MD5 : STSS3_SUM_SHA256;
}
