/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one hook by which a test lets allocations fail.  The linker leads the calls of all objects
 * that are linked in statically here (meson.build: -Wl,--wrap=malloc and so on); shared libraries
 * keep theirs, but for those that take allocators, whose functions ask failing_now() too.
 */
#ifndef TEST_FAILING_H
#define TEST_FAILING_H

#include <stdbool.h>
#include <stddef.h>

enum owner { OURS, CURLS, OPENSSLS, OWNERS };

/* From now on, on any thread: the n-th fails, from 0; is_lasting: and all after it. */
void failing_arm(enum owner owner, unsigned nth, bool is_lasting);
void failing_disarm(enum owner owner);
/* How many were asked for since failing_arm(). */
unsigned failing_count(enum owner owner);
/* Whether one has failed since then. */
bool failing_has_failed(enum owner owner);
/* Counts one; whether it is to fail. */
bool failing_now(enum owner owner);

/* The names that the linker gives to what is behind the hook. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
char *__real_strdup(const char *text);

#endif
