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
 * or REFUSED with CONFIG and words that name the file, in request->error.  Once READY it stays so
 * until stss3_token_file_forget(), which a judge hook calls.
 */
enum stss3_ready stss3_token_file_get(struct stss3_token_file *file, struct stss3_request *request);
void stss3_token_file_forget(struct stss3_token_file *file);
void stss3_token_file_clear(struct stss3_token_file *file);

/* The text of a file as it stands: CONFIG, with words that begin with what and name the path, for
 * one that is missing, no regular file, longer than max or has a zero byte in it.  Blocks.  *why is
 * errno when it could not be opened, else 0; may be NULL.  Wipe *out in any case. */
regstore_status stss3_text_file_read(const char *what, const char *path, size_t max,
                                     struct plug_buf *out, int *why, struct plug_error *error);

#endif
