/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles as sources: AssumeRole, signed with the sessions of another source, and
 * AssumeRoleWithWebIdentity, signed with nothing: the token in a file says who we are.
 */
#ifndef STSS3_STS_H
#define STSS3_STS_H

#include "session.h"

/* A session that was got with another role's session lasts no longer (role chaining). */
#define STSS3_CHAINED_MAX_S 3600

/* What is asked for; the texts outlive the source. */
struct stss3_role {
    const char *arn, *session_name, *external_id; /* external_id may be NULL */
    uint64_t duration_s;
};

/* The signer becomes the source's own, on failure too.  NULL: no memory, or signer is NULL.  A
 * session of the signer's that is this very role's already is passed on as it is. */
struct stss3_source *stss3_role_source_new(const struct stss3_tools *tools,
                                           const struct stss3_role *role,
                                           struct stss3_sessions *signer);

/* The token is read from path anew for each try; what names the path in messages
 * ("AWS_WEB_IDENTITY_TOKEN_FILE"), name is the source's ("web identity").  All outlive the source;
 * name is a literal.  NULL: no memory. */
struct stss3_source *stss3_web_identity_source_new(const struct stss3_tools *tools,
                                                   const struct stss3_role *role, const char *path,
                                                   const char *what, const char *name);

#endif
