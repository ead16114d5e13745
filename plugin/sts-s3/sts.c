/* SPDX-License-Identifier: Apache-2.0 */
#include "sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sigv4.h"
#include "timestamp.h"
#include "user_request.h"
#include "verdict.h"

struct assume {
    const struct stss3_config *config;
    const struct plug_host *host;
    struct stss3_clocks *clocks;
    void (*done)(void *ctx, struct stss3_session *session, const struct plug_error *error);
    void *ctx;
    struct plug_buf form;
    char form_sha256[STSS3_SHA256_HEX];
};

static bool write_form(struct assume *a)
{
    char duration[24];
    (void)snprintf(duration, sizeof duration, "%llu", (unsigned long long)a->config->duration_s);
    stss3_form_add(&a->form, "Action", "AssumeRole");
    stss3_form_add(&a->form, "Version", "2011-06-15");
    stss3_form_add(&a->form, "RoleArn", a->config->role_arn);
    stss3_form_add(&a->form, "RoleSessionName", a->config->session_name);
    stss3_form_add(&a->form, "DurationSeconds", duration);
    if (a->config->external_id != NULL)
        stss3_form_add(&a->form, "ExternalId", a->config->external_id);
    return !plug_buf_failed(&a->form) &&
           stss3_sha256_hex(a->form.data, a->form.len, a->form_sha256);
}

static enum stss3_ready prepare(struct stss3_request *request)
{
    struct assume *a = request->owner;
    return stss3_user_prepare(request, a->config, &a->clocks->sts, "sts", a->form_sha256);
}

/* Adds to the words of a failure what the operator can do about it. */
static void advise(struct stss3_request *request)
{
    const struct assume *a = request->owner;
    char words[sizeof request->error.message], clock[100];
    const char *advice = "";
    int64_t ahead_ns;
    if (strcmp(request->error.code, "RequestTimeTooSkewed") == 0 &&
        stss3_verdict_clock_gap(request, plug_host_clock_ns(a->host), &ahead_ns)) {
        (void)snprintf(clock, sizeof clock, "; this machine's clock is %lld s %s the service's",
                       llabs((long long)(ahead_ns / STSS3_NS_PER_S)),
                       ahead_ns < 0 ? "behind" : "ahead of");
        advice = clock;
    } else if (a->config->is_sts_implied)
        advice =
            "; sts_endpoint_url is missing, so AWS's STS was asked, although endpoint_url names "
            "another server";
    else if (request->error.status == REGSTORE_DENIED)
        advice = "; look at sts_user_access_key, sts_user_secret_key and the role's trust policy";
    else if (request->transport != STSS3_TRANSPORT_NONE &&
             request->transport != STSS3_TRANSPORT_TLS)
        advice = "; look at sts_endpoint_url";
    (void)snprintf(words, sizeof words, "%.380s%s", request->error.message, advice);
    memcpy(request->error.message, words, sizeof words);
}

/* How long it lives, on the monotonic clock: by the service's own time of the answer, not by ours.
 */
static void set_end(struct stss3_session *session, const struct stss3_request *request,
                    const struct assume *a)
{
    const char *date = stss3_request_answer_header(request, "date");
    int64_t answered_ns;
    if (date == NULL || !stss3_time_parse_http(date, &answered_ns))
        answered_ns = stss3_service_clock_now_ns(&a->clocks->sts);
    session->born_ns = request->sent_ns;
    session->end_ns = request->sent_ns + (session->expires_ns - answered_ns);
}

static regstore_status read_session(struct stss3_request *request, struct stss3_session **out)
{
    struct plug_buf access = {0}, secret = {0}, token = {0}, expires = {0}, role = {0};
    const struct stss3_xml_field fields[] = {
        {"AssumeRoleResult/Credentials/AccessKeyId", &access},
        {"AssumeRoleResult/Credentials/SecretAccessKey", &secret},
        {"AssumeRoleResult/Credentials/SessionToken", &token},
        {"AssumeRoleResult/Credentials/Expiration", &expires},
        {"AssumeRoleResult/AssumedRoleUser/Arn", &role},
    };
    struct stss3_session *session = NULL;
    int64_t expires_ns = 0;
    regstore_status status =
        stss3_xml_pick(plug_buf_text(&request->answer), request->answer.len, "AssumeRoleResponse",
                       fields, sizeof fields / sizeof fields[0], &request->error);
    if (status == REGSTORE_OK && (access.len == 0 || secret.len == 0 || token.len == 0 ||
                                  !stss3_time_parse_iso(plug_buf_text(&expires), &expires_ns))) {
        status = REGSTORE_UNAVAILABLE;
        plug_error_set(&request->error, status,
                       "AssumeRole: the answer has no whole session in it");
    } else if (status == REGSTORE_OK) {
        session = stss3_session_new(plug_buf_text(&access), plug_buf_text(&secret),
                                    plug_buf_text(&token), plug_buf_text(&role));
        status = session == NULL ? REGSTORE_NO_MEMORY : REGSTORE_OK;
    }
    if (session != NULL) {
        session->expires_ns = expires_ns;
        set_end(session, request, request->owner);
    }
    if (session != NULL && session->end_ns <= plug_now_ns()) {
        status = REGSTORE_UNAVAILABLE;
        plug_error_set(&request->error, status,
                       "AssumeRole: the session that came had ended already: look at the clocks");
        stss3_session_unref(session);
        session = NULL;
    }
    plug_buf_wipe(&access);
    plug_buf_wipe(&secret);
    plug_buf_wipe(&token);
    plug_buf_clear(&expires);
    plug_buf_clear(&role);
    *out = session;
    return status;
}

static enum stss3_verdict judge(struct stss3_request *request)
{
    struct stss3_error_body body;
    const struct assume *a = request->owner;
    enum stss3_verdict verdict = stss3_verdict_judge(request, true, &body);
    if (stss3_service_clock_learn(&a->clocks->sts, request, &body))
        verdict = STSS3_AGAIN;
    if (request->error.status != REGSTORE_OK) {
        /* The user's own keys cannot expire: what is stale for S3 is a wrong key here. */
        if (request->http_status >= 400 && request->http_status < 500 &&
            request->error.status == REGSTORE_INTERNAL)
            request->error.status = REGSTORE_DENIED;
        advise(request);
    }
    return verdict;
}

static void done(struct stss3_request *request)
{
    struct assume *a = request->owner;
    struct stss3_session *session = NULL;
    if (request->error.status == REGSTORE_OK)
        request->error.status = read_session(request, &session);
    if (session != NULL)
        plug_log(a->host, REGSTORE_LOG_INFO, "session",
                 (struct regstore_pair[]){{"role", session->role}, {"source", "settings"}}, 2);
    plug_buf_wipe(&request->answer); /* the secret key and the token stood in it */
    a->done(a->ctx, session, &request->error);
}

static void release(struct stss3_request *request)
{
    struct assume *a = request->owner;
    plug_buf_clear(&a->form);
    free(a);
}

static const struct stss3_request_hooks hooks = {prepare, judge, done, release};

struct stss3_request *stss3_sts_assume_role(
    const struct stss3_config *config, const struct plug_host *host, struct stss3_clocks *clocks,
    void (*on_done)(void *ctx, struct stss3_session *session, const struct plug_error *error),
    void *ctx)
{
    struct assume *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    *a = (struct assume){
        .config = config, .host = host, .clocks = clocks, .done = on_done, .ctx = ctx};
    struct stss3_request *request =
        write_form(a) ? stss3_request_new(&hooks, a, "POST", "AssumeRole") : NULL;
    if (request == NULL) {
        plug_buf_clear(&a->form);
        free(a);
        return NULL;
    }
    request->body = (const uint8_t *)a->form.data;
    request->body_len = a->form.len;
    return request;
}
