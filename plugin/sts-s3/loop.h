/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event loop: a thread, its connections, and the requests that it takes through their tries.
 * Other threads reach it only through its inbox, a stack without a lock.
 */
#ifndef STSS3_LOOP_H
#define STSS3_LOOP_H

#include "http.h"

struct stss3_loop;

enum stss3_mail { /* bits */
                  STSS3_MAIL_START = 1,
                  STSS3_MAIL_RESUME = 2,
                  STSS3_MAIL_CANCEL = 4,
                  STSS3_MAIL_QUEUED = 8, /* the loop's own: the request is in the inbox already */
};

/* Starts the thread.  NULL: no memory, no descriptor, no thread; nothing is left behind.  options
 * stay the caller's and outlive the loop. */
struct stss3_loop *stss3_loop_new(const struct stss3_http_options *options);
/* Tells the thread to stop, wherever its requests are; returns at once. */
void stss3_loop_stop(struct stss3_loop *loop);
/* After stop: waits for the thread's end. */
void stss3_loop_join(struct stss3_loop *loop);
/* After join: ends all its requests as CANCELLED.  Nobody may start another one on it, so whoever
 * frees several has stopped and joined all of them before. */
void stss3_loop_free(struct stss3_loop *loop);

/* In a child of the process that made it: see stss3_http_close_copies(). */
void stss3_loop_close_copies(const struct stss3_loop *loop);

/* False in a child of the process that made it. */
bool stss3_loop_is_ours(const struct stss3_loop *loop);
/* Requests that it has, for whoever looks for the idlest. */
unsigned stss3_loop_load(const struct stss3_loop *loop);

/* Gives the loop a request of which it has no mail yet. */
void stss3_loop_start(struct stss3_loop *loop, struct stss3_request *request);
/* Leaves one bit of mail with the request's loop.  Harmless when it has none, when it is over, and
 * in a forked child. */
void stss3_loop_post(struct stss3_request *request, unsigned bit);

#endif
