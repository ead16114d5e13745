/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of who assumes the role, whatever his credentials come from: AssumeRole itself, and the
 * two questions by which check and policy find out who he is.
 */
#ifndef STSS3_USER_REQUEST_H
#define STSS3_USER_REQUEST_H

#include "session.h"

/*
 * For a prepare hook: URL "/" of the service's endpoint ("sts", "s3"), signed with the user's
 * session by the service's clock.  A body is a form, and payload_sha256 its hash.  READY or
 * REFUSED.
 */
enum stss3_ready stss3_user_sign(struct stss3_request *request, const struct stss3_config *config,
                                 const struct stss3_service_clock *clock, const char *service,
                                 const char *payload_sha256, const struct stss3_session *user);
/* The same for a form that nobody signs. */
void stss3_user_form_request(struct stss3_request *request, const struct stss3_endpoint *endpoint);

/* Appends "name=value", encoded, to a form. */
void stss3_form_add(struct plug_buf *form, const char *name, const char *value);

/* What both questions need; all outlive the call. */
struct stss3_user_ask {
    const struct stss3_config *config;
    struct stss3_clocks *clocks;
    struct stss3_http *http;
    struct stss3_sessions *user; /* what he signs with */
};

/* Asks S3 for the user's buckets, tried once: OK, or the status and in call the words. */
regstore_status stss3_user_list_buckets(const struct stss3_user_ask *ask, struct plug_call *call);

/* Asks STS who the user is; the ARN is appended to *arn. */
regstore_status stss3_user_arn(const struct stss3_user_ask *ask, struct plug_call *call,
                               struct plug_buf *arn);

#endif
