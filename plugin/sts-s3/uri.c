/* SPDX-License-Identifier: Apache-2.0 */
/* Percent-encoding, queries in the order of signing, endpoints. */
#include "uri.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void stss3_uri_encode(struct plug_buf *out, const char *text, size_t len, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t plain = 0; /* bytes before text[i] that go out as they are */

    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if (is_alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '~' ||
            (c == '/' && keep_slash)) {
            plain++;
            continue;
        }
        const unsigned char byte = (unsigned char)c;
        const char coded[3] = {'%', hex[byte >> 4], hex[byte & 15]};
        plug_buf_add(out, text + i - plain, plain);
        plug_buf_add(out, coded, sizeof coded);
        plain = 0;
    }
    plug_buf_add(out, text + len - plain, plain);
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool stss3_uri_decode(struct plug_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '%') {
            plug_buf_char(out, text[i] == '+' ? ' ' : text[i]);
            continue;
        }
        if (len - i < 3)
            return false;
        const int high = hex_value(text[i + 1]);
        const int low = hex_value(text[i + 2]);
        if (high < 0 || low < 0 || high + low == 0)
            return false;
        plug_buf_char(out, (char)(high * 16 + low));
        i += 2;
    }
    return true;
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Names first: as whole pairs "Param=" would come after "Param-3=", which is not the order of
 * signing. */
static int compare_pairs(const struct stss3_query *q, const struct stss3_query_pair *a,
                         const struct stss3_query_pair *b)
{
    const char *text_a = plug_buf_text(&q->text) + a->at;
    const char *text_b = plug_buf_text(&q->text) + b->at;
    const int order = compare_bytes(text_a, a->name_len, text_b, b->name_len);
    if (order != 0)
        return order;
    return compare_bytes(text_a + a->name_len + 1, a->value_len, text_b + b->name_len + 1,
                         b->value_len);
}

void stss3_query_add(struct stss3_query *q, const char *name, const char *value)
{
    struct stss3_query_pair pair = {.at = q->text.len};

    if (q->n == STSS3_QUERY_PAIRS) {
        q->failed = true;
        return;
    }
    stss3_uri_encode(&q->text, name, strlen(name), false);
    pair.name_len = q->text.len - pair.at;
    plug_buf_char(&q->text, '=');
    if (value != NULL)
        stss3_uri_encode(&q->text, value, strlen(value), false);
    if (plug_buf_failed(&q->text))
        return;
    pair.value_len = q->text.len - pair.at - pair.name_len - 1;

    size_t place = q->n++;
    for (; place > 0 && compare_pairs(q, &pair, &q->pairs[place - 1]) < 0; place--)
        q->pairs[place] = q->pairs[place - 1];
    q->pairs[place] = pair;
}

void stss3_query_add_number(struct stss3_query *q, const char *name, uint64_t value)
{
    char digits[24];
    char *p = digits + sizeof digits;

    *--p = '\0';
    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    stss3_query_add(q, name, p);
}

void stss3_query_render(const struct stss3_query *q, struct plug_buf *out)
{
    if (stss3_query_failed(q))
        return; /* the pairs may point past what text has */
    for (size_t i = 0; i < q->n; i++) {
        const struct stss3_query_pair *pair = &q->pairs[i];
        if (i != 0)
            plug_buf_char(out, '&');
        plug_buf_add(out, plug_buf_text(&q->text) + pair->at, pair->name_len + 1 + pair->value_len);
    }
}

void stss3_query_clear(struct stss3_query *q)
{
    plug_buf_wipe(&q->text);
    *q = (struct stss3_query){0};
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Moves past the word, which is in lower case, if the text begins with it in any case. */
static bool take_word(const char **text, const char *word)
{
    size_t i = 0;
    while (word[i] != '\0' && lower((*text)[i]) == word[i])
        i++;
    if (word[i] != '\0')
        return false;
    *text += i;
    return true;
}

/* The labels of a DNS name; '_' because private networks have it. */
static bool is_host_name(const char *host)
{
    size_t label = 0;
    for (const char *p = host; *p != '\0'; p++) {
        if (*p == '.' ? label == 0 : !(is_alphanumeric(*p) || *p == '-' || *p == '_'))
            return false;
        label = *p == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label != 0;
}

/* A name whose last part is a number is taken for an address by everybody: it must be one. */
static bool ends_in_number(const char *host)
{
    const char *last = strrchr(host, '.');
    last = last == NULL ? host : last + 1;
    return *last != '\0' && last[strspn(last, "0123456789")] == '\0';
}

static const char *set_host(struct stss3_endpoint *e, const char *text, size_t len, bool bracketed)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (len == 0)
        return "names no host";
    if (len > 253)
        return "names a host of more than 253 characters";
    for (size_t i = 0; i < len; i++)
        e->host[i] = lower(text[i]);
    e->host[len] = '\0';
    e->is_address = bracketed || ends_in_number(e->host);
    if (bracketed)
        return inet_pton(AF_INET6, e->host, address) == 1
                   ? NULL
                   : "has something between [ and ] that is no IPv6 address";
    if (e->is_address)
        return inet_pton(AF_INET, e->host, address) == 1
                   ? NULL
                   : "has a host that looks like an IPv4 address and is none";
    return is_host_name(e->host) ? NULL : "has a host that is no DNS name";
}

static const char *set_port(struct stss3_endpoint *e, const char *text, size_t len)
{
    unsigned port = 0;

    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]) || i == 5)
            return "has a port that is no number from 1 to 65535";
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX)
        return "has a port that is no number from 1 to 65535";
    e->port = (uint16_t)port;
    return NULL;
}

static void set_authority(struct stss3_endpoint *e)
{
    const char *open = strchr(e->host, ':') == NULL ? "" : "[";
    const char *close = *open == '\0' ? "" : "]";

    /* host has at most 253 characters, so this always fits. */
    if (e->port == (e->tls ? 443 : 80))
        (void)snprintf(e->authority, sizeof e->authority, "%s%s%s", open, e->host, close);
    else
        (void)snprintf(e->authority, sizeof e->authority, "%s%s%s:%u", open, e->host, close,
                       e->port);
}

const char *stss3_endpoint_parse(const char *url, struct stss3_endpoint *out)
{
    struct stss3_endpoint e = {0};

    e.tls = take_word(&url, "https://");
    if (!e.tls && !take_word(&url, "http://"))
        return "must begin with https:// or http://";
    if (strchr(url, '@') != NULL)
        return "must not hold a user or a password";
    size_t len = strcspn(url, "/?#");
    if (url[len] != '\0' && strcmp(url + len, "/") != 0)
        return "must end after the host and its port: it takes no path and no query";

    const bool bracketed = url[0] == '[';
    const char *host = bracketed ? url + 1 : url;
    size_t host_len = strcspn(host, bracketed ? "]/" : ":/");
    const char *rest = host + host_len;
    if (bracketed && *rest++ != ']')
        return "has a [ without its ]";
    const char *wrong = set_host(&e, host, host_len, bracketed);
    if (wrong != NULL)
        return wrong;

    e.port = e.tls ? 443 : 80;
    len -= (size_t)(rest - url);
    if (len != 0)
        wrong = *rest == ':' ? set_port(&e, rest + 1, len - 1) : "has something behind its ]";
    if (wrong != NULL)
        return wrong;
    set_authority(&e);
    *out = e;
    return NULL;
}
