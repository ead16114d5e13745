/* SPDX-License-Identifier: Apache-2.0 */
/* Files and programs, which may lie on a file system that hangs: read and run aside (aside.h), for
 * the worker's threads, which wait no longer than they are told to. */
#ifndef STSS3_SLOW_H
#define STSS3_SLOW_H

#include "aside.h"
#include "buf.h"
#include "program.h"

/* Longer than a server of files takes to come back after a restart is nobody's patience here: the
 * same file is asked for again. */
#define STSS3_SLOW_FILE_MS 60000

struct stss3_slow_file {
    const char *what, *path; /* what begins the words of a failure; a literal */
    size_t max;              /* bytes of a text; a secret has a limit of its own */
    bool is_secret;          /* of plug_secret_file_read(), which wants it to be private */
    uint64_t limit_ms;
};

/*
 * Appends the file's text to *out as it stands: CONFIG, with words that begin with what and name
 * the path, for one that is missing, no regular file, longer than max or has a zero byte in it;
 * else as stss3_aside_do().  *why is errno when it could not be opened, else 0; may be NULL.  Wipe
 * *out in any case.
 */
regstore_status stss3_slow_file_read(struct stss3_asides *asides,
                                     const struct stss3_slow_file *file, struct plug_buf *out,
                                     int *why, struct plug_error *error);

/* stss3_program_run(), which is ended as soon as the asides are stopped: must_stop is not the
 * caller's here. */
regstore_status stss3_slow_program_run(struct stss3_asides *asides,
                                       const struct stss3_program *program, struct plug_buf *out,
                                       struct plug_error *error);

#endif
