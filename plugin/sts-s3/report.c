/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>
#include <string.h>

static const char *const transport_names[] = {
    [STSS3_TRANSPORT_NONE] = "none",         [STSS3_TRANSPORT_RESOLVE] = "resolve",
    [STSS3_TRANSPORT_CONNECT] = "connect",   [STSS3_TRANSPORT_TLS] = "tls",
    [STSS3_TRANSPORT_BROKEN] = "broken",     [STSS3_TRANSPORT_STALE] = "stale",
    [STSS3_TRANSPORT_STALLED] = "stalled",   [STSS3_TRANSPORT_TOO_LONG] = "too_long",
    [STSS3_TRANSPORT_INTERNAL] = "internal",
};

static void log_try(const struct plug_host *host, const struct stss3_request *request,
                    int64_t took_ns)
{
    if (host->host.log == NULL)
        return;
    const char *url = plug_buf_text(&request->url), *authority = strstr(url, "://");
    authority = authority == NULL ? url : authority + 3;
    char name[256], status[16], tries[16], took_ms[24];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(authority, "/?#"), authority);
    (void)snprintf(status, sizeof status, "%ld", request->http_status);
    (void)snprintf(tries, sizeof tries, "%u", request->tries);
    (void)snprintf(took_ms, sizeof took_ms, "%lld", (long long)(took_ns / 1000000));
    const struct regstore_pair fields[] = {
        {"operation", request->operation},
        {"method", request->method},
        {"host", name},
        {"status", status},
        {"try", tries},
        {"milliseconds", took_ms},
        {"transport", transport_names[request->transport]},
        {"message", request->transport_text},
    };
    plug_log(host, REGSTORE_LOG_DEBUG, "http_try", fields, sizeof fields / sizeof fields[0]);
}

void stss3_report_try(const struct plug_host *host, const struct stss3_request *request)
{
    const int64_t took_ns = plug_now_ns() - request->sent_ns;
    const struct regstore_pair label = {"operation", request->operation};
    log_try(host, request, took_ns);
    if (host->host.metric != NULL)
        host->host.metric(host->host.ctx, REGSTORE_METRIC_TIME, "regstore_http_seconds",
                          (double)took_ns / 1e9, &label, 1);
}

void stss3_report_retry(const struct plug_host *host, const struct stss3_request *request)
{
    char status[16];
    const char *cause = transport_names[request->transport];
    if (request->transport == STSS3_TRANSPORT_NONE) {
        (void)snprintf(status, sizeof status, "%ld", request->http_status);
        cause = status;
    }
    const struct regstore_pair labels[] = {{"operation", request->operation}, {"cause", cause}};
    if (host->host.metric != NULL)
        host->host.metric(host->host.ctx, REGSTORE_METRIC_COUNT, "regstore_http_retries_total", 1,
                          labels, 2);
}

void stss3_report_end(const struct plug_host *host, const struct stss3_request *request)
{
    const char *outcome = "failed";
    if (request->error.status == REGSTORE_OK)
        outcome = "ok";
    else if (request->error.status == REGSTORE_CANCELLED)
        outcome = "cancelled";
    const struct regstore_pair labels[] = {{"operation", request->operation}, {"outcome", outcome}};
    if (host->host.metric != NULL)
        host->host.metric(host->host.ctx, REGSTORE_METRIC_COUNT, "regstore_http_requests_total", 1,
                          labels, 2);
}
