/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests signed with the user's own long-term keys and not with a session: AssumeRole itself, and
 * the two questions by which check and policy find out who the user is.
 */
#ifndef STSS3_USER_REQUEST_H
#define STSS3_USER_REQUEST_H

#include "config.h"
#include "http.h"
#include "service_clock.h"

/*
 * For a prepare hook: URL "/" of the service's endpoint ("sts", "s3"), signed with the keys of this
 * moment, by the service's clock.  A body is a form, and payload_sha256 its hash.
 */
enum stss3_ready stss3_user_prepare(struct stss3_request *request,
                                    const struct stss3_config *config,
                                    const struct stss3_service_clock *clock, const char *service,
                                    const char *payload_sha256);

/* Appends "name=value", encoded, to a form. */
void stss3_form_add(struct plug_buf *form, const char *name, const char *value);

/* What both questions need; all outlive the call. */
struct stss3_user_ask {
    const struct stss3_config *config;
    struct stss3_clocks *clocks;
    struct stss3_http *http;
};

/* Asks S3 for the user's buckets, tried once: OK, or the status and in call the words. */
regstore_status stss3_user_list_buckets(const struct stss3_user_ask *ask, struct plug_call *call);

/* Asks STS who the user is; the ARN is appended to *arn. */
regstore_status stss3_user_arn(const struct stss3_user_ask *ask, struct plug_call *call,
                               struct plug_buf *arn);

#endif
