/* SPDX-License-Identifier: Apache-2.0 */
/* The way there: proxies, certificates, and how long we wait. */
#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "secret_file.h"
#include "settings.h"

static const char *first_set(const char *first, const char *second, const char **from)
{
    const char *const names[] = {first, second};
    for (size_t i = 0; i < 2; i++) {
        const char *value = names[i] == NULL ? NULL : secure_getenv(names[i]);
        *from = names[i];
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return NULL;
}

static regstore_status read_one(struct stss3_reading *r, const char *key, const char *url,
                                struct stss3_proxy *out)
{
    const char *bad = url == NULL ? NULL : stss3_proxy_parse(url, out);
    return bad == NULL ? REGSTORE_OK : stss3_reading_wrong(r, key, bad);
}

/* Of http_proxy only the name in lower case: HTTP_PROXY is what a CGI's client may set ("Proxy:").
 */
static regstore_status read_environments_proxies(struct stss3_reading *r)
{
    const char *from;
    const char *url = first_set("https_proxy", "HTTPS_PROXY", &from);
    TRY(read_one(r, from, url, &r->config->proxies.https));
    url = first_set("http_proxy", NULL, &from);
    return read_one(r, "http_proxy", url, &r->config->proxies.http);
}

static regstore_status read_set_proxy(struct stss3_reading *r, const char *url)
{
    if (strcmp(url, "none") == 0)
        return REGSTORE_OK;
    TRY(read_one(r, "http_proxy", url, &r->config->proxies.http));
    return read_one(r, "http_proxy", url, &r->config->proxies.https);
}

static regstore_status read_proxies(struct stss3_reading *r)
{
    const char *url = stss3_reading_value(r, "http_proxy"), *from;
    const char *file = stss3_reading_value(r, "http_proxy_file");
    struct plug_buf text = {0};
    regstore_status status;
    TRY(stss3_reading_copy(r, first_set("no_proxy", "NO_PROXY", &from),
                           &r->config->proxies.no_proxy));
    if (url != NULL)
        return read_set_proxy(r, url);
    if (file == NULL)
        return read_environments_proxies(r);
    status = plug_secret_file_read("http_proxy_file", file, &text, &r->call->error);
    if (status == REGSTORE_OK)
        status = read_set_proxy(r, plug_buf_text(&text));
    plug_buf_wipe(&text);
    return status;
}

static regstore_status read_seconds(struct stss3_reading *r, const char *key, uint64_t low,
                                    uint64_t high, uint64_t *out_ms)
{
    uint64_t seconds;
    TRY(plug_setting_integer(r->call, key, stss3_reading_value(r, key), low, high, &seconds));
    *out_ms = seconds * 1000;
    return REGSTORE_OK;
}

regstore_status stss3_read_network(struct stss3_reading *r)
{
    struct stss3_config *c = r->config;
    TRY(read_proxies(r));
    TRY(read_seconds(r, "connect_timeout_seconds", 1, 600, &c->connect_timeout_ms));
    TRY(read_seconds(r, "read_timeout_seconds", 1, 86400, &c->stall_timeout_ms));
    TRY(read_seconds(r, "request_timeout_seconds", 0, 86400, &c->request_timeout_ms));
    return stss3_reading_copy(r, stss3_reading_value_or_env(r, "ca_bundle", "AWS_CA_BUNDLE", NULL),
                              &c->ca_bundle);
}
