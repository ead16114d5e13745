/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between us and a server: which proxy, and for which hosts none.  Made once, from texts;
 * the environment itself is read at store_open alone, since another thread may write it later.
 */
#ifndef STSS3_PROXY_H
#define STSS3_PROXY_H

#include <stdbool.h>

#include "uri.h"

struct stss3_proxy {
    bool is_set;
    struct stss3_endpoint endpoint; /* may be told */
    char *user, *password;          /* decoded; NULL: none.  Never told */
};

struct stss3_proxies {
    struct stss3_proxy http, https; /* for URLs of that scheme */
    char *no_proxy;                 /* NULL: none */
};

/*
 * [http[s]://][user[:password]@]host[:port][/].  Returns NULL, or what is wrong as words that
 * continue "http_proxy ...": they hold nothing of the text.  *out is zero before; clear it in any
 * case.
 */
const char *stss3_proxy_parse(const char *url, struct stss3_proxy *out);
void stss3_proxies_clear(struct stss3_proxies *proxies); /* wipes */

/*
 * The proxy for a URL (only its scheme and authority are read); NULL: straight there.  no_proxy:
 * "*" or, between commas and blanks, names (of a host and of all below it, a dot before it or not),
 * each with :PORT when it is for that alone, addresses, and networks (10.0.0.0/8).  Link-local
 * addresses, where a machine's credentials come from, never have one.
 */
const struct stss3_proxy *stss3_proxies_choose(const struct stss3_proxies *proxies,
                                               const char *url);

#endif
