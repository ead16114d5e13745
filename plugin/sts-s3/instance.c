/* SPDX-License-Identifier: Apache-2.0 */
#include "instance.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metadata.h"

#define ROLES "/latest/meta-data/iam/security-credentials/"

struct instance_source {
    struct stss3_source source;
    void (*explain)(const struct stss3_tools *tools, struct plug_error *error);
    atomic_bool has_succeeded;
};

/* One way through the three requests; each holds it while it lasts, one after the other. */
struct walk {
    struct instance_source *owner;
    struct stss3_sessions *sessions;
    struct plug_buf token, role;
    bool has_asked_again; /* a new token, once: the first was refused */
};

static void start(struct walk *w, int stage);

static void end(struct walk *w, struct stss3_session *session, struct plug_error *error)
{
    struct instance_source *owner = w->owner;
    struct stss3_sessions *sessions = w->sessions;
    plug_buf_wipe(&w->token);
    plug_buf_clear(&w->role);
    free(w);
    if (session != NULL)
        atomic_store(&owner->has_succeeded, true);
    else if (owner->explain != NULL && !atomic_load(&owner->has_succeeded))
        owner->explain(owner->source.tools, error);
    stss3_sessions_renewed(sessions, session, error);
}

static enum stss3_ready prepare_at(struct stss3_request *request, const char *path,
                                   const char *more)
{
    struct walk *w = request->owner;
    const struct stss3_endpoint *e = &w->owner->source.tools->config->who.instance;
    plug_buf_printf(&request->url, "%s://%s%s%s", e->tls ? "https" : "http", e->authority, path,
                    more);
    if (w->token.len != 0)
        stss3_request_add_header(request, "x-aws-ec2-metadata-token", plug_buf_text(&w->token));
    return STSS3_READY;
}

static enum stss3_ready prepare_token(struct stss3_request *request)
{
    stss3_request_add_header(request, "x-aws-ec2-metadata-token-ttl-seconds", "21600");
    return prepare_at(request, "/latest/api/token", "");
}

static enum stss3_ready prepare_list(struct stss3_request *request)
{
    return prepare_at(request, ROLES, "");
}

static enum stss3_ready prepare_role(struct stss3_request *request)
{
    const struct walk *w = request->owner;
    return prepare_at(request, ROLES, plug_buf_text(&w->role));
}

/* From a container on a bridge the answer to the PUT has one hop too few, and is dropped. */
static enum stss3_verdict judge_token(struct stss3_request *request)
{
    const enum stss3_verdict verdict = stss3_metadata_judge(request);
    char words[sizeof request->error.message];
    if (request->transport == STSS3_TRANSPORT_STALLED) {
        (void)snprintf(words, sizeof words,
                       "%.300s; in a container the instance's hop limit of 1 is too small: set "
                       "HttpPutResponseHopLimit to 2",
                       request->error.message);
        memcpy(request->error.message, words, sizeof words);
    }
    if (request->http_status == 404 || request->http_status == 405)
        plug_error_set(&request->error, REGSTORE_DENIED,
                       "%s: the instance does not know version 2 of its metadata service, and "
                       "version 1 is never used",
                       request->operation);
    return verdict;
}

/* One line, without what stands around it: a token, a role's name. */
static bool take_line(struct stss3_request *request, struct plug_buf *out)
{
    const char *text = plug_buf_text(&request->answer);
    text += strspn(text, " \t\r\n");
    const size_t len = strcspn(text, " \t\r\n");
    plug_buf_wipe(out);
    plug_buf_add(out, text, len);
    bool is_good = len > 0 && !plug_buf_failed(out) && strlen(text) <= request->answer.len;
    for (size_t i = 0; is_good && i < len; i++)
        is_good = text[i] > ' ' && text[i] < 0x7f;
    plug_buf_wipe(&request->answer);
    if (plug_buf_failed(out))
        plug_error_set(&request->error, REGSTORE_NO_MEMORY, "out of memory");
    else if (!is_good)
        plug_error_set(&request->error, REGSTORE_UNAVAILABLE,
                       "%s: the answer is not what was asked for", request->operation);
    return is_good;
}

static void done_token(struct stss3_request *request)
{
    struct walk *w = request->owner;
    if (request->error.status == REGSTORE_OK && take_line(request, &w->token))
        start(w, 1);
    else
        end(w, NULL, &request->error);
}

static bool is_role_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789+=,.@_-";
    return strspn(name, letters) == strlen(name) && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* Refused, since the token is not good any more: another one, once. */
static bool begins_anew(struct walk *w, const struct stss3_request *request)
{
    if (request->http_status != 401 || w->has_asked_again)
        return false;
    w->has_asked_again = true;
    plug_buf_wipe(&w->token);
    start(w, 0);
    return true;
}

static void done_list(struct stss3_request *request)
{
    struct walk *w = request->owner;
    if (request->http_status == 404)
        plug_error_set(&request->error, REGSTORE_CONFIG,
                       "%s: the instance has no role: give it an instance profile",
                       request->operation);
    else if (request->error.status == REGSTORE_OK && take_line(request, &w->role) &&
             !is_role_name(plug_buf_text(&w->role)))
        plug_error_set(&request->error, REGSTORE_UNAVAILABLE, "%s: the answer names no role",
                       request->operation);
    if (request->error.status == REGSTORE_OK)
        start(w, 2);
    else if (!begins_anew(w, request))
        end(w, NULL, &request->error);
}

static void done_role(struct stss3_request *request)
{
    struct walk *w = request->owner;
    struct stss3_session *session = NULL;
    if (request->error.status == REGSTORE_OK)
        session = stss3_metadata_read(w->owner->source.tools, request);
    if (session != NULL || !begins_anew(w, request))
        end(w, session, &request->error);
}

static void start(struct walk *w, int stage)
{
    static const struct {
        struct stss3_request_hooks hooks;
        const char *method, *operation;
    } stages[] = {
        {{prepare_token, judge_token, done_token, NULL}, "PUT", "InstanceMetadataToken"},
        {{prepare_list, stss3_metadata_judge, done_list, NULL}, "GET", "InstanceRole"},
        {{prepare_role, stss3_metadata_judge, done_role, NULL}, "GET", "InstanceCredentials"},
    };
    struct stss3_request *request = stss3_metadata_request(
        &stages[stage].hooks, w, stages[stage].method, stages[stage].operation);
    if (request == NULL) {
        struct plug_error error;
        plug_error_set(&error, REGSTORE_NO_MEMORY, "out of memory");
        end(w, NULL, &error);
        return;
    }
    stss3_request_start(w->owner->source.tools->http, request);
    stss3_request_unref(request);
}

static void obtain(struct stss3_source *source, struct stss3_sessions *sessions)
{
    struct walk *w = calloc(1, sizeof *w);
    if (w == NULL) {
        struct plug_error error;
        plug_error_set(&error, REGSTORE_NO_MEMORY, "out of memory");
        stss3_sessions_renewed(sessions, NULL, &error);
        return;
    }
    w->owner = (struct instance_source *)source;
    w->sessions = sessions;
    start(w, 0);
}

static const char *name(const struct stss3_source *source)
{
    (void)source;
    return "instance metadata";
}

static void free_source(struct stss3_source *source)
{
    free(source);
}

struct stss3_source *stss3_instance_source_new(const struct stss3_tools *tools,
                                               void (*explain)(const struct stss3_tools *tools,
                                                               struct plug_error *error))
{
    static const struct stss3_source_verbs verbs = {obtain, name, free_source};
    struct instance_source *i = calloc(1, sizeof *i);
    if (i == NULL)
        return NULL;
    i->source.verbs = &verbs;
    i->source.tools = tools;
    i->explain = explain;
    return &i->source;
}
