/* SPDX-License-Identifier: Apache-2.0 */
/* GetObject, HeadObject, PutObject, DeleteObject. */
#include "object.h"

#include "at_rest.h"
#include "authorize.h"
#include "clock.h"
#include "exchange.h"
#include "operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The request's object; NULL: refused. Whoever may not list does not learn that it is missing. */
static struct object *need_object(struct exchange *x, const struct bucket *b)
{
    struct object *o = bucket_object(b, x->key);
    if (!may(x, "s3:GetObject", b->name, x->key)) {
        (void)authorize(x, "s3:GetObject", b->name, x->key);
        return NULL;
    }
    if (o != NULL)
        return o;
    if (!authorize(x, "s3:ListBucket", b->name, NULL))
        return NULL;
    (void)refuse(x, "NoSuchKey");
    refuse_detail(x, "Key", x->key);
    return NULL;
}

static void describe(struct exchange *x, const struct object *o)
{
    static const char *const overrides[] = {
        "response-content-type",  "response-content-language",    "response-expires",
        "response-cache-control", "response-content-disposition", "response-content-encoding"};
    char modified[TIME_TEXT];

    write_http_date(modified, o->modified_ms);
    answer_header(x, "Last-Modified", modified);
    answer_header(x, "ETag", o->etag);
    answer_header(x, "Accept-Ranges", "bytes");
    for (size_t i = 0; i < o->headers.count; i++)
        answer_header(x, o->headers.items[i].name, o->headers.items[i].value);
    for (size_t i = 0; i < sizeof overrides / sizeof overrides[0]; i++)
        if (parameter(x, overrides[i]) != NULL)
            answer_header(x, overrides[i] + strlen("response-"), parameter(x, overrides[i]));
    answer_at_rest(x, &o->at_rest);
}

static void refuse_range(struct exchange *x, const struct object *o)
{
    char size[24];
    struct text range = {0};
    (void)refuse(x, "InvalidRange");
    (void)snprintf(size, sizeof size, "%llu", (unsigned long long)o->content.bytes);
    refuse_detail(x, "RangeRequested", header(x, "Range"));
    refuse_detail(x, "ActualObjectSize", size);
    text_format(&range, "bytes */%s", size);
    answer_header(x, "Content-Range", text_str(&range));
    text_clear(&range);
}

static bool choose_range(struct exchange *x, const struct object *o)
{
    struct answer *a = &x->answer;
    const char *range = header(x, "Range");
    struct text words = {0};

    a->bytes = o->content.bytes;
    switch (range == NULL ? 0 : read_range(range, o->content.bytes, &a->first, &a->bytes)) {
    case -1:
        refuse_range(x, o);
        return false;
    case 1:
        a->status = 206;
        text_format(&words, "bytes %llu-%llu/%llu", (unsigned long long)a->first,
                    (unsigned long long)(a->first + a->bytes - 1),
                    (unsigned long long)o->content.bytes);
        answer_header(x, "Content-Range", text_str(&words));
        text_clear(&words);
        return true;
    default:
        a->status = 200;
        return true;
    }
}

void get_object(struct exchange *x)
{
    static const struct condition_names names = {"If-Match", "If-None-Match", "If-Modified-Since",
                                                 "If-Unmodified-Since"};
    const char *mode = header(x, "x-amz-checksum-mode");
    const struct bucket *b = need_bucket(x);
    struct object *o = b == NULL ? NULL : need_object(x, b);
    bool is_unchanged;

    if (o == NULL || !refuse_at_rest(x))
        return;
    if (parameter(x, "partNumber") != NULL) {
        (void)refuse(x, "NotImplemented");
        refuse_detail(x, "Header", "partNumber");
        return;
    }
    if (!conditions_hold(x, &names, o, &is_unchanged)) {
        (void)refuse(x, is_unchanged ? "NotModified" : "PreconditionFailed");
        if (is_unchanged)
            answer_header(x, "ETag", o->etag);
        return;
    }
    if (!choose_range(x, o))
        return;
    describe(x, o);
    /* To a range as well, when it is the whole. */
    if (mode != NULL && strcasecmp(mode, "ENABLED") == 0 && x->answer.bytes == o->content.bytes)
        answer_sum(x, &o->sum);
    x->answer.object = object_hold(o);
}

void put_object(struct exchange *x)
{
    struct bucket *b = need_bucket(x);
    if (b == NULL || !check_lock(x, b, "Put Object") || !check_object_wishes(x) ||
        !check_write_conditions(x, b))
        return;
    struct object *o = object_new(x->key);
    if (!read_object_headers(x, &o->headers) || !read_at_rest(x, &o->at_rest)) {
        object_drop(o);
        return;
    }
    content_take_body(&o->content, &x->body);
    o->etag = etag_at_rest(&o->at_rest);
    if (o->etag == NULL)
        o->etag = copy_text(x->body.etag);
    o->sum.kind = x->body.sum_kind;
    o->sum.value = x->body.sum_value == NULL ? NULL : copy_text(x->body.sum_value);
    o->modified_ms = server_now_ms(x->server);
    x->answer.status = 200;
    answer_header(x, "ETag", o->etag);
    answer_at_rest(x, &o->at_rest);
    answer_sum(x, &o->sum);
    bucket_put(b, o);
}

void delete_object(struct exchange *x)
{
    struct bucket *b = need_bucket(x);
    if (b == NULL)
        return;
    const struct object *o = bucket_object(b, x->key);
    const char *match = header(x, "If-Match");
    if (match != NULL && o != NULL && strcmp(match, "*") != 0 && strcmp(match, o->etag) != 0) {
        (void)refuse(x, "PreconditionFailed");
        return;
    }
    bucket_remove(b, x->key);
    x->answer.status = 204;
}
