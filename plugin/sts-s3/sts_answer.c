/* SPDX-License-Identifier: Apache-2.0 */
#include "sts_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timestamp.h"
#include "verdict.h"
#include "xml.h"

static const char *advice_if_denied(const char *signer, char *room, size_t cap)
{
    if (signer == NULL)
        return "; look at the role's trust policy (the provider as its Principal, sub and aud), "
               "and at the token's file";
    if (strcmp(signer, "settings") == 0)
        return "; look at sts_user_access_key, sts_user_secret_key and the role's trust policy";
    (void)snprintf(room, cap, "; look at the role's trust policy, and at the credentials from: %s",
                   signer);
    return room;
}

void stss3_sts_advise(const struct stss3_tools *tools, struct stss3_request *request,
                      const char *signer)
{
    char words[sizeof request->error.message], room[120];
    const char *advice = "";
    int64_t ahead_ns;
    if (strcmp(request->error.code, "RequestTimeTooSkewed") == 0 &&
        stss3_verdict_clock_gap(request, plug_host_clock_ns(tools->host), &ahead_ns)) {
        (void)snprintf(room, sizeof room, "; this machine's clock is %lld s %s the service's",
                       llabs((long long)(ahead_ns / STSS3_NS_PER_S)),
                       ahead_ns < 0 ? "behind" : "ahead of");
        advice = room;
    } else if (tools->config->is_sts_implied)
        advice =
            "; sts_endpoint_url is missing, so AWS's STS was asked, although endpoint_url names "
            "another server";
    else if (request->error.status == REGSTORE_DENIED)
        advice = advice_if_denied(signer, room, sizeof room);
    else if (request->transport != STSS3_TRANSPORT_NONE &&
             request->transport != STSS3_TRANSPORT_TLS)
        advice = "; look at sts_endpoint_url";
    (void)snprintf(words, sizeof words, "%.380s%s", request->error.message, advice);
    memcpy(request->error.message, words, sizeof words);
}

void stss3_session_set_end(struct stss3_session *session, const struct stss3_request *request,
                           const struct stss3_service_clock *clock)
{
    const char *date = stss3_request_answer_header(request, "date");
    int64_t answered_ns;
    if (date == NULL || !stss3_time_parse_http(date, &answered_ns))
        answered_ns = stss3_service_clock_now_ns(clock);
    session->born_ns = request->sent_ns;
    session->end_ns = request->sent_ns + (session->expires_ns - answered_ns);
}

struct parts {
    struct plug_buf access, secret, token, expires, role;
};

static regstore_status pick(struct stss3_request *request, struct parts *parts)
{
    static const char *const names[] = {
        "Credentials/AccessKeyId", "Credentials/SecretAccessKey", "Credentials/SessionToken",
        "Credentials/Expiration",  "AssumedRoleUser/Arn",
    };
    struct plug_buf *const texts[] = {&parts->access, &parts->secret, &parts->token,
                                      &parts->expires, &parts->role};
    char root[64], paths[5][96];
    struct stss3_xml_field fields[5];
    (void)snprintf(root, sizeof root, "%sResponse", request->operation);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%sResult/%s", request->operation, names[i]);
        fields[i] = (struct stss3_xml_field){paths[i], texts[i]};
    }
    return stss3_xml_pick(plug_buf_text(&request->answer), request->answer.len, root, fields, 5,
                          &request->error);
}

static struct stss3_session *make(const struct stss3_tools *tools, struct stss3_request *request,
                                  const struct parts *parts)
{
    int64_t expires_ns = 0;
    if (parts->access.len == 0 || parts->secret.len == 0 || parts->token.len == 0 ||
        !stss3_time_parse_iso(plug_buf_text(&parts->expires), &expires_ns)) {
        plug_error_set(&request->error, REGSTORE_UNAVAILABLE,
                       "%s: the answer has no whole session in it", request->operation);
        return NULL;
    }
    struct stss3_session *session =
        stss3_session_new(plug_buf_text(&parts->access), plug_buf_text(&parts->secret),
                          plug_buf_text(&parts->token), plug_buf_text(&parts->role));
    if (session == NULL) {
        plug_error_set(&request->error, REGSTORE_NO_MEMORY, "out of memory");
        return NULL;
    }
    session->expires_ns = expires_ns;
    stss3_session_set_end(session, request, &tools->clocks->sts);
    if (session->end_ns > plug_now_ns())
        return session;
    plug_error_set(&request->error, REGSTORE_UNAVAILABLE,
                   "%s: the session that came had ended already: look at the clocks",
                   request->operation);
    stss3_session_unref(session);
    return NULL;
}

regstore_status stss3_sts_read_session(const struct stss3_tools *tools,
                                       struct stss3_request *request, struct stss3_session **out)
{
    struct parts parts = {.access = {0}};
    *out = NULL;
    if (pick(request, &parts) == REGSTORE_OK)
        *out = make(tools, request, &parts);
    plug_buf_wipe(&parts.access);
    plug_buf_wipe(&parts.secret);
    plug_buf_wipe(&parts.token);
    plug_buf_clear(&parts.expires);
    plug_buf_clear(&parts.role);
    plug_buf_wipe(&request->answer); /* they stood in it too */
    return request->error.status;
}
