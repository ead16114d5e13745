/* SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "instance.h"
#include "profile.h"
#include "sts.h"

/* What has to be looked for: becomes what is found. */
struct searched_source {
    struct stss3_source source;
    _Atomic(struct stss3_source *) found;
    struct stss3_sessions *sessions; /* who waits while the worker looks */
};

/* Puts behind the words of the last failure where else we have looked. */
static void explain(const struct stss3_tools *tools, struct plug_error *error)
{
    const struct stss3_who *who = &tools->config->who;
    const char *config = who->config_file.path, *credentials = who->credentials_file.path;
    char words[sizeof error->message];
    (void)snprintf(words, sizeof words,
                   "no credentials: %.195s; nor in the settings (sts_user_access_key), "
                   "AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, profile '%.32s' (%.56s, "
                   "%.56s), AWS_CONTAINER_CREDENTIALS_*_URI",
                   error->message, who->profile, config == NULL ? "no HOME" : config,
                   credentials == NULL ? "no HOME" : credentials);
    memcpy(error->message, words, sizeof words);
}

static struct stss3_source *search(const struct stss3_tools *tools, struct plug_error *error)
{
    const struct stss3_who *who = &tools->config->who;
    struct stss3_source *found = NULL;
    struct stss3_profile_plan plan;
    const regstore_status status = stss3_profile_read(tools, &plan, error);
    if (status != REGSTORE_OK) {
        stss3_profile_plan_clear(&plan);
        return NULL;
    }
    if (plan.base != STSS3_PROFILE_NOTHING) {
        found = stss3_profile_source_new(tools, &plan, error);
    } else if (who->container_url == NULL && who->is_instance_off) {
        plug_error_set(error, REGSTORE_CONFIG,
                       "the instance's metadata is switched off (AWS_EC2_METADATA_DISABLED)");
        explain(tools, error);
    } else {
        plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory"); /* when nothing comes */
        found = who->container_url != NULL ? stss3_container_source_new(tools)
                                           : stss3_instance_source_new(tools, explain);
    }
    stss3_profile_plan_clear(&plan);
    return found;
}

static void look(void *ctx)
{
    struct searched_source *s = ctx;
    struct plug_error error;
    struct stss3_source *found = search(s->source.tools, &error);
    if (found == NULL) {
        stss3_sessions_renewed(s->sessions, NULL, &error);
        return;
    }
    atomic_store(&s->source.is_read_anew, found->is_read_anew);
    atomic_store(&s->source.is_silent, found->signer != NULL);
    atomic_store(&s->found, found);
    found->verbs->obtain(found, s->sessions);
}

static void obtain(struct stss3_source *source, struct stss3_sessions *sessions)
{
    struct searched_source *s = (struct searched_source *)source;
    struct stss3_source *found = atomic_load(&s->found);
    if (found != NULL) {
        found->verbs->obtain(found, sessions);
        return;
    }
    s->sessions = sessions;
    if (stss3_worker_do(source->tools->worker, look, s))
        return;
    struct plug_error error;
    plug_error_set(&error, REGSTORE_NO_MEMORY, "no thread to look for credentials on");
    stss3_sessions_renewed(sessions, NULL, &error);
}

static const char *name(const struct stss3_source *source)
{
    struct stss3_source *found = atomic_load(&((const struct searched_source *)source)->found);
    return found == NULL ? "none yet" : found->verbs->name(found);
}

static void free_source(struct stss3_source *source)
{
    struct stss3_source *found = atomic_load(&((struct searched_source *)source)->found);
    if (found != NULL)
        found->verbs->free(found);
    free(source);
}

static struct stss3_source *searched_source_new(const struct stss3_tools *tools)
{
    static const struct stss3_source_verbs verbs = {obtain, name, free_source};
    struct searched_source *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->source.verbs = &verbs;
    s->source.tools = tools;
    return &s->source;
}

static struct stss3_role role_of(const struct stss3_config *c, const char *arn)
{
    /* The external id is what the trust policy of the last role demands. */
    const bool is_last = c->role_arn != NULL && strcmp(arn, c->role_arn) == 0;
    return (struct stss3_role){.arn = arn,
                               .session_name = c->session_name,
                               .external_id = is_last ? c->external_id : NULL,
                               .duration_s = c->duration_s};
}

static struct stss3_source *bottom(const struct stss3_tools *tools)
{
    const struct stss3_who *who = &tools->config->who;
    switch (who->kind) {
    case STSS3_WHO_KEYS:
        return stss3_keys_source_new(tools, &who->keys, "settings");
    case STSS3_WHO_ENVIRONMENT:
        return stss3_keys_source_new(tools, &who->keys, "environment");
    case STSS3_WHO_WEB_IDENTITY: {
        const struct stss3_role role = role_of(tools->config, who->token_role_arn);
        return stss3_web_identity_source_new(tools, &role, who->token_file, who->token_what,
                                             "web identity");
    }
    case STSS3_WHO_SEARCHED:
        break;
    }
    return searched_source_new(tools);
}

struct stss3_sessions *stss3_chain_new(const struct stss3_tools *tools)
{
    const struct stss3_config *c = tools->config;
    const char *const arns[] = {c->source_role_arn, c->role_arn};
    const char *beneath = c->who.token_role_arn; /* NULL: no token */
    const char *wanted[2];
    size_t n = 0;
    for (size_t i = 0; i < 2; i++) {
        if (arns[i] == NULL || (beneath != NULL && strcmp(beneath, arns[i]) == 0))
            continue;
        wanted[n++] = beneath = arns[i];
    }
    struct stss3_source *source = bottom(tools);
    for (size_t i = 0; i < n; i++) {
        const struct stss3_role role = role_of(c, wanted[i]);
        source = stss3_role_source_new(tools, &role,
                                       stss3_sessions_new(tools, &tools->clocks->sts, source));
    }
    return stss3_sessions_new(tools, &tools->clocks->s3, source);
}

struct stss3_sessions *stss3_chain_user(struct stss3_sessions *sessions)
{
    struct stss3_sessions *signer = stss3_sessions_source(sessions)->signer;
    return signer == NULL ? sessions : signer;
}
