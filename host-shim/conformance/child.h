/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's children: each in a process group of its own, waited for with a limit. */
#ifndef CONFORMANCE_CHILD_H
#define CONFORMANCE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* From here on Ctrl-C, SIGTERM, SIGHUP and the end of a child are waited for; nothing else happens
 * on them.  What children leave behind becomes a child of this process. */
void child_guard(void);

/* fork(), whose child has the signals of before, a group of its own and nothing to read, and ends
 * with this process. */
pid_t child_fork(void);

enum child_event { CHILD_ENDED, CHILD_STOP, CHILD_TIME_OVER };

/* Waits until a child has ended, somebody wants all to stop, or the time is over; limit_ms below 0:
 * for as long as it takes. */
enum child_event child_wait(int64_t limit_ms);

/* True once child_wait has given CHILD_STOP to anybody. */
bool child_stop_was_wanted(void);

enum child_end { END_BY_ITSELF, END_STOPPED, END_OUT_OF_TIME };

/* Waits for this child; what stops it, or takes longer than limit_ms, kills its group.  Without
 * may_stop Ctrl-C is no reason. */
enum child_end child_wait_for(pid_t pid, int64_t limit_ms, bool may_stop, int *status);

/* Ends whatever is still there of the children's children. */
void child_end_strangers(void);

#endif
