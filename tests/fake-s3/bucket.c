/* SPDX-License-Identifier: Apache-2.0 */
/* The operations on buckets. */
#include "authorize.h"
#include "clock.h"
#include "codec.h"
#include "exchange.h"
#include "operations.h"
#include "xml_in.h"

#include <stdlib.h>
#include <string.h>

enum { XML_BYTES = 64 * 1024 };

void list_buckets(struct exchange *x)
{
    const struct store *s = &x->server->store;
    struct text *body = &x->answer.body;
    char created[TIME_TEXT];

    answer_xml_start(x, "ListAllMyBucketsResult");
    text_add(body, "<Owner>");
    xml_element(body, "ID", ACCOUNT);
    text_add(body, "</Owner><Buckets>");
    for (size_t i = 0; i < s->bucket_count; i++) {
        write_iso_ms(created, s->buckets[i]->created_ms);
        text_add(body, "<Bucket>");
        xml_element(body, "Name", s->buckets[i]->name);
        xml_element(body, "CreationDate", created);
        text_add(body, "</Bucket>");
    }
    text_add(body, "</Buckets>");
    answer_xml_end(x, "ListAllMyBucketsResult");
}

void head_bucket(struct exchange *x)
{
    const struct bucket *b = need_bucket(x);
    if (b == NULL)
        return;
    x->answer.status = 200;
    answer_header(x, "x-amz-bucket-region", b->region);
    answer_header(x, "x-amz-access-point-alias", "false");
    answer_header(x, "Content-Type", "application/xml");
}

void get_bucket_location(struct exchange *x)
{
    const struct bucket *b = need_bucket(x);
    if (b == NULL)
        return;
    answer_xml_start(x, "LocationConstraint");
    /* The oldest region has no name here. */
    if (strcmp(b->region, "us-east-1") != 0)
        xml_escape(&x->answer.body, b->region);
    answer_xml_end(x, "LocationConstraint");
}

/* From 3 to 63 of a-z 0-9 . -, with a letter or digit at both ends. */
static bool is_bucket_name(const char *name)
{
    size_t length = strlen(name);
    static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    return length >= 3 && length <= 63 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == length &&
           strchr(ends, name[0]) != NULL && strchr(ends, name[length - 1]) != NULL &&
           strstr(name, "..") == NULL;
}

/* <CreateBucketConfiguration><LocationConstraint>; to be freed. NULL: refused. */
static char *read_location(struct exchange *x)
{
    if (x->body.received == 0)
        return copy_text("us-east-1");
    char *xml = body_text(&x->body, XML_BYTES);
    struct element *root = xml == NULL ? NULL : xml_read(xml);
    free(xml);
    if (root == NULL || strcmp(root->name, "CreateBucketConfiguration") != 0) {
        element_free(root);
        (void)refuse(x, "MalformedXML");
        return NULL;
    }
    const char *named = element_text(root, "LocationConstraint");
    char *location = copy_text(named == NULL ? "us-east-1" : named);
    element_free(root);
    return location;
}

void create_bucket(struct exchange *x)
{
    struct store *s = &x->server->store;
    struct text path = {0};

    if (!is_bucket_name(x->bucket_name)) {
        (void)refuse(x, "InvalidBucketName");
        refuse_detail(x, "BucketName", x->bucket_name);
        return;
    }
    char *location = read_location(x);
    if (location == NULL)
        return;
    if (strcmp(location, x->region) != 0) {
        (void)refuse_saying(x, "IllegalLocationConstraintException",
                            "The %s location constraint is incompatible for the region specific "
                            "endpoint this request was sent to.",
                            location);
    } else if (store_bucket(s, x->bucket_name) != NULL) {
        (void)refuse(x, "BucketAlreadyOwnedByYou");
        refuse_detail(x, "BucketName", x->bucket_name);
    } else {
        (void)store_add_bucket(s, x->bucket_name, location, server_now_ms(x->server));
        x->answer.status = 200;
        text_format(&path, "/%s", x->bucket_name);
        answer_header(x, "Location", text_str(&path));
        text_clear(&path);
    }
    free(location);
}

void delete_bucket(struct exchange *x)
{
    struct bucket *b = need_bucket(x);
    if (b == NULL)
        return;
    if (b->object_count > 0) {
        (void)refuse(x, "BucketNotEmpty");
        refuse_detail(x, "BucketName", b->name);
        return;
    }
    store_remove_bucket(&x->server->store, b);
    x->answer.status = 204;
}
