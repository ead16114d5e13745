/* SPDX-License-Identifier: Apache-2.0 */
/* A program that prints credentials, run without a shell.  Blocks: for the worker. */
#ifndef STSS3_PROGRAM_H
#define STSS3_PROGRAM_H

#include "buf.h"
#include "call.h"

#define STSS3_PROGRAM_OUTPUT_MAX (64u << 10)

struct stss3_program {
    const char *what;                   /* begins the words of a failure */
    const char *line;                   /* its words: see stss3_words_split() */
    char *const *environment;           /* ends with NULL; PATH in it is where it is looked for */
    uint64_t limit_ms;                  /* how long it may take */
    bool (*must_stop)(const void *ctx); /* asked all the while; may be NULL */
    const void *ctx;
};

/*
 * What it wrote to its standard output; wipe *out in any case.  Its input and its errors are
 * /dev/null, it inherits no other descriptor, no blocked or ignored signal; what it leaves behind
 * when it is over its time is killed with it.  Works in a process that ignores SIGCHLD or reaps
 * children that are not its own: then how it ended is not known.  CONFIG: there is no such program,
 * or its line is none.  UNAVAILABLE: it failed, took too long, wrote too much.  The words never
 * have a byte of what it wrote.
 */
regstore_status stss3_program_run(const struct stss3_program *program, struct plug_buf *out,
                                  struct plug_error *error);

#endif
