/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acts that need no server, each in a process of its own for each allocation that fails: that one
 * alone, or that one and all after it until the act has been told (failing.h).
 */
#ifndef TEST_ACTS_H
#define TEST_ACTS_H

#include "regstore.h"

#include <stdbool.h>
#include <stddef.h>

struct act {
    const char *name;
    void (*run)(void);
};

/* A row for each act, and the line "faults: WHAT: N cases, N held".  True: all held. */
bool acts_sweep(const char *what, const struct act *acts, size_t n);

/* For acts. */
extern char folder[64];            /* the act's own, removed afterwards */
extern struct regstore_error error; /* of the last call */
struct regstore_error *fresh_error(void);
void begin_failing(void); /* from here on */
void end_failing(void);
/* True: the status is OK.  Otherwise it must be NO_MEMORY, with words, and from now on there is
 * memory. */
bool went_well(regstore_status status);
/* Ends the act as one that did not hold. */
#define CLAIM(claim) \
    do { \
        if (!(claim)) \
            not_so(__FILE__, __LINE__, #claim); \
    } while (0)
_Noreturn void not_so(const char *file, int line, const char *claim);
/* The act was told of it otherwise than by a status. */
void was_told(void);
/* "FOLDER/NAME"; one of 8. */
const char *path_of(const char *name);
void write_text_file(const char *path, const char *text);

#endif
