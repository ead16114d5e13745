/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catches I/O in the act: a seccomp filter that turns system calls on files, sockets, threads and
 * processes into EPERM and notes the first.  It stays until the process ends, so it is for steps of
 * in_new_process() alone.
 */
#ifndef CONFORMANCE_TRAP_H
#define CONFORMANCE_TRAP_H

#include <stdbool.h>

/* False where this machine does not let a process filter itself. */
bool trap_set(void);
/* The first call that was caught since trap_set(), or NULL. */
const char *trap_caught(void);

#endif
