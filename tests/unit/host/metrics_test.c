/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin measures, whatever it is called, is text that Prometheus reads, of bounded size. */
#include "exposition.h"
#include "metrics.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/regstore-metrics-test-XXXXXX";
static struct metrics *metrics;
static char written[4 << 20];

static void set_up(void)
{
    const int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    (void)close(file);
    metrics = metrics_new(path);
    ck_assert_ptr_nonnull(metrics);
}

static void tear_down(void)
{
    metrics_free(metrics);
    (void)unlink(path);
}

static void take(int32_t kind, const char *name, double value, const char *key, const char *label)
{
    const struct regstore_pair pair = {key, label};
    metrics_take(metrics, kind, name, value, &pair, key != NULL);
}

/* Whether the file has this line. */
static bool has(const char *line)
{
    const char *at = strstr(written, line);
    return at != NULL && (at == written || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static void read_back(void)
{
    ck_assert(metrics_write(metrics, "test", 0));
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    written[fread(written, 1, sizeof(written) - 1, file)] = '\0';
    ck_assert(feof(file));
    (void)fclose(file);
}

START_TEST(counts_add_up_gauges_are_the_last_and_times_are_histograms)
{
    take(REGSTORE_METRIC_COUNT, "a_total", 1, "k", "v");
    take(REGSTORE_METRIC_COUNT, "a_total", 2.5, "k", "v");
    take(REGSTORE_METRIC_COUNT, "a_total", 1, "k", "w");
    take(REGSTORE_METRIC_GAUGE, "b", 7, NULL, NULL);
    take(REGSTORE_METRIC_GAUGE, "b", -5, NULL, NULL);
    take(REGSTORE_METRIC_TIME, "c_seconds", 0.05, NULL, NULL);
    take(REGSTORE_METRIC_TIME, "c_seconds", 0.06, NULL, NULL);
    take(REGSTORE_METRIC_TIME, "c_seconds", 400, NULL, NULL);
    read_back();
    ck_assert(has("# TYPE a_total counter") && has("# TYPE b gauge"));
    ck_assert(has("# TYPE c_seconds histogram"));
    ck_assert(has("a_total{k=\"v\"} 3.5") && has("a_total{k=\"w\"} 1") && has("b{} -5"));
    ck_assert(has("c_seconds_bucket{le=\"0.025\"} 0") && has("c_seconds_bucket{le=\"0.05\"} 1"));
    ck_assert(has("c_seconds_bucket{le=\"0.1\"} 2") && has("c_seconds_bucket{le=\"300\"} 2"));
    ck_assert(has("c_seconds_bucket{le=\"+Inf\"} 3") && has("c_seconds_count{} 3"));
    ck_assert(has("regstore_metrics_lost_total{} 0"));
}
END_TEST

static const struct {
    const char *value, *shown;
} values[] = {
    {"plain", "plain"},
    {"a\"b", "a\\\"b"},
    {"a\\b", "a\\\\b"},
    {"a\nb", "a\\nb"},
    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
    {"\xff", "?"},
    {"\xc3", "?"},
    {"\xe2\x82", "??"},
    {"\xc0\xaf", "??"},
    {"\xed\xa0\x80", "???"},
    {"\xf4\x90\x80\x80", "????"},
    {"", ""},
};

START_TEST(value_of_a_label_is_escaped_and_utf8)
{
    char line[128];
    take(REGSTORE_METRIC_COUNT, "a_total", 1, "k", values[_i].value);
    read_back();
    (void)snprintf(line, sizeof(line), "a_total{k=\"%s\"} 1", values[_i].shown);
    ck_assert_msg(has(line), "%s", written);
}
END_TEST

static const struct {
    const char *name, *key, *line; /* NULL: it is lost */
} names[] = {
    {"a.b-c", "k", "a_b_c{k=\"v\"} 1"},      {"9a", "k", "_a{k=\"v\"} 1"},
    {"a:b", "x.y", "a:b{x_y=\"v\"} 1"},      {"a", "a:b", "a{a_b=\"v\"} 1"},
    {"a", "le", "a{plugin_le=\"v\"} 1"},     {"a", "location", "a{plugin_location=\"v\"} 1"},
    {"a\nb 1", "k", "a_b_1{k=\"v\"} 1"},     {"", "k", NULL},
    {"a", "", NULL},
};

START_TEST(name_is_made_one_that_prometheus_takes)
{
    take(REGSTORE_METRIC_COUNT, names[_i].name, 1, names[_i].key, "v");
    read_back();
    ck_assert_msg(names[_i].line != NULL ? has(names[_i].line)
                                         : has("regstore_metrics_lost_total{} 1"),
                  "%s", written);
}
END_TEST

static const struct {
    int32_t kind;
    const char *name;
    double value;
} senseless[] = {{REGSTORE_METRIC_COUNT, "a", -1},       {REGSTORE_METRIC_COUNT, "a", NAN},
                 {REGSTORE_METRIC_COUNT, "a", INFINITY}, {REGSTORE_METRIC_TIME, "b", -0.1},
                 {REGSTORE_METRIC_TIME, "b", INFINITY},  {REGSTORE_METRIC_GAUGE, "b", NAN},
                 {99, "b", 1},
                 {REGSTORE_METRIC_GAUGE, "a", 1}}; /* the last: "a" is a count already */

START_TEST(what_makes_no_sense_is_counted_as_lost)
{
    take(REGSTORE_METRIC_COUNT, "a", 1, NULL, NULL);
    take(senseless[_i].kind, senseless[_i].name, senseless[_i].value, NULL, NULL);
    read_back();
    ck_assert(has("a{} 1") && has("regstore_metrics_lost_total{} 1"));
}
END_TEST

START_TEST(labels_beyond_bounds_are_summed_up_as_other)
{
    enum { N = 10000 };
    char label[32];
    for (int i = 0; i < N; i++) {
        (void)snprintf(label, sizeof(label), "%d", i);
        take(REGSTORE_METRIC_COUNT, "a_total", 1, "k", label);
        take(REGSTORE_METRIC_GAUGE, "b", 1, "k", label);
    }
    read_back();
    double sum = 0;
    unsigned lines = 0;
    for (const char *at = strstr(written, "\na_total{"); at != NULL;
         at = strstr(at + 1, "\na_total{"), lines++)
        sum += strtod(strstr(at, "} ") + 2, NULL);
    ck_assert_double_eq(sum, N);
    ck_assert_uint_le(lines, 128);
    ck_assert_ptr_nonnull(strstr(written, "a_total{k=\"other\"} "));
    ck_assert_ptr_null(strstr(written, "b{k=\"other\"}")); /* a sum of gauges is none */
    ck_assert_ptr_null(strstr(written, "regstore_metrics_lost_total{} 0\n"));
}
END_TEST

START_TEST(families_beyond_bounds_are_counted_as_lost)
{
    char name[32];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "n%d_total", i);
        take(REGSTORE_METRIC_COUNT, name, 1, NULL, NULL);
    }
    read_back();
    ck_assert(has("n0_total{} 1"));
    ck_assert(!has("n999_total{} 1"));
    ck_assert(has("regstore_metrics_lost_total{} 936")); /* 64 have a place */
}
END_TEST

START_TEST(value_too_long_for_a_label_is_cut_and_twice_the_same_label_is_lost)
{
    char value[1000];
    const struct regstore_pair twice[] = {{"k", "a"}, {"k", "b"}};
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    take(REGSTORE_METRIC_COUNT, "a_total", 1, "k", value);
    metrics_take(metrics, REGSTORE_METRIC_COUNT, "a_total", 1, twice, 2);
    read_back();
    ck_assert_ptr_nonnull(strstr(written, "a_total{k=\"xxx"));
    ck_assert_ptr_null(strstr(written, value));
    ck_assert(has("regstore_metrics_lost_total{} 1"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, counts_add_up_gauges_are_the_last_and_times_are_histograms);
    tcase_add_loop_test(tcase, value_of_a_label_is_escaped_and_utf8, 0,
                        sizeof(values) / sizeof(values[0]));
    tcase_add_loop_test(tcase, name_is_made_one_that_prometheus_takes, 0,
                        sizeof(names) / sizeof(names[0]));
    tcase_add_loop_test(tcase, what_makes_no_sense_is_counted_as_lost, 0,
                        sizeof(senseless) / sizeof(senseless[0]));
    tcase_add_test(tcase, labels_beyond_bounds_are_summed_up_as_other);
    tcase_add_test(tcase, families_beyond_bounds_are_counted_as_lost);
    tcase_add_test(tcase, value_too_long_for_a_label_is_cut_and_twice_the_same_label_is_lost);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
