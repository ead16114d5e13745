/* SPDX-License-Identifier: Apache-2.0 */
#include "profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "credentials_json.h"
#include "instance.h"
#include "region.h"
#include "slow.h"
#include "sts.h"
#include "timestamp.h"

#define PROGRAM_LIMIT_MS 60000

/* Nobody named it, and it is not there: then it is empty.  One that we may not look at is passed
 * over too, but not in silence. */
static bool may_be_absent(const struct stss3_tools *tools, const struct stss3_who_file *file,
                          int why)
{
    if (file->what != NULL)
        return false;
    if (why == EACCES)
        plug_log(tools->host, REGSTORE_LOG_WARNING, "profile_unreadable",
                 PLUG_FIELDS({"file", file->path}));
    return why == ENOENT || why == ENOTDIR || why == EACCES;
}

static regstore_status read_text(const struct stss3_tools *tools, const struct stss3_who_file *file,
                                 struct plug_buf *text, struct plug_error *error)
{
    int why;
    if (file->path == NULL)
        return REGSTORE_OK;
    const struct stss3_slow_file slow = {.what = file->what == NULL ? "profiles" : file->what,
                                         .path = file->path,
                                         .max = STSS3_PROFILE_BYTES_MAX,
                                         .limit_ms = STSS3_SLOW_FILE_MS};
    const regstore_status status =
        stss3_slow_file_read(stss3_worker_asides(tools->worker), &slow, text, &why, error);
    if (status == REGSTORE_CONFIG && may_be_absent(tools, file, why))
        return REGSTORE_OK;
    return status;
}

static regstore_status look(const struct stss3_who *who, const struct stss3_profile_plan *plan,
                            struct plug_error *error)
{
    const char *what = who->profile_what;
    const bool is_setting = what != NULL && strcmp(what, "sts_profile") == 0;
    const char *config = who->config_file.path, *credentials = who->credentials_file.path;
    if (what == NULL || (plan->is_there && (plan->base != STSS3_PROFILE_NOTHING || !is_setting)))
        return REGSTORE_OK;
    plug_error_set(error, REGSTORE_CONFIG,
                   plan->is_there ? "%s: the profile '%.100s' says nothing about credentials, in "
                                    "%.100s and %.100s"
                                  : "%s: there is no profile '%.100s' in %.100s and %.100s",
                   what, who->profile, config == NULL ? "no file" : config,
                   credentials == NULL ? "no file" : credentials);
    return REGSTORE_CONFIG;
}

regstore_status stss3_profile_read(const struct stss3_tools *tools, struct stss3_profile_plan *plan,
                                   struct plug_error *error)
{
    const struct stss3_who *who = &tools->config->who;
    struct plug_buf config = {0}, credentials = {0};
    memset(plan, 0, sizeof *plan);
    regstore_status status = read_text(tools, &who->config_file, &config, error);
    if (status == REGSTORE_OK)
        status = read_text(tools, &who->credentials_file, &credentials, error);
    const struct stss3_profile_text texts[] = {
        {plug_buf_text(&config), who->config_file.path, config.len},
        {plug_buf_text(&credentials), who->credentials_file.path, credentials.len}};
    if (status == REGSTORE_OK)
        status = stss3_profile_plan(&texts[0], &texts[1], who->profile, plan, error);
    if (status == REGSTORE_OK)
        status = look(who, plan, error);
    plug_buf_wipe(&config);
    plug_buf_wipe(&credentials);
    return status;
}

/* Everything that a plan may need for as long as its source lives; lies beneath all its roles. */
struct profile_source {
    struct stss3_source source;
    struct stss3_profile_plan plan;
    struct stss3_source *base; /* of web identity, environment, container, instance; NULL: ours */
    struct stss3_sessions *sessions; /* who waits for the worker */
    char name[160];
};

static struct stss3_session *take_keys(const struct stss3_profile_plan *plan,
                                       struct plug_error *error)
{
    if (plan->base != STSS3_PROFILE_KEYS) {
        plug_error_set(error, REGSTORE_CONFIG,
                       "the profile had keys and has none any more: start anew");
        return NULL;
    }
    const char *access = plug_buf_text(&plan->access_key),
               *secret = plug_buf_text(&plan->secret_key),
               *token = plan->session_token.len == 0 ? NULL : plug_buf_text(&plan->session_token);
    if (stss3_access_key_check(access) != NULL || stss3_secret_key_check(secret) != NULL ||
        (token != NULL && stss3_secret_key_check(token) != NULL)) {
        plug_error_set(error, REGSTORE_CONFIG,
                       "a key of the profile has a character that no key "
                       "has");
        return NULL;
    }
    plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
    return stss3_session_new(access, secret, token, NULL);
}

/* They may be replaced: they are looked at again after as long as a session would last. */
static void read_keys(void *ctx)
{
    struct profile_source *p = ctx;
    const struct stss3_tools *tools = p->source.tools;
    struct stss3_session *session = NULL;
    struct stss3_profile_plan plan;
    struct plug_error error;
    if (stss3_profile_read(tools, &plan, &error) == REGSTORE_OK)
        session = take_keys(&plan, &error);
    stss3_profile_plan_clear(&plan);
    if (session != NULL)
        session->end_ns = session->born_ns + (int64_t)tools->config->duration_s * STSS3_NS_PER_S;
    stss3_sessions_renewed(p->sessions, session, &error);
}

/* There is no Date in what it writes: its end is counted from this machine's time. */
static void set_end(const struct stss3_tools *tools, struct stss3_session *session)
{
    if (session->expires_ns != INT64_MAX)
        session->end_ns =
            session->born_ns + (session->expires_ns - plug_host_clock_ns(tools->host));
}

static void run_program(void *ctx)
{
    static const struct stss3_credentials_form form = {"credential_process", "SessionToken", true};
    struct profile_source *p = ctx;
    const struct stss3_tools *tools = p->source.tools;
    const struct stss3_program program = {.what = form.what,
                                          .line = plug_buf_text(&p->plan.process),
                                          .environment = tools->config->who.environment,
                                          .limit_ms = PROGRAM_LIMIT_MS};
    struct stss3_session *session = NULL;
    struct plug_buf out = {0};
    struct plug_error error;
    if (stss3_slow_program_run(stss3_worker_asides(tools->worker), &program, &out, &error) ==
        REGSTORE_OK)
        (void)stss3_credentials_read(&form, plug_buf_text(&out), out.len, &session, &error);
    plug_buf_wipe(&out);
    if (session != NULL)
        set_end(tools, session);
    if (session != NULL && session->end_ns <= plug_now_ns()) {
        stss3_session_unref(session);
        session = NULL;
        plug_error_set(&error, REGSTORE_UNAVAILABLE,
                       "credential_process: the credentials that came have ended already");
    }
    stss3_sessions_renewed(p->sessions, session, &error);
}

static void obtain(struct stss3_source *source, struct stss3_sessions *sessions)
{
    struct profile_source *p = (struct profile_source *)source;
    if (p->base != NULL) {
        p->base->verbs->obtain(p->base, sessions);
        return;
    }
    p->sessions = sessions;
    if (stss3_worker_do(source->tools->worker,
                        p->plan.base == STSS3_PROFILE_KEYS ? read_keys : run_program, p))
        return;
    struct plug_error error;
    plug_error_set(&error, REGSTORE_NO_MEMORY, "no thread to look after the profile on");
    stss3_sessions_renewed(sessions, NULL, &error);
}

static const char *name(const struct stss3_source *source)
{
    return ((const struct profile_source *)source)->name;
}

static void free_source(struct stss3_source *source)
{
    struct profile_source *p = (struct profile_source *)source;
    if (p->base != NULL)
        p->base->verbs->free(p->base);
    stss3_profile_plan_clear(&p->plan);
    free(p);
}

static struct stss3_role role_of(const struct stss3_tools *tools,
                                 const struct stss3_profile_role *role)
{
    const struct stss3_config *c = tools->config;
    return (struct stss3_role){
        .arn = plug_buf_text(&role->arn),
        .session_name =
            role->session_name.len == 0 ? c->session_name : plug_buf_text(&role->session_name),
        .external_id = role->external_id.len == 0 ? NULL : plug_buf_text(&role->external_id),
        .duration_s = role->duration_s == 0 ? STSS3_CHAINED_MAX_S : role->duration_s,
    };
}

/* NULL with status OK: the profile source itself knows what to do. */
static regstore_status make_base(struct profile_source *p, struct plug_error *error)
{
    const struct stss3_tools *tools = p->source.tools;
    const struct stss3_who *who = &tools->config->who;
    struct stss3_role role;
    switch (p->plan.base) {
    case STSS3_PROFILE_WEB_IDENTITY:
        role = role_of(tools, &p->plan.roles[0]);
        p->base = stss3_web_identity_source_new(tools, &role, plug_buf_text(&p->plan.token_file),
                                                "web_identity_token_file", "web identity");
        break;
    case STSS3_PROFILE_ENVIRONMENT:
        if (who->keys.access_key == NULL) {
            plug_error_set(error, REGSTORE_CONFIG,
                           "profile '%.100s': credential_source is Environment, and "
                           "AWS_ACCESS_KEY_ID is not set",
                           who->profile);
            return REGSTORE_CONFIG;
        }
        p->base = stss3_keys_source_new(tools, &who->keys, "environment");
        break;
    case STSS3_PROFILE_CONTAINER:
        if (who->container_url == NULL) {
            plug_error_set(error, REGSTORE_CONFIG,
                           "profile '%.100s': credential_source is EcsContainer, and neither "
                           "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor _FULL_URI is set",
                           who->profile);
            return REGSTORE_CONFIG;
        }
        p->base = stss3_container_source_new(tools);
        break;
    case STSS3_PROFILE_INSTANCE:
        p->base = stss3_instance_source_new(tools, NULL);
        break;
    default:
        return REGSTORE_OK;
    }
    if (p->base != NULL)
        return REGSTORE_OK;
    plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
    return REGSTORE_NO_MEMORY;
}

static regstore_status check_roles(const struct stss3_profile_plan *plan, struct plug_error *error)
{
    const struct stss3_partition *partition;
    for (size_t i = 0; i < plan->n_roles; i++) {
        const char *bad = stss3_role_arn_check(plug_buf_text(&plan->roles[i].arn), &partition);
        if (bad != NULL) {
            plug_error_set(error, REGSTORE_CONFIG, "role_arn of a profile %s", bad);
            return REGSTORE_CONFIG;
        }
    }
    return REGSTORE_OK;
}

struct stss3_source *stss3_profile_source_new(const struct stss3_tools *tools,
                                              struct stss3_profile_plan *plan,
                                              struct plug_error *error)
{
    static const struct stss3_source_verbs verbs = {obtain, name, free_source};
    static const char *const kinds[] = {
        [STSS3_PROFILE_KEYS] = "",
        [STSS3_PROFILE_PROCESS] = ": credential_process",
        [STSS3_PROFILE_WEB_IDENTITY] = ": web identity",
        [STSS3_PROFILE_ENVIRONMENT] = ": environment",
        [STSS3_PROFILE_CONTAINER] = ": container",
        [STSS3_PROFILE_INSTANCE] = ": instance metadata",
    };
    if (check_roles(plan, error) != REGSTORE_OK)
        return NULL;
    struct profile_source *p = calloc(1, sizeof *p);
    plug_error_set(error, REGSTORE_NO_MEMORY, "out of memory");
    if (p == NULL)
        return NULL;
    p->source.verbs = &verbs;
    p->source.tools = tools;
    p->plan = *plan;
    memset(plan, 0, sizeof *plan);
    p->source.is_read_anew = p->plan.base == STSS3_PROFILE_KEYS;
    (void)snprintf(p->name, sizeof p->name, "profile %.100s%s", tools->config->who.profile,
                   kinds[p->plan.base]);
    if (make_base(p, error) != REGSTORE_OK) {
        free_source(&p->source);
        return NULL;
    }
    struct stss3_source *top = &p->source;
    for (size_t i = p->plan.base == STSS3_PROFILE_WEB_IDENTITY ? 1 : 0;
         top != NULL && i < p->plan.n_roles; i++) {
        const struct stss3_role role = role_of(tools, &p->plan.roles[i]);
        top = stss3_role_source_new(tools, &role,
                                    stss3_sessions_new(tools, &tools->clocks->sts, top));
    }
    return top;
}
