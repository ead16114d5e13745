/* SPDX-License-Identifier: Apache-2.0 */
/* What STS answers to a request for a session, and what an operator can do about a refusal. */
#ifndef STSS3_STS_ANSWER_H
#define STSS3_STS_ANSWER_H

#include "session.h"

/* Reads the session out of request->answer, by request->operation ("AssumeRole"), and wipes it; its
 * life is counted by the service's time of the answer.  *out is NULL on failure, and request->error
 * says why: UNAVAILABLE when no whole session is in it, or one that has ended already. */
regstore_status stss3_sts_read_session(const struct stss3_tools *tools,
                                       struct stss3_request *request, struct stss3_session **out);

/* How long a session lives, counted from when the answer that brought it was asked for, by the time
 * that this answer bears; by the clock where it bears none. */
void stss3_session_set_end(struct stss3_session *session, const struct stss3_request *request,
                           const struct stss3_service_clock *clock);

/* Adds to the words of a failure what the operator can do about it.  signer: where the keys come
 * from that signed it, "settings"; NULL: a web identity. */
void stss3_sts_advise(const struct stss3_tools *tools, struct stss3_request *request,
                      const char *signer);

#endif
