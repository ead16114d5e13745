/* SPDX-License-Identifier: Apache-2.0 */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "provider.h"
#include "region.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

static const struct {
    const char *host, *provider;
} hosts[] = {
    {"s3.us-east-1.amazonaws.com", "aws"},
    {"s3.cn-north-1.amazonaws.com.cn", "aws"},
    {"s3-fips.dualstack.us-gov-west-1.amazonaws.com", "aws"},
    {"bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com", "aws"},
    {"s3.eusc-de-east-1.amazonaws.eu", "aws"},
    {"amazonaws.com", "other"},
    {"s3.us-east-1.amazonaws.com.evil.example", "other"},
    {"notamazonaws.com", "other"},
    {"rook-ceph-rgw-ocs-storagecluster-cephobjectstore.openshift-storage.svc", "ceph"},
    {"ocs-storagecluster-cephobjectstore-openshift-storage.apps.example.com", "ceph"},
    {"minio", "minio"},
    {"minio.storage.svc.cluster.local", "minio"},
    {"play.min.io", "minio"},
    {"minion.example.com", "other"},
    {"0123456789abcdef.r2.cloudflarestorage.com", "r2"},
    {"0123456789abcdef.eu.r2.cloudflarestorage.com", "r2"},
    {"storage.googleapis.com", "gcs"},
    {"s3.eu-de.cloud-object-storage.appdomain.cloud", "ibm"},
    {"s3.private.eu-de.cloud-object-storage.appdomain.cloud", "ibm"},
    {"s3.fr-par.scw.cloud", "scaleway"},
    {"localhost", "other"},
    {"127.0.0.1", "other"},
    {"::1", "other"},
    {"s3.example.com", "other"},
};

START_TEST(host_tells_the_provider)
{
    ck_assert_str_eq(stss3_provider_of_host(hosts[_i].host)->name, hosts[_i].provider);
}
END_TEST

START_TEST(every_partition_of_aws_has_aws_hosts)
{
    static const char *const regions[] = {
        "us-east-1",      "cn-north-1",     "us-gov-west-1",   "us-iso-east-1",
        "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1",
    };
    static const enum stss3_service services[] = {STSS3_SERVICE_S3, STSS3_SERVICE_STS};
    char host[STSS3_HOST_MAX];
    for (int i = 0; i < COUNT(regions); i++)
        for (int j = 0; j < COUNT(services); j++) {
            for (int flags = 0; flags < 4; flags++)
                if (stss3_aws_host_of(services[j], regions[i], flags & 1, flags & 2, host))
                    ck_assert_msg(stss3_provider_is_aws(stss3_provider_of_host(host)), "%s", host);
        }
}
END_TEST

/* What the code below takes for granted of every row. */
START_TEST(every_row_is_whole)
{
    const struct stss3_provider *p;
    unsigned n = 0;
    for (; (p = stss3_provider_at(n)) != NULL; n++) {
        ck_assert_ptr_eq(stss3_provider_named(p->name), p);
        ck_assert(p->title != NULL && p->title[0] != '\0' && p->hosts != NULL);
        ck_assert(p->list_version == 1 || p->list_version == 2);
        ck_assert(p->parts_max >= 1 && p->parts_max <= 10000); /* S3 has no part 10,001 */
        ck_assert(p->part_min == 5ull * 1024 * 1024 && p->part_max > p->part_min);
        ck_assert(p->part_max <= 5ull * 1024 * 1024 * 1024);
        ck_assert(p->object_max > p->part_max);
        ck_assert(p->object_max <= p->parts_max * (5ull << 30));
        ck_assert(p->copy_max >= p->part_max - p->part_min);
        ck_assert(p->delete_checksum != STSS3_CHECKSUM_NONE || !p->has_batch_delete);
        ck_assert(p->first_region == NULL || stss3_region_is_valid(p->first_region));
        for (const char *at = p->hosts; *at != '\0'; at += strcspn(at, " "), at += *at == ' ') {
            ck_assert_msg(strcspn(at, " ") > 0 && strcspn(at, " ") < 64, "%s", p->hosts);
            ck_assert_ptr_null(memchr(at, '?', strcspn(at, " ")));
        }
        for (unsigned i = 0; i < n; i++)
            ck_assert_str_ne(stss3_provider_at(i)->name, p->name);
    }
    ck_assert_str_eq(stss3_provider_at(n - 1)->name, "other");
    ck_assert_str_eq(stss3_provider_at(n - 1)->hosts, "*");
    ck_assert(stss3_provider_is_aws(stss3_provider_at(0)));
    ck_assert(!stss3_provider_is_aws(stss3_provider_at(1)));
    ck_assert_ptr_null(stss3_provider_named("amazon"));
    ck_assert_ptr_null(stss3_provider_named(""));
}
END_TEST

/* Only what people are told and the reasons of whole features; the rest is data. */
START_TEST(rows_that_decide_what_is_written)
{
    ck_assert(stss3_provider_named("r2")->wants_equal_parts);
    ck_assert_str_eq(stss3_provider_named("r2")->first_region, "auto");
    ck_assert_uint_eq(stss3_provider_named("scaleway")->parts_max, 1000);
    ck_assert(!stss3_provider_named("gcs")->has_part_copy);
    ck_assert(!stss3_provider_named("ceph")->encodes_lists);
    ck_assert_uint_eq(stss3_provider_named("ceph")->list_version, 1);
    for (unsigned i = 1; stss3_provider_at(i) != NULL; i++) {
        ck_assert(!stss3_provider_at(i)->is_sse_s3); /* private servers refuse the header */
        ck_assert(stss3_provider_at(i)->put_checksum != STSS3_CHECKSUM_CRC);
    }
}
END_TEST

Suite *provider_suite(void)
{
    Suite *suite = suite_create("provider");
    TCase *tcase = tcase_create("provider");
    tcase_add_loop_test(tcase, host_tells_the_provider, 0, COUNT(hosts));
    tcase_add_test(tcase, every_partition_of_aws_has_aws_hosts);
    tcase_add_test(tcase, every_row_is_whole);
    tcase_add_test(tcase, rows_that_decide_what_is_written);
    suite_add_tcase(suite, tcase);
    return suite;
}
