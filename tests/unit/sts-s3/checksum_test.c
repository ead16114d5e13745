/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C and CRC-64/NVME against published values and a plain bit by bit one; their joining. */
#include "suites.h"

#include "checksum.h"
#include "crc.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* RFC 3720 B.4 and the NVMe Base Specification's examples; "123456789" as in CRC catalogues. */
static const struct {
    enum stss3_crc kind;
    int byte; /* so many of it; -1: of 0, 1, 2 ...; -2: the digits */
    size_t n;
    uint64_t crc;
} published[] = {
    {STSS3_CRC32C, -2, 9, 0xe3069283},
    {STSS3_CRC32C, 0, 32, 0x8a9136aa},
    {STSS3_CRC32C, 0xff, 32, 0x62a8ab43},
    {STSS3_CRC32C, -1, 32, 0x46dd794e},
    {STSS3_CRC64NVME, -2, 9, 0xae8b14860a799888},
    {STSS3_CRC64NVME, 0, 4096, 0x6482d367eb22b64e},
    {STSS3_CRC64NVME, 0xff, 4096, 0xc0ddba7302eca3ac},
    {STSS3_CRC32C, 0, 0, 0},
    {STSS3_CRC64NVME, 0, 0, 0},
};

START_TEST(published_values)
{
    uint8_t bytes[4096];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(published[_i].byte == -1   ? (int)i
                             : published[_i].byte == -2 ? (int)('1' + i % 9)
                                                        : published[_i].byte);
    ck_assert_uint_eq(stss3_crc(published[_i].kind, 0, bytes, published[_i].n), published[_i].crc);
    ck_assert_uint_eq(stss3_crc_by_table(published[_i].kind, 0, bytes, published[_i].n),
                      published[_i].crc);
}
END_TEST

static uint64_t bit_by_bit(enum stss3_crc kind, const uint8_t *p, size_t len)
{
    const uint64_t polynomial = kind == STSS3_CRC32C ? 0x82f63b78 : 0x9a6c9329ac4bc9b5;
    const uint64_t ones = kind == STSS3_CRC32C ? UINT32_MAX : UINT64_MAX;
    uint64_t crc = ones;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ polynomial : crc >> 1;
    }
    return crc ^ ones;
}

enum { MOST = 40000 };
static uint8_t noise[MOST];

static void make_noise(void)
{
    uint64_t state = 88172645463325252ull;
    for (size_t i = 0; i < MOST; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        noise[i] = (uint8_t)state;
    }
}

/* Lengths around eight bytes, around three streams, unaligned, cut anywhere. */
START_TEST(instruction_table_and_joining_agree_with_bit_by_bit)
{
    const enum stss3_crc kind = _i == 0 ? STSS3_CRC32C : STSS3_CRC64NVME;
    static const size_t lengths[] = {0,    1,     7,     8,     9,     15,    16,    17,
                                     4095, 12287, 12288, 12289, 12295, 24576, 24577, 39000};
    make_noise();
    for (size_t at = 0; at < 9; at++)
        for (size_t i = 0; i < COUNT(lengths); i++) {
            const uint8_t *p = noise + at;
            const size_t len = lengths[i], cut = len * (at + 1) / 11;
            const uint64_t due = bit_by_bit(kind, p, len);
            ck_assert_uint_eq(stss3_crc(kind, 0, p, len), due);
            ck_assert_uint_eq(stss3_crc_by_table(kind, 0, p, len), due);
            const uint64_t first = stss3_crc(kind, 0, p, cut);
            ck_assert_uint_eq(stss3_crc(kind, first, p + cut, len - cut), due);
            const uint64_t second = stss3_crc(kind, 0, p + cut, len - cut);
            ck_assert_uint_eq(stss3_crc_join(kind, first, second, len - cut), due);
        }
}
END_TEST

START_TEST(sums_go_to_base64_and_back)
{
    static const struct {
        enum stss3_checksum kind;
        const char *text;
    } known[] = {
        {STSS3_SUM_MD5, "JfnnlDI7RTiF9RgfG2JNCw=="},
        {STSS3_SUM_CRC32C, "4waSgw=="},
        {STSS3_SUM_CRC64NVME, "rosUhgp5mIg="},
        {STSS3_SUM_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        struct stss3_sum sum, back;
        struct plug_buf text = {0};
        ck_assert(stss3_sum_of(known[i].kind, "123456789", 9, &sum));
        stss3_sum_base64(&sum, &text);
        ck_assert_str_eq(plug_buf_text(&text), known[i].text);
        ck_assert(stss3_sum_parse(known[i].kind, plug_buf_text(&text), &back));
        ck_assert_mem_eq(back.bytes, sum.bytes, stss3_sum_length(known[i].kind));
        ck_assert(!stss3_sum_parse(known[i].kind, "", &back));
        ck_assert(!stss3_sum_parse(known[i].kind, "4waSgw==-2", &back));
        ck_assert(!stss3_sum_parse(known[i].kind, "====", &back));
        plug_buf_clear(&text);
    }
}
END_TEST

/* What a FIPS provider does to MD5; it is told apart from there being no memory. */
START_TEST(without_md5_the_sha256_serves)
{
    struct stss3_sum sum;
    ck_assert(stss3_has_md5());
    ck_assert_int_eq(stss3_demanded_checksum(), STSS3_SUM_MD5);
    ck_assert_int_eq(EVP_set_default_properties(NULL, "fips=yes"), 1);
    ck_assert(!stss3_has_md5());
    ck_assert_int_eq(stss3_demanded_checksum(), STSS3_SUM_SHA256);
    ck_assert(!stss3_sum_of(STSS3_SUM_MD5, "x", 1, &sum));
    ck_assert(stss3_sum_of(STSS3_SUM_CRC32C, "x", 1, &sum));
}
END_TEST

Suite *checksum_suite(void)
{
    Suite *suite = suite_create("checksum");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, published_values, 0, COUNT(published));
    tcase_add_loop_test(tcase, instruction_table_and_joining_agree_with_bit_by_bit, 0, 2);
    tcase_add_test(tcase, sums_go_to_base64_and_back);
    tcase_add_test(tcase, without_md5_the_sha256_serves);
    suite_add_tcase(suite, tcase);
    return suite;
}
