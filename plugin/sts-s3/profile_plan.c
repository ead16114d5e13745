/* SPDX-License-Identifier: Apache-2.0 */
#include "profile_plan.h"

#include <stdlib.h>
#include <string.h>

enum {
    ACCESS,
    SECRET,
    TOKEN, /* the first three go together: from one file */
    ROLE,
    SOURCE,
    CREDENTIAL_SOURCE,
    TOKEN_FILE,
    SESSION_NAME,
    EXTERNAL_ID,
    DURATION,
    MFA,
    PROCESS,
    SSO_SESSION,
    SSO_URL,
    LOGIN,
    KEYS
};

static const char *const names[KEYS] = {
    [ACCESS] = "aws_access_key_id",
    [SECRET] = "aws_secret_access_key",
    [TOKEN] = "aws_session_token",
    [ROLE] = "role_arn",
    [SOURCE] = "source_profile",
    [CREDENTIAL_SOURCE] = "credential_source",
    [TOKEN_FILE] = "web_identity_token_file",
    [SESSION_NAME] = "role_session_name",
    [EXTERNAL_ID] = "external_id",
    [DURATION] = "duration_seconds",
    [MFA] = "mfa_serial",
    [PROCESS] = "credential_process",
    [SSO_SESSION] = "sso_session",
    [SSO_URL] = "sso_start_url",
    [LOGIN] = "login_session",
};

/* One profile as it stands. */
struct one {
    char name[STSS3_PROFILE_NAME_MAX];
    struct plug_buf values[KEYS];
    bool is_there;
};

struct planner {
    const struct stss3_profile_text *config, *credentials;
    struct stss3_profile_plan *plan;
    struct plug_error *error;
    char visited[STSS3_PROFILE_ROLES_MAX][STSS3_PROFILE_NAME_MAX];
    size_t n_visited;
};

static bool has(const struct one *o, int key)
{
    return o->values[key].len != 0;
}

static const char *get(const struct one *o, int key)
{
    return plug_buf_text(&o->values[key]);
}

static void clear(struct one *o)
{
    for (int i = 0; i < KEYS; i++)
        plug_buf_wipe(&o->values[i]);
}

static regstore_status wrong(struct planner *p, const struct one *o, const char *words,
                             const char *what)
{
    plug_error_set(p->error, REGSTORE_CONFIG, "profile '%.100s': %s%.100s", o->name, words, what);
    return REGSTORE_CONFIG;
}

static regstore_status pick(struct planner *p, const struct stss3_profile_text *file,
                            enum stss3_profile_kind kind, struct one *o,
                            struct stss3_profile_field fields[KEYS])
{
    struct stss3_profile_found found;
    const char *bad =
        stss3_profile_pick(file->text, file->len, kind, o->name, fields, KEYS, &found);
    o->is_there |= found.is_there;
    if (bad == NULL)
        return REGSTORE_OK;
    plug_error_set(p->error, REGSTORE_CONFIG, "the file %.200s, line %u: %s", file->path,
                   found.line, bad);
    return REGSTORE_CONFIG;
}

/* Both files speak of it; what the credentials file says counts more. */
static regstore_status read_one(struct planner *p, struct one *o)
{
    struct plug_buf keys[3] = {{0}};
    struct stss3_profile_field fields[KEYS];
    for (int i = 0; i < KEYS; i++)
        fields[i] = (struct stss3_profile_field){names[i], &o->values[i]};
    regstore_status status = pick(p, p->config, STSS3_PROFILE_CONFIG, o, fields);
    for (int i = ACCESS; i <= TOKEN; i++)
        fields[i].text = &keys[i];
    if (status == REGSTORE_OK)
        status = pick(p, p->credentials, STSS3_PROFILE_CREDENTIALS, o, fields);
    const bool counts_more = keys[ACCESS].len != 0 || keys[SECRET].len != 0;
    bool has_memory = true;
    for (int i = ACCESS; i <= TOKEN; i++) {
        struct plug_buf *loser = counts_more ? &o->values[i] : &keys[i];
        has_memory &= !plug_buf_failed(&keys[i]);
        plug_buf_wipe(loser);
        if (counts_more)
            *loser = keys[i];
    }
    for (int i = 0; i < KEYS; i++)
        has_memory &= !plug_buf_failed(&o->values[i]);
    if (status == REGSTORE_OK && !has_memory) {
        status = REGSTORE_NO_MEMORY;
        plug_error_set(p->error, status, "out of memory");
    }
    return status;
}

static struct plug_buf take(struct one *o, int key)
{
    const struct plug_buf value = o->values[key];
    o->values[key] = (struct plug_buf){0};
    return value;
}

static regstore_status use_keys(struct planner *p, struct one *o)
{
    if (!has(o, SECRET) || !has(o, ACCESS))
        return wrong(p, o,
                     "half of the keys is missing: ", names[has(o, ACCESS) ? SECRET : ACCESS]);
    p->plan->base = STSS3_PROFILE_KEYS;
    p->plan->access_key = take(o, ACCESS);
    p->plan->secret_key = take(o, SECRET);
    p->plan->session_token = take(o, TOKEN);
    return REGSTORE_OK;
}

static regstore_status use_credential_source(struct planner *p, const struct one *o)
{
    static const struct {
        const char *name;
        enum stss3_profile_base base;
    } sources[] = {
        {"Environment", STSS3_PROFILE_ENVIRONMENT},
        {"EcsContainer", STSS3_PROFILE_CONTAINER},
        {"Ec2InstanceMetadata", STSS3_PROFILE_INSTANCE},
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (strcmp(sources[i].name, get(o, CREDENTIAL_SOURCE)) == 0) {
            p->plan->base = sources[i].base;
            return REGSTORE_OK;
        }
    return wrong(p, o,
                 "credential_source must be Environment, EcsContainer or "
                 "Ec2InstanceMetadata, not ",
                 get(o, CREDENTIAL_SOURCE));
}

static regstore_status read_duration(struct planner *p, const struct one *o, uint64_t *out)
{
    const char *text = get(o, DURATION);
    const size_t len = strlen(text);
    *out = 0;
    if (len == 0)
        return REGSTORE_OK;
    if (len <= 5 && strspn(text, "0123456789") == len)
        *out = strtoull(text, NULL, 10);
    return *out >= 900 && *out <= 43200
               ? REGSTORE_OK
               : wrong(p, o, "duration_seconds must lie between 900 and 43200, not ", text);
}

static regstore_status add_role(struct planner *p, struct one *o)
{
    struct stss3_profile_plan *plan = p->plan;
    if (has(o, SOURCE) + has(o, CREDENTIAL_SOURCE) + has(o, TOKEN_FILE) != 1)
        return wrong(p, o,
                     "role_arn wants one of source_profile, credential_source and "
                     "web_identity_token_file",
                     "");
    if (has(o, MFA))
        return wrong(p, o, "mfa_serial asks for what only a person can do", "");
    if (plan->n_roles == STSS3_PROFILE_ROLES_MAX)
        return wrong(p, o, "there are too many roles one on top of the other", "");
    struct stss3_profile_role *role = &plan->roles[plan->n_roles];
    TRY(read_duration(p, o, &role->duration_s));
    plan->n_roles++;
    role->arn = take(o, ROLE);
    role->session_name = take(o, SESSION_NAME);
    role->external_id = take(o, EXTERNAL_ID);
    return REGSTORE_OK;
}

static bool is_visited(const struct planner *p, const char *name)
{
    for (size_t i = 0; i < p->n_visited; i++)
        if (strcmp(p->visited[i], name) == 0)
            return true;
    return false;
}

/* The profile whose credentials assume the role becomes *o. */
static regstore_status follow(struct planner *p, struct one *o, bool *is_over)
{
    struct one next = {.is_there = false};
    const size_t len = strlen(get(o, SOURCE));
    if (strcmp(get(o, SOURCE), o->name) == 0) {
        *is_over = true; /* its own keys */
        return use_keys(p, o);
    }
    if (len >= sizeof next.name)
        return wrong(p, o, "source_profile is too long", "");
    memcpy(p->visited[p->n_visited++], o->name, sizeof o->name);
    memcpy(next.name, get(o, SOURCE), len + 1);
    if (is_visited(p, next.name))
        return wrong(p, o, "source_profile leads back to ", next.name);
    const regstore_status status = read_one(p, &next);
    if (status == REGSTORE_OK && !next.is_there) {
        (void)wrong(p, o, "there is no such source_profile: ", next.name);
        clear(&next);
        return REGSTORE_CONFIG;
    }
    clear(o);
    *o = next;
    return status;
}

/* What stands in one profile; *is_over: it needs no other one. */
static regstore_status use(struct planner *p, struct one *o, bool *is_over)
{
    const bool has_keys = has(o, ACCESS) || has(o, SECRET), is_source = p->n_visited != 0;
    *is_over = true;
    if (has(o, ROLE) && !(is_source && has_keys)) {
        const bool has_token = has(o, TOKEN_FILE);
        TRY(add_role(p, o));
        if (has_token) {
            p->plan->base = STSS3_PROFILE_WEB_IDENTITY;
            p->plan->token_file = take(o, TOKEN_FILE);
            return REGSTORE_OK;
        }
        if (has(o, CREDENTIAL_SOURCE))
            return use_credential_source(p, o);
        *is_over = false;
        return follow(p, o, is_over);
    }
    if (has_keys)
        return use_keys(p, o);
    if (has(o, PROCESS)) {
        p->plan->base = STSS3_PROFILE_PROCESS;
        p->plan->process = take(o, PROCESS);
        return REGSTORE_OK;
    }
    if (has(o, SSO_SESSION) || has(o, SSO_URL) || has(o, LOGIN))
        return wrong(p, o,
                     "a session that a person has logged in to is not used here; "
                     "credential_process = aws configure export-credentials --format process "
                     "does it, with --profile ",
                     o->name);
    if (is_source || has(o, SOURCE) || has(o, CREDENTIAL_SOURCE) || has(o, TOKEN_FILE))
        return wrong(p, o,
                     is_source ? "it is a source_profile and has no credentials"
                               : "role_arn is missing",
                     "");
    return REGSTORE_OK;
}

static void reverse_roles(struct stss3_profile_plan *plan)
{
    for (size_t i = 0; i < plan->n_roles / 2; i++) {
        const struct stss3_profile_role role = plan->roles[i];
        plan->roles[i] = plan->roles[plan->n_roles - 1 - i];
        plan->roles[plan->n_roles - 1 - i] = role;
    }
}

regstore_status stss3_profile_plan(const struct stss3_profile_text *config,
                                   const struct stss3_profile_text *credentials,
                                   const char *profile, struct stss3_profile_plan *plan,
                                   struct plug_error *error)
{
    struct planner p = {.config = config, .credentials = credentials, .plan = plan, .error = error};
    struct one o = {.is_there = false};
    const size_t len = strlen(profile);
    bool is_over = len >= sizeof o.name;
    memset(plan, 0, sizeof *plan);
    if (is_over) {
        plug_error_set(error, REGSTORE_CONFIG, "the name of the profile is too long");
        return REGSTORE_CONFIG;
    }
    memcpy(o.name, profile, len + 1);
    regstore_status status = read_one(&p, &o);
    plan->is_there = o.is_there;
    while (status == REGSTORE_OK && !is_over)
        status = use(&p, &o, &is_over);
    clear(&o);
    reverse_roles(plan);
    return status;
}

void stss3_profile_plan_clear(struct stss3_profile_plan *plan)
{
    plug_buf_wipe(&plan->access_key);
    plug_buf_wipe(&plan->secret_key);
    plug_buf_wipe(&plan->session_token);
    plug_buf_wipe(&plan->process);
    plug_buf_clear(&plan->token_file);
    for (size_t i = 0; i < plan->n_roles; i++) {
        plug_buf_clear(&plan->roles[i].arn);
        plug_buf_clear(&plan->roles[i].session_name);
        plug_buf_clear(&plan->roles[i].external_id);
    }
    memset(plan, 0, sizeof *plan);
}
