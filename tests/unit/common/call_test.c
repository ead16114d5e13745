/* SPDX-License-Identifier: Apache-2.0 */
/* GROW-2, GROW-3, ERR-1, CALL-2 and CALL-3, as every slot has them from call.c. */
#include "suites.h"

#include "call.h"

#include <stddef.h>
#include <string.h>

#define GUARD 0xa5

struct grown_opts {
    struct regstore_commit_opts known;
    uint64_t newer[2];
};

static struct plug_call endless(void)
{
    return (struct plug_call){.deadline_ns = PLUG_NEVER};
}

START_TEST(opts_of_todays_size_are_taken_whole)
{
    struct plug_call call = endless();
    struct regstore_commit_opts taken;
    const struct regstore_commit_opts given = {sizeof given, 1, "key", "digest"};
    memset(&taken, GUARD, sizeof taken);
    ck_assert_int_eq(plug_take(&call, &taken, sizeof taken, &given, "opts"), REGSTORE_OK);
    ck_assert_mem_eq(&taken, &given, sizeof given);
}
END_TEST

START_TEST(opts_that_are_null_are_all_zero)
{
    struct plug_call call = endless();
    struct regstore_commit_opts taken;
    const struct regstore_commit_opts zero = {0};
    memset(&taken, GUARD, sizeof taken);
    ck_assert_int_eq(plug_take(&call, &taken, sizeof taken, NULL, "opts"), REGSTORE_OK);
    ck_assert_mem_eq(&taken, &zero, sizeof zero);
}
END_TEST

START_TEST(larger_opts_with_a_zero_tail_are_taken)
{
    struct plug_call call = endless();
    struct regstore_commit_opts taken;
    const struct grown_opts given = {{sizeof given, 1, "key", NULL}, {0, 0}};
    ck_assert_int_eq(plug_take(&call, &taken, sizeof taken, &given, "opts"), REGSTORE_OK);
    ck_assert_str_eq(taken.key, "key");
}
END_TEST

START_TEST(any_byte_of_a_tail_that_is_not_zero_is_unsupported)
{
    struct plug_call call = endless();
    struct regstore_commit_opts taken;
    for (size_t i = sizeof taken; i < sizeof(struct grown_opts); i++) {
        struct grown_opts given = {{sizeof given, 0, NULL, NULL}, {0, 0}};
        ((unsigned char *)&given)[i] = 1;
        ck_assert_int_eq(plug_take(&call, &taken, sizeof taken, &given, "commit_opts"),
                         REGSTORE_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(call.error.message, "commit_opts"));
    }
}
END_TEST

START_TEST(opts_smaller_than_those_of_minor_0_are_invalid)
{
    struct plug_call call = endless();
    struct regstore_commit_opts taken, given = {0};
    for (given.struct_size = 0; given.struct_size < sizeof given; given.struct_size++)
        ck_assert_int_eq(plug_take(&call, &taken, sizeof taken, &given, "opts"), REGSTORE_INVALID);
}
END_TEST

START_TEST(each_unknown_flag_is_unsupported)
{
    struct plug_call call = endless();
    for (unsigned bit = 0; bit < 64; bit++)
        ck_assert_int_eq(plug_take_flags(&call, UINT64_C(1) << bit, 0x5, "opts"),
                         bit == 0 || bit == 2 ? REGSTORE_OK : REGSTORE_UNSUPPORTED);
    ck_assert_int_eq(plug_take_flags(&call, 0x5 | 0x8, 0x5, "opts"), REGSTORE_UNSUPPORTED);
    ck_assert_int_eq(plug_take_flags(&call, 0, 0, "opts"), REGSTORE_OK);
}
END_TEST

/* A host's error of any size, in the middle of guard bytes. */
struct guarded_error {
    unsigned char before[64];
    union {
        struct regstore_error error;
        unsigned char bytes[sizeof(struct regstore_error) + 64];
    } host;
    unsigned char after[64];
};

static void guard(struct guarded_error *g, uint64_t size)
{
    memset(g, GUARD, sizeof *g);
    g->host.error.struct_size = size;
}

static void check_guard(const struct guarded_error *g, uint64_t size)
{
    const uint64_t known = sizeof(struct regstore_error);
    const uint64_t end = size < 8 ? 8 : size < known ? size : known;
    for (size_t i = 0; i < sizeof g->before; i++)
        ck_assert_uint_eq(g->before[i], GUARD);
    for (size_t i = (size_t)end; i < sizeof g->host.bytes; i++)
        ck_assert_uint_eq(g->host.bytes[i], GUARD);
    for (size_t i = 0; i < sizeof g->after; i++)
        ck_assert_uint_eq(g->after[i], GUARD);
    ck_assert_uint_eq(g->host.error.struct_size, size);
}

START_TEST(error_of_any_size_is_never_written_past)
{
    for (uint64_t size = 0; size <= sizeof(struct regstore_error) + 64; size++) {
        struct guarded_error g;
        struct plug_call call;
        struct regstore_call host = {.struct_size = sizeof host, .error = &g.host.error};
        guard(&g, size);
        ck_assert_int_eq(plug_call_begin(&call, &host), REGSTORE_OK);
        check_guard(&g, size);
        (void)plug_fail(&call, REGSTORE_DENIED, "%600s", "x");
        memset(call.error.code, 'c', sizeof call.error.code - 1);
        memset(call.error.request_id, 'r', sizeof call.error.request_id - 1);
        ck_assert_int_eq(plug_call_end(&call, REGSTORE_DENIED), REGSTORE_DENIED);
        check_guard(&g, size);
    }
}
END_TEST

START_TEST(error_says_what_failed)
{
    struct regstore_error error = {.struct_size = sizeof error};
    struct regstore_call host = {.struct_size = sizeof host, .error = &error};
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &host), REGSTORE_OK);
    (void)plug_fail(&call, REGSTORE_THROTTLED, "slow %s", "down");
    call.error.http_status = 503;
    call.error.retry_after_ms = 7000;
    memcpy(call.error.code, "SlowDown", 9);
    memcpy(call.error.request_id, "id", 3);
    (void)plug_call_end(&call, REGSTORE_THROTTLED);
    ck_assert_str_eq(error.message, "slow down");
    ck_assert_str_eq(error.code, "SlowDown");
    ck_assert_str_eq(error.request_id, "id");
    ck_assert_uint_eq(error.http_status, 503);
    ck_assert_uint_eq(error.retry_after_ms, 7000);
    ck_assert_uint_eq(error.retryable, 1);
}
END_TEST

START_TEST(error_of_an_earlier_call_is_cleared_on_entry)
{
    struct regstore_error error;
    struct regstore_call host = {.struct_size = sizeof host, .error = &error};
    struct plug_call call;
    memset(&error, 'x', sizeof error);
    error.struct_size = sizeof error;
    ck_assert_int_eq(plug_call_begin(&call, &host), REGSTORE_OK);
    (void)plug_call_end(&call, REGSTORE_OK);
    const struct regstore_error none = {.struct_size = sizeof none};
    ck_assert_mem_eq(&error, &none, sizeof none);
}
END_TEST

START_TEST(host_needs_no_error)
{
    struct regstore_call host = {.struct_size = sizeof host};
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &host), REGSTORE_OK);
    ck_assert_int_eq(plug_call_end(&call, plug_no_memory(&call)), REGSTORE_NO_MEMORY);
}
END_TEST

struct grown_call {
    struct regstore_call known;
    uint64_t newer;
};

START_TEST(call_grows_like_opts)
{
    struct regstore_error error = {.struct_size = sizeof error};
    struct grown_call host = {{.struct_size = sizeof host, .error = &error}, 0};
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &host.known), REGSTORE_OK);
    host.newer = 1;
    ck_assert_int_eq(plug_call_end(&call, plug_call_begin(&call, &host.known)),
                     REGSTORE_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "GROW-2"));
    host.known.struct_size = sizeof host.known - 1;
    ck_assert_int_eq(plug_call_begin(&call, &host.known), REGSTORE_INVALID);
    ck_assert_int_eq(plug_call_begin(&call, NULL), REGSTORE_INVALID);
    ck_assert_int_eq(plug_call_end(&call, REGSTORE_INVALID), REGSTORE_INVALID);
}
END_TEST

START_TEST(output_smaller_or_larger_than_ours_keeps_its_tail)
{
    struct regstore_purged_like {
        uint64_t struct_size, a, b;
    } ours = {sizeof ours, 1, 2};
    uint64_t small[3] = {16, 0, 77}, large[4] = {32, 0, 0, 77};
    plug_give(small, &ours, sizeof ours);
    ck_assert_uint_eq(small[0], 16);
    ck_assert_uint_eq(small[1], 1);
    ck_assert_uint_eq(small[2], 77);
    plug_give(large, &ours, sizeof ours);
    ck_assert_uint_eq(large[0], 32);
    ck_assert_uint_eq(large[2], 2);
    ck_assert_uint_eq(large[3], 77);
    plug_give(NULL, &ours, sizeof ours);
}
END_TEST

START_TEST(time_given_for_a_call_ends)
{
    struct regstore_call host = {.struct_size = sizeof host, .timeout_ms = 20};
    struct plug_call call;
    const int64_t begun_ns = plug_now_ns();
    ck_assert_int_eq(plug_call_begin(&call, &host), REGSTORE_OK);
    ck_assert_int_ge(call.deadline_ns, begun_ns + 20000000);
    regstore_status status;
    do
        status = plug_call_check(&call);
    while (status == REGSTORE_OK && plug_now_ns() < begun_ns + INT64_C(10000000000));
    ck_assert_int_eq(status, REGSTORE_TIMEOUT);
    ck_assert_int_ge(plug_now_ns(), begun_ns + 20000000);
    ck_assert_uint_eq(call.error.retryable, 1);
}
END_TEST

static const uint64_t endless_ms[] = {0, UINT64_MAX, UINT64_MAX / 1000000, INT64_MAX,
                                      INT64_MAX / 1000000 + 1};

START_TEST(time_that_no_clock_can_count_never_ends)
{
    struct regstore_call host = {.struct_size = sizeof host, .timeout_ms = endless_ms[_i]};
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &host), REGSTORE_OK);
    ck_assert_int_eq(call.deadline_ns, PLUG_NEVER);
    ck_assert_int_eq(plug_call_check(&call), REGSTORE_OK);
}
END_TEST

START_TEST(cancel_flag_ends_a_call_before_its_time_does)
{
    int32_t cancel = 0;
    struct regstore_call host = {
        .struct_size = sizeof host, .timeout_ms = 3600000, .cancel = &cancel};
    struct plug_call call;
    ck_assert_int_eq(plug_call_begin(&call, &host), REGSTORE_OK);
    ck_assert_int_eq(plug_call_check(&call), REGSTORE_OK);
    cancel = -1;
    ck_assert_int_eq(plug_call_check(&call), REGSTORE_CANCELLED);
    call.deadline_ns = 1;
    ck_assert_int_eq(plug_call_check(&call), REGSTORE_CANCELLED);
    cancel = 0;
    ck_assert_int_eq(plug_call_check(&call), REGSTORE_TIMEOUT);
}
END_TEST

START_TEST(messages_hold_no_control_characters)
{
    struct plug_call call = endless();
    for (unsigned c = 1; c < 256; c++) {
        (void)plug_fail(&call, REGSTORE_INVALID, "a%cb", (int)c);
        if (c < 0x20 || c == 0x7f)
            ck_assert_str_eq(call.error.message, "a?b");
        for (const char *p = call.error.message; *p != '\0'; p++)
            ck_assert((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
}
END_TEST

START_TEST(message_too_long_is_cut_and_ends)
{
    struct plug_call call = endless();
    (void)plug_fail(&call, REGSTORE_INVALID, "%0700d", 1);
    ck_assert_uint_eq(strlen(call.error.message), sizeof call.error.message - 1);
}
END_TEST

static const struct {
    regstore_status status;
    bool retryable;
} usual[] = {
    {REGSTORE_NOT_FOUND, false}, {REGSTORE_EXISTS, false},      {REGSTORE_DIGEST, false},
    {REGSTORE_RANGE, false},     {REGSTORE_DENIED, false},      {REGSTORE_THROTTLED, true},
    {REGSTORE_TIMEOUT, true},    {REGSTORE_CANCELLED, true},    {REGSTORE_UNAVAILABLE, true},
    {REGSTORE_STATE, false},     {REGSTORE_UNSUPPORTED, false}, {REGSTORE_INVALID, false},
    {REGSTORE_CONFIG, false},    {REGSTORE_CORRUPT, false},     {REGSTORE_NO_SPACE, true},
    {REGSTORE_NO_MEMORY, true},  {REGSTORE_INTERNAL, false},    {REGSTORE_GONE, false},
    {REGSTORE_CONFLICT, false},
};

START_TEST(status_says_whether_another_try_is_worth_it)
{
    struct plug_call call = endless(), other = endless();
    struct plug_error kept;
    ck_assert_int_eq(plug_fail(&call, usual[_i].status, "why"), usual[_i].status);
    ck_assert_uint_eq(call.error.retryable, usual[_i].retryable);
    plug_error_set(&kept, usual[_i].status, "kept");
    ck_assert_uint_eq(kept.retryable, usual[_i].retryable);
    ck_assert_int_eq(plug_call_adopt(&other, &kept), usual[_i].status);
    ck_assert_str_eq(other.error.message, "kept");
}
END_TEST

Suite *call_suite(void)
{
    Suite *suite = suite_create("call");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, opts_of_todays_size_are_taken_whole);
    tcase_add_test(tcase, opts_that_are_null_are_all_zero);
    tcase_add_test(tcase, larger_opts_with_a_zero_tail_are_taken);
    tcase_add_test(tcase, any_byte_of_a_tail_that_is_not_zero_is_unsupported);
    tcase_add_test(tcase, opts_smaller_than_those_of_minor_0_are_invalid);
    tcase_add_test(tcase, each_unknown_flag_is_unsupported);
    tcase_add_test(tcase, error_of_any_size_is_never_written_past);
    tcase_add_test(tcase, error_says_what_failed);
    tcase_add_test(tcase, error_of_an_earlier_call_is_cleared_on_entry);
    tcase_add_test(tcase, host_needs_no_error);
    tcase_add_test(tcase, call_grows_like_opts);
    tcase_add_test(tcase, output_smaller_or_larger_than_ours_keeps_its_tail);
    tcase_add_test(tcase, time_given_for_a_call_ends);
    tcase_add_loop_test(tcase, time_that_no_clock_can_count_never_ends, 0, COUNT(endless_ms));
    tcase_add_test(tcase, cancel_flag_ends_a_call_before_its_time_does);
    tcase_add_test(tcase, messages_hold_no_control_characters);
    tcase_add_test(tcase, message_too_long_is_cut_and_ends);
    tcase_add_loop_test(tcase, status_says_whether_another_try_is_worth_it, 0, COUNT(usual));
    suite_add_tcase(suite, tcase);
    return suite;
}
