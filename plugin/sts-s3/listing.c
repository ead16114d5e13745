/* SPDX-License-Identifier: Apache-2.0 */
#include "listing.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "timestamp.h"

/* The last character of Unicode: what begins with text sorts before text and this one. */
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

struct page {
    struct stss3_listing *listing;
    struct plug_buf key, length, etag, mtime, prefix, truncated, token;
};

bool stss3_listing_init(struct stss3_listing *l, struct stss3_client *client, const char *prefix,
                        const char *start_after, bool has_delimiter, unsigned page_size)
{
    memset(l, 0, sizeof *l);
    l->client = client;
    l->has_delimiter = has_delimiter;
    l->page_size = page_size;
    l->prefix = strdup(prefix);
    l->start_after = strdup(start_after);
    if (l->prefix != NULL && l->start_after != NULL)
        return true;
    stss3_listing_clear(l);
    return false;
}

static void drop_entries(struct stss3_listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->entries[i].key);
    l->n = 0;
}

void stss3_listing_clear(struct stss3_listing *l)
{
    drop_entries(l);
    free(l->entries);
    free(l->prefix);
    free(l->start_after);
    plug_buf_clear(&l->token);
    memset(l, 0, sizeof *l);
}

/* Takes start over; NULL: no memory. */
static bool begin_after(struct stss3_listing *l, char *start)
{
    if (start == NULL)
        return false;
    free(l->start_after);
    l->start_after = start;
    plug_buf_reset(&l->token);
    drop_entries(l);
    l->is_last = false;
    return true;
}

bool stss3_listing_skip(struct stss3_listing *l, const char *text)
{
    struct plug_buf start = {0};
    plug_buf_printf(&start, "%s" LAST_CHARACTER, text);
    return begin_after(l, plug_buf_steal(&start));
}

bool stss3_listing_after(struct stss3_listing *l, const char *key)
{
    return begin_after(l, strdup(key));
}

/* *entry stays NULL for what is no key of ours. */
static regstore_status add_entry(struct stss3_listing *l, const char *encoded, bool is_prefix,
                                 struct stss3_entry **entry)
{
    const char *root = l->client->config->root;
    struct plug_buf key = {0};
    if (!stss3_uri_decode(&key, encoded, strlen(encoded)) ||
        !plug_starts_with(plug_buf_text(&key), root)) {
        plug_buf_clear(&key);
        return REGSTORE_OK; /* no key that we could be asked for */
    }
    if (l->n == l->cap) {
        const size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
        struct stss3_entry *grown = reallocarray(l->entries, cap, sizeof *grown);
        if (grown == NULL) {
            plug_buf_clear(&key);
            return REGSTORE_NO_MEMORY;
        }
        l->entries = grown;
        l->cap = cap;
    }
    char *text = strdup(plug_buf_text(&key) + strlen(root));
    plug_buf_clear(&key);
    if (text == NULL)
        return REGSTORE_NO_MEMORY;
    *entry = &l->entries[l->n++];
    **entry = (struct stss3_entry){.key = text, .is_prefix = is_prefix};
    return REGSTORE_OK;
}

static regstore_status add_object(struct page *p)
{
    struct stss3_entry *e = NULL;
    TRY(add_entry(p->listing, plug_buf_text(&p->key), false, &e));
    if (e == NULL)
        return REGSTORE_OK;
    e->length = strtoull(plug_buf_text(&p->length), NULL, 10);
    stss3_etag_copy(e->etag, plug_buf_text(&p->etag));
    if (!stss3_time_parse_iso(plug_buf_text(&p->mtime), &e->mtime_ns))
        e->mtime_ns = 0;
    return REGSTORE_OK;
}

static regstore_status end(void *ctx, const char *path, const char *text)
{
    struct page *p = ctx;
    const struct stss3_xml_field fields[] = {
        {"Contents/Key", &p->key},
        {"Contents/Size", &p->length},
        {"Contents/ETag", &p->etag},
        {"Contents/LastModified", &p->mtime},
        {"CommonPrefixes/Prefix", &p->prefix},
        {"IsTruncated", &p->truncated},
        {"NextContinuationToken", &p->token},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(path, fields[i].path) != 0)
            continue;
        plug_buf_reset(fields[i].text);
        plug_buf_str(fields[i].text, text);
        if (plug_buf_failed(fields[i].text))
            return REGSTORE_NO_MEMORY;
    }
    if (strcmp(path, "Contents") == 0)
        return add_object(p);
    if (strcmp(path, "CommonPrefixes") == 0)
        return add_entry(p->listing, plug_buf_text(&p->prefix), true, &(struct stss3_entry *){0});
    return REGSTORE_OK;
}

static struct stss3_op *page_op(struct stss3_listing *l)
{
    const char *root = l->client->config->root;
    struct stss3_op *op = stss3_op_new(l->client, "GET", "ListObjectsV2", NULL);
    struct plug_buf text = {0};
    if (op == NULL)
        return NULL;
    stss3_query_add(&op->query, "list-type", "2");
    stss3_query_add(&op->query, "encoding-type", "url");
    stss3_query_add_number(&op->query, "max-keys", l->page_size);
    plug_buf_printf(&text, "%s%s", root, l->prefix);
    stss3_query_add(&op->query, "prefix", plug_buf_text(&text));
    op->query.failed |= text.failed;
    if (l->has_delimiter)
        stss3_query_add(&op->query, "delimiter", "/");
    if (l->token.len != 0) {
        stss3_query_add(&op->query, "continuation-token", plug_buf_text(&l->token));
    } else if (l->start_after[0] != '\0') {
        plug_buf_reset(&text);
        plug_buf_printf(&text, "%s%s", root, l->start_after);
        stss3_query_add(&op->query, "start-after", plug_buf_text(&text));
        op->query.failed |= text.failed;
    }
    plug_buf_clear(&text);
    op->xml_root = "ListBucketResult";
    op->request->answer_max = STSS3_XML_BYTES_MAX;
    return op;
}

/* Keys and common prefixes come in two lists; the host wants them in one order. */
static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct stss3_entry *)a)->key, ((const struct stss3_entry *)b)->key);
}

static void take_time(struct stss3_listing *l, const struct stss3_op *op)
{
    const char *date = stss3_request_answer_header(op->request, "date");
    if (date == NULL || !stss3_time_parse_http(date, &l->now_ns))
        l->now_ns = stss3_service_clock_now_ns(l->client->clock);
}

/* No token, or the one that this page was asked for with. */
static bool is_no_way_on(const struct stss3_listing *l, const struct plug_buf *token)
{
    return token->len == 0 || strcmp(plug_buf_text(token), plug_buf_text(&l->token)) == 0;
}

regstore_status stss3_listing_next(struct stss3_listing *l, struct plug_call *call)
{
    struct page page = {.listing = l};
    const struct stss3_xml_handler handler = {"ListBucketResult", &page, NULL, end};
    struct plug_error bad = {0};
    struct stss3_op *op = page_op(l);
    if (op == NULL)
        return plug_no_memory(call);
    regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK) {
        drop_entries(l);
        take_time(l, op);
        status = stss3_xml_read(plug_buf_text(&op->request->answer), op->request->answer.len,
                                &handler, &bad);
        if (status != REGSTORE_OK) {
            drop_entries(l);
            status = bad.status == status ? plug_call_adopt(call, &bad) : plug_no_memory(call);
        }
    }
    const bool goes_on = strcmp(plug_buf_text(&page.truncated), "true") == 0;
    if (status == REGSTORE_OK && goes_on && is_no_way_on(l, &page.token)) {
        /* To ask on would never end, and to stop would pass for a whole list. */
        drop_entries(l);
        status = plug_fail(call, REGSTORE_UNAVAILABLE,
                           "ListObjectsV2: the service says that its list goes on, but not from "
                           "where");
    }
    if (status == REGSTORE_OK) {
        if (l->n > 1)
            qsort(l->entries, l->n, sizeof *l->entries, by_key);
        l->is_last = !goes_on;
        plug_buf_clear(&l->token);
        l->token = page.token;
        page.token = (struct plug_buf){0};
    }
    stss3_op_drop(op);
    plug_buf_clear(&page.key);
    plug_buf_clear(&page.length);
    plug_buf_clear(&page.etag);
    plug_buf_clear(&page.mtime);
    plug_buf_clear(&page.prefix);
    plug_buf_clear(&page.truncated);
    plug_buf_clear(&page.token);
    return status;
}
