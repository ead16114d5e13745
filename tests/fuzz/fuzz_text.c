/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codecs and the checks of text: percent-encoding, XML's escapes, base64url, keys, endpoints,
 * ARNs.  Input: any text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "key.h"
#include "printable.h"
#include "region.h"
#include "uri.h"
#include "xml.h"

#include "fuzz.h"

static bool is_same(const struct plug_buf *buf, const void *data, size_t size)
{
    return buf->len == size && (size == 0 || memcmp(buf->data, data, size) == 0);
}

static void check_percent(const char *text)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    struct plug_buf coded = {0}, plain = {0}, again = {0};
    stss3_uri_encode(&coded, text, strlen(text), false);
    for (const char *p = plug_buf_text(&coded); *p != '\0'; p++)
        FUZZ_HOLDS(strchr(safe, *p) != NULL || *p == '%');
    FUZZ_HOLDS(stss3_uri_decode(&plain, plug_buf_text(&coded), coded.len));
    FUZZ_HOLDS(is_same(&plain, text, strlen(text)));
    plug_buf_reset(&plain);
    plug_buf_reset(&coded);
    if (stss3_uri_decode(&plain, text, strlen(text))) { /* whoever else has encoded it */
        FUZZ_HOLDS(plain.len <= strlen(text) && strlen(plug_buf_text(&plain)) == plain.len);
        stss3_uri_encode(&coded, plug_buf_text(&plain), plain.len, true);
        FUZZ_HOLDS(stss3_uri_decode(&again, plug_buf_text(&coded), coded.len));
        FUZZ_HOLDS(is_same(&again, plug_buf_text(&plain), plain.len));
    }
    plug_buf_clear(&coded);
    plug_buf_clear(&plain);
    plug_buf_clear(&again);
}

/* What is escaped comes back out of a parser, be it text that XML can hold at all. */
static void check_xml(const char *text)
{
    struct plug_buf document = {0}, back = {0};
    struct plug_error error;
    const struct stss3_xml_field field = {"K", &back};
    bool is_xml = true;
    for (const char *p = text; *p != '\0' && is_xml; p += plug_utf8_length(p)) {
        const unsigned char c = (unsigned char)*p;
        is_xml = plug_utf8_length(p) != 0 && (c >= 0x20 || c == '\t' || c == '\n' || c == '\r') &&
                 strncmp(p, "\xef\xbf\xbe", 3) != 0 && strncmp(p, "\xef\xbf\xbf", 3) != 0;
        if (!is_xml)
            break;
    }
    plug_buf_str(&document, "<R><K>");
    stss3_xml_escape(&document, text);
    plug_buf_str(&document, "</K></R>");
    const regstore_status status =
        stss3_xml_pick(document.data, document.len, "R", &field, 1, &error);
    if (is_xml)
        FUZZ_HOLDS(status == REGSTORE_OK && is_same(&back, text, strlen(text)));
    plug_buf_clear(&document);
    plug_buf_clear(&back);
}

static void check_base64(const uint8_t *data, size_t size, const char *text)
{
    struct plug_buf coded = {0}, plain = {0};
    plug_base64url(&coded, data, size);
    FUZZ_HOLDS(plug_base64url_decode(&plain, plug_buf_text(&coded), coded.len));
    FUZZ_HOLDS(is_same(&plain, data, size));
    plug_buf_reset(&plain);
    plug_buf_reset(&coded);
    if (plug_base64url_decode(&plain, text, strlen(text))) { /* one text for one value */
        plug_base64url(&coded, (const uint8_t *)plug_buf_text(&plain), plain.len);
        FUZZ_HOLDS(is_same(&coded, text, strlen(text)));
    }
    plug_buf_clear(&coded);
    plug_buf_clear(&plain);
}

/* KEY-1, said another way. */
static bool is_key(const char *text)
{
    char *around = NULL;
    FUZZ_HOLDS(asprintf(&around, "/%s/", text) > 0);
    const bool is_good = text[0] != '\0' && strlen(text) < REGSTORE_KEY_MAX &&
                         fuzz_is_printable(text) && strstr(around, "//") == NULL &&
                         strstr(around, "/./") == NULL && strstr(around, "/../") == NULL;
    free(around);
    return is_good;
}

static void check_key(const char *text)
{
    struct plug_call call = {0};
    const regstore_status status = plug_key_check(&call, text, "key");
    FUZZ_HOLDS(status == (is_key(text) ? REGSTORE_OK : REGSTORE_INVALID));
    if (plug_key_check_target(&call, text, "key") == REGSTORE_OK)
        FUZZ_HOLDS(status == REGSTORE_OK && strcmp(text, "uploads") != 0 &&
                   strncmp(text, "uploads/", 8) != 0);
    char *copy = strdup(text);
    FUZZ_HOLDS(copy != NULL && plug_is_printable(text) == fuzz_is_printable(text));
    plug_make_printable(copy);
    FUZZ_HOLDS(fuzz_is_printable(copy) && strlen(copy) == strlen(text));
    FUZZ_HOLDS(!fuzz_is_printable(text) || strcmp(copy, text) == 0);
    free(copy);
}

static void check_endpoint(const char *text)
{
    struct stss3_endpoint e, again;
    char url[300];
    const char *wrong = stss3_endpoint_parse(text, &e);
    if (wrong != NULL) {
        FUZZ_HOLDS(fuzz_is_ascii(wrong) && wrong[0] != '\0');
        return;
    }
    FUZZ_HOLDS(e.port != 0 && fuzz_is_ascii(e.authority) && strpbrk(e.authority, "/?#@ ") == NULL);
    FUZZ_HOLDS(strlen(e.host) < sizeof e.host && strlen(e.authority) < sizeof e.authority);
    (void)snprintf(url, sizeof url, "%s://%s", e.tls ? "https" : "http", e.authority);
    FUZZ_HOLDS(stss3_endpoint_parse(url, &again) == NULL);
    FUZZ_HOLDS(memcmp(&e, &again, sizeof e) == 0);
}

static void check_names(const char *text)
{
    const struct stss3_partition *partition = NULL;
    char host[STSS3_HOST_MAX];
    const char *wrong = stss3_role_arn_check(text, &partition);
    if (wrong == NULL)
        FUZZ_HOLDS(strncmp(text, "arn:", 4) == 0 && strstr(text, ":role/") != NULL &&
                   fuzz_is_ascii(text) && strchr(text, ' ') == NULL);
    else
        FUZZ_HOLDS(fuzz_is_ascii(wrong));
    if (!stss3_region_is_valid(text))
        return;
    if (!stss3_aws_host_of(STSS3_SERVICE_STS, text, true, false, host))
        return;
    const size_t len = strlen(host), tail = strlen(stss3_partition_of_region(text)->dns_suffix);
    const char *region = strstr(host, text);
    FUZZ_HOLDS(strncmp(host, "sts", 3) == 0 && region != NULL &&
               strcmp(host + len - tail, stss3_partition_of_region(text)->dns_suffix) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    char *text = fuzz_rest(&in);
    check_percent(text);
    check_xml(text);
    check_base64(data, size, text);
    check_key(text);
    check_endpoint(text);
    check_names(text);
    free(text);
    return 0;
}
