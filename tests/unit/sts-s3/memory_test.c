/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of the module's own fails once: that is told, and nothing is read or lost. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "sigv4.h"
#include "xml.h"

/* The linker sends every malloc of this program's own code here (--wrap=malloc), and those of Check
 * where that is linked in: asserts need memory. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static long allocations_left = -1; /* until the one that fails; negative: none does */

void *__wrap_malloc(size_t size)
{
    if (allocations_left >= 0 && allocations_left-- == 0)
        return NULL;
    return __real_malloc(size);
}

static bool sign_once(bool in_query, long allocations)
{
    static const struct stss3_signer signer = {"AK", "secret", "token", "us-east-1", "s3"};
    static const struct stss3_header headers[] = {{"Host", "h"}};
    struct stss3_query query = {.n = 0};
    struct stss3_signing_key key = {0};
    struct stss3_signature s = {0};

    allocations_left = allocations;
    stss3_query_add(&query, "uploadId", "a long identifier that makes the buffer grow, and grow");
    stss3_query_add_number(&query, "partNumber", 1);
    const struct stss3_sign_request request = {
        .method = "PUT",
        .path = "/key",
        .query = &query,
        .headers = headers,
        .n_headers = 1,
        .payload_sha256 = STSS3_UNSIGNED_PAYLOAD,
        .flags = STSS3_SIGN_FOR_S3,
    };
    const bool ok = in_query ? stss3_sign_query(&signer, &request, 0, 60, &key, &s)
                             : stss3_sign_headers(&signer, &request, 0, &key, &s);
    allocations_left = -1;
    ck_assert_int_eq(ok, ok && strlen(s.hex) == STSS3_SHA256_HEX - 1);
    stss3_query_clear(&query);
    stss3_signature_clear(&s);
    return ok;
}

START_TEST(signing_tells_every_lack_of_memory)
{
    long n = 0;
    while (n < 1000 && !sign_once(_i == 1, n))
        n++;
    ck_assert_int_gt(n, 5);
    ck_assert_int_lt(n, 1000);
}
END_TEST

START_TEST(reading_xml_tells_every_lack_of_memory)
{
    static const char xml[] = "<R><A>a text longer than the smallest buffer, so that it must grow "
                              "at least once while it is read</A></R>";
    regstore_status status = REGSTORE_NO_MEMORY;
    long n = 0;

    for (; status != REGSTORE_OK && n < 1000; n++) {
        struct plug_buf text = {0};
        struct plug_error error = {0};
        const struct stss3_xml_field field = {"A", &text};
        allocations_left = n;
        status = stss3_xml_pick(xml, strlen(xml), "R", &field, 1, &error);
        allocations_left = -1;
        ck_assert_int_eq(status, error.status);
        ck_assert(status == REGSTORE_OK || status == REGSTORE_NO_MEMORY);
        ck_assert(status != REGSTORE_OK || text.len > 64);
        plug_buf_clear(&text);
    }
    ck_assert_int_gt(n, 2);
    ck_assert_int_lt(n, 1000);
}
END_TEST

Suite *memory_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *c = tcase_create("memory");
    tcase_add_loop_test(c, signing_tells_every_lack_of_memory, 0, 2);
    tcase_add_test(c, reading_xml_tells_every_lack_of_memory);
    suite_add_tcase(suite, c);
    return suite;
}
