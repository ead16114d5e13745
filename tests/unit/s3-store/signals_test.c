/* SPDX-License-Identifier: Apache-2.0 */
/* What operators learn: of sessions, memory and throttling. */
#include "suites.h"

#include "chunk.h"
#include "session_report.h"
#include "timestamp.h"

#include <stdio.h>
#include <string.h>

struct ears {
    int32_t level; /* of the last event */
    unsigned events;
    char told[2048];
};

static void hear_log(void *ctx, int32_t level, const char *event,
                     const struct regstore_pair *fields, size_t n)
{
    struct ears *ears = ctx;
    (void)event, (void)fields, (void)n;
    ears->level = level;
    ears->events++;
}

static void hear_metric(void *ctx, int32_t kind, const char *name, double value,
                        const struct regstore_pair *labels, size_t n)
{
    struct ears *ears = ctx;
    size_t len = strlen(ears->told);
    (void)kind;
    len += (size_t)snprintf(ears->told + len, sizeof ears->told - len, "%s", name);
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(ears->told + len, sizeof ears->told - len, " %s=%s", labels[i].key,
                                labels[i].value);
    (void)snprintf(ears->told + len, sizeof ears->told - len, " %.0f\n", value);
}

static struct plug_host host_of(struct ears *ears)
{
    return (struct plug_host){.host = {.struct_size = sizeof(struct regstore_host),
                                       .ctx = ears,
                                       .log = hear_log,
                                       .metric = hear_metric}};
}

START_TEST(refused_session_is_a_warning_once_while_the_old_one_lives)
{
    static const struct {
        bool is_repeated;
        int64_t left_s;
        int32_t level;
    } rows[] = {{false, 600, REGSTORE_LOG_WARNING},
                {true, 590, REGSTORE_LOG_INFO},
                {false, 0, REGSTORE_LOG_INFO}, /* every caller is told */
                {true, 0, REGSTORE_LOG_INFO}};
    struct plug_error error;
    plug_error_set(&error, REGSTORE_DENIED, "no");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ears ears = {0};
        const struct plug_host host = host_of(&ears);
        stss3_report_renewal(&host, &(struct stss3_renewal){.source = "settings",
                                                            .error = &error,
                                                            .is_repeated = rows[i].is_repeated,
                                                            .left_ns = rows[i].left_s *
                                                                       STSS3_NS_PER_S,
                                                            .expires_ns = INT64_MAX});
        ck_assert_uint_eq(ears.events, 1);
        ck_assert_int_eq(ears.level, rows[i].level);
        ck_assert_ptr_nonnull(strstr(
            ears.told, "regstore_session_refreshes_total source=settings outcome=denied 1\n"));
    }
}
END_TEST

START_TEST(life_of_a_session_is_told_at_each_refresh_and_of_endless_keys_never)
{
    struct ears ears = {0}, none = {0};
    const struct plug_host host = host_of(&ears), other = host_of(&none);
    stss3_report_renewal(&host, &(struct stss3_renewal){.source = "settings",
                                                        .left_ns = 3600 * STSS3_NS_PER_S,
                                                        .expires_ns = 1600000000 *
                                                                      STSS3_NS_PER_S});
    ck_assert_str_eq(ears.told, "regstore_session_refreshes_total source=settings outcome=ok 1\n"
                                "regstore_session_remaining_seconds 3600\n"
                                "regstore_session_expiry_timestamp_seconds 1600000000\n");
    ck_assert_uint_eq(ears.events, 0);
    stss3_report_renewal(&other, &(struct stss3_renewal){.source = "settings",
                                                         .left_ns = INT64_MAX,
                                                         .expires_ns = INT64_MAX});
    ck_assert_ptr_null(strstr(none.told, "seconds"));
}
END_TEST

START_TEST(memory_in_use_is_told_by_the_mib_and_ends_at_nothing)
{
    static const char bytes[3 << 20];
    struct ears ears = {0};
    const struct plug_host host = host_of(&ears);
    struct plug_call call = {.deadline_ns = PLUG_NEVER};
    struct stss3_budget *budget = stss3_budget_new(8 << 20, "/tmp");
    ck_assert_ptr_nonnull(budget);
    stss3_budget_tell(budget, &host);
    ck_assert_str_eq(ears.told, "regstore_memory_limit_bytes 8388608\n");
    struct stss3_chunk *chunk = stss3_chunk_new(budget, sizeof bytes);
    size_t taken;
    for (size_t at = 0; at < sizeof bytes; at += taken)
        ck_assert_int_eq(stss3_chunk_append(chunk, &call, bytes + at, 4096, &taken), REGSTORE_OK);
    unsigned told = 0;
    for (const char *at = ears.told; (at = strstr(at, "memory_used")) != NULL; at++)
        told++;
    ck_assert_uint_ge(told, 3);
    ck_assert_uint_le(told, 8); /* and not 768 times */
    ck_assert_int_eq(stss3_chunk_spill(chunk, &call), REGSTORE_OK);
    ck_assert_ptr_nonnull(strstr(ears.told, "regstore_spilled_bytes_total 3145728\n"));
    stss3_chunk_unref(chunk);
    const char *const last = "regstore_memory_used_bytes 0\n";
    ck_assert_str_eq(ears.told + strlen(ears.told) - strlen(last), last);
    stss3_budget_free(budget);
}
END_TEST

Suite *signals_suite(void)
{
    Suite *suite = suite_create("signals");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, refused_session_is_a_warning_once_while_the_old_one_lives);
    tcase_add_test(tcase, life_of_a_session_is_told_at_each_refresh_and_of_endless_keys_never);
    tcase_add_test(tcase, memory_in_use_is_told_by_the_mib_and_ends_at_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}
