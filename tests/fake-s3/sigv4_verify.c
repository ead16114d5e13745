/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4 from the server's side. */
#include "sigv4_verify.h"

#include "codec.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

void claim_clear(struct claim *c)
{
    free(c->algorithm);
    free(c->access_key);
    free(c->date);
    free(c->region);
    free(c->service);
    free(c->terminator);
    free(c->signed_headers);
    free(c->signature);
    free(c->amz_date);
    *c = (struct claim){0};
}

bool claim_read_credential(struct claim *c, const char *credential)
{
    char **words[] = {&c->terminator, &c->service, &c->region, &c->date};
    size_t end = strlen(credential);

    for (size_t i = 0; i < 4; i++) {
        size_t start = end;
        while (start > 0 && credential[start - 1] != '/')
            start--;
        if (start == 0)
            return false;
        *words[i] = copy_text_n(credential + start, end - start);
        end = start - 1;
    }
    c->access_key = copy_text_n(credential, end);
    return end > 0;
}

static bool read_part(struct claim *c, const char *part, size_t length)
{
    const char *equals = memchr(part, '=', length);
    if (equals == NULL)
        return false;
    size_t name_length = (size_t)(equals - part);
    char *value = copy_text_n(equals + 1, length - name_length - 1);
    bool is_good = true;

    if (name_length == 10 && memcmp(part, "Credential", 10) == 0) {
        is_good = c->access_key == NULL && claim_read_credential(c, value);
    } else if (name_length == 13 && memcmp(part, "SignedHeaders", 13) == 0 &&
               c->signed_headers == NULL) {
        c->signed_headers = copy_text(value);
    } else if (name_length == 9 && memcmp(part, "Signature", 9) == 0 && c->signature == NULL) {
        c->signature = copy_text(value);
    } else {
        is_good = false;
    }
    free(value);
    return is_good;
}

bool claim_read_header(struct claim *c, const char *authorization)
{
    size_t length = strcspn(authorization, " ");
    c->algorithm = copy_text_n(authorization, length);
    const char *part = authorization + length;
    for (;;) {
        part += strspn(part, " ,");
        length = strcspn(part, ",");
        if (length == 0)
            return true;
        size_t trimmed = length;
        while (trimmed > 0 && part[trimmed - 1] == ' ')
            trimmed--;
        if (!read_part(c, part, trimmed))
            return false;
        part += length;
    }
}

static char *copy_or_null(const char *s)
{
    return s == NULL ? NULL : copy_text(s);
}

void claim_read_query(struct claim *c, const struct fields *query)
{
    c->is_in_query = true;
    c->algorithm = copy_or_null(fields_get_exact(query, "X-Amz-Algorithm"));
    c->signed_headers = copy_or_null(fields_get_exact(query, "X-Amz-SignedHeaders"));
    c->signature = copy_or_null(fields_get_exact(query, "X-Amz-Signature"));
    c->amz_date = copy_or_null(fields_get_exact(query, "X-Amz-Date"));
}

bool claim_signs(const struct claim *c, const char *header_name)
{
    size_t name_length = strlen(header_name);
    for (const char *name = c->signed_headers; *name != '\0';) {
        size_t length = strcspn(name, ";");
        if (length == name_length && strncasecmp(name, header_name, length) == 0)
            return true;
        name += length;
        name += *name == ';';
    }
    return false;
}

/* RFC 3986, 5.2.4, and no empty segments. */
static void normalise(struct text *to, const char *path)
{
    size_t length = strlen(path);
    bool ends_in_slash = length > 0 && path[length - 1] == '/';

    while (*path != '\0') {
        path += strspn(path, "/");
        size_t segment = strcspn(path, "/");
        if (segment == 2 && memcmp(path, "..", 2) == 0) {
            while (to->length > 0 && to->bytes[to->length - 1] != '/')
                to->length--;
            if (to->length > 0)
                to->bytes[--to->length] = '\0';
        } else if (segment > 0 && !(segment == 1 && *path == '.')) {
            text_add(to, "/");
            text_add_n(to, path, segment);
        }
        ends_in_slash = ends_in_slash || (path[segment] == '\0' && segment > 0 && *path == '.' &&
                                          (segment == 1 || (segment == 2 && path[1] == '.')));
        path += segment;
    }
    if (ends_in_slash || to->length == 0)
        text_add(to, "/");
}

static void canonical_path(struct text *to, const char *path, enum path_rule rule)
{
    if (rule == PATH_S3) {
        char *decoded = uri_decode(path, strlen(path), false);
        const char *plain = decoded == NULL ? path : decoded;
        uri_encode(to, plain, strlen(plain), true);
        free(decoded);
        return;
    }
    struct text normal = {0};
    if (rule == PATH_NORMAL)
        normalise(&normal, path);
    else
        text_add(&normal, path);
    uri_encode(to, text_str(&normal), normal.length, true);
    text_clear(&normal);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each `name=value` is encoded before they are sorted. With 0x01 in place of the equals sign a
 * name sorts before all longer names that begin with it, as it must. */
static void canonical_query(struct text *to, const char *raw)
{
    struct fields query = {0};
    (void)query_decode(raw, &query);
    char **pairs = grab((query.count + 1) * sizeof *pairs);
    size_t count = 0;

    for (size_t i = 0; i < query.count; i++) {
        struct text pair = {0};
        if (strcmp(query.items[i].name, "X-Amz-Signature") == 0)
            continue;
        uri_encode(&pair, query.items[i].name, strlen(query.items[i].name), false);
        text_add(&pair, "\1");
        uri_encode(&pair, query.items[i].value, strlen(query.items[i].value), false);
        pairs[count++] = text_take(&pair);
    }
    qsort(pairs, count, sizeof *pairs, compare_texts);
    for (size_t i = 0; i < count; i++) {
        *strchr(pairs[i], '\1') = '=';
        text_add(to, i == 0 ? "" : "&");
        text_add(to, pairs[i]);
        free(pairs[i]);
    }
    free(pairs);
    fields_clear(&query);
}

/* Outer white space goes, inner runs of it become one space. */
static void canonical_value(struct text *to, const char *value)
{
    static const char white[] = " \t\r\n";
    value += strspn(value, white);
    while (*value != '\0') {
        size_t length = strcspn(value, white);
        text_add_n(to, value, length);
        value += length;
        value += strspn(value, white);
        if (*value != '\0')
            text_add(to, " ");
    }
}

static void canonical_header(struct text *to, const char *name, size_t name_length,
                             const struct fields *headers)
{
    bool is_first = true;
    for (size_t i = 0; i < name_length; i++) {
        char lower = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
        text_add_n(to, &lower, 1);
    }
    text_add(to, ":");
    for (size_t i = 0; i < headers->count; i++) {
        const struct field *h = &headers->items[i];
        if (strlen(h->name) != name_length || strncasecmp(h->name, name, name_length) != 0)
            continue;
        text_add(to, is_first ? "" : ",");
        canonical_value(to, h->value);
        is_first = false;
    }
    text_add(to, "\n");
}

void canonical_request(struct text *to, const struct signed_request *request, const struct claim *c,
                       enum path_rule rule, const char *payload_hash)
{
    text_format(to, "%s\n", request->method);
    canonical_path(to, request->path, rule);
    text_add(to, "\n");
    canonical_query(to, request->query);
    text_add(to, "\n");
    for (const char *name = c->signed_headers; *name != '\0';) {
        size_t length = strcspn(name, ";");
        canonical_header(to, name, length, request->headers);
        name += length;
        name += *name == ';';
    }
    text_format(to, "\n%s\n%s", c->signed_headers, payload_hash);
}

void sha256_hex(char hex[65], const void *bytes, size_t length)
{
    unsigned char digest[32];
    (void)EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL);
    hex_encode(hex, digest, sizeof digest);
}

void string_to_sign(struct text *to, const struct claim *c, const char *canonical)
{
    char hash[65];
    sha256_hex(hash, canonical, strlen(canonical));
    text_format(to, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", c->amz_date, c->date,
                c->region, c->service, hash);
}

static void hmac(unsigned char mac[32], const unsigned char *key, size_t key_length,
                 const char *message)
{
    (void)HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)message, strlen(message),
               mac, NULL);
}

void signing_key(unsigned char key[SIGNING_KEY_BYTES], const char *secret, const struct claim *c)
{
    struct text first = {0};
    text_format(&first, "AWS4%s", secret);
    hmac(key, (const unsigned char *)first.bytes, first.length, c->date);
    hmac(key, key, SIGNING_KEY_BYTES, c->region);
    hmac(key, key, SIGNING_KEY_BYTES, c->service);
    hmac(key, key, SIGNING_KEY_BYTES, "aws4_request");
    text_clear(&first);
}

void sign_text(char hex[SIGNATURE_HEX + 1], const unsigned char key[SIGNING_KEY_BYTES],
               const char *text)
{
    unsigned char mac[32];
    hmac(mac, key, SIGNING_KEY_BYTES, text);
    hex_encode(hex, mac, sizeof mac);
}
