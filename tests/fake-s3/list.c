/* SPDX-License-Identifier: Apache-2.0 */
/* ListObjects and ListObjectsV2. */
#include "authorize.h"
#include "clock.h"
#include "codec.h"
#include "exchange.h"
#include "list.h"
#include "operations.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_KEYS = 1000 };

bool read_list_request(struct exchange *x, const char *max_name, struct list_request *l)
{
    const char *encoding = parameter(x, "encoding-type"), *max = parameter(x, max_name);
    const char *prefix = parameter(x, "prefix"), *delimiter = parameter(x, "delimiter");
    uint64_t most = MOST_KEYS;

    *l = (struct list_request){.prefix = prefix == NULL ? "" : prefix,
                               .delimiter =
                                   delimiter == NULL || *delimiter == '\0' ? NULL : delimiter};
    if (encoding != NULL &&
        (strcmp(encoding, "url") != 0 || x->server->options->rules->refuses_encoding)) {
        (void)refuse_saying(x, "InvalidArgument", "Invalid Encoding Method specified in Request");
        refuse_detail(x, "ArgumentName", "encoding-type");
        refuse_detail(x, "ArgumentValue", encoding);
        return false;
    }
    if (max != NULL && !read_number(max, INT32_MAX, &most)) {
        (void)refuse_saying(x, "InvalidArgument",
                            "Provided %s not an integer or within integer "
                            "range",
                            max_name);
        refuse_detail(x, "ArgumentName", max_name);
        refuse_detail(x, "ArgumentValue", max);
        return false;
    }
    l->is_url = encoding != NULL;
    l->most = most < MOST_KEYS ? (size_t)most : MOST_KEYS;
    if (x->server->page_max != 0 && l->most > x->server->page_max)
        l->most = (size_t)x->server->page_max;
    return true;
}

void list_name(struct text *to, const struct list_request *l, const char *element, const char *name)
{
    struct text coded = {0};
    if (!l->is_url) {
        xml_element(to, element, name);
        return;
    }
    uri_encode(&coded, name, strlen(name), true);
    xml_element(to, element, text_str(&coded));
    text_clear(&coded);
}

void list_number(struct text *to, const char *element, uint64_t number)
{
    text_format(to, "<%s>%llu</%s>", element, (unsigned long long)number, element);
}

char *common_prefix(const struct list_request *l, const char *key)
{
    size_t length = strlen(l->prefix);
    const char *end = l->delimiter == NULL ? NULL : strstr(key + length, l->delimiter);
    if (end == NULL)
        return NULL;
    return copy_text_n(key, (size_t)(end - key) + strlen(l->delimiter));
}

static void list_object(struct text *to, const struct list_request *l, const struct object *o,
                        bool has_owner)
{
    char modified[TIME_TEXT];
    const char *class = fields_get(&o->at_rest, "x-amz-storage-class");
    write_iso_ms(modified, o->modified_ms);
    text_add(to, "<Contents>");
    list_name(to, l, "Key", o->key);
    xml_element(to, "LastModified", modified);
    xml_element(to, "ETag", o->etag);
    list_number(to, "Size", o->content.bytes);
    if (has_owner)
        text_add(to, "<Owner><ID>" ACCOUNT "</ID></Owner>");
    xml_element(to, "StorageClass", class == NULL ? "STANDARD" : class);
    text_add(to, "</Contents>");
}

struct listing {
    struct text contents, prefixes;
    size_t count;
    char *last; /* key or common prefix; NULL: nothing was listed */
    bool is_truncated;
};

static void remember(struct listing *g, const char *name)
{
    free(g->last);
    g->last = copy_text(name);
    g->count++;
}

/* Everything after `after`, which may be a common prefix: then all below it is passed too. */
static void list_from(const struct bucket *b, const struct list_request *l, const char *after,
                      bool has_owner, struct listing *g)
{
    size_t length = strlen(l->prefix);
    char *passed = strncmp(after, l->prefix, length) == 0 ? common_prefix(l, after) : NULL;
    if (passed != NULL && strcmp(passed, after) != 0) {
        free(passed);
        passed = NULL;
    }
    size_t place = bucket_place(b, strcmp(after, l->prefix) > 0 ? after : l->prefix);
    for (; place < b->object_count; place++) {
        const struct object *o = b->objects[place];
        if (strncmp(o->key, l->prefix, length) != 0)
            break;
        if (strcmp(o->key, after) <= 0)
            continue;
        char *group = common_prefix(l, o->key);
        if (group != NULL && passed != NULL && strcmp(group, passed) == 0) {
            free(group);
            continue;
        }
        g->is_truncated = g->count >= l->most;
        if (g->is_truncated) {
            free(group);
            break;
        }
        if (group == NULL) {
            list_object(&g->contents, l, o, has_owner);
            remember(g, o->key);
            continue;
        }
        text_add(&g->prefixes, "<CommonPrefixes>");
        list_name(&g->prefixes, l, "Prefix", group);
        text_add(&g->prefixes, "</CommonPrefixes>");
        remember(g, group);
        free(passed);
        passed = group;
    }
    free(passed);
    /* Nothing was asked for, and nothing is held back. */
    if (l->most == 0)
        g->is_truncated = false;
}

static void write_head(struct exchange *x, const struct bucket *b, const struct list_request *l,
                       const struct listing *g)
{
    struct text *body = &x->answer.body;
    answer_header(x, "x-amz-bucket-region", b->region);
    answer_xml_start(x, "ListBucketResult");
    xml_element(body, "Name", b->name);
    list_name(body, l, "Prefix", l->prefix);
    list_number(body, "MaxKeys", l->most);
    if (l->delimiter != NULL)
        list_name(body, l, "Delimiter", l->delimiter);
    if (l->is_url)
        xml_element(body, "EncodingType", "url");
    xml_element(body, "IsTruncated", g->is_truncated ? "true" : "false");
}

static void write_tail(struct exchange *x, struct listing *g)
{
    struct text *body = &x->answer.body;
    text_add(body, text_str(&g->contents));
    text_add(body, text_str(&g->prefixes));
    answer_xml_end(x, "ListBucketResult");
    text_clear(&g->contents);
    text_clear(&g->prefixes);
    free(g->last);
}

void list_objects(struct exchange *x)
{
    const char *marker = parameter(x, "marker");
    const struct bucket *b = need_bucket(x);
    struct list_request l;
    struct listing g = {0};

    if (b == NULL || !read_list_request(x, "max-keys", &l))
        return;
    marker = marker == NULL ? "" : marker;
    list_from(b, &l, marker, true, &g);
    write_head(x, b, &l, &g);
    list_name(&x->answer.body, &l, "Marker", marker);
    /* Without a delimiter the last key of the page is the marker, and S3 does not repeat it. */
    if (g.is_truncated && l.delimiter != NULL)
        list_name(&x->answer.body, &l, "NextMarker", g.last);
    write_tail(x, &g);
}

/* A token says nothing to who reads it: base64 of the last name behind a mark. */
static char *write_token(const char *name)
{
    struct text plain = {0};
    text_format(&plain, "1!%s", name);
    char *token = base64_encode((const unsigned char *)plain.bytes, plain.length);
    text_clear(&plain);
    return token;
}

static char *read_token(const char *token)
{
    size_t length = strlen(token);
    unsigned char *plain = grab(length + 4);
    char *name = NULL;
    int bytes =
        length % 4 == 0 ? EVP_DecodeBlock(plain, (const unsigned char *)token, (int)length) : -1;
    if (bytes > 2 && memcmp(plain, "1!", 2) == 0)
        name = copy_text((char *)plain + 2);
    free(plain);
    return name;
}

static char *read_after(struct exchange *x)
{
    const char *token = parameter(x, "continuation-token");
    const char *start = parameter(x, "start-after");
    if (token == NULL)
        return copy_text(start == NULL ? "" : start);
    char *after = read_token(token);
    if (after == NULL) {
        (void)refuse_saying(x, "InvalidArgument", "The continuation token provided is incorrect");
        refuse_detail(x, "ArgumentName", "continuation-token");
    }
    return after;
}

void list_objects_v2(struct exchange *x)
{
    const char *token = parameter(x, "continuation-token");
    const char *start = parameter(x, "start-after"), *owner = parameter(x, "fetch-owner");
    struct text *body = &x->answer.body;
    const struct bucket *b = need_bucket(x);
    struct list_request l;
    struct listing g = {0};

    if (x->server->options->rules->knows_no_list_v2) {
        list_objects(x);
        return;
    }
    if (b == NULL || !read_list_request(x, "max-keys", &l))
        return;
    if (strcmp(parameter(x, "list-type"), "2") != 0) {
        (void)refuse_saying(x, "InvalidArgument", "Invalid List Type specified in Request");
        return;
    }
    char *after = read_after(x);
    if (after == NULL)
        return;
    list_from(b, &l, after, owner != NULL && strcmp(owner, "true") == 0, &g);
    free(after);
    write_head(x, b, &l, &g);
    list_number(body, "KeyCount", g.count);
    if (token != NULL)
        xml_element(body, "ContinuationToken", token);
    if (start != NULL)
        list_name(body, &l, "StartAfter", start);
    if (g.is_truncated) {
        char *next = write_token(g.last);
        xml_element(body, "NextContinuationToken", next);
        free(next);
    }
    write_tail(x, &g);
}
