/* SPDX-License-Identifier: Apache-2.0 */
/* The digest that can be saved, held against OpenSSL's EVP, which cannot. */
#include "suites.h"

#include "bytes.h"
#include "digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOTH (REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SHA512)

static uint8_t *random_bytes(size_t len, uint64_t seed)
{
    uint8_t *data = malloc(len);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)next_random(&seed);
    return data;
}

static void expected_text(const char *algorithm, const void *data, size_t len, char *out)
{
    uint8_t raw[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned raw_len;
    const EVP_MD *md = strcmp(algorithm, "sha256") == 0 ? EVP_sha256() : EVP_sha512();
    ck_assert_int_eq(EVP_Digest(data, len, raw, &raw_len, md, NULL), 1);
    plug_hex(raw, raw_len, hex);
    (void)snprintf(out, REGSTORE_DIGEST_MAX, "%s:%s", algorithm, hex);
}

static void check_text(const struct plug_digest *d, uint64_t flags, const void *data, size_t len)
{
    static const char *const algorithms[] = {"sha256", "sha512"};
    char text[REGSTORE_DIGEST_MAX], expected[REGSTORE_DIGEST_MAX];
    for (size_t i = 0; i < 2; i++) {
        const bool is_asked = (flags & (i == 0 ? REGSTORE_UPLOAD_SHA256 : REGSTORE_UPLOAD_SHA512));
        const regstore_status status = plug_digest_text(d, algorithms[i], text, sizeof text);
        ck_assert_int_eq(status, is_asked ? REGSTORE_OK : REGSTORE_UNSUPPORTED);
        if (!is_asked)
            continue;
        expected_text(algorithms[i], data, len, expected);
        ck_assert_str_eq(text, expected);
    }
}

static struct plug_digest *save_and_load(struct plug_digest *d)
{
    uint8_t saved[PLUG_DIGEST_SAVED_MAX];
    const size_t len = plug_digest_save(d, saved);
    ck_assert_uint_le(len, sizeof saved);
    struct plug_digest *loaded = plug_digest_load(saved, len);
    ck_assert_ptr_nonnull(loaded);
    ck_assert_uint_eq(plug_digest_length(loaded), plug_digest_length(d));
    plug_digest_free(d);
    return loaded;
}

/* Every offset around two blocks of either algorithm, and some far away. */
#define NEAR 301
static const size_t far_offsets[] = {1000, 4095, 4096, 4097, 65535, 65536, 99999};

START_TEST(digest_saved_at_any_offset_goes_on)
{
    const uint64_t flags = (uint64_t)_i;
    const size_t len = 100003;
    uint8_t *data = random_bytes(len, 7);
    for (size_t i = 0; i < NEAR + COUNT(far_offsets); i++) {
        const size_t at = i < NEAR ? i : far_offsets[i - NEAR];
        struct plug_digest *d = plug_digest_new(flags);
        plug_digest_update(d, data, at);
        d = save_and_load(d);
        check_text(d, flags, data, at);
        plug_digest_update(d, data + at, len - at);
        check_text(d, flags, data, len);
        ck_assert_uint_eq(plug_digest_length(d), len);
        plug_digest_free(d);
    }
    free(data);
}
END_TEST

START_TEST(digest_saved_at_many_random_offsets_goes_on)
{
    uint64_t random = 11;
    for (int round = 0; round < 200; round++) {
        const size_t len = (size_t)(next_random(&random) % 20000);
        uint8_t *data = random_bytes(len + 1, random);
        struct plug_digest *d = plug_digest_new(BOTH);
        for (size_t at = 0; at < len;) {
            const size_t step = (size_t)(next_random(&random) % 700);
            const size_t n = step < len - at ? step : len - at;
            plug_digest_update(d, data + at, n);
            at += n;
            d = save_and_load(d);
        }
        check_text(d, BOTH, data, len);
        plug_digest_free(d);
        free(data);
    }
}
END_TEST

/* SHA-256 counts bits in two words of 32: the second one begins at 512 MiB. */
START_TEST(digest_saved_beyond_512_mib_goes_on)
{
    const size_t mib = 1024 * 1024;
    uint8_t *zeros = calloc(1, mib);
    uint8_t raw[EVP_MAX_MD_SIZE];
    char text[REGSTORE_DIGEST_MAX], hex[65];
    struct plug_digest *d = plug_digest_new(REGSTORE_UPLOAD_SHA256);
    EVP_MD_CTX *evp = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestInit_ex(evp, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < 513; i++) {
        plug_digest_update(d, zeros, mib);
        ck_assert_int_eq(EVP_DigestUpdate(evp, zeros, mib), 1);
    }
    d = save_and_load(d);
    plug_digest_update(d, "tail", 4);
    ck_assert_int_eq(EVP_DigestUpdate(evp, "tail", 4), 1);
    ck_assert_int_eq(EVP_DigestFinal_ex(evp, raw, NULL), 1);
    plug_hex(raw, 32, hex);
    ck_assert_int_eq(plug_digest_text(d, "sha256", text, sizeof text), REGSTORE_OK);
    ck_assert_str_eq(text + 7, hex);
    EVP_MD_CTX_free(evp);
    plug_digest_free(d);
    free(zeros);
}
END_TEST

START_TEST(saved_state_of_another_length_version_or_algorithm_is_refused)
{
    uint8_t saved[PLUG_DIGEST_SAVED_MAX + 1] = {0};
    struct plug_digest *d = plug_digest_new(BOTH);
    plug_digest_update(d, "some bytes", 10);
    const size_t len = plug_digest_save(d, saved);
    for (size_t n = 0; n <= sizeof saved; n++) {
        /* On the heap in its exact size, so that a sanitizer sees a read beyond it. */
        uint8_t *copy = malloc(n + 1);
        memcpy(copy + 1, saved, n);
        struct plug_digest *loaded = plug_digest_load(copy + 1, n);
        ck_assert_int_eq(loaded != NULL, n == len);
        plug_digest_free(loaded);
        free(copy);
    }
    for (unsigned version = 0; version < 256; version++) {
        const uint8_t right = saved[0];
        if (version == right)
            continue;
        saved[0] = (uint8_t)version;
        ck_assert_ptr_null(plug_digest_load(saved, len));
        saved[0] = right;
    }
    for (unsigned flags = 0; flags < 256; flags++) {
        saved[1] = (uint8_t)flags;
        struct plug_digest *loaded = plug_digest_load(saved, len);
        ck_assert_int_eq(loaded != NULL, flags == BOTH);
        plug_digest_free(loaded);
    }
    plug_digest_free(d);
}
END_TEST

START_TEST(damaged_saved_states_do_no_harm)
{
    uint64_t random = 3;
    char text[REGSTORE_DIGEST_MAX];
    unsigned loaded_count = 0;
    for (int round = 0; round < 20000; round++) {
        const size_t len = (size_t)(next_random(&random) % (PLUG_DIGEST_SAVED_MAX + 20));
        uint8_t *saved = random_bytes(len + 1, random);
        saved[0] = 1;
        if (len > 1 && (round & 1) != 0)
            saved[1] = (uint8_t)(round >> 1 & 3);
        struct plug_digest *d = plug_digest_load(saved, len);
        free(saved);
        if (d == NULL)
            continue;
        loaded_count++;
        plug_digest_update(d, "x", 1);
        (void)plug_digest_text(d, "sha256", text, sizeof text);
        (void)plug_digest_text(d, "sha512", text, sizeof text);
        uint8_t again[PLUG_DIGEST_SAVED_MAX];
        ck_assert_uint_le(plug_digest_save(d, again), sizeof again);
        plug_digest_free(d);
    }
    ck_assert_uint_gt(loaded_count, 0); /* else this has tried nothing */
}
END_TEST

START_TEST(text_needs_its_room_and_an_algorithm_that_was_asked_for)
{
    char text[REGSTORE_DIGEST_MAX];
    struct plug_digest *d = plug_digest_new(BOTH);
    ck_assert_int_eq(plug_digest_text(d, "sha256", text, 71), REGSTORE_RANGE);
    ck_assert_int_eq(plug_digest_text(d, "sha256", text, 72), REGSTORE_OK);
    ck_assert_int_eq(plug_digest_text(d, "sha512", text, 135), REGSTORE_RANGE);
    ck_assert_int_eq(plug_digest_text(d, "sha512", text, 136), REGSTORE_OK);
    ck_assert_int_eq(plug_digest_text(d, "md5", text, sizeof text), REGSTORE_UNSUPPORTED);
    ck_assert_int_eq(plug_digest_text(d, "", text, sizeof text), REGSTORE_UNSUPPORTED);
    ck_assert_int_eq(plug_digest_text(d, "SHA256", text, sizeof text), REGSTORE_UNSUPPORTED);
    plug_digest_free(d);
}
END_TEST

#define ABC256 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                                     \
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3" \
    "c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static const struct {
    uint64_t flags;
    const char *expected;
    regstore_status status;
} comparisons[] = {
    {BOTH, ABC256, REGSTORE_OK},
    {BOTH, ABC512, REGSTORE_OK},
    {REGSTORE_UPLOAD_SHA256, ABC256, REGSTORE_OK},
    {REGSTORE_UPLOAD_SHA256, ABC512, REGSTORE_INVALID},
    {REGSTORE_UPLOAD_SHA512, ABC256, REGSTORE_INVALID},
    {0, ABC256, REGSTORE_INVALID},
    {BOTH, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae",
     REGSTORE_DIGEST},
    {BOTH, "sha256:0000000000000000000000000000000000000000000000000000000000000000",
     REGSTORE_DIGEST},
    {BOTH, "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
     REGSTORE_INVALID},
    {BOTH, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
     REGSTORE_INVALID},
    {BOTH, ABC256 "0", REGSTORE_INVALID},
    {BOTH, ABC256 "\n", REGSTORE_INVALID},
    {BOTH, " " ABC256, REGSTORE_INVALID},
    {BOTH, "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     REGSTORE_INVALID},
    {BOTH, "sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     REGSTORE_INVALID},
    {BOTH, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", REGSTORE_INVALID},
    {BOTH, "sha256:", REGSTORE_INVALID},
    {BOTH, "sha256", REGSTORE_INVALID},
    {BOTH, "", REGSTORE_INVALID},
    {BOTH, "md5:900150983cd24fb0d6963f7d28e17f72", REGSTORE_INVALID},
};

START_TEST(digest_of_the_host_is_compared_in_its_one_form)
{
    struct plug_digest *d = plug_digest_new(comparisons[_i].flags);
    plug_digest_update(d, "abc", 3);
    ck_assert_int_eq(plug_digest_compare(d, comparisons[_i].expected), comparisons[_i].status);
    plug_digest_free(d);
}
END_TEST

START_TEST(sha256_in_one_go_is_the_same)
{
    uint8_t *data = random_bytes(1000, 5), ours[32], theirs[32];
    for (size_t len = 0; len <= 1000; len += 37) {
        plug_sha256(data, len, ours);
        ck_assert_int_eq(EVP_Digest(data, len, theirs, NULL, EVP_sha256(), NULL), 1);
        ck_assert_mem_eq(ours, theirs, 32);
    }
    free(data);
}
END_TEST

Suite *digest_suite(void)
{
    Suite *suite = suite_create("digest");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, digest_saved_at_any_offset_goes_on, 0, BOTH + 1);
    tcase_add_test(tcase, digest_saved_at_many_random_offsets_goes_on);
    tcase_add_test(tcase, digest_saved_beyond_512_mib_goes_on);
    tcase_add_test(tcase, saved_state_of_another_length_version_or_algorithm_is_refused);
    tcase_add_test(tcase, damaged_saved_states_do_no_harm);
    tcase_add_test(tcase, text_needs_its_room_and_an_algorithm_that_was_asked_for);
    tcase_add_loop_test(tcase, digest_of_the_host_is_compared_in_its_one_form, 0,
                        COUNT(comparisons));
    tcase_add_test(tcase, sha256_in_one_go_is_the_same);
    suite_add_tcase(suite, tcase);
    return suite;
}
