/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>
#include <string.h>

static const char *const transport_names[] = {
    [STSS3_TRANSPORT_NONE] = "none",         [STSS3_TRANSPORT_RESOLVE] = "resolve",
    [STSS3_TRANSPORT_CONNECT] = "connect",   [STSS3_TRANSPORT_TLS] = "tls",
    [STSS3_TRANSPORT_BROKEN] = "broken",     [STSS3_TRANSPORT_STALE] = "stale",
    [STSS3_TRANSPORT_STALLED] = "stalled",   [STSS3_TRANSPORT_TOO_LONG] = "too_long",
    [STSS3_TRANSPORT_MEMORY] = "memory",     [STSS3_TRANSPORT_INTERNAL] = "internal",
};

/* A label has few values, whatever a server sends: those that say something, and classes. */
static const char *status_label(long http_status)
{
    static const struct {
        long status;
        const char *label;
    } known[] = {
        {200, "200"}, {204, "204"}, {206, "206"}, {301, "301"}, {307, "307"}, {400, "400"},
        {401, "401"}, {403, "403"}, {404, "404"}, {405, "405"}, {408, "408"}, {409, "409"},
        {411, "411"}, {412, "412"}, {413, "413"}, {416, "416"}, {417, "417"}, {429, "429"},
        {499, "499"}, {500, "500"}, {501, "501"}, {502, "502"}, {503, "503"}, {504, "504"},
        {507, "507"}, {520, "520"},
    };
    static const char *const classes[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].status == http_status)
            return known[i].label;
    return classes[http_status >= 100 && http_status < 600 ? http_status / 100 : 0];
}

/* How a try ended: what happened below HTTP, or the status. */
static const char *outcome_label(const struct stss3_request *request)
{
    return request->transport != STSS3_TRANSPORT_NONE ? transport_names[request->transport]
                                                      : status_label(request->http_status);
}

static void log_try(const struct plug_host *host, const struct stss3_request *request,
                    int64_t took_ns)
{
    if (host->host.log == NULL)
        return;
    const char *url = plug_buf_text(&request->url), *authority = strstr(url, "://");
    authority = authority == NULL ? url : authority + 3;
    char name[256];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(authority, "/?#"), authority);
    plug_log(host, REGSTORE_LOG_DEBUG, "http_try",
             PLUG_FIELDS({"operation", request->operation}, {"method", request->method},
                         {"host", name}, {"status", plug_number(request->http_status).text},
                         {"try", plug_number(request->tries).text},
                         {"milliseconds", plug_number(took_ns / 1000000).text},
                         {"transport", transport_names[request->transport]},
                         {"message", request->transport_text}));
}

void stss3_report_try(const struct plug_host *host, const struct stss3_request *request,
                      bool is_cancelled)
{
    const int64_t took_ns = plug_now_ns() - request->sent_ns;
    const struct regstore_pair operation = {"operation", request->operation};
    log_try(host, request, took_ns);
    plug_count(host, "regstore_http_tries_total", 1,
               PLUG_FIELDS(operation,
                           {"status", is_cancelled ? "cancelled" : outcome_label(request)}));
    plug_time(host, "regstore_http_seconds", (double)took_ns / 1e9, &operation, 1);
    if (request->sent_bytes != 0)
        plug_count(host, "regstore_http_sent_bytes_total", (double)request->sent_bytes, &operation,
                   1);
    if (request->received_bytes != 0)
        plug_count(host, "regstore_http_received_bytes_total", (double)request->received_bytes,
                   &operation, 1);
}

void stss3_report_retry(const struct plug_host *host, const struct stss3_request *request)
{
    const char *cause = request->cause;
    if (cause == NULL)
        cause = request->error.status == REGSTORE_THROTTLED ? "throttled" : outcome_label(request);
    plug_count(host, "regstore_http_retries_total", 1,
               PLUG_FIELDS({"operation", request->operation}, {"cause", cause}));
}

void stss3_report_end(const struct plug_host *host, const struct stss3_request *request)
{
    plug_count(host, "regstore_http_requests_total", 1,
               PLUG_FIELDS({"operation", request->operation},
                           {"outcome", plug_status_word(request->error.status)}));
}

void stss3_report_budget(const struct plug_host *host, const struct stss3_retries *retries)
{
    plug_set(host, "regstore_http_retry_budget_used_ratio",
             (double)stss3_retries_used(retries) / STSS3_RETRY_TOKENS,
             PLUG_FIELDS({"service", retries->service}));
}

void stss3_report_used_up(const struct plug_host *host, struct stss3_retries *retries,
                          const struct stss3_request *request)
{
    if (stss3_retries_note_used_up(retries))
        plug_log(host, REGSTORE_LOG_WARNING, "retries_used_up",
                 PLUG_FIELDS({"service", retries->service}, {"operation", request->operation},
                             {"message", request->error.message}));
}

void stss3_report_mood(const struct plug_host *host, struct stss3_retries *retries,
                       const struct stss3_request *request, bool is_throttled)
{
    unsigned refusals = 0;
    int64_t lasted_ns = 0;
    if (is_throttled &&
        stss3_retries_note_throttled(retries, plug_now_ns()) == STSS3_MOOD_THROTTLING)
        plug_log(host, REGSTORE_LOG_WARNING, "throttling_begun",
                 PLUG_FIELDS({"service", retries->service}, {"operation", request->operation},
                             {"status", plug_number(request->http_status).text},
                             {"code", request->error.code}));
    if (request->error.status == REGSTORE_OK &&
        stss3_retries_note_good(retries, plug_now_ns(), &refusals, &lasted_ns) == STSS3_MOOD_CALM)
        plug_log(host, REGSTORE_LOG_INFO, "throttling_ended",
                 PLUG_FIELDS({"service", retries->service},
                             {"refusals", plug_number(refusals).text},
                             {"seconds", plug_number(lasted_ns / 1000000000).text}));
}
