/* SPDX-License-Identifier: Apache-2.0 */
/* Who there is: users, roles, sessions. */
#include "identity.h"

#include "codec.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

void random_name(char *to, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    (void)RAND_bytes((unsigned char *)to, (int)length);
    for (size_t i = 0; i < length; i++)
        to[i] = letters[(unsigned char)to[i] % 32];
    to[length] = '\0';
}

static char *random_id(const char *prefix)
{
    char name[17];
    struct text id = {0};
    random_name(name, 16);
    text_format(&id, "%s%s", prefix, name);
    return text_take(&id);
}

static char *random_base64(size_t bytes)
{
    unsigned char *random = grab(bytes);
    (void)RAND_bytes(random, (int)bytes);
    char *coded = base64_encode(random, bytes);
    free(random);
    return coded;
}

void caller_clear(struct caller *c)
{
    free(c->access_key);
    free(c->secret);
    free(c->arn);
    free(c->id);
    *c = (struct caller){0};
}

static void session_free(struct session *s)
{
    free(s->access_key);
    free(s->secret);
    free(s->token);
    free(s->arn);
    free(s->id);
    free(s);
}

void identities_clear(struct identities *all)
{
    for (size_t i = 0; i < all->user_count; i++) {
        struct user *u = all->users[i];
        free(u->name);
        free(u->arn);
        free(u->id);
        free(u->access_key);
        free(u->secret);
        free(u);
    }
    for (size_t i = 0; i < all->role_count; i++) {
        struct role *r = all->roles[i];
        free(r->name);
        free(r->arn);
        free(r->id);
        policy_free(r->trust);
        policy_free(r->permissions);
        free(r);
    }
    for (size_t i = 0; i < all->session_count; i++)
        session_free(all->sessions[i]);
    free(all->users);
    free(all->roles);
    free(all->sessions);
    *all = (struct identities){0};
}

static char *arn_of(const char *kind, const char *name)
{
    struct text arn = {0};
    text_format(&arn, "arn:aws:iam::" ACCOUNT ":%s/%s", kind, name);
    return text_take(&arn);
}

struct user *identities_add_user(struct identities *all, const char *name, const char *access_key,
                                 const char *secret)
{
    struct user *u = grab(sizeof *u);
    u->name = copy_text(name);
    u->arn = arn_of("user", name);
    u->id = random_id("AIDA");
    u->access_key = copy_text(access_key);
    u->secret = copy_text(secret);
    all->users = grow(all->users, all->user_count, sizeof all->users[0]);
    all->users[all->user_count++] = u;
    return u;
}

struct role *identities_add_role(struct identities *all, const char *name)
{
    struct role *r = grab(sizeof *r);
    r->name = copy_text(name);
    r->arn = arn_of("role", name);
    r->id = random_id("AROA");
    r->max_session_s = 3600;
    all->roles = grow(all->roles, all->role_count, sizeof all->roles[0]);
    all->roles[all->role_count++] = r;
    return r;
}

const struct user *identities_user(const struct identities *all, const char *access_key)
{
    for (size_t i = 0; i < all->user_count; i++)
        if (strcmp(all->users[i]->access_key, access_key) == 0)
            return all->users[i];
    return NULL;
}

const struct role *identities_role(const struct identities *all, const char *arn)
{
    for (size_t i = 0; i < all->role_count; i++)
        if (strcmp(all->roles[i]->arn, arn) == 0)
            return all->roles[i];
    return NULL;
}

const struct session *identities_session(const struct identities *all, const char *access_key)
{
    for (size_t i = 0; i < all->session_count; i++)
        if (strcmp(all->sessions[i]->access_key, access_key) == 0)
            return all->sessions[i];
    return NULL;
}

const struct session *identities_add_session(struct identities *all, const struct role *role,
                                             const char *name, int64_t expires_ms)
{
    struct session *s = grab(sizeof *s);
    struct text arn = {0}, id = {0}, token = {0};
    char *random = random_base64(300);

    s->role = role;
    s->expires_ms = expires_ms;
    s->access_key = random_id("ASIA");
    s->secret = random_base64(30);
    text_format(&token, "IQoJb3JpZ2luX2VjE+/%s==", random);
    s->token = text_take(&token);
    text_format(&arn, "arn:aws:sts::" ACCOUNT ":assumed-role/%s/%s", role->name, name);
    s->arn = text_take(&arn);
    text_format(&id, "%s:%s", role->id, name);
    s->id = text_take(&id);
    free(random);
    all->sessions = grow(all->sessions, all->session_count, sizeof all->sessions[0]);
    all->sessions[all->session_count++] = s;
    return s;
}

void identities_expire(struct identities *all, int64_t now_ms)
{
    for (size_t i = 0; i < all->session_count; i++)
        if (all->sessions[i]->expires_ms > now_ms)
            all->sessions[i]->expires_ms = now_ms;
}
