/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polynomials are reflected: the highest bit of a word is x^0.  A CRC is inverted before and after,
 * which the joining need not know: it cancels out.
 */
#include "crc.h"

#include <endian.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define KINDS 2
/* Three streams side by side, as the instruction takes three cycles and one can begin in each. */
#define STREAM_BYTES 4096u

static const struct {
    uint64_t polynomial;
    unsigned bits;
} kinds[KINDS] = {
    [STSS3_CRC32C] = {0x82f63b78, 32},
    [STSS3_CRC64NVME] = {0x9a6c9329ac4bc9b5, 64},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
/* tables[kind][i][b]: what byte b does to a CRC when i bytes follow it. */
static uint64_t tables[KINDS][8][256];
static uint64_t past_stream; /* x^(8 * STREAM_BYTES) modulo CRC-32C's polynomial */

static uint64_t multiply(enum stss3_crc kind, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = 1ull << (kinds[kind].bits - 1); bit != 0; bit >>= 1) {
        if ((a & bit) != 0)
            product ^= b;
        b = b >> 1 ^ (kinds[kind].polynomial & -(b & 1));
    }
    return product;
}

/* x^(8 * bytes). */
static uint64_t power(enum stss3_crc kind, uint64_t bytes)
{
    uint64_t square = 1ull << (kinds[kind].bits - 9), result = 1ull << (kinds[kind].bits - 1);
    for (; bytes != 0; bytes >>= 1) {
        if ((bytes & 1) != 0)
            result = multiply(kind, square, result);
        square = multiply(kind, square, square);
    }
    return result;
}

static void make_tables(void)
{
    for (size_t k = 0; k < KINDS; k++) {
        for (uint64_t byte = 0; byte < 256; byte++) {
            uint64_t crc = byte;
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (kinds[k].polynomial & -(crc & 1));
            tables[k][0][byte] = crc;
        }
        for (size_t i = 1; i < 8; i++)
            for (size_t byte = 0; byte < 256; byte++)
                tables[k][i][byte] =
                    tables[k][i - 1][byte] >> 8 ^ tables[k][0][tables[k][i - 1][byte] & 0xff];
    }
    past_stream = power(STSS3_CRC32C, STREAM_BYTES);
}

static uint64_t ones(enum stss3_crc kind)
{
    return UINT64_MAX >> (64 - kinds[kind].bits);
}

uint64_t stss3_crc_by_table(enum stss3_crc kind, uint64_t crc, const void *data, size_t len)
{
    const uint64_t(*table)[256] = tables[kind];
    const uint8_t *p = data;
    (void)pthread_once(&once, make_tables);
    crc ^= ones(kind);
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t eight;
        memcpy(&eight, p, 8);
        eight = le64toh(eight) ^ crc;
        crc = table[7][eight & 0xff] ^ table[6][eight >> 8 & 0xff] ^ table[5][eight >> 16 & 0xff] ^
              table[4][eight >> 24 & 0xff] ^ table[3][eight >> 32 & 0xff] ^
              table[2][eight >> 40 & 0xff] ^ table[1][eight >> 48 & 0xff] ^ table[0][eight >> 56];
    }
    for (; len > 0; len--)
        crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
    return crc ^ ones(kind);
}

#if defined __x86_64__
static uint64_t eight_at(const uint8_t *p)
{
    uint64_t eight;
    memcpy(&eight, p, 8);
    return eight;
}

/* What is not inverted: the three streams are joined as they are. */
__attribute__((target("sse4.2"))) static uint64_t by_instruction(uint64_t crc, const uint8_t *p,
                                                                 size_t len)
{
    for (; len >= 3 * STREAM_BYTES; len -= 3 * STREAM_BYTES, p += 2 * STREAM_BYTES) {
        uint64_t b = 0, c = 0;
        for (size_t i = 0; i < STREAM_BYTES; i += 8, p += 8) {
            crc = __builtin_ia32_crc32di(crc, eight_at(p));
            b = __builtin_ia32_crc32di(b, eight_at(p + STREAM_BYTES));
            c = __builtin_ia32_crc32di(c, eight_at(p + 2 * STREAM_BYTES));
        }
        b ^= multiply(STSS3_CRC32C, past_stream, crc);
        crc = c ^ multiply(STSS3_CRC32C, past_stream, b);
    }
    for (; len >= 8; len -= 8, p += 8)
        crc = __builtin_ia32_crc32di(crc, eight_at(p));
    for (; len > 0; len--)
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *p++);
    return crc;
}

static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2") != 0;
}
#else
static uint64_t by_instruction(uint64_t crc, const uint8_t *p, size_t len)
{
    return ~stss3_crc_by_table(STSS3_CRC32C, ~crc & UINT32_MAX, p, len) & UINT32_MAX;
}

static bool has_instruction(void)
{
    return false;
}
#endif

uint64_t stss3_crc(enum stss3_crc kind, uint64_t crc, const void *data, size_t len)
{
    if (kind != STSS3_CRC32C || !has_instruction())
        return stss3_crc_by_table(kind, crc, data, len);
    (void)pthread_once(&once, make_tables);
    return by_instruction(crc ^ UINT32_MAX, data, len) ^ UINT32_MAX;
}

uint64_t stss3_crc_join(enum stss3_crc kind, uint64_t a, uint64_t b, uint64_t b_bytes)
{
    return multiply(kind, power(kind, b_bytes), a) ^ b;
}
