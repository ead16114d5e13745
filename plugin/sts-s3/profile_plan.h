/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a profile of AWS's files says about credentials: where they come from, and the roles that
 * are assumed on top, one after the other.  Pure; the files' texts are given.
 *
 * Inside a profile, as in AWS's SDKs: a role (role_arn with web_identity_token_file, with
 * source_profile or with credential_source), then keys, then credential_process.  A profile that is
 * reached as somebody's source_profile uses its keys, when it has some, before its role.
 */
#ifndef STSS3_PROFILE_PLAN_H
#define STSS3_PROFILE_PLAN_H

#include "buf.h"
#include "call.h"
#include "profile_file.h"

#define STSS3_PROFILE_ROLES_MAX 8

enum stss3_profile_base {
    STSS3_PROFILE_NOTHING, /* not there, or says nothing about credentials */
    STSS3_PROFILE_KEYS,
    STSS3_PROFILE_PROCESS,
    STSS3_PROFILE_WEB_IDENTITY, /* token_file is for roles[0] */
    STSS3_PROFILE_ENVIRONMENT,
    STSS3_PROFILE_CONTAINER,
    STSS3_PROFILE_INSTANCE,
};

struct stss3_profile_role {
    struct plug_buf arn, session_name, external_id; /* the last two may be empty: not said */
    uint64_t duration_s;                            /* 0: not said */
};

struct stss3_profile_plan {
    enum stss3_profile_base base;
    bool is_there; /* the profile that was asked for */
    struct plug_buf access_key, secret_key, session_token;
    struct plug_buf process, token_file;
    struct stss3_profile_role roles[STSS3_PROFILE_ROLES_MAX]; /* the first to assume first */
    size_t n_roles;
};

struct stss3_profile_text { /* path is for messages */
    const char *text, *path;
    size_t len;
};

/* CONFIG, with words that name file and line, or profile and key: a file that cannot be read, half
 * a pair, a source_profile that is not there or leads back, what only a person can do (mfa_serial)
 * or we do not (sso).  Clear the plan in any case. */
regstore_status stss3_profile_plan(const struct stss3_profile_text *config,
                                   const struct stss3_profile_text *credentials,
                                   const char *profile, struct stss3_profile_plan *plan,
                                   struct plug_error *error);
void stss3_profile_plan_clear(struct stss3_profile_plan *plan); /* wipes */

#endif
