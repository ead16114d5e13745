/* SPDX-License-Identifier: Apache-2.0 */
#include "listing.h"

#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "numbers.h"
#include "timestamp.h"

/* The last character of Unicode: what begins with text sorts before text and this one. */
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

struct page {
    struct stss3_listing *listing;
    struct plug_buf key, length, etag, mtime, prefix, truncated, encoding, token, marker;
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

static regstore_status add_entry(struct stss3_listing *l, const char *name, bool is_prefix,
                                 struct stss3_entry **entry)
{
    if (l->n == l->cap) {
        const size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
        struct stss3_entry *grown = reallocarray(l->entries, cap, sizeof *grown);
        if (grown == NULL)
            return REGSTORE_NO_MEMORY;
        l->entries = grown;
        l->cap = cap;
    }
    char *text = strdup(name);
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
    (void)stss3_number_parse(plug_buf_text(&p->length), &e->length); /* what is none stays 0 */
    stss3_etag_copy(e->etag, plug_buf_text(&p->etag));
    if (!stss3_time_parse_iso(plug_buf_text(&p->mtime), &e->mtime_ns))
        e->mtime_ns = 0;
    plug_buf_reset(&p->key); /* the next one may be without */
    plug_buf_reset(&p->length);
    plug_buf_reset(&p->etag);
    plug_buf_reset(&p->mtime);
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
        {"EncodingType", &p->encoding},
        {"NextContinuationToken", &p->token},
        {"NextMarker", &p->marker},
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

/* A name as it came, without the root; NULL: no key that we could be asked for, or no memory. */
static char *settle_name(const char *name, const char *root, const char *prefix, bool is_encoded,
                         bool *has_memory)
{
    struct plug_buf plain = {0};
    bool is_ours = true;
    if (is_encoded)
        is_ours = stss3_uri_decode(&plain, name, strlen(name));
    else
        plug_buf_str(&plain, name);
    /* What was not asked for purge would take for an upload's. */
    is_ours = is_ours && plug_starts_with(plug_buf_text(&plain), root) &&
              plug_starts_with(plug_buf_text(&plain) + strlen(root), prefix);
    char *key = is_ours ? strdup(plug_buf_text(&plain) + strlen(root)) : NULL;
    *has_memory = !plug_buf_failed(&plain) && (key != NULL || !is_ours);
    plug_buf_clear(&plain);
    return key;
}

/* Now that all of the page is there: servers differ in where they say whether it is encoded. */
static bool settle(struct page *p)
{
    struct stss3_listing *l = p->listing;
    const char *root = l->client->config->root;
    const bool is_encoded = strcmp(plug_buf_text(&p->encoding), "url") == 0;
    bool has_memory = true;
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        char *key = has_memory
                        ? settle_name(l->entries[i].key, root, l->prefix, is_encoded, &has_memory)
                        : NULL;
        free(l->entries[i].key);
        l->entries[kept] = l->entries[i];
        l->entries[kept].key = key;
        kept += key != NULL;
    }
    l->n = kept;
    if (has_memory && is_encoded && p->marker.len != 0) {
        char *marker = settle_name(p->marker.data, "", "", true, &has_memory);
        plug_buf_reset(&p->marker);
        plug_buf_str(&p->marker, marker == NULL ? "" : marker);
        free(marker);
    }
    return has_memory && !plug_buf_failed(&p->marker);
}

/* ListObjects goes on after a key, ListObjectsV2 with a token of the server's. */
static void add_place(const struct stss3_listing *l, struct stss3_op *op)
{
    struct plug_buf text = {0};
    if (l->token.len != 0) {
        stss3_query_add(&op->query, l->is_v1 ? "marker" : "continuation-token",
                        plug_buf_text(&l->token));
    } else if (l->start_after[0] != '\0') {
        plug_buf_printf(&text, "%s%s", l->client->config->root, l->start_after);
        stss3_query_add(&op->query, l->is_v1 ? "marker" : "start-after", plug_buf_text(&text));
    }
    op->query.failed |= text.failed;
    plug_buf_clear(&text);
}

static struct stss3_op *page_op(const struct stss3_listing *l, bool is_encoded)
{
    struct stss3_op *op =
        stss3_op_new(l->client, "GET", l->is_v1 ? "ListObjects" : "ListObjectsV2", NULL);
    struct plug_buf prefix = {0};
    if (op == NULL)
        return NULL;
    if (!l->is_v1)
        stss3_query_add(&op->query, "list-type", "2");
    if (is_encoded)
        stss3_query_add(&op->query, "encoding-type", "url");
    stss3_query_add_number(&op->query, "max-keys", l->page_size);
    plug_buf_printf(&prefix, "%s%s", l->client->config->root, l->prefix);
    stss3_query_add(&op->query, "prefix", plug_buf_text(&prefix));
    op->query.failed |= prefix.failed;
    plug_buf_clear(&prefix);
    if (l->has_delimiter)
        stss3_query_add(&op->query, "delimiter", "/");
    add_place(l, op);
    if (is_encoded) /* else what cannot be read is asked for once more, encoded */
        op->xml_root = "ListBucketResult";
    op->request->answer_max = STSS3_XML_BYTES_MAX;
    return op;
}

/* Keys and common prefixes come in two lists; the host wants them in one order. */
static int by_key(const void *a, const void *b)
{
    const struct stss3_entry *one = a, *other = b;
    const int order = strcmp(one->key, other->key);
    return order != 0 ? order : one->is_prefix - other->is_prefix;
}

/* LIST-1: once, whatever a server repeats. */
static void sort_entries(struct stss3_listing *l)
{
    size_t kept = 0;
    if (l->n > 1)
        qsort(l->entries, l->n, sizeof *l->entries, by_key);
    for (size_t i = 0; i < l->n; i++) {
        if (kept != 0 && by_key(&l->entries[kept - 1], &l->entries[i]) == 0)
            free(l->entries[i].key);
        else
            l->entries[kept++] = l->entries[i];
    }
    l->n = kept;
}

static void take_time(struct stss3_listing *l, const struct stss3_op *op)
{
    const char *date = stss3_request_answer_header(op->request, "date");
    if (date == NULL || !stss3_time_parse_http(date, &l->now_ns))
        l->now_ns = stss3_service_clock_now_ns(l->client->clock);
}

/* A key after all of the page's: where a server does not say how to go on. */
static void add_last_key(const struct stss3_listing *l, struct plug_buf *out)
{
    if (l->n == 0)
        return;
    const struct stss3_entry *last = &l->entries[l->n - 1];
    plug_buf_printf(out, "%s%s%s", l->client->config->root, last->key,
                    last->is_prefix ? LAST_CHARACTER : "");
}

static void leave_v2(struct stss3_listing *l)
{
    if (!atomic_exchange(&l->client->lists_v1, true))
        plug_log(l->client->host, REGSTORE_LOG_INFO, "fallback",
                 PLUG_FIELDS({"operation", "ListObjectsV2"}, {"instead", "ListObjects"}));
    l->is_v1 = true;
}

static regstore_status tell_dead_end(const struct stss3_listing *l, struct plug_call *call)
{
    return plug_fail(call, REGSTORE_UNAVAILABLE,
                     "%s: the service says that its list goes on, but not from where",
                     l->is_v1 ? "ListObjects" : "ListObjectsV2");
}

/* Of ListObjects: the marker that the server names, else the last key of the page. */
static regstore_status go_on_after(struct page *p, struct plug_call *call)
{
    struct stss3_listing *l = p->listing;
    struct plug_buf next = p->marker, here = {0};
    p->marker = (struct plug_buf){0};
    if (next.len == 0)
        add_last_key(l, &next);
    if (l->token.len != 0)
        plug_buf_add(&here, l->token.data, l->token.len);
    else if (l->start_after[0] != '\0')
        plug_buf_printf(&here, "%s%s", l->client->config->root, l->start_after);
    regstore_status status = here.failed || next.failed ? plug_no_memory(call) : REGSTORE_OK;
    if (status == REGSTORE_OK && strcmp(plug_buf_text(&next), plug_buf_text(&here)) <= 0)
        status = tell_dead_end(l, call);
    plug_buf_clear(&here);
    if (status != REGSTORE_OK) {
        plug_buf_clear(&next);
        return status;
    }
    plug_buf_clear(&l->token);
    l->token = next;
    return REGSTORE_OK;
}

static regstore_status find_next_place(struct page *p, struct plug_call *call)
{
    struct stss3_listing *l = p->listing;
    l->is_last = strcmp(plug_buf_text(&p->truncated), "true") != 0;
    if (l->is_last)
        return REGSTORE_OK;
    if (l->is_v1)
        return go_on_after(p, call);
    /* None, or the one that this page was asked for with: to ask on would never end. */
    if (l->token.len != 0 &&
        (p->token.len == 0 || strcmp(plug_buf_text(&p->token), plug_buf_text(&l->token)) == 0))
        return tell_dead_end(l, call);
    if (p->token.len == 0) {
        /* It took the request for one of old, and so did not see where to begin: once more. */
        leave_v2(l);
        drop_entries(l);
        return REGSTORE_OK;
    }
    plug_buf_clear(&l->token);
    l->token = p->token;
    p->token = (struct plug_buf){0};
    return REGSTORE_OK;
}

static void clear_page(struct page *p)
{
    struct plug_buf *texts[] = {&p->key,       &p->length,   &p->etag,  &p->mtime, &p->prefix,
                                &p->truncated, &p->encoding, &p->token, &p->marker};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        plug_buf_clear(texts[i]);
}

/* *is_garbled: it cannot be read. */
static regstore_status read_page(struct stss3_listing *l, struct plug_call *call,
                                 const struct stss3_op *op, bool *is_garbled)
{
    struct page page = {.listing = l};
    const struct stss3_xml_handler handler = {"ListBucketResult", &page, NULL, end};
    struct plug_error bad = {0};
    drop_entries(l);
    take_time(l, op);
    regstore_status status = stss3_xml_read(plug_buf_text(&op->request->answer),
                                            op->request->answer.len, &handler, &bad);
    *is_garbled = status == REGSTORE_UNAVAILABLE;
    if (status != REGSTORE_OK)
        status = bad.status == status ? plug_call_adopt(call, &bad) : plug_no_memory(call);
    else if (!settle(&page))
        status = plug_no_memory(call);
    if (status == REGSTORE_OK) {
        sort_entries(l);
        status = find_next_place(&page, call);
    }
    if (status != REGSTORE_OK)
        drop_entries(l);
    clear_page(&page);
    return status;
}

static regstore_status fetch_page(struct stss3_listing *l, struct plug_call *call, bool is_encoded,
                                  bool *is_garbled)
{
    struct stss3_op *op = page_op(l, is_encoded);
    *is_garbled = false;
    if (op == NULL)
        return plug_no_memory(call);
    regstore_status status = stss3_op_run(op, call);
    if (status == REGSTORE_OK)
        status = read_page(l, call, op, is_garbled);
    stss3_op_drop(op);
    return status;
}

/* XML cannot hold every key that S3 takes, so what came as it is and cannot be read is asked for
 * encoded. */
regstore_status stss3_listing_next(struct stss3_listing *l, struct plug_call *call)
{
    struct stss3_client *client = l->client;
    const bool is_encoded = atomic_load(&client->encodes_lists);
    bool is_garbled;
    if (l->token.len == 0) /* else on the way that its first page went */
        l->is_v1 = atomic_load(&client->lists_v1);
    regstore_status status = fetch_page(l, call, is_encoded, &is_garbled);
    if (status == REGSTORE_UNSUPPORTED && !l->is_v1 && l->token.len == 0) {
        leave_v2(l);
        status = fetch_page(l, call, is_encoded, &is_garbled);
    }
    if (is_garbled && !is_encoded) {
        status = fetch_page(l, call, true, &is_garbled);
        if (status == REGSTORE_OK)
            atomic_store(&client->encodes_lists, true);
    }
    return status;
}
