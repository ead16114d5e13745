/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature Version 4 beside a second one, written here from AWS's description alone: the canonical
 * request, the string to sign and the signature must be the same, byte for byte.
 *
 * Input: a byte of flags, eight of the time, then lines: access key, secret key, token, region,
 * service, method, path; then "?name=value" for a pair of the query and "name:value" for headers.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sigv4.h"

#include "fuzz.h"

#define PAIRS   16
#define HEADERS 12

enum { WITH_TOKEN = 1, FOR_OTHERS = 2, IN_QUERY = 4 };

struct pair {
    char *name, *value;
};

struct request {
    uint8_t flags;
    int64_t time_ns;
    char *access, *secret, *token, *region, *service, *method, *path;
    struct pair query[PAIRS + 6], headers[HEADERS + 3];
    size_t n_query, n_headers;
    char *as_given[HEADERS]; /* the headers' names, in any case */
};

/* A text that grows; its only user is the slow half. */
struct text {
    char *data;
    size_t size;
    FILE *file;
};

static void begin(struct text *t)
{
    t->file = open_memstream(&t->data, &t->size);
    FUZZ_HOLDS(t->file != NULL);
}

static void end(struct text *t)
{
    FUZZ_HOLDS(fclose(t->file) == 0);
}

static void slow_encode(FILE *out, const char *text, const char *kept)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            strchr(kept, c) != NULL)
            fputc(c, out);
        else
            fprintf(out, "%%%02X", (unsigned)c);
    }
}

static char *encoded(const char *text)
{
    struct text t;
    begin(&t);
    slow_encode(t.file, text, "-_.~");
    end(&t);
    return t.data;
}

/* Splits, drops "." and what ".." undoes, joins. */
static void slow_path(FILE *out, const char *path)
{
    char *copy = strdup(path + 1), *kept[4096], *rest = copy, *part;
    size_t n = 0;
    bool has_slash = true;
    FUZZ_HOLDS(copy != NULL);
    while ((part = strsep(&rest, "/")) != NULL) {
        has_slash = part[0] == '\0' || strcmp(part, ".") == 0 || strcmp(part, "..") == 0;
        if (strcmp(part, "..") == 0)
            n -= n > 0 ? 1 : 0;
        else if (!has_slash)
            kept[n++] = part;
    }
    for (size_t i = 0; i < n; i++) {
        fputc('/', out);
        slow_encode(out, kept[i], "-_.~");
    }
    if (has_slash || n == 0)
        fputc('/', out);
    free(copy);
}

static int by_name_and_value(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->value, y->value);
}

static void slow_query(FILE *out, const struct request *r)
{
    struct pair pairs[PAIRS + 6];
    for (size_t i = 0; i < r->n_query; i++)
        pairs[i] = (struct pair){encoded(r->query[i].name), encoded(r->query[i].value)};
    qsort(pairs, r->n_query, sizeof *pairs, by_name_and_value);
    for (size_t i = 0; i < r->n_query; i++) {
        fprintf(out, "%s%s=%s", i == 0 ? "" : "&", pairs[i].name, pairs[i].value);
        free(pairs[i].name);
        free(pairs[i].value);
    }
}

static bool is_skipped(const char *name)
{
    return strcmp(name, "authorization") == 0 || strcmp(name, "connection") == 0 ||
           strcmp(name, "expect") == 0 || strcmp(name, "keep-alive") == 0 ||
           strcmp(name, "te") == 0 || strcmp(name, "transfer-encoding") == 0 ||
           strcmp(name, "upgrade") == 0 || strcmp(name, "user-agent") == 0 ||
           strcmp(name, "accept-encoding") == 0 || strcmp(name, "x-amzn-trace-id") == 0;
}

static void slow_value(FILE *out, const char *value)
{
    static const char blanks[] = " \t\n\v\f\r";
    const char *between = "";
    for (value += strspn(value, blanks); *value != '\0'; value += strspn(value, blanks)) {
        const size_t len = strcspn(value, blanks);
        fprintf(out, "%s%.*s", between, (int)len, value);
        between = " ";
        value += len;
    }
}

/* Headers in order of their names, one line for each name; and the names. */
static void slow_headers(const struct request *r, FILE *lines, FILE *names)
{
    bool is_done[HEADERS + 3] = {false};
    for (bool is_first = true;; is_first = false) {
        const char *least = NULL;
        for (size_t i = 0; i < r->n_headers; i++)
            if (!is_done[i] && !is_skipped(r->headers[i].name) &&
                (least == NULL || strcmp(r->headers[i].name, least) < 0))
                least = r->headers[i].name;
        if (least == NULL)
            return;
        fprintf(names, "%s%s", is_first ? "" : ";", least);
        fprintf(lines, "%s:", least);
        const char *between = "";
        for (size_t i = 0; i < r->n_headers; i++) {
            if (strcmp(r->headers[i].name, least) != 0 || is_done[i])
                continue;
            fputs(between, lines);
            slow_value(lines, r->headers[i].value);
            between = ",";
        }
        for (size_t i = 0; i < r->n_headers; i++)
            is_done[i] |= r->headers[i].name == least || strcmp(r->headers[i].name, least) == 0;
        fputc('\n', lines);
    }
}

static void hmac(const void *key, size_t key_len, const char *text, unsigned char out[32])
{
    unsigned len;
    FUZZ_HOLDS(HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text),
                    out, &len) != NULL && len == 32);
}

static void put_hex(FILE *out, const unsigned char raw[32])
{
    for (size_t i = 0; i < 32; i++)
        fprintf(out, "%02x", raw[i]);
}

static void slow_string_to_sign(const struct request *r, const char *amz_date,
                                const struct text *canonical, FILE *out)
{
    unsigned char raw[32];
    FUZZ_HOLDS(EVP_Digest(canonical->data, canonical->size, raw, NULL, EVP_sha256(), NULL) == 1);
    fprintf(out, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n", amz_date, amz_date, r->region,
            r->service);
    put_hex(out, raw);
}

static void slow_signature(const struct request *r, const char *amz_date,
                           const struct text *to_sign, FILE *out)
{
    unsigned char a[32], b[32];
    char day[9] = {0}, *key = NULL;
    memcpy(day, amz_date, 8);
    FUZZ_HOLDS(asprintf(&key, "AWS4%s", r->secret) > 0);
    hmac(key, strlen(key), day, a);
    hmac(a, 32, r->region, b);
    hmac(b, 32, r->service, a);
    hmac(a, 32, "aws4_request", b);
    hmac(b, 32, to_sign->data, a);
    put_hex(out, a);
    free(key);
}

static void slow_date(int64_t time_ns, char out[64])
{
    struct tm tm;
    const time_t seconds = (time_t)(time_ns / 1000000000);
    FUZZ_HOLDS(gmtime_r(&seconds, &tm) != NULL);
    FUZZ_HOLDS(strftime(out, 64, "%Y%m%dT%H%M%SZ", &tm) == 16);
}

static void add_slow(struct pair *pairs, size_t *n, const char *name, const char *value)
{
    pairs[*n] = (struct pair){strdup(name), strdup(value)};
    FUZZ_HOLDS(pairs[*n].name != NULL && pairs[*n].value != NULL);
    (*n)++;
}

static const char *payload_of(const struct request *r)
{
    return (r->flags & IN_QUERY) != 0 ? STSS3_UNSIGNED_PAYLOAD : STSS3_EMPTY_SHA256;
}

/* Adds to the request what the signature adds, and compares. */
static void compare(struct request *r, const struct stss3_signature *s)
{
    struct text names, lines, canonical, to_sign, hex;
    char amz_date[64], *text = NULL;
    const bool in_query = (r->flags & IN_QUERY) != 0, has_token = (r->flags & WITH_TOKEN) != 0;
    slow_date(r->time_ns, amz_date);
    if (!in_query) {
        add_slow(r->headers, &r->n_headers, "x-amz-date", amz_date);
        if (has_token)
            add_slow(r->headers, &r->n_headers, "x-amz-security-token", r->token);
        if ((r->flags & FOR_OTHERS) == 0)
            add_slow(r->headers, &r->n_headers, "x-amz-content-sha256", payload_of(r));
    }
    begin(&names);
    begin(&lines);
    slow_headers(r, lines.file, names.file);
    end(&names);
    end(&lines);
    if (in_query) {
        add_slow(r->query, &r->n_query, "X-Amz-Algorithm", "AWS4-HMAC-SHA256");
        FUZZ_HOLDS(asprintf(&text, "%s/%.8s/%s/%s/aws4_request", r->access, amz_date, r->region,
                            r->service) > 0);
        add_slow(r->query, &r->n_query, "X-Amz-Credential", text);
        free(text);
        add_slow(r->query, &r->n_query, "X-Amz-Date", amz_date);
        add_slow(r->query, &r->n_query, "X-Amz-Expires", "3600");
        if (has_token)
            add_slow(r->query, &r->n_query, "X-Amz-Security-Token", r->token);
        add_slow(r->query, &r->n_query, "X-Amz-SignedHeaders", names.data);
    }
    begin(&canonical);
    fprintf(canonical.file, "%s\n", r->method);
    if ((r->flags & FOR_OTHERS) != 0)
        slow_path(canonical.file, r->path);
    else
        fputs(r->path, canonical.file);
    fputc('\n', canonical.file);
    slow_query(canonical.file, r);
    fprintf(canonical.file, "\n%s\n%s\n%s", lines.size == 0 ? "\n" : lines.data, names.data,
            payload_of(r));
    end(&canonical);
    begin(&to_sign);
    slow_string_to_sign(r, amz_date, &canonical, to_sign.file);
    end(&to_sign);
    begin(&hex);
    slow_signature(r, amz_date, &to_sign, hex.file);
    end(&hex);
    FUZZ_HOLDS(strcmp(plug_buf_text(&s->canonical_request), canonical.data) == 0);
    FUZZ_HOLDS(strcmp(plug_buf_text(&s->string_to_sign), to_sign.data) == 0);
    FUZZ_HOLDS(strcmp(s->hex, hex.data) == 0);
    FUZZ_HOLDS(strstr(plug_buf_text(&s->text), hex.data) != NULL);
    free(names.data);
    free(lines.data);
    free(canonical.data);
    free(to_sign.data);
    free(hex.data);
}

static void read_pairs(struct fuzz_input *in, struct request *r)
{
    while (in->left != 0) {
        char *line = fuzz_line(in);
        const bool is_query = line[0] == '?';
        char *mid = strchr(line, is_query ? '=' : ':');
        struct pair *pair = is_query ? &r->query[r->n_query] : &r->headers[r->n_headers];
        if (mid != NULL && (is_query ? r->n_query < PAIRS : r->n_headers < HEADERS)) {
            *mid = '\0';
            *pair = (struct pair){strdup(line + (is_query ? 1 : 0)), strdup(mid + 1)};
            if (!is_query)
                r->as_given[r->n_headers] = strdup(line);
            for (char *p = pair->name; !is_query && *p != '\0'; p++)
                *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
            *(is_query ? &r->n_query : &r->n_headers) += 1;
        }
        free(line);
    }
}

static void clear(struct request *r)
{
    for (size_t i = 0; i < r->n_query; i++) {
        free(r->query[i].name);
        free(r->query[i].value);
    }
    for (size_t i = 0; i < r->n_headers; i++) {
        free(r->headers[i].name);
        free(r->headers[i].value);
    }
    for (size_t i = 0; i < HEADERS; i++)
        free(r->as_given[i]);
    char *texts[] = {r->access, r->secret, r->token, r->region, r->service, r->method, r->path};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
}

static bool sign(const struct request *r, struct stss3_signing_key *key, struct stss3_signature *s)
{
    struct stss3_query query = {.n = 0};
    struct stss3_header headers[HEADERS];
    const struct stss3_signer signer = {
        .access_key = r->access, .secret_key = r->secret, .region = r->region,
        .session_token = (r->flags & WITH_TOKEN) != 0 ? r->token : NULL, .service = r->service};
    for (size_t i = 0; i < r->n_query; i++)
        stss3_query_add(&query, r->query[i].name, r->query[i].value);
    for (size_t i = 0; i < r->n_headers; i++)
        headers[i] = (struct stss3_header){r->as_given[i], r->headers[i].value};
    const struct stss3_sign_request request = {
        .method = r->method, .path = r->path, .query = &query, .headers = headers,
        .n_headers = r->n_headers, .payload_sha256 = payload_of(r),
        .flags = (r->flags & FOR_OTHERS) != 0 ? STSS3_SIGN_FOR_OTHERS : STSS3_SIGN_FOR_S3};
    const bool ok = (r->flags & IN_QUERY) != 0
                        ? stss3_sign_query(&signer, &request, r->time_ns, 3600, key, s)
                        : stss3_sign_headers(&signer, &request, r->time_ns, key, s);
    stss3_query_clear(&query);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct request r = {.flags = fuzz_byte(&in)};
    struct stss3_signing_key key = {.day = ""};
    struct stss3_signature s = {.hex = ""};
    if (size > 4096)
        return 0; /* slow_path() has room for so many parts */
    r.time_ns = (int64_t)(fuzz_number(&in) & INT64_MAX);
    char **const texts[] = {&r.access, &r.secret, &r.token, &r.region, &r.service, &r.method};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = fuzz_line(&in);
    char *path = fuzz_line(&in);
    FUZZ_HOLDS(asprintf(&r.path, "/%s", path) > 0);
    free(path);
    read_pairs(&in, &r);
    FUZZ_HOLDS(sign(&r, &key, &s));
    char first[STSS3_SHA256_HEX];
    memcpy(first, s.hex, sizeof first);
    /* With a key that another place has used, and again with its own: the same. */
    const struct stss3_signer other = {r.access, "other", NULL, "elsewhere", r.service};
    FUZZ_HOLDS(stss3_signing_key_renew(&key, &other, r.time_ns));
    if (strcmp(r.region, "elsewhere") != 0)
        FUZZ_HOLDS(sign(&r, &key, &s) && strcmp(first, s.hex) == 0);
    compare(&r, &s);
    stss3_signature_clear(&s);
    stss3_signing_key_clear(&key);
    clear(&r);
    return 0;
}
