/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer of S3 or STS means: a status for the host, and whether the same request is worth
 * another try.  Pure; the one place that knows.
 */
#ifndef STSS3_VERDICT_H
#define STSS3_VERDICT_H

#include "http.h"
#include "xml.h"

enum stss3_worth { /* another try of the same request */
                   STSS3_WORTH_NONE,
                   STSS3_WORTH_ONE,
                   STSS3_WORTH_SOME, /* as many as there are */
};

struct stss3_verdict_of {
    regstore_status status;
    enum stss3_worth again;
};

/* code: the error body's, "" when there is none.  A 2xx without a code is OK. */
struct stss3_verdict_of stss3_verdict(enum stss3_transport transport, long http_status,
                                      const char *code);

/*
 * The same for a request whose try has ended: parses the error's body when there is one, fills
 * request->error (words that begin with the operation; code, request id, Retry-After) and returns
 * whether to try again.  *body is what the service said, all zero when it said nothing.  An answer
 * of 2xx gives OK, unless is_xml and the root is an error (S3 answers 200 with an error inside:
 * CompleteMultipartUpload, CopyObject, UploadPartCopy).
 */
enum stss3_verdict stss3_verdict_judge(struct stss3_request *request, bool is_xml,
                                       struct stss3_error_body *body);

/*
 * For an answer of 2xx that holds no error, and should be XML with this root: DONE when it is so,
 * and whole.  Otherwise AGAIN with the words set, as if it had been a 500: S3 sends 200 before it
 * knows, so only a whole answer says that something was done.
 */
enum stss3_verdict stss3_verdict_whole(struct stss3_request *request, const char *root);

/* How far now_ns is ahead of the service's clock, by its answer's Date.  False: it has none. */
bool stss3_verdict_clock_gap(const struct stss3_request *request, int64_t now_ns,
                             int64_t *ahead_ns);

/* What another server than AWS may have echoed of this secret goes out of the words; NULL: nothing
 * does.  Also when only its beginning was left of it. */
void stss3_verdict_redact(struct plug_error *error, const char *secret);

/* True for the codes by which a service says that the session, not the request, is at fault. */
bool stss3_code_is_stale_session(const char *code);

#endif
