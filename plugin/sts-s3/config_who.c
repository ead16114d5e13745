/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose credentials: what settings and environment say, in the order of chain.h.  A source that is
 * named in part, or wrongly, is an error here; the next one is never taken in its place.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "reading.h"
#include "who.h"

#define INSTANCE_IPV4  "http://169.254.169.254"
#define INSTANCE_IPV6  "http://[fd00:ec2::254]"
#define CONTAINER_IPV4 "http://169.254.170.2"

/* "" is the same as not set. */
static const char *environment(const char *name)
{
    const char *value = secure_getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static regstore_status wrong_variable(struct stss3_reading *r, const char *name, const char *words)
{
    return plug_fail(r->call, REGSTORE_CONFIG, "%s (environment) %s", name, words);
}

static regstore_status copy_variable(struct stss3_reading *r, const char *name, char **out)
{
    return stss3_reading_copy(r, environment(name), out);
}

static bool has_key(const struct stss3_reading *r, const char *key, const char *file_key)
{
    return stss3_reading_value(r, key) != NULL || stss3_reading_value(r, file_key) != NULL;
}

static regstore_status read_key(struct stss3_reading *r, const char *key, const char *file_key,
                                const char *(*check)(const char *text), char **out, char **out_file)
{
    const char *value = stss3_reading_value(r, key), *file = stss3_reading_value(r, file_key);
    if (value == NULL && file == NULL)
        return stss3_reading_wrong(r, key,
                                   "is empty, and the other one of the pair is not: copy both "
                                   "from the user's access key (section 12.1 of the manual)");
    const char *bad = value == NULL ? NULL : check(value);
    if (bad != NULL)
        return stss3_reading_wrong(r, key, bad);
    TRY(stss3_reading_copy(r, value, out));
    return stss3_reading_copy(r, file, out_file);
}

/* The settings' keys, when there are any: both or none. */
static regstore_status read_settings_keys(struct stss3_reading *r, bool *has)
{
    struct stss3_keys *keys = &r->config->who.keys;
    *has = has_key(r, "sts_user_access_key", "sts_user_access_key_file") ||
           has_key(r, "sts_user_secret_key", "sts_user_secret_key_file");
    if (!*has)
        return REGSTORE_OK;
    TRY(read_key(r, "sts_user_access_key", "sts_user_access_key_file", stss3_access_key_check,
                 &keys->access_key, &keys->access_key_file));
    return read_key(r, "sts_user_secret_key", "sts_user_secret_key_file", stss3_secret_key_check,
                    &keys->secret_key, &keys->secret_key_file);
}

static regstore_status read_environment_keys(struct stss3_reading *r, bool *has)
{
    static const char access[] = "AWS_ACCESS_KEY_ID", secret[] = "AWS_SECRET_ACCESS_KEY";
    struct stss3_keys *keys = &r->config->who.keys;
    const char *access_key = environment(access), *secret_key = environment(secret);
    *has = access_key != NULL || secret_key != NULL;
    if (!*has)
        return REGSTORE_OK;
    if (access_key == NULL)
        return wrong_variable(r, access, "is missing, and AWS_SECRET_ACCESS_KEY is set");
    if (secret_key == NULL)
        return wrong_variable(r, secret, "is missing, and AWS_ACCESS_KEY_ID is set");
    const char *bad = stss3_access_key_check(access_key);
    if (bad != NULL)
        return wrong_variable(r, access, bad);
    bad = stss3_secret_key_check(secret_key);
    if (bad != NULL)
        return wrong_variable(r, secret, bad);
    TRY(stss3_reading_copy(r, access_key, &keys->access_key));
    TRY(stss3_reading_copy(r, secret_key, &keys->secret_key));
    const char *token = environment("AWS_SESSION_TOKEN");
    if (token != NULL && stss3_secret_key_check(token) != NULL)
        return wrong_variable(r, "AWS_SESSION_TOKEN", "has white space in it");
    return stss3_reading_copy(r, token, &keys->session_token);
}

/* The role that a token is for: what assumes the settings' role, or that role itself. */
static regstore_status read_token_role(struct stss3_reading *r, const char *environments)
{
    const struct stss3_partition *partition;
    const struct stss3_config *c = r->config;
    const char *arn = environments != NULL         ? environments
                      : c->source_role_arn != NULL ? c->source_role_arn
                                                   : c->role_arn;
    const char *bad = arn == NULL ? NULL : stss3_role_arn_check(arn, &partition);
    if (bad != NULL)
        return wrong_variable(r, "AWS_ROLE_ARN", bad);
    return stss3_reading_copy(r, arn, &r->config->who.token_role_arn);
}

static regstore_status read_token_setting(struct stss3_reading *r, const char *path)
{
    struct stss3_who *who = &r->config->who;
    who->token_what = "sts_web_identity_token_file";
    if (r->config->role_arn == NULL)
        return stss3_reading_wrong(r, who->token_what,
                                   "needs sts_role_arn, the role that the token is for");
    TRY(read_token_role(r, NULL));
    return stss3_reading_copy(r, path, &who->token_file);
}

static regstore_status read_token_variable(struct stss3_reading *r, const char *path)
{
    struct stss3_who *who = &r->config->who;
    who->token_what = "AWS_WEB_IDENTITY_TOKEN_FILE";
    TRY(read_token_role(r, environment("AWS_ROLE_ARN")));
    if (who->token_role_arn == NULL)
        return wrong_variable(r, who->token_what,
                              "is set, and the role that the token is for is not: set "
                              "AWS_ROLE_ARN or sts_role_arn");
    return stss3_reading_copy(r, path, &who->token_file);
}

/* "~/..." and what lies where such files lie, by HOME; NULL when there is none. */
static regstore_status in_home(struct stss3_reading *r, const char *path, char **out)
{
    const char *home = environment("HOME");
    struct plug_buf whole = {0};
    if (home == NULL)
        return REGSTORE_OK;
    plug_buf_printf(&whole, "%s/%s", home, path);
    *out = plug_buf_steal(&whole);
    return *out == NULL ? plug_no_memory(r->call) : REGSTORE_OK;
}

static regstore_status read_file(struct stss3_reading *r, const char *variable,
                                 const char *usual_path, struct stss3_who_file *out)
{
    const char *path = environment(variable);
    if (path == NULL)
        return in_home(r, usual_path, &out->path);
    out->what = variable;
    if (path[0] == '~' && path[1] == '/')
        return in_home(r, path + 2, &out->path);
    return stss3_reading_copy(r, path, &out->path);
}

static regstore_status read_profile(struct stss3_reading *r)
{
    struct stss3_who *who = &r->config->who;
    const char *name = stss3_reading_value(r, "sts_profile");
    who->profile_what = name == NULL ? NULL : "sts_profile";
    if (name == NULL) {
        name = environment("AWS_PROFILE");
        who->profile_what = name == NULL ? NULL : "AWS_PROFILE";
    }
    TRY(stss3_reading_copy(r, name == NULL ? "default" : name, &who->profile));
    TRY(read_file(r, "AWS_CONFIG_FILE", ".aws/config", &who->config_file));
    return read_file(r, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &who->credentials_file);
}

/* To which hosts a container's token may go: over TLS to any, in the clear only to those of the
 * machine itself, of ECS and of EKS Pod Identity. */
static bool is_container_host(const struct stss3_endpoint *e)
{
    static const char *const hosts[] = {"localhost", "::1", "169.254.170.2", "169.254.170.23",
                                        "fd00:ec2::23"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (strcmp(hosts[i], e->host) == 0)
            return true;
    return e->tls || (e->is_address && strncmp(e->host, "127.", 4) == 0);
}

static bool is_path(const char *path)
{
    for (const char *p = path; *p != '\0'; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '#')
            return false;
    return path[0] == '/';
}

static regstore_status read_container_url(struct stss3_reading *r)
{
    static const char full[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                      relative[] = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    const char *path = environment(relative), *url = environment(full);
    struct stss3_endpoint endpoint;
    struct plug_buf whole = {0};
    if (path != NULL) {
        if (!is_path(path))
            return wrong_variable(r, relative, "must be a path, beginning with '/'");
        plug_buf_printf(&whole, "%s%s", CONTAINER_IPV4, path);
    } else if (url != NULL) {
        const char *host = strstr(url, "://");
        const size_t len =
            host == NULL ? strlen(url) : (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
        plug_buf_add(&whole, url, len);
        if (plug_buf_failed(&whole))
            return plug_no_memory(r->call);
        const char *bad = stss3_endpoint_parse(plug_buf_text(&whole), &endpoint);
        if (bad == NULL && url[len] != '\0' && !is_path(url + len))
            bad = "has something in its path that no URL has";
        if (bad == NULL && !is_container_host(&endpoint))
            bad = "is http to another host than this machine's own, 169.254.170.2, "
                  "169.254.170.23 or [fd00:ec2::23]: the token would be seen there";
        plug_buf_str(&whole, url[len] == '\0' ? "/" : url + len);
        if (bad != NULL) {
            plug_buf_clear(&whole);
            return wrong_variable(r, full, bad);
        }
    } else {
        return REGSTORE_OK;
    }
    r->config->who.container_url = plug_buf_steal(&whole);
    return r->config->who.container_url == NULL ? plug_no_memory(r->call) : REGSTORE_OK;
}

static regstore_status read_container(struct stss3_reading *r)
{
    static const char token[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                      file[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    struct stss3_who *who = &r->config->who;
    TRY(read_container_url(r));
    if (who->container_url == NULL)
        return REGSTORE_OK;
    TRY(copy_variable(r, file, &who->container_token_file));
    if (who->container_token_file != NULL)
        return REGSTORE_OK;
    if (environment(token) != NULL && strpbrk(environment(token), "\r\n") != NULL)
        return wrong_variable(r, token, "has a line break in it");
    return copy_variable(r, token, &who->container_token);
}

static regstore_status read_instance(struct stss3_reading *r)
{
    static const char off[] = "AWS_EC2_METADATA_DISABLED",
                      at[] = "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                      mode[] = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
    struct stss3_who *who = &r->config->who;
    const char *is_off = environment(off), *url = environment(at), *ip = environment(mode);
    who->is_instance_off = is_off != NULL && strcasecmp(is_off, "true") == 0;
    if (ip != NULL && strcasecmp(ip, "ipv4") != 0 && strcasecmp(ip, "ipv6") != 0)
        return wrong_variable(r, mode, "must be IPv4 or IPv6");
    if (url == NULL)
        url = ip != NULL && strcasecmp(ip, "ipv6") == 0 ? INSTANCE_IPV6 : INSTANCE_IPV4;
    const char *bad = stss3_endpoint_parse(url, &who->instance);
    return bad == NULL ? REGSTORE_OK : wrong_variable(r, at, bad);
}

/* Of the process at this moment: other threads may change it later. */
static regstore_status copy_environment(struct stss3_reading *r)
{
    struct stss3_who *who = &r->config->who;
    size_t n = 0;
    while (environ != NULL && environ[n] != NULL)
        n++;
    who->environment = calloc(n + 1, sizeof who->environment[0]);
    if (who->environment == NULL)
        return plug_no_memory(r->call);
    for (size_t i = 0; i < n; i++)
        TRY(stss3_reading_copy(r, environ[i], &who->environment[i]));
    return REGSTORE_OK;
}

/* Where files, containers and instances would be found. */
static regstore_status read_places(struct stss3_reading *r)
{
    r->config->who.kind = STSS3_WHO_SEARCHED;
    TRY(read_profile(r));
    TRY(read_container(r));
    TRY(read_instance(r));
    return copy_environment(r);
}

regstore_status stss3_read_who(struct stss3_reading *r)
{
    struct stss3_who *who = &r->config->who;
    const char *token_file = stss3_reading_value(r, "sts_web_identity_token_file");
    const bool has_profile = stss3_reading_value(r, "sts_profile") != NULL;
    bool has_keys;
    TRY(read_settings_keys(r, &has_keys));
    if (has_profile && (has_keys || token_file != NULL))
        return stss3_reading_wrong(r, "sts_profile",
                                   has_keys ? "and sts_user_access_key are both given: remove one"
                                            : "and sts_web_identity_token_file are both given: "
                                              "remove one");
    who->kind = STSS3_WHO_WEB_IDENTITY;
    if (token_file != NULL)
        return read_token_setting(r, token_file);
    who->kind = STSS3_WHO_KEYS;
    if (has_keys)
        return REGSTORE_OK;
    TRY(read_environment_keys(r, &has_keys));
    if (has_profile)
        return read_places(r);
    who->kind = STSS3_WHO_ENVIRONMENT;
    if (has_keys)
        return REGSTORE_OK;
    who->kind = STSS3_WHO_WEB_IDENTITY;
    token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (token_file != NULL)
        return read_token_variable(r, token_file);
    return read_places(r);
}
