/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults on demand.
 *
 * A rule is written as a query: op=UploadPart&key=*uploads*&skip=2&times=1&do=reset&when=after.
 *   op, key      patterns (* and ?) of the operation's name and of the key; what is left out
 *                matches all
 *   skip, times  lets the first few matches pass, then strikes so often (once; 0: for ever)
 *   when         before: nothing of the body was read (of STS's form all was).  read: it was, but
 *                nothing was done.  after: it was done.  middle: half of the answer is out.
 *   do           what happens then:
 *     error          an answer with status, code and message
 *     reset          the connection is reset; close: it ends without a word
 *     stall          nothing happens for ms milliseconds, then all goes on
 *     trickle        the answer's bytes come out in ms milliseconds, a few at a time
 *     ok-error       200 with an <Error> of this code
 *     whitespace     Complete's and Copy's answer begins with spaces for ms milliseconds
 *     redirect       status (301 or 307) to the header Location `to`, naming region
 *     date           the answer's Date is wrong by ms; no-date: the header is missing
 *     etag           a wrong ETag; no-etag: none; empty-etag: an empty one
 *     garble         the answer's XML breaks off in the middle of an element
 *     pad            the answer's XML grows by bytes of comment
 *     flip           the last byte of an object's content is another
 *     shorten        half of an object's content comes, and Content-Length says that this is all
 *     expire         all sessions end now, that of the request too
 *     clock          the server's clock is wrong by ms from now on
 *     signal         the process pid gets SIGUSR1; then nothing happens for ms milliseconds
 */
#ifndef FAKE_S3_FAULTS_H
#define FAKE_S3_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

enum fault_phase { FAULT_BEFORE, FAULT_READ, FAULT_AFTER, FAULT_MIDDLE };

enum fault_action {
    FAULT_ERROR,
    FAULT_RESET,
    FAULT_CLOSE,
    FAULT_STALL,
    FAULT_TRICKLE,
    FAULT_OK_ERROR,
    FAULT_WHITESPACE,
    FAULT_REDIRECT,
    FAULT_DATE,
    FAULT_NO_DATE,
    FAULT_ETAG,
    FAULT_NO_ETAG,
    FAULT_EMPTY_ETAG,
    FAULT_GARBLE,
    FAULT_PAD,
    FAULT_FLIP,
    FAULT_SHORTEN,
    FAULT_EXPIRE,
    FAULT_CLOCK,
    FAULT_SIGNAL,
};

struct fault {
    struct fields rule; /* as it was written */
    enum fault_action action;
    enum fault_phase phase;
    uint64_t skip, times; /* what is left of them */
    bool is_endless, is_spent;
    unsigned status;
    int64_t ms;
    uint64_t bytes, pid;
};

struct faults {
    struct fault *items;
    size_t count;
};

void faults_clear(struct faults *all);
/* NULL, or what is wrong with the rule. */
const char *faults_add(struct faults *all, const char *rule);

/* The first rule that strikes this request, as a copy of its own, or NULL. Counts the match. */
struct fault *faults_match(struct faults *all, const char *operation, const char *key);
void fault_free(struct fault *f);

#endif
