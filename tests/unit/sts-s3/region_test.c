/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "region.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct {
    const char *region, *partition, *s3, *sts;
} places[] = {
    {"us-east-1", "aws", "s3.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"},
    {"eu-central-2", "aws", "s3.eu-central-2.amazonaws.com", "sts.eu-central-2.amazonaws.com"},
    {"cn-northwest-1", "aws-cn", "s3.cn-northwest-1.amazonaws.com.cn",
     "sts.cn-northwest-1.amazonaws.com.cn"},
    {"us-gov-east-1", "aws-us-gov", "s3.us-gov-east-1.amazonaws.com",
     "sts.us-gov-east-1.amazonaws.com"},
    {"us-iso-east-1", "aws-iso", "s3.us-iso-east-1.c2s.ic.gov", "sts.us-iso-east-1.c2s.ic.gov"},
    {"us-isob-east-1", "aws-iso-b", "s3.us-isob-east-1.sc2s.sgov.gov",
     "sts.us-isob-east-1.sc2s.sgov.gov"},
    {"eu-isoe-west-1", "aws-iso-e", "s3.eu-isoe-west-1.cloud.adc-e.uk",
     "sts.eu-isoe-west-1.cloud.adc-e.uk"},
    {"us-isof-south-1", "aws-iso-f", "s3.us-isof-south-1.csp.hci.ic.gov",
     "sts.us-isof-south-1.csp.hci.ic.gov"},
    {"eusc-de-east-1", "aws-eusc", "s3.eusc-de-east-1.amazonaws.eu",
     "sts.eusc-de-east-1.amazonaws.eu"},
    {"default", "aws", "s3.default.amazonaws.com", "sts.default.amazonaws.com"},
};

START_TEST(region_tells_its_partition_and_hosts)
{
    char host[STSS3_HOST_MAX];
    ck_assert_str_eq(stss3_partition_of_region(places[_i].region)->name, places[_i].partition);
    ck_assert(stss3_aws_host_of(STSS3_SERVICE_S3, places[_i].region, false, false, host));
    ck_assert_str_eq(host, places[_i].s3);
    ck_assert(stss3_aws_host_of(STSS3_SERVICE_STS, places[_i].region, false, false, host));
    ck_assert_str_eq(host, places[_i].sts);
}
END_TEST

START_TEST(first_region_of_each_partition_lies_in_it)
{
    static const struct {
        const char *name, *first;
    } firsts[] = {{"aws", "us-east-1"}, {"aws-cn", "cn-north-1"}, {"aws-us-gov", "us-gov-west-1"}};

    for (int i = 0; i < COUNT(firsts); i++) {
        const struct stss3_partition *p =
            stss3_partition_named(firsts[i].name, strlen(firsts[i].name));
        ck_assert_str_eq(p->first_region, firsts[i].first);
    }
    for (int i = 0; i < COUNT(places); i++) {
        const struct stss3_partition *p =
            stss3_partition_named(places[i].partition, strlen(places[i].partition));
        ck_assert_ptr_nonnull(p);
        ck_assert_ptr_eq(stss3_partition_of_region(p->first_region), p);
    }
}
END_TEST

START_TEST(name_that_only_begins_like_a_partition_is_none)
{
    ck_assert_ptr_null(stss3_partition_named("aws-c", 5));
    ck_assert_ptr_null(stss3_partition_named("aws-cnx", 7));
    ck_assert_ptr_null(stss3_partition_named("", 0));
    ck_assert_str_eq(stss3_partition_named("aws-cnx", 6)->name, "aws-cn");
}
END_TEST

START_TEST(region_is_letters_digits_and_dashes)
{
    char longest[STSS3_REGION_MAX + 1];
    memset(longest, 'r', sizeof longest);
    longest[STSS3_REGION_MAX] = '\0';
    ck_assert(!stss3_region_is_valid(longest));
    longest[STSS3_REGION_MAX - 1] = '\0';
    ck_assert(stss3_region_is_valid(longest));
    ck_assert(stss3_region_is_valid("us-east-1"));
    ck_assert(stss3_region_is_valid("My_Zone2"));
    ck_assert(!stss3_region_is_valid(""));
    ck_assert(!stss3_region_is_valid("us-east-1/s3"));
    ck_assert(!stss3_region_is_valid("us.east"));
    ck_assert(!stss3_region_is_valid("us-east-1\n"));
}
END_TEST

static const struct {
    const char *arn, *partition;
} roles[] = {
    {"arn:aws:iam::123456789012:role/quay", "aws"},
    {"arn:aws-cn:iam::123456789012:role/path/to/quay", "aws-cn"},
    {"arn:aws-us-gov:iam::123456789012:role/quay", "aws-us-gov"},
    {"arn:aws:iam:::role/x", "aws"},
    {"arn:aws:iam::tenant:role/x", "aws"},
    {"arn:aws:iam::RGW00000000000000001:role/a/b", "aws"},
    {"arn:aws:iam::1:role/with:colon", "aws"},
    {"arn:minio:iam:::role/idmp-default", NULL},
};

START_TEST(role_of_aws_ceph_and_others_is_taken)
{
    const struct stss3_partition *partition = NULL;
    const char *wrong = stss3_role_arn_check(roles[_i].arn, &partition);
    ck_assert_msg(wrong == NULL, "%s %s", roles[_i].arn, wrong);
    if (roles[_i].partition == NULL)
        ck_assert_ptr_null(partition);
    else
        ck_assert_str_eq(partition->name, roles[_i].partition);
}
END_TEST

static const struct {
    const char *arn, *said;
} no_roles[] = {
    {"", "empty"},
    {"quay", "arn:"},
    {"ARN:aws:iam::1:role/x", "arn:"},
    {"arn:aws:iam::role/x", "five"},
    {"arn:aws:iam", "five"},
    {"arn::iam::1:role/x", "partition"},
    {"arn:aws:s3:::bucket", "'iam'"},
    {"arn:aws:iam:us-east-1:1:role/x", "no region"},
    {"arn:aws:iam::1:user/quay", "user"},
    {"arn:aws:iam::1:group/quay", "group"},
    {"arn:aws:iam::1:instance-profile/quay", "instance profile"},
    {"arn:aws:sts::1:assumed-role/quay/session", "session"},
    {"arn:aws:iam::1:role", "role/NAME"},
    {"arn:aws:iam::1:role/", "name"},
    {"arn:aws:iam::1:role/a/", "name"},
    {"arn:aws:iam::1:role/a b", "space"},
    {"arn:aws:iam::1:role/a\n", "control"},
    {"arn:aws:iam::1:role/\xc3\xa9", "ASCII"},
};

START_TEST(what_is_no_role_is_refused_with_the_reason)
{
    const struct stss3_partition *partition = NULL;
    const char *wrong = stss3_role_arn_check(no_roles[_i].arn, &partition);
    ck_assert_msg(wrong != NULL, "'%s' was taken", no_roles[_i].arn);
    ck_assert_msg(strstr(wrong, no_roles[_i].said) != NULL, "'%s': %s", no_roles[_i].arn, wrong);
}
END_TEST

START_TEST(role_longer_than_2048_characters_is_refused)
{
    const struct stss3_partition *partition = NULL;
    char arn[STSS3_ROLE_ARN_MAX + 1];

    memset(arn, 'x', sizeof arn);
    memcpy(arn, "arn:aws:iam::1:role/", 20);
    arn[STSS3_ROLE_ARN_MAX] = '\0';
    ck_assert_ptr_nonnull(stss3_role_arn_check(arn, &partition));
    arn[STSS3_ROLE_ARN_MAX - 1] = '\0';
    ck_assert_ptr_null(stss3_role_arn_check(arn, &partition));
}
END_TEST

static const struct {
    const char *host, *region; /* NULL: none */
} s3_hosts[] = {
    {"s3.us-east-1.amazonaws.com", "us-east-1"},
    {"s3-us-west-2.amazonaws.com", "us-west-2"},
    {"s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"},
    {"s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
    {"s3-fips.dualstack.us-east-2.amazonaws.com", "us-east-2"},
    {"s3.cn-north-1.amazonaws.com.cn", "cn-north-1"},
    {"s3.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"},
    {"s3.cn-north-1.amazonaws.com", NULL},
    {"s3.us-east-1.amazonaws.com.cn", NULL},
    {"s3.amazonaws.com", NULL},
    {"s3-external-1.amazonaws.com", NULL},
    {"bucket.s3.us-east-1.amazonaws.com", NULL},
    {"s3.us-east-1.evil.example", NULL},
    {"s3.us-east-1.amazonaws.com.evil.example", NULL},
    {"ec2-1-2-3-4.compute.amazonaws.com", NULL},
    {"abc.execute-api.us-east-1.amazonaws.com", NULL},
    {"s3.x.execute-api.us-east-1.amazonaws.com", NULL},
    {"sts.us-east-1.amazonaws.com", NULL},
    {"s3.", NULL},
    {"", NULL},
};

START_TEST(host_of_s3_tells_its_region)
{
    char region[STSS3_REGION_MAX];
    const bool is_known = stss3_region_of_s3_host(s3_hosts[_i].host, region);
    ck_assert_msg(is_known == (s3_hosts[_i].region != NULL), "%s", s3_hosts[_i].host);
    if (is_known)
        ck_assert_str_eq(region, s3_hosts[_i].region);
}
END_TEST

/* By the endpoint rules that AWS publishes with its SDKs.  NULL: there is none. */
static const struct {
    const char *region;
    bool use_fips, use_dualstack;
    const char *s3, *sts;
} flagged[] = {
    {"eu-west-1", false, false, "s3.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"},
    {"us-east-2", true, false, "s3-fips.us-east-2.amazonaws.com",
     "sts-fips.us-east-2.amazonaws.com"},
    {"eu-west-1", false, true, "s3.dualstack.eu-west-1.amazonaws.com", "sts.eu-west-1.api.aws"},
    {"us-east-2", true, true, "s3-fips.dualstack.us-east-2.amazonaws.com",
     "sts-fips.us-east-2.api.aws"},
    {"cn-north-1", false, false, "s3.cn-north-1.amazonaws.com.cn",
     "sts.cn-north-1.amazonaws.com.cn"},
    {"cn-north-1", true, false, NULL, "sts-fips.cn-north-1.amazonaws.com.cn"},
    {"cn-north-1", false, true, "s3.dualstack.cn-north-1.amazonaws.com.cn",
     "sts.cn-north-1.api.amazonwebservices.com.cn"},
    {"cn-north-1", true, true, NULL, "sts-fips.cn-north-1.api.amazonwebservices.com.cn"},
    {"us-gov-west-1", false, false, "s3.us-gov-west-1.amazonaws.com",
     "sts.us-gov-west-1.amazonaws.com"},
    {"us-gov-west-1", true, false, "s3-fips.us-gov-west-1.amazonaws.com",
     "sts.us-gov-west-1.amazonaws.com"},
    {"us-gov-west-1", false, true, "s3.dualstack.us-gov-west-1.amazonaws.com",
     "sts.us-gov-west-1.api.aws"},
    {"us-gov-west-1", true, true, "s3-fips.dualstack.us-gov-west-1.amazonaws.com",
     "sts-fips.us-gov-west-1.api.aws"},
    {"us-iso-east-1", true, false, "s3-fips.us-iso-east-1.c2s.ic.gov",
     "sts-fips.us-iso-east-1.c2s.ic.gov"},
    {"us-iso-east-1", false, true, NULL, NULL},
    {"us-isob-east-1", true, true, NULL, NULL},
    {"eusc-de-east-1", false, true, "s3.dualstack.eusc-de-east-1.amazonaws.eu",
     "sts.eusc-de-east-1.api.amazonwebservices.eu"},
};

START_TEST(fips_and_dual_stack_have_hosts_of_their_own)
{
    const char *const due[] = {flagged[_i].s3, flagged[_i].sts};
    const enum stss3_service services[] = {STSS3_SERVICE_S3, STSS3_SERVICE_STS};
    for (int i = 0; i < 2; i++) {
        char host[STSS3_HOST_MAX];
        const bool is_there = stss3_aws_host_of(
            services[i], flagged[_i].region, flagged[_i].use_fips, flagged[_i].use_dualstack, host);
        ck_assert_int_eq(is_there, due[i] != NULL);
        if (is_there)
            ck_assert_str_eq(host, due[i]);
    }
}
END_TEST

Suite *region_suite(void)
{
    Suite *suite = suite_create("region");
    TCase *c = tcase_create("region");
    tcase_add_loop_test(c, region_tells_its_partition_and_hosts, 0, COUNT(places));
    tcase_add_test(c, first_region_of_each_partition_lies_in_it);
    tcase_add_test(c, name_that_only_begins_like_a_partition_is_none);
    tcase_add_test(c, region_is_letters_digits_and_dashes);
    tcase_add_loop_test(c, role_of_aws_ceph_and_others_is_taken, 0, COUNT(roles));
    tcase_add_loop_test(c, what_is_no_role_is_refused_with_the_reason, 0, COUNT(no_roles));
    tcase_add_test(c, role_longer_than_2048_characters_is_refused);
    tcase_add_loop_test(c, host_of_s3_tells_its_region, 0, COUNT(s3_hosts));
    tcase_add_loop_test(c, fips_and_dual_stack_have_hosts_of_their_own, 0, COUNT(flagged));
    suite_add_tcase(suite, c);
    return suite;
}
