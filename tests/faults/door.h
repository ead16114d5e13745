/* SPDX-License-Identifier: Apache-2.0 */
/* The door of regstore-fake-s3 through which a test asks for faults (tests/fake-s3/control.h). */
#ifndef TEST_DOOR_H
#define TEST_DOOR_H

#include <stddef.h>
#include <stdint.h>

/* Every failure ends the test. */
void door_fault(const char *server, const char *rule);
void door_forget_faults(const char *server);
/* POST /_fake/VERB, for whatever else control.h has. */
void door_post(const char *server, const char *verb);
/* How many requests have felt a fault since then. */
unsigned door_struck(const char *server);
/* Until nothing is under way, what a client has given up included. */
void door_wait_idle(const char *server);
/* All sessions end now. */
void door_end_sessions(const char *server);
/* Lists come in pages of so many entries; 0: as asked for. */
void door_page(const char *server, unsigned most);
/* A line for each object and upload whose key begins so. */
void door_left(const char *server, const char *prefix, char *out, size_t cap);
/* The server's clock, beside this machine's, from now on. */
void door_clock(const char *server, int64_t ahead_ms);

/* How many requests of each operation there were since door_forget_counts(). */
struct door_count {
    char operation[64];
    unsigned n;
};
size_t door_counts(const char *server, struct door_count *out, size_t cap);
void door_forget_counts(const char *server);

#endif
