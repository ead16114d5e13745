/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process this is.  Numbers of processes come back, so a fork is seen by a page that the
 * kernel empties in the child (MADV_WIPEONFORK; FORK-4).
 */
#ifndef PLUG_PROCESS_H
#define PLUG_PROCESS_H

#include <stdint.h>

/* A number that is the same in one process for ever and another one in each child.  Takes no lock.
 * 0: no memory. */
uint64_t plug_process(void);

#endif
