/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata.h"

#include <stdio.h>
#include <string.h>

#include "credentials_json.h"
#include "json_fields.h"
#include "sts_answer.h"
#include "timestamp.h"

#define TIMEOUT_MS 1000
#define TRIES      3
/* Credentials that have ended are asked for anew after 10 to 15 minutes, so that the clients of a
 * service that is down do not come all at once. */
#define OVERDUE_S        600
#define OVERDUE_JITTER_S 300
/* Of those that do not say when they end. */
#define UNDATED_S 900

struct stss3_request *stss3_metadata_request(const struct stss3_request_hooks *hooks, void *owner,
                                             const char *method, const char *operation)
{
    struct stss3_request *request = stss3_request_new(hooks, owner, method, operation);
    if (request == NULL)
        return NULL;
    request->is_beside_us = true;
    request->connect_timeout_ms = TIMEOUT_MS;
    request->stall_timeout_ms = TIMEOUT_MS;
    request->answer_max = STSS3_JSON_BYTES_MAX;
    return request;
}

static regstore_status status_of(const struct stss3_request *request)
{
    const long http = request->http_status;
    if (request->transport == STSS3_TRANSPORT_MEMORY)
        return REGSTORE_NO_MEMORY;
    if (request->transport != STSS3_TRANSPORT_NONE || http >= 500 || http == 429 || http == 408)
        return REGSTORE_UNAVAILABLE;
    return http >= 200 && http < 300 ? REGSTORE_OK : REGSTORE_DENIED;
}

enum stss3_verdict stss3_metadata_judge(struct stss3_request *request)
{
    const regstore_status status = status_of(request);
    const char *url = plug_buf_text(&request->url), *host = strstr(url, "://");
    const size_t len = host == NULL ? 0 : (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
    if (status == REGSTORE_OK)
        return STSS3_DONE;
    if (request->transport != STSS3_TRANSPORT_NONE)
        plug_error_set(&request->error, status, "%s at %.*s: %s", request->operation, (int)len, url,
                       request->transport_text);
    else
        plug_error_set(&request->error, status, "%s at %.*s: HTTP status %ld", request->operation,
                       (int)len, url, request->http_status);
    request->error.http_status = (uint32_t)request->http_status;
    const bool mends_itself = status == REGSTORE_UNAVAILABLE &&
                              request->transport != STSS3_TRANSPORT_TLS &&
                              request->transport != STSS3_TRANSPORT_TOO_LONG;
    return mends_itself && request->tries < TRIES ? STSS3_AGAIN : STSS3_DONE;
}

static int64_t jitter_ns(const struct stss3_session *session)
{
    return session->born_ns % OVERDUE_JITTER_S * STSS3_NS_PER_S; /* nanoseconds are random enough */
}

static void set_end(const struct stss3_tools *tools, struct stss3_request *request,
                    struct stss3_session *session)
{
    if (session->expires_ns == INT64_MAX) {
        session->born_ns = request->sent_ns;
        session->end_ns = request->sent_ns + UNDATED_S * STSS3_NS_PER_S;
        return;
    }
    stss3_session_set_end(session, request, &tools->clocks->sts);
    if (session->end_ns > plug_now_ns())
        return;
    session->is_overdue = true;
    session->born_ns = plug_now_ns();
    session->end_ns = session->born_ns + OVERDUE_S * STSS3_NS_PER_S + jitter_ns(session);
    plug_log(tools->host, REGSTORE_LOG_WARNING, "credentials_overdue",
             PLUG_FIELDS({"operation", request->operation}));
}

struct stss3_session *stss3_metadata_read(const struct stss3_tools *tools,
                                          struct stss3_request *request)
{
    const struct stss3_credentials_form form = {.what = request->operation, .token_name = "Token"};
    struct stss3_session *session = NULL;
    if (stss3_credentials_read(&form, plug_buf_text(&request->answer), request->answer.len,
                               &session, &request->error) == REGSTORE_OK)
        set_end(tools, request, session);
    plug_buf_wipe(&request->answer);
    return session;
}
