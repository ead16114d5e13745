/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child does something and is traced.  Its n-th run ends, or stands still, at its n-th stop, on
 * entering or leaving a system call; a sweep over n ends with the run that comes to its end.
 */
#ifndef LOCAL_TEST_TRACE_H
#define LOCAL_TEST_TRACE_H

#include <stdbool.h>
#include <sys/types.h>

/* Runs act in a child up to its n-th stop.  0: it came to its end before. */
pid_t frozen_at(void (*act)(void), unsigned n);
/* The same, and it dies there.  True: it had come to its end before. */
bool dies_at(void (*act)(void), unsigned n);
/* Lets a frozen child run to its end. */
void thaw(pid_t child);

#endif
