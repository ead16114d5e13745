/* SPDX-License-Identifier: Apache-2.0 */
#include "container.h"

#include <stdlib.h>
#include <string.h>

#include "metadata.h"
#include "token_file.h"

struct ask {
    const struct stss3_tools *tools;
    struct stss3_sessions *sessions;
    struct stss3_token_file token;
};

static enum stss3_ready prepare(struct stss3_request *request)
{
    struct ask *a = request->owner;
    const struct stss3_who *who = &a->tools->config->who;
    const char *token = who->container_token;
    if (who->container_token_file != NULL) {
        const enum stss3_ready ready = stss3_token_file_get(&a->token, request);
        if (ready != STSS3_READY)
            return ready;
        token = plug_buf_text(&a->token.text);
        if (strpbrk(token, "\r\n") != NULL) {
            plug_error_set(&request->error, REGSTORE_CONFIG,
                           "%s: the file %.200s has a line break inside its text", a->token.what,
                           a->token.path);
            return STSS3_REFUSED;
        }
    }
    plug_buf_str(&request->url, who->container_url);
    stss3_request_add_header(request, "accept", "application/json");
    if (token != NULL)
        stss3_request_add_header(request, "authorization", token);
    return STSS3_READY;
}

static enum stss3_verdict judge(struct stss3_request *request)
{
    struct ask *a = request->owner;
    stss3_token_file_forget(&a->token);
    return stss3_metadata_judge(request);
}

static void done(struct stss3_request *request)
{
    struct ask *a = request->owner;
    struct stss3_session *session =
        request->error.status == REGSTORE_OK ? stss3_metadata_read(a->tools, request) : NULL;
    stss3_sessions_renewed(a->sessions, session, &request->error);
}

static void release(struct stss3_request *request)
{
    struct ask *a = request->owner;
    stss3_token_file_clear(&a->token);
    free(a);
}

static void obtain(struct stss3_source *source, struct stss3_sessions *sessions)
{
    static const struct stss3_request_hooks hooks = {prepare, judge, done, release};
    struct ask *a = calloc(1, sizeof *a);
    struct stss3_request *request =
        a == NULL ? NULL : stss3_metadata_request(&hooks, a, "GET", "ContainerCredentials");
    if (request == NULL) {
        struct plug_error error;
        free(a);
        plug_error_set(&error, REGSTORE_NO_MEMORY, "out of memory");
        stss3_sessions_renewed(sessions, NULL, &error);
        return;
    }
    a->tools = source->tools;
    a->sessions = sessions;
    a->token = (struct stss3_token_file){.tools = source->tools,
                                         .what = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                         .path = source->tools->config->who.container_token_file};
    stss3_request_start(source->tools->http, request);
    stss3_request_unref(request);
}

static const char *name(const struct stss3_source *source)
{
    (void)source;
    return "container";
}

static void free_source(struct stss3_source *source)
{
    free(source);
}

struct stss3_source *stss3_container_source_new(const struct stss3_tools *tools)
{
    static const struct stss3_source_verbs verbs = {obtain, name, free_source};
    struct stss3_source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return NULL;
    source->verbs = &verbs;
    source->tools = tools;
    return source;
}
