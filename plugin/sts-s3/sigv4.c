/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4: canonical request, string to sign, signing key, signature. */
#include "sigv4.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

/* A request's headers and the signature's own, by name. */
struct header_list {
    struct stss3_header items[STSS3_SIGN_HEADERS + 3];
    size_t n;
};

void stss3_sha256_hex(const void *data, size_t len, char out[STSS3_SHA256_HEX])
{
    uint8_t digest[32];
    plug_sha256(data, len, digest);
    plug_hex(digest, sizeof digest, out);
}

static bool hmac(const uint8_t *key, size_t key_len, const char *text, size_t len, uint8_t out[32])
{
    unsigned out_len = 0;
    return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, len, out, &out_len) !=
           NULL;
}

void stss3_signing_key_clear(struct stss3_signing_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}

/* False, and out empty, when text does not fit: nothing that was cut may pass for the whole. */
static bool copy_text(char *out, size_t cap, const char *text)
{
    const size_t len = strlen(text);
    out[0] = '\0';
    if (len >= cap)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

static bool derive(uint8_t out[32], const struct stss3_signer *signer, const char *day)
{
    struct plug_buf secret = {0};
    uint8_t a[32], b[32];

    plug_buf_str(&secret, "AWS4");
    plug_buf_str(&secret, signer->secret_key);
    const bool ok = !plug_buf_failed(&secret) &&
                    hmac((const uint8_t *)secret.data, secret.len, day, strlen(day), a) &&
                    hmac(a, sizeof a, signer->region, strlen(signer->region), b) &&
                    hmac(b, sizeof b, signer->service, strlen(signer->service), a) &&
                    hmac(a, sizeof a, "aws4_request", strlen("aws4_request"), out);
    plug_buf_wipe(&secret);
    OPENSSL_cleanse(a, sizeof a);
    OPENSSL_cleanse(b, sizeof b);
    return ok;
}

bool stss3_signing_key_renew(struct stss3_signing_key *key, const struct stss3_signer *signer,
                             int64_t time_ns)
{
    char day[STSS3_AMZ_DATE_MAX];

    stss3_time_amz_date(time_ns, day);
    day[STSS3_DAY_MAX - 1] = '\0';
    if (strcmp(key->day, day) == 0 && strcmp(key->access_key, signer->access_key) == 0 &&
        strcmp(key->secret_key, signer->secret_key) == 0 &&
        strcmp(key->region, signer->region) == 0 && strcmp(key->service, signer->service) == 0)
        return true;

    stss3_signing_key_clear(key);
    if (!derive(key->key, signer, day))
        return false;
    /* The day is last: without it the key serves this one request and is never taken for kept. */
    if (copy_text(key->access_key, sizeof key->access_key, signer->access_key) &&
        copy_text(key->secret_key, sizeof key->secret_key, signer->secret_key) &&
        copy_text(key->region, sizeof key->region, signer->region) &&
        copy_text(key->service, sizeof key->service, signer->service))
        (void)copy_text(key->day, sizeof key->day, day);
    return true;
}

void stss3_signature_clear(struct stss3_signature *s)
{
    plug_buf_wipe(&s->canonical_request);
    plug_buf_wipe(&s->string_to_sign);
    plug_buf_wipe(&s->text);
    OPENSSL_cleanse(s, sizeof *s);
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* By lower case, without the locale that strcasecmp has. */
static int compare_names(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return (unsigned char)lower(*a) - (unsigned char)lower(*b);
}

/* What a proxy or the HTTP library may change, add or drop on the way. */
static bool is_signed(const char *name)
{
    static const char *const skipped[] = {
        "accept-encoding",   "authorization", "connection", "expect",          "keep-alive", "te",
        "transfer-encoding", "upgrade",       "user-agent", "x-amzn-trace-id",
    };
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++)
        if (compare_names(name, skipped[i]) == 0)
            return false;
    return true;
}

/* Keeps the list sorted; those of one name stay in the order in which they came. */
static void add_header(struct header_list *list, const char *name, const char *value)
{
    assert(list->n < sizeof list->items / sizeof list->items[0]);
    size_t place = list->n++;
    for (; place > 0 && compare_names(name, list->items[place - 1].name) < 0; place--)
        list->items[place] = list->items[place - 1];
    list->items[place] = (struct stss3_header){name, value};
}

static void add_own_headers(struct header_list *list, const struct stss3_sign_request *request)
{
    assert(request->n_headers <= STSS3_SIGN_HEADERS);
    for (size_t i = 0; i < request->n_headers; i++)
        if (is_signed(request->headers[i].name))
            add_header(list, request->headers[i].name, request->headers[i].value);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Trims, and makes one space of each run of white space, line ends included. */
static void put_value(struct plug_buf *out, const char *value)
{
    const char *p = value;
    bool is_first = true;

    for (;;) {
        while (is_space(*p))
            p++;
        const char *word = p;
        while (*p != '\0' && !is_space(*p))
            p++;
        if (p == word)
            return;
        if (!is_first)
            plug_buf_char(out, ' ');
        plug_buf_add(out, word, (size_t)(p - word));
        is_first = false;
    }
}

static void put_name(struct plug_buf *out, const char *name)
{
    for (const char *p = name; *p != '\0'; p++)
        plug_buf_char(out, lower(*p));
}

static bool repeats_name(const struct header_list *list, size_t i)
{
    return i > 0 && compare_names(list->items[i].name, list->items[i - 1].name) == 0;
}

static void put_headers(struct plug_buf *out, const struct header_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (repeats_name(list, i)) {
            plug_buf_char(out, ',');
        } else {
            if (i > 0)
                plug_buf_char(out, '\n');
            put_name(out, list->items[i].name);
            plug_buf_char(out, ':');
        }
        put_value(out, list->items[i].value);
    }
    plug_buf_char(out, '\n');
}

static void put_signed_names(struct plug_buf *out, const struct header_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (repeats_name(list, i))
            continue;
        if (i > 0)
            plug_buf_char(out, ';');
        put_name(out, list->items[i].name);
    }
}

static void put_segment(struct plug_buf *out, const char *segment, size_t len, unsigned flags)
{
    if (flags & STSS3_SIGN_ENCODE_PATH)
        stss3_uri_encode(out, segment, len, true);
    else
        plug_buf_add(out, segment, len);
}

/* RFC 3986's removal of dot segments, and slashes that follow each other made one. */
static void put_normalized_path(struct plug_buf *out, const char *path, unsigned flags)
{
    const size_t start = out->len;
    bool ends_in_slash = true;

    for (const char *p = path; *p == '/';) {
        const char *segment = p + 1;
        const size_t len = strcspn(segment, "/");
        const bool is_up = len == 2 && memcmp(segment, "..", 2) == 0;
        p = segment + len;
        ends_in_slash = is_up || len == 0 || (len == 1 && *segment == '.');
        if (is_up) {
            while (out->len > start && out->data[--out->len] != '/')
                ;
        } else if (!ends_in_slash) {
            plug_buf_char(out, '/');
            put_segment(out, segment, len, flags);
        }
    }
    if (ends_in_slash)
        plug_buf_char(out, '/');
}

static void put_path(struct plug_buf *out, const char *path, unsigned flags)
{
    assert(path[0] == '/');
    if (flags & STSS3_SIGN_NORMALIZE_PATH)
        put_normalized_path(out, path, flags);
    else
        put_segment(out, path, strlen(path), flags);
}

static void put_canonical_request(struct plug_buf *out, const struct stss3_sign_request *request,
                                  const struct stss3_query *query, const struct header_list *list)
{
    plug_buf_str(out, request->method);
    plug_buf_char(out, '\n');
    put_path(out, request->path, request->flags);
    plug_buf_char(out, '\n');
    if (query != NULL)
        stss3_query_render(query, out);
    plug_buf_char(out, '\n');
    put_headers(out, list);
    plug_buf_char(out, '\n');
    put_signed_names(out, list);
    plug_buf_char(out, '\n');
    plug_buf_str(out, request->payload_sha256);
}

static void put_scope(struct plug_buf *out, const struct stss3_signer *signer, const char *amz_date)
{
    plug_buf_add(out, amz_date, STSS3_DAY_MAX - 1);
    plug_buf_char(out, '/');
    plug_buf_str(out, signer->region);
    plug_buf_char(out, '/');
    plug_buf_str(out, signer->service);
    plug_buf_str(out, "/aws4_request");
}

static void start(struct stss3_signature *s, int64_t time_ns)
{
    plug_buf_reset(&s->canonical_request);
    plug_buf_reset(&s->string_to_sign);
    plug_buf_reset(&s->text);
    stss3_time_amz_date(time_ns, s->amz_date);
}

/* From the canonical request, which is written, to the signature. */
static bool finish(struct stss3_signature *s, const struct stss3_signer *signer,
                   const struct stss3_signing_key *key)
{
    struct plug_buf *out = &s->string_to_sign;
    char digest[STSS3_SHA256_HEX];
    uint8_t mac[32];

    if (plug_buf_failed(&s->canonical_request))
        return false;
    stss3_sha256_hex(s->canonical_request.data, s->canonical_request.len, digest);
    plug_buf_str(out, ALGORITHM "\n");
    plug_buf_str(out, s->amz_date);
    plug_buf_char(out, '\n');
    put_scope(out, signer, s->amz_date);
    plug_buf_char(out, '\n');
    plug_buf_str(out, digest);
    if (plug_buf_failed(out) || !hmac(key->key, sizeof key->key, out->data, out->len, mac))
        return false;
    plug_hex(mac, sizeof mac, s->hex);
    return true;
}

bool stss3_sign_headers(const struct stss3_signer *signer, const struct stss3_sign_request *request,
                        int64_t time_ns, struct stss3_signing_key *key, struct stss3_signature *s)
{
    struct header_list list = {.n = 0};

    start(s, time_ns);
    add_own_headers(&list, request);
    add_header(&list, "x-amz-date", s->amz_date);
    if (signer->session_token != NULL)
        add_header(&list, "x-amz-security-token", signer->session_token);
    if (request->flags & STSS3_SIGN_PAYLOAD_HEADER)
        add_header(&list, "x-amz-content-sha256", request->payload_sha256);
    if (request->query != NULL && stss3_query_failed(request->query))
        return false;
    put_canonical_request(&s->canonical_request, request, request->query, &list);
    if (!stss3_signing_key_renew(key, signer, time_ns) || !finish(s, signer, key))
        return false;

    plug_buf_str(&s->text, ALGORITHM " Credential=");
    plug_buf_str(&s->text, signer->access_key);
    plug_buf_char(&s->text, '/');
    put_scope(&s->text, signer, s->amz_date);
    plug_buf_str(&s->text, ", SignedHeaders=");
    put_signed_names(&s->text, &list);
    plug_buf_str(&s->text, ", Signature=");
    plug_buf_str(&s->text, s->hex);
    return !plug_buf_failed(&s->text);
}

/* The request's query and the signature's parameters but the last. */
static void build_query(struct stss3_query *q, const struct stss3_signer *signer,
                        const struct stss3_sign_request *request, const struct header_list *list,
                        uint32_t expires_s, const struct stss3_signature *s)
{
    struct plug_buf text = {0};

    if (request->query != NULL) {
        const struct stss3_query *from = request->query;
        plug_buf_add(&q->text, plug_buf_text(&from->text), from->text.len);
        memcpy(q->pairs, from->pairs, sizeof q->pairs);
        q->n = from->n;
        q->failed = stss3_query_failed(from);
    }
    stss3_query_add(q, "X-Amz-Algorithm", ALGORITHM);
    plug_buf_str(&text, signer->access_key);
    plug_buf_char(&text, '/');
    put_scope(&text, signer, s->amz_date);
    stss3_query_add(q, "X-Amz-Credential", plug_buf_text(&text));
    stss3_query_add(q, "X-Amz-Date", s->amz_date);
    stss3_query_add_number(q, "X-Amz-Expires", expires_s);
    if (signer->session_token != NULL)
        stss3_query_add(q, "X-Amz-Security-Token", signer->session_token);
    q->failed = q->failed || plug_buf_failed(&text);
    plug_buf_reset(&text);
    put_signed_names(&text, list);
    stss3_query_add(q, "X-Amz-SignedHeaders", plug_buf_text(&text));
    q->failed = q->failed || plug_buf_failed(&text);
    plug_buf_clear(&text);
}

bool stss3_sign_query(const struct stss3_signer *signer, const struct stss3_sign_request *request,
                      int64_t time_ns, uint32_t expires_s, struct stss3_signing_key *key,
                      struct stss3_signature *s)
{
    struct header_list list = {.n = 0};
    struct stss3_query query = {.n = 0};

    start(s, time_ns);
    add_own_headers(&list, request);
    build_query(&query, signer, request, &list, expires_s, s);
    put_canonical_request(&s->canonical_request, request, &query, &list);
    stss3_query_render(&query, &s->text);
    const bool is_built = !stss3_query_failed(&query);
    stss3_query_clear(&query);
    if (!is_built || !stss3_signing_key_renew(key, signer, time_ns) || !finish(s, signer, key))
        return false;
    plug_buf_str(&s->text, "&X-Amz-Signature=");
    plug_buf_str(&s->text, s->hex);
    return !plug_buf_failed(&s->text);
}
