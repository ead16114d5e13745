/* SPDX-License-Identifier: Apache-2.0 */
#include "sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sigv4.h"
#include "sts_answer.h"
#include "token_file.h"
#include "user_request.h"
#include "verdict.h"

/* What may mend itself within moments, but is not worth all the tries that an outage is. */
#define IDENTITY_TRIES 3

struct role_source {
    struct stss3_source source; /* without a signer: a web identity */
    struct stss3_role role;     /* duration_s is lowered when the role allows no more */
    const char *token_path, *token_what, *name;
    bool passes_on; /* what lies beneath has assumed the very role */
};

/* One request; it may outlive its source, whose texts it uses only while it is under way. */
struct assume {
    struct role_source *owner;
    const struct stss3_tools *tools;
    struct stss3_sessions *sessions; /* who waits for it */
    struct stss3_token_file token;   /* of a web identity */
    struct stss3_session *signed_with, *passed_on;
    uint64_t signer_round;
    bool has_renewed, has_shortened;
    struct plug_buf form; /* the token stands in it */
    char form_sha256[STSS3_SHA256_HEX];
};

static bool write_form(struct stss3_request *request)
{
    struct assume *a = request->owner;
    const struct stss3_role *role = &a->owner->role;
    char duration[24];
    (void)snprintf(duration, sizeof duration, "%llu", (unsigned long long)role->duration_s);
    plug_buf_wipe(&a->form);
    stss3_form_add(&a->form, "Action", request->operation);
    stss3_form_add(&a->form, "Version", "2011-06-15");
    stss3_form_add(&a->form, "RoleArn", role->arn);
    stss3_form_add(&a->form, "RoleSessionName", role->session_name);
    stss3_form_add(&a->form, "DurationSeconds", duration);
    if (a->signed_with == NULL)
        stss3_form_add(&a->form, "WebIdentityToken", plug_buf_text(&a->token.text));
    else if (role->external_id != NULL)
        stss3_form_add(&a->form, "ExternalId", role->external_id);
    request->body = (const uint8_t *)a->form.data;
    request->body_len = a->form.len;
    if (plug_buf_failed(&a->form))
        return false;
    stss3_sha256_hex(a->form.data, a->form.len, a->form_sha256);
    return true;
}

static enum stss3_ready no_memory(struct stss3_request *request)
{
    plug_error_set(&request->error, REGSTORE_NO_MEMORY, "out of memory");
    return STSS3_REFUSED;
}

static enum stss3_ready prepare_signed(struct stss3_request *request)
{
    struct assume *a = request->owner;
    stss3_session_unref(a->signed_with);
    a->signed_with = NULL;
    const enum stss3_ready ready = stss3_sessions_get(
        a->owner->source.signer, request, &a->signer_round, &a->signed_with, &request->error);
    if (ready != STSS3_READY)
        return ready;
    if (a->signed_with->role_arn != NULL &&
        strcmp(a->signed_with->role_arn, a->owner->role.arn) == 0) {
        a->passed_on = a->signed_with;
        a->signed_with = NULL;
        return STSS3_NEEDLESS;
    }
    if (!write_form(request))
        return no_memory(request);
    return stss3_user_sign(request, a->tools->config, &a->tools->clocks->sts, "sts", a->form_sha256,
                           a->signed_with);
}

static enum stss3_ready prepare_unsigned(struct stss3_request *request)
{
    struct assume *a = request->owner;
    const enum stss3_ready ready = stss3_token_file_get(&a->token, request);
    if (ready != STSS3_READY)
        return ready;
    if (!write_form(request))
        return no_memory(request);
    request->stamp_ns = stss3_service_clock_now_ns(&a->tools->clocks->sts);
    stss3_user_form_request(request, &a->tools->config->sts);
    return STSS3_READY;
}

/* Whether the refusal may be due to the end of the session that signed it. */
static bool renews_signer(struct assume *a, const struct stss3_request *request,
                          const struct stss3_error_body *body)
{
    if (a->has_renewed || a->signed_with == NULL || a->signed_with->token == NULL)
        return false;
    if (!stss3_code_is_stale_session(body->code) &&
        !(request->http_status == 403 &&
          stss3_sessions_may_be_over(a->owner->source.signer, a->signed_with)))
        return false;
    a->has_renewed = true;
    stss3_sessions_drop(a->owner->source.signer, a->signed_with);
    return true;
}

/* The role's maximum is less than what is asked for, or this is a chain: what every role allows. */
static bool shortens(struct assume *a, const struct stss3_error_body *body)
{
    struct stss3_role *role = &a->owner->role;
    if (a->has_shortened || role->duration_s <= STSS3_CHAINED_MAX_S ||
        strcmp(body->code, "ValidationError") != 0 ||
        strstr(body->message, "DurationSeconds") == NULL)
        return false;
    plug_log(a->tools->host, REGSTORE_LOG_WARNING, "session_shortened",
             PLUG_FIELDS({"role", role->arn},
                         {"seconds", plug_number((int64_t)role->duration_s).text},
                         {"instead", plug_number(STSS3_CHAINED_MAX_S).text}));
    a->has_shortened = true;
    role->duration_s = STSS3_CHAINED_MAX_S;
    return true;
}

/* MinIO says so in words. */
static bool is_token_over(const struct stss3_error_body *body)
{
    return stss3_code_is_stale_session(body->code) ||
           (strcmp(body->code, "InvalidParameterValue") == 0 &&
            strstr(body->message, "expired") != NULL);
}

/* A token that has just been replaced, a provider that has just been made known to the service, one
 * that does not answer the service. */
static bool is_identity_worth_another_try(const struct assume *a,
                                          const struct stss3_request *request,
                                          const struct stss3_error_body *body)
{
    if (a->owner->source.signer != NULL)
        return false;
    return strcmp(body->code, "IDPCommunicationError") == 0 ||
           (request->tries < IDENTITY_TRIES &&
            (strcmp(body->code, "InvalidIdentityToken") == 0 || is_token_over(body)));
}

/* Whatever the words are made of: the names of elements, too, are the other side's. */
static void redact(const struct assume *a, struct plug_error *error)
{
    if (a->signed_with == NULL) {
        stss3_verdict_redact(error, plug_buf_text(&a->token.text));
        return;
    }
    stss3_verdict_redact(error, a->signed_with->token);
    stss3_verdict_redact(error, a->signed_with->secret_key);
}

static enum stss3_verdict judge(struct stss3_request *request)
{
    struct stss3_error_body body;
    struct assume *a = request->owner;
    enum stss3_verdict verdict = stss3_verdict_judge(request, true, &body);
    const bool is_good = request->error.status == REGSTORE_OK;
    const enum stss3_verdict whole =
        !is_good ? STSS3_DONE
                 : stss3_verdict_whole(request, a->owner->source.signer != NULL
                                                    ? "AssumeRoleResponse"
                                                    : "AssumeRoleWithWebIdentityResponse");
    redact(a, &request->error);
    stss3_token_file_forget(&a->token);
    if (stss3_service_clock_learn(&a->tools->clocks->sts, request, &body))
        verdict = STSS3_ANEW;
    if (is_good)
        return whole;
    if (renews_signer(a, request, &body) || shortens(a, &body))
        verdict = STSS3_ANEW;
    if (is_identity_worth_another_try(a, request, &body))
        verdict = STSS3_AGAIN;
    else if (strcmp(body.code, "InvalidIdentityToken") == 0)
        verdict = STSS3_DONE; /* a few tries are enough for what is not known yet */
    if (strcmp(body.code, "IDPCommunicationError") == 0)
        request->error.status = REGSTORE_UNAVAILABLE;
    /* Keys cannot expire: what is stale for S3 is a wrong key here. */
    if (request->http_status >= 400 && request->http_status < 500 &&
        request->error.status == REGSTORE_INTERNAL)
        request->error.status = REGSTORE_DENIED;
    const struct stss3_sessions *signer = a->owner->source.signer;
    stss3_sts_advise(a->tools, request, signer == NULL ? NULL : stss3_sessions_name(signer));
    return verdict;
}

/* MinIO's sessions have no name of their own. */
static const char *name_of(const struct stss3_session *session)
{
    const bool has_name = session->role != NULL && session->role[0] != '\0';
    return has_name ? session->role : session->role_arn;
}

static void done(struct stss3_request *request)
{
    struct assume *a = request->owner;
    struct role_source *owner = a->owner;
    struct stss3_session *session = a->passed_on;
    owner->passes_on = session != NULL;
    a->passed_on = NULL;
    if (session == NULL && request->error.status == REGSTORE_OK &&
        stss3_sts_read_session(a->tools, request, &session) == REGSTORE_OK) {
        session->role_arn = strdup(owner->role.arn);
        if (session->role_arn == NULL) {
            stss3_session_unref(session);
            session = NULL;
            (void)no_memory(request);
        }
    }
    if (session != NULL)
        plug_log(a->tools->host, REGSTORE_LOG_INFO, "session",
                 (struct regstore_pair[]){{"role", name_of(session)},
                                          {"source", owner->source.verbs->name(&owner->source)}},
                 2);
    plug_buf_wipe(&request->answer); /* also when it was not read */
    stss3_sessions_renewed(a->sessions, session, &request->error);
}

static void release(struct stss3_request *request)
{
    struct assume *a = request->owner;
    stss3_session_unref(a->signed_with);
    stss3_session_unref(a->passed_on);
    stss3_token_file_clear(&a->token);
    plug_buf_wipe(&a->form);
    free(a);
}

static struct stss3_request *new_request(struct role_source *r, struct stss3_sessions *sessions)
{
    static const struct stss3_request_hooks signed_hooks = {prepare_signed, judge, done, release};
    static const struct stss3_request_hooks unsigned_hooks = {prepare_unsigned, judge, done,
                                                              release};
    const bool is_signed = r->source.signer != NULL;
    struct assume *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->owner = r;
    a->tools = r->source.tools;
    a->sessions = sessions;
    a->token =
        (struct stss3_token_file){.tools = a->tools, .what = r->token_what, .path = r->token_path};
    struct stss3_request *request =
        stss3_request_new(is_signed ? &signed_hooks : &unsigned_hooks, a, "POST",
                          is_signed ? "AssumeRole" : "AssumeRoleWithWebIdentity");
    if (request == NULL)
        free(a);
    return request;
}

static void obtain(struct stss3_source *source, struct stss3_sessions *sessions)
{
    struct role_source *r = (struct role_source *)source;
    struct stss3_request *request = new_request(r, sessions);
    if (request == NULL) {
        struct plug_error error;
        plug_error_set(&error, REGSTORE_NO_MEMORY, "out of memory");
        stss3_sessions_renewed(sessions, NULL, &error);
        return;
    }
    /* What was passed on would only be passed on again; the one above still has it. */
    if (source->signer != NULL &&
        (r->passes_on || stss3_sessions_source(source->signer)->is_read_anew))
        stss3_sessions_forget(source->signer);
    stss3_request_start(source->tools->http, request);
    stss3_request_unref(request);
}

static const char *name(const struct stss3_source *source)
{
    return source->signer != NULL ? stss3_sessions_name(source->signer)
                                  : ((const struct role_source *)source)->name;
}

static void free_source(struct stss3_source *source)
{
    stss3_sessions_free(source->signer);
    free(source);
}

static struct role_source *new_source(const struct stss3_tools *tools,
                                      const struct stss3_role *role, struct stss3_sessions *signer)
{
    static const struct stss3_source_verbs verbs = {obtain, name, free_source};
    struct role_source *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->source = (struct stss3_source){.verbs = &verbs, .tools = tools, .signer = signer};
    r->role = *role;
    return r;
}

struct stss3_source *stss3_role_source_new(const struct stss3_tools *tools,
                                           const struct stss3_role *role,
                                           struct stss3_sessions *signer)
{
    struct role_source *r = signer == NULL ? NULL : new_source(tools, role, signer);
    if (r == NULL)
        stss3_sessions_free(signer);
    return r == NULL ? NULL : &r->source;
}

struct stss3_source *stss3_web_identity_source_new(const struct stss3_tools *tools,
                                                   const struct stss3_role *role, const char *path,
                                                   const char *what, const char *source_name)
{
    struct role_source *r = new_source(tools, role, NULL);
    if (r == NULL)
        return NULL;
    r->token_path = path;
    r->token_what = what;
    r->name = source_name;
    return &r->source;
}
