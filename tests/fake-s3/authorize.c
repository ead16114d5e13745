/* SPDX-License-Identifier: Apache-2.0 */
/* Whether who signed a request may do what it asks for. */
#include "authorize.h"

#include "exchange.h"

#include <string.h>

static void resource_name(struct text *to, const char *bucket, const char *key)
{
    text_format(to, "arn:aws:s3:::%s", bucket == NULL ? "*" : bucket);
    if (key != NULL)
        text_format(to, "/%s", key);
}

bool may(const struct exchange *x, const char *action, const char *bucket, const char *key)
{
    const char *prefix = parameter(x, "prefix"), *delimiter = parameter(x, "delimiter");
    const char *context[] = {"s3:prefix", prefix == NULL ? "" : prefix, "s3:delimiter",
                             delimiter == NULL ? "" : delimiter, NULL};
    struct text resource = {0};

    if (x->caller.role == NULL || x->caller.role->permissions == NULL)
        return true;
    resource_name(&resource, bucket, key);
    const struct policy_question question = {
        .action = action, .resource = text_str(&resource), .context = context};
    bool is_allowed = policy_allows(x->caller.role->permissions, &question);
    text_clear(&resource);
    return is_allowed;
}

bool authorize(struct exchange *x, const char *action, const char *bucket, const char *key)
{
    struct text resource = {0};
    if (may(x, action, bucket, key))
        return true;
    resource_name(&resource, bucket, key);
    (void)refuse_saying(x, "AccessDenied",
                        "User: %s is not authorized to perform: %s on resource: \"%s\" because no "
                        "identity-based policy allows the %s action",
                        x->caller.arn, action, text_str(&resource), action);
    text_clear(&resource);
    return false;
}

bool check_region(struct exchange *x)
{
    const struct bucket *b =
        x->bucket_name == NULL ? NULL : store_bucket(&x->server->store, x->bucket_name);
    const char *host = header(x, "Host");
    bool is_led = x->is_virtual_host && x->is_global_host;

    if (b == NULL || is_led || strcmp(b->region, x->region) == 0)
        return true;
    const char *endpoint = fields_get(&x->server->endpoints, b->region);
    struct text aws = {0};
    text_format(&aws, "%s.s3.%s.amazonaws.com", b->name, b->region);
    (void)refuse(x, "PermanentRedirect");
    refuse_detail(x, "Endpoint",
                  strstr(host, ".amazonaws.com") == NULL && endpoint != NULL ? endpoint
                                                                             : text_str(&aws));
    refuse_detail(x, "Bucket", b->name);
    text_clear(&aws);
    answer_header(x, "x-amz-bucket-region", b->region);
    return false;
}

struct bucket *need_bucket(struct exchange *x)
{
    struct bucket *b = store_bucket(&x->server->store, x->bucket_name);
    if (b == NULL) {
        (void)refuse(x, "NoSuchBucket");
        refuse_detail(x, "BucketName", x->bucket_name);
    }
    return b;
}
