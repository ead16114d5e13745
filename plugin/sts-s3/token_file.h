/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that a platform keeps up to date (the token of a web identity, of a container), read by
 * the worker for a request that waits in prepare: read anew for every try, never on a loop.
 */
#ifndef STSS3_TOKEN_FILE_H
#define STSS3_TOKEN_FILE_H

#include <stdatomic.h>

#include "buf.h"
#include "source.h"

#define STSS3_TOKEN_FILE_MAX (64u << 10)

struct stss3_token_file {
    const struct stss3_tools *tools;
    const char *what, *path;  /* "AWS_WEB_IDENTITY_TOKEN_FILE"; both outlive it */
    bool is_reading, is_read; /* by the loop's thread; the worker writes before it resumes */
    atomic_bool has_ended;
    struct stss3_request *request;
    struct plug_buf text; /* wiped with it */
    struct plug_error error;
};

/*
 * For a prepare hook: READY, and text is what the file holds, without line breaks at its end; WAIT;
 * or REFUSED with words that name the file, in request->error: CONFIG, or UNAVAILABLE when its file
 * system does not answer.  Once READY it stays so
 * until stss3_token_file_forget(), which a judge hook calls.
 */
enum stss3_ready stss3_token_file_get(struct stss3_token_file *file, struct stss3_request *request);
void stss3_token_file_forget(struct stss3_token_file *file);
void stss3_token_file_clear(struct stss3_token_file *file);

#endif
