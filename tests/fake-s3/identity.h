/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who there is: users with long-term keys, roles and whom they trust, sessions.
 *
 * Users and roles are made before the first request and do not change; sessions are guarded by the
 * server's lock.
 */
#ifndef FAKE_S3_IDENTITY_H
#define FAKE_S3_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"
#include "text.h"

#define ACCOUNT "123492922789"

struct user {
    char *name, *arn, *id;
    char *access_key, *secret;
};

struct role {
    char *name, *arn, *id;
    struct policy *trust;       /* who may assume it */
    struct policy *permissions; /* NULL: all of S3 */
    uint32_t max_session_s;
};

struct session {
    char *access_key, *secret, *token;
    char *arn, *id; /* of the assumed role, with the session's name */
    const struct role *role;
    int64_t expires_ms;
};

struct identities {
    struct user **users;
    size_t user_count;
    struct role **roles;
    size_t role_count;
    struct session **sessions;
    size_t session_count;
};

/* Who signed a request. */
struct caller {
    const struct user *user; /* or */
    const struct role *role;
    /* of its own: a session may go while its request is served */
    char *access_key, *secret, *arn, *id;
};

void caller_clear(struct caller *c);

void identities_clear(struct identities *all);
struct user *identities_add_user(struct identities *all, const char *name, const char *access_key,
                                 const char *secret);
struct role *identities_add_role(struct identities *all, const char *name);
const struct user *identities_user(const struct identities *all, const char *access_key);
const struct role *identities_role(const struct identities *all, const char *arn);
const struct session *identities_session(const struct identities *all, const char *access_key);
const struct session *identities_add_session(struct identities *all, const struct role *role,
                                             const char *name, int64_t expires_ms);
/* All sessions end at `now_ms`. */
void identities_expire(struct identities *all, int64_t now_ms);

/* Random characters out of A-Z and 2-7, as AWS's keys and ids have. */
void random_name(char *to, size_t length);

#endif
