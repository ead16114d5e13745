/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* %XX is a byte; '+' is itself here, unlike in a list of S3's.  NULL: it cannot be decoded, or no
 * memory. */
static char *decode(const char *text, size_t len)
{
    struct plug_buf out = {0};
    bool is_good = true;
    for (const char *end = text + len; is_good && text < end;) {
        const char *plus = memchr(text, '+', (size_t)(end - text));
        const size_t n = (size_t)((plus == NULL ? end : plus) - text);
        is_good = stss3_uri_decode(&out, text, n);
        if (plus != NULL)
            plug_buf_char(&out, '+');
        text += n + (plus != NULL);
    }
    char *plain = is_good && !plug_buf_failed(&out) ? strdup(plug_buf_text(&out)) : NULL;
    plug_buf_wipe(&out);
    return plain;
}

static const char *read_user(const char *text, size_t len, struct stss3_proxy *out)
{
    const char *colon = memchr(text, ':', len);
    const size_t user_len = colon == NULL ? len : (size_t)(colon - text);
    out->user = decode(text, user_len);
    out->password = decode(colon == NULL ? "" : colon + 1, colon == NULL ? 0 : len - user_len - 1);
    return out->user == NULL || out->password == NULL
               ? "has a user or a password that is not written as a URL wants it (%XX)"
               : NULL;
}

const char *stss3_proxy_parse(const char *url, struct stss3_proxy *out)
{
    char plain[STSS3_HOST_WITH_PORT_MAX];
    const char *scheme = strstr(url, "://"), *rest = scheme == NULL ? url : scheme + 3;
    const size_t scheme_len = scheme == NULL ? 0 : (size_t)(scheme - url);
    const size_t authority_len = strcspn(rest, "/?#");
    const char *at = memrchr(rest, '@', authority_len);
    const char *host = at == NULL ? rest : at + 1;
    if (scheme != NULL && strncasecmp(url, "http", scheme_len) != 0 &&
        strncasecmp(url, "https", scheme_len) != 0)
        return "must begin with http:// or https://";
    if (strlen(host) + scheme_len + 8 >= sizeof plain)
        return "is too long";
    (void)snprintf(plain, sizeof plain, "%.*s://%s", scheme == NULL ? 4 : (int)scheme_len,
                   scheme == NULL ? "http" : url, host);
    const char *wrong = stss3_endpoint_parse(plain, &out->endpoint);
    if (wrong == NULL && at != NULL)
        wrong = read_user(rest, (size_t)(at - rest), out);
    out->is_set = wrong == NULL;
    return wrong;
}

static void clear_proxy(struct stss3_proxy *proxy)
{
    plug_text_wipe(proxy->user);
    plug_text_wipe(proxy->password);
    *proxy = (struct stss3_proxy){0};
}

void stss3_proxies_clear(struct stss3_proxies *proxies)
{
    clear_proxy(&proxies->http);
    clear_proxy(&proxies->https);
    free(proxies->no_proxy);
    proxies->no_proxy = NULL;
}

struct address {
    unsigned char bytes[16];
    unsigned bits; /* 32, 128; 0: it is a name */
};

static struct address read_address(const char *text)
{
    struct address a = {{0}, 0};
    if (inet_pton(AF_INET, text, a.bytes) == 1)
        a.bits = 32;
    else if (inet_pton(AF_INET6, text, a.bytes) == 1)
        a.bits = 128;
    return a;
}

static bool is_in_network(const struct address *a, const char *network, unsigned bits)
{
    const struct address n = read_address(network);
    if (a->bits == 0 || a->bits != n.bits || bits > a->bits)
        return false;
    if (memcmp(a->bytes, n.bytes, bits / 8) != 0)
        return false;
    const unsigned mask = 0xff00u >> (bits % 8) & 0xff;
    return bits % 8 == 0 || ((a->bytes[bits / 8] ^ n.bytes[bits / 8]) & mask) == 0;
}

/* Where clouds give a machine its credentials. */
static bool is_link_local(const struct address *a)
{
    return is_in_network(a, "169.254.0.0", 16) || is_in_network(a, "fe80::", 10) ||
           is_in_network(a, "fd00:ec2::", 32);
}

static bool ends_in(const char *host, const char *name)
{
    const size_t len = strlen(host), tail = strlen(name);
    return len >= tail && strcasecmp(host + len - tail, name) == 0 &&
           (len == tail || host[len - tail - 1] == '.');
}

/* One entry of no_proxy against a host; both without brackets. */
static bool is_meant(char *entry, const struct stss3_endpoint *to, const struct address *address)
{
    char *slash = strchr(entry, '/');
    if (slash != NULL) {
        char *end;
        *slash = '\0';
        const unsigned long bits = strtoul(slash + 1, &end, 10);
        return slash[1] != '\0' && *end == '\0' && bits <= 128 &&
               is_in_network(address, entry, (unsigned)bits);
    }
    if (entry[0] == '[') { /* [::1] and [::1]:80 */
        char *close = strchr(entry, ']');
        if (close == NULL)
            return false;
        *close = '\0';
        if (close[1] == ':' && strtoul(close + 2, NULL, 10) != to->port)
            return false;
        entry++;
    } else {
        char *colon = strchr(entry, ':');
        if (colon != NULL && strchr(colon + 1, ':') == NULL) {
            if (strtoul(colon + 1, NULL, 10) != to->port)
                return false;
            *colon = '\0';
        }
    }
    const struct address named = read_address(entry);
    if (named.bits != 0 || address->bits != 0)
        return is_in_network(address, entry, named.bits) && named.bits != 0;
    if (strncmp(entry, "*.", 2) == 0)
        entry++;
    while (*entry == '.')
        entry++;
    return *entry != '\0' && ends_in(to->host, entry);
}

static bool goes_straight(const char *no_proxy, const struct stss3_endpoint *to)
{
    const struct address address = read_address(to->host);
    if (is_link_local(&address))
        return true;
    for (const char *at = no_proxy == NULL ? "" : no_proxy; *at != '\0';) {
        char entry[STSS3_HOST_WITH_PORT_MAX];
        const size_t len = strcspn(at, ", \t");
        if (len == 1 && *at == '*')
            return true;
        if (len != 0 && len < sizeof entry) {
            (void)snprintf(entry, sizeof entry, "%.*s", (int)len, at);
            if (is_meant(entry, to, &address))
                return true;
        }
        at += len;
        at += strspn(at, ", \t");
    }
    return false;
}

const struct stss3_proxy *stss3_proxies_choose(const struct stss3_proxies *proxies, const char *url)
{
    struct stss3_endpoint to;
    char origin[STSS3_HOST_WITH_PORT_MAX];
    if (!proxies->http.is_set && !proxies->https.is_set)
        return NULL;
    const char *host = strstr(url, "://");
    const size_t len = host == NULL ? 0 : (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
    (void)snprintf(origin, sizeof origin, "%.*s", (int)len, url);
    if (len >= sizeof origin || stss3_endpoint_parse(origin, &to) != NULL)
        return NULL; /* curl will not take it either */
    const struct stss3_proxy *proxy = to.tls ? &proxies->https : &proxies->http;
    return !proxy->is_set || goes_straight(proxies->no_proxy, &to) ? NULL : proxy;
}
