/* SPDX-License-Identifier: Apache-2.0 */
#include "way.h"

#include <stdio.h>
#include <string.h>

bool stss3_way_set(CURL *easy, const struct stss3_proxies *proxies, const char *url,
                   const struct stss3_proxy **chosen)
{
    char text[STSS3_HOST_WITH_PORT_MAX] = ""; /* "" keeps curl from the environment, too */
    const struct stss3_proxy *proxy = proxies == NULL ? NULL : stss3_proxies_choose(proxies, url);
    *chosen = proxy;
    if (proxy != NULL) {
        const bool is_v6 = strchr(proxy->endpoint.host, ':') != NULL;
        /* With its port in any case: curl's own idea of a proxy's port is 1080. */
        (void)snprintf(text, sizeof text, "%s://%s%s%s:%u", proxy->endpoint.tls ? "https" : "http",
                       is_v6 ? "[" : "", proxy->endpoint.host, is_v6 ? "]" : "",
                       (unsigned)proxy->endpoint.port);
    }
    return curl_easy_setopt(easy, CURLOPT_PROXY, text) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, proxy == NULL ? NULL : proxy->user) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, proxy == NULL ? NULL : proxy->password) ==
               CURLE_OK;
}

void stss3_way_tell(const struct stss3_proxy *proxy, char *text, size_t cap)
{
    const size_t len = strlen(text);
    (void)snprintf(text + len, cap - len, " (through the proxy %s)", proxy->endpoint.authority);
}
