/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies in IAM's JSON: Effect, Principal, Action and NotAction, Resource and NotResource, and
 * conditions on strings. A statement with any other condition matches nothing when it allows and
 * everything when it denies.
 */
#ifndef FAKE_S3_POLICY_H
#define FAKE_S3_POLICY_H

#include <stdbool.h>

struct policy;

/* NULL where it is no policy; *why then says so. */
struct policy *policy_read(const char *json, const char **why);
void policy_free(struct policy *p);

struct policy_question {
    const char *principal; /* ARN, or NULL where the policy has no principals */
    const char *action;    /* s3:GetObject */
    const char *resource;  /* ARN, or NULL in a trust policy */
    /* Condition keys and their values, in pairs up to a NULL: s3:prefix, sts:ExternalId. */
    const char *const *context;
};

/* Allowed by a statement, and denied by none. */
bool policy_allows(const struct policy *p, const struct policy_question *q);

#endif
