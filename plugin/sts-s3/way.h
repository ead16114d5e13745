/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy of one try, as a curl easy handle is told of it. */
#ifndef STSS3_WAY_H
#define STSS3_WAY_H

#include <curl/curl.h>

#include "proxy.h"

/* proxies may be NULL.  *chosen stays NULL when the way is straight.  False: no memory. */
bool stss3_way_set(CURL *easy, const struct stss3_proxies *proxies, const char *url,
                   const struct stss3_proxy **chosen);

/* Adds to the words of a failure that a proxy lay between, without what is secret of it: which half
 * of the way it was is not always to be told. */
void stss3_way_tell(const struct stss3_proxy *proxy, char *text, size_t cap);

#endif
