/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials as containers, instances and processes hand them out: one JSON object.  Pure. */
#ifndef STSS3_CREDENTIALS_JSON_H
#define STSS3_CREDENTIALS_JSON_H

#include "session.h"

/* Which of the forms it has. */
struct stss3_credentials_form {
    const char *what;       /* begins the words of a failure: "credential_process" */
    const char *token_name; /* "Token", "SessionToken" */
    bool has_version;       /* "Version": 1 is demanded */
};

/*
 * A session with expires_ns set when the text says when it ends, whose end_ns is for the caller to
 * set.  UNAVAILABLE: the text is no such object, something is missing or cannot be a key, or it
 * says that there are none ("Code", "Message": these are told, nothing else of it is).  NO_MEMORY.
 */
regstore_status stss3_credentials_read(const struct stss3_credentials_form *form, const char *text,
                                       size_t len, struct stss3_session **out,
                                       struct plug_error *error);

#endif
