/* SPDX-License-Identifier: Apache-2.0 */
#include "user_request.h"

#include <stdlib.h>
#include <string.h>

#include "sigv4.h"
#include "verdict.h"

static const char form_type[] = "application/x-www-form-urlencoded; charset=utf-8";

void stss3_form_add(struct plug_buf *form, const char *name, const char *value)
{
    if (form->len != 0)
        plug_buf_char(form, '&');
    plug_buf_str(form, name);
    plug_buf_char(form, '=');
    stss3_uri_encode(form, value, strlen(value), false);
}

static void write_url(struct stss3_request *request, const struct stss3_endpoint *endpoint)
{
    plug_buf_printf(&request->url, "%s://%s/", endpoint->tls ? "https" : "http",
                    endpoint->authority);
}

void stss3_user_form_request(struct stss3_request *request, const struct stss3_endpoint *endpoint)
{
    write_url(request, endpoint);
    stss3_request_add_header(request, "content-type", form_type);
}

static void write_request(struct stss3_request *request, const struct stss3_endpoint *endpoint,
                          const struct stss3_sign_request *signed_request,
                          const struct stss3_signature *signature, const char *token)
{
    write_url(request, endpoint);
    for (size_t i = 1; i < signed_request->n_headers; i++)
        stss3_request_add_header(request, signed_request->headers[i].name,
                                 signed_request->headers[i].value);
    if ((signed_request->flags & STSS3_SIGN_PAYLOAD_HEADER) != 0)
        stss3_request_add_header(request, "x-amz-content-sha256", signed_request->payload_sha256);
    stss3_request_add_header(request, "x-amz-date", signature->amz_date);
    if (token != NULL)
        stss3_request_add_header(request, "x-amz-security-token", token);
    stss3_request_add_header(request, "authorization", plug_buf_text(&signature->text));
}

enum stss3_ready stss3_user_sign(struct stss3_request *request, const struct stss3_config *config,
                                 const struct stss3_service_clock *clock, const char *service,
                                 const char *payload_sha256, const struct stss3_session *user)
{
    const bool is_s3 = strcmp(service, "s3") == 0;
    const struct stss3_endpoint *endpoint = is_s3 ? &config->s3 : &config->sts;
    const struct stss3_signer signer = {.access_key = user->access_key,
                                        .secret_key = user->secret_key,
                                        .session_token = user->token,
                                        .region = config->region,
                                        .service = service};
    const struct stss3_header headers[] = {{"host", endpoint->authority},
                                           {"content-type", form_type}};
    const struct stss3_sign_request signed_request = {.method = request->method,
                                                      .path = "/",
                                                      .headers = headers,
                                                      .n_headers = request->body == NULL ? 1 : 2,
                                                      .payload_sha256 = payload_sha256,
                                                      .flags = is_s3 ? STSS3_SIGN_FOR_S3
                                                                     : STSS3_SIGN_FOR_OTHERS};
    struct stss3_signing_key key = {0};
    struct stss3_signature signature = {0};
    request->stamp_ns = stss3_service_clock_now_ns(clock);
    const bool is_signed =
        stss3_sign_headers(&signer, &signed_request, request->stamp_ns, &key, &signature);
    write_request(request, endpoint, &signed_request, &signature, user->token);
    stss3_signature_clear(&signature);
    stss3_signing_key_clear(&key);
    if (is_signed)
        return STSS3_READY;
    plug_error_set(&request->error, REGSTORE_NO_MEMORY, "out of memory");
    return STSS3_REFUSED;
}

/* One of the two questions; lives as long as its request. */
struct question {
    const struct stss3_config *config;
    struct stss3_service_clock *clock;
    const char *service;
    struct stss3_sessions *user;
    struct stss3_session *signed_with;
    uint64_t round;
    struct plug_buf form;
    char form_sha256[STSS3_SHA256_HEX];
};

static enum stss3_ready prepare(struct stss3_request *request)
{
    struct question *q = request->owner;
    stss3_session_unref(q->signed_with);
    q->signed_with = NULL;
    const enum stss3_ready ready =
        stss3_sessions_get(q->user, request, &q->round, &q->signed_with, &request->error);
    if (ready != STSS3_READY)
        return ready;
    return stss3_user_sign(request, q->config, q->clock, q->service, q->form_sha256,
                           q->signed_with);
}

/* Once is enough: whoever asks has just had a failure, or is told to name the user himself.  Only
 * the service's time may have to be learned first. */
static enum stss3_verdict judge(struct stss3_request *request)
{
    const struct question *q = request->owner;
    struct stss3_error_body body;
    (void)stss3_verdict_judge(request, true, &body);
    return stss3_service_clock_learn(q->clock, request, &body) ? STSS3_ANEW : STSS3_DONE;
}

static void release(struct stss3_request *request)
{
    struct question *q = request->owner;
    stss3_session_unref(q->signed_with);
    plug_buf_clear(&q->form);
    free(q);
}

static const struct stss3_request_hooks hooks = {prepare, judge, NULL, release};

/* NULL: no memory.  The caller has a reference. */
static struct stss3_request *new_question(const struct stss3_user_ask *ask, const char *service,
                                          const char *method, const char *operation)
{
    struct question *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    *q = (struct question){
        .config = ask->config,
        .clock = strcmp(service, "sts") == 0 ? &ask->clocks->sts : &ask->clocks->s3,
        .service = service,
        .user = ask->user,
    };
    struct stss3_request *request = stss3_request_new(&hooks, q, method, operation);
    if (request == NULL) {
        free(q);
        return NULL;
    }
    if (strcmp(service, "sts") == 0) {
        stss3_form_add(&q->form, "Action", operation);
        stss3_form_add(&q->form, "Version", "2011-06-15");
        request->body = (const uint8_t *)q->form.data;
        request->body_len = q->form.len;
    }
    if (plug_buf_failed(&q->form)) {
        stss3_request_unref(request);
        return NULL;
    }
    stss3_sha256_hex(q->form.data, q->form.len, q->form_sha256);
    return request;
}

static regstore_status run(const struct stss3_user_ask *ask, struct stss3_request *request,
                           struct plug_call *call)
{
    TRY(plug_call_check(call));
    stss3_request_start(ask->http, request);
    const regstore_status status = stss3_request_wait(request, call);
    if (status != REGSTORE_OK) {
        stss3_request_cancel(request);
        return status;
    }
    if (request->error.status != REGSTORE_OK)
        return plug_call_adopt(call, &request->error);
    return REGSTORE_OK;
}

regstore_status stss3_user_list_buckets(const struct stss3_user_ask *ask, struct plug_call *call)
{
    struct stss3_request *request = new_question(ask, "s3", "GET", "ListBuckets");
    if (request == NULL)
        return plug_no_memory(call);
    request->answer_max = 4u << 20; /* all the user's buckets */
    const regstore_status status = run(ask, request, call);
    stss3_request_unref(request);
    return status;
}

regstore_status stss3_user_arn(const struct stss3_user_ask *ask, struct plug_call *call,
                               struct plug_buf *arn)
{
    const struct stss3_xml_field field = {"GetCallerIdentityResult/Arn", arn};
    struct stss3_request *request = new_question(ask, "sts", "POST", "GetCallerIdentity");
    if (request == NULL)
        return plug_no_memory(call);
    regstore_status status = run(ask, request, call);
    if (status == REGSTORE_OK) {
        status = stss3_xml_pick(plug_buf_text(&request->answer), request->answer.len,
                                "GetCallerIdentityResponse", &field, 1, &call->error);
        if (status == REGSTORE_OK && arn->len == 0)
            status = plug_fail(call, REGSTORE_UNAVAILABLE,
                               "GetCallerIdentity: the answer names no user");
    }
    stss3_request_unref(request);
    return status;
}
