/* SPDX-License-Identifier: Apache-2.0 */
/* streams: what a program of this project does before anything else. */
#ifndef HOST_STREAMS_H
#define HOST_STREAMS_H

#include <stdbool.h>

/*
 * Takes the numbers of those standard streams that the caller has closed. Otherwise the next file
 * that is opened gets one, and what is printed for people lands in a blob. To read from such a
 * stream or write to it fails, as it does on a closed one: no input is not an empty input.
 * False: the numbers could not be taken.
 */
bool streams_occupy(void);

#endif
