/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are, put together: the source that wins, and the roles that are assumed on top of it.
 *
 * The order is that of AWS's SDKs, with our settings before it.  What is named and does not work is
 * an error; the next one is never taken in its place.
 *
 *   1  sts_web_identity_token_file    a token, for sts_role_arn (or sts_source_role_arn)
 *   2  sts_user_access_key, _secret_key, or their _file
 *   3  sts_profile                    as 6, by that name
 *   4  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   5  AWS_WEB_IDENTITY_TOKEN_FILE    with AWS_ROLE_ARN; IRSA, ROSA
 *   6  AWS_PROFILE, or default        in ~/.aws/config and ~/.aws/credentials, or where
 *                                     AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say;
 *                                     inside a profile: profile_plan.h
 *   7  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, _FULL_URI       ECS, EKS Pod Identity
 *   8  the instance's metadata, version 2 alone; unless AWS_EC2_METADATA_DISABLED is true
 *
 * On top: sts_source_role_arn, then sts_role_arn, each where it is set and is not the role that the
 * session beneath is of already.
 *
 * 1 to 5 are decided when the store is opened.  For the others files have to be read, so that is
 * done when credentials are first wanted, and once.
 */
#ifndef STSS3_CHAIN_H
#define STSS3_CHAIN_H

#include "session.h"

/* The sessions that requests to S3 are signed with.  tools outlive them.  NULL: no memory. */
struct stss3_sessions *stss3_chain_new(const struct stss3_tools *tools);

/* The sessions that assume sts_role_arn, of what that made; without a role these are the same. */
struct stss3_sessions *stss3_chain_user(struct stss3_sessions *sessions);

#endif
