/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services beside us that hand out credentials: of a container, of an instance.  They answer at
 * once or never, so they are given a second and few tries; no proxy lies between, and a redirect is
 * a failure: what is sent there and comes back is for nobody else.
 */
#ifndef STSS3_METADATA_H
#define STSS3_METADATA_H

#include "session.h"

/* NULL: no memory.  hooks, owner, method and operation are as in stss3_request_new(). */
struct stss3_request *stss3_metadata_request(const struct stss3_request_hooks *hooks, void *owner,
                                             const char *method, const char *operation);

/* For a judge hook: fills request->error.  Words of the answer are not told: it may be anything. */
enum stss3_verdict stss3_metadata_judge(struct stss3_request *request);

/* For a done hook: the credentials that request->answer has; it is wiped.  NULL: request->error
 * says why.  Those that have ended are taken with a warning: in an outage there are no others. */
struct stss3_session *stss3_metadata_read(const struct stss3_tools *tools,
                                          struct stss3_request *request);

#endif
