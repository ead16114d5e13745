/* SPDX-License-Identifier: Apache-2.0 */
/* What is done outside of tests, each in a process of its own that is killed when it takes too
 * long: the plugin is never loaded into the supervisor.  False: why says what is wrong. */
#ifndef CONFORMANCE_APART_H
#define CONFORMANCE_APART_H

#include "run.h"

/* Loads the plugin and opens a store: fills run->about. */
bool apart_probe(const struct run *run, char *why, size_t cap);

/* Asks purge what it would take from the store, which is new and empty: about->strange says what it
 * sees there all the same.  A purge that fails is the tests' business. */
void apart_look(const struct run *run);

/* Ends all uploads that are unfinished in the run's own place, removes its keys, and a folder that
 * a backend of files has left empty. */
bool apart_clean(const struct run *run, char *why, size_t cap);

#endif
