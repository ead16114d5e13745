/* SPDX-License-Identifier: Apache-2.0 */
/* Which sockets a loop has, so that a child of a fork can close its copies of them: left open they
 * would keep each connection alive that the parent closes. */
#ifndef STSS3_SOCKETS_H
#define STSS3_SOCKETS_H

#include <stdbool.h>

struct stss3_sockets;

/* NULL: no memory. */
struct stss3_sockets *stss3_sockets_new(unsigned connections);
void stss3_sockets_free(struct stss3_sockets *sockets); /* takes NULL; closes none */

/* By one thread at a time.  One too many is not remembered; -1 is none. */
void stss3_sockets_add(struct stss3_sockets *sockets, int fd);
void stss3_sockets_remove(struct stss3_sockets *sockets, int fd);

/* Whether a socket at this port of ours has bytes to be read; curl tells the port alone. */
bool stss3_sockets_have_bytes(const struct stss3_sockets *sockets, int local_port);

/* In a child.  Passes over a number that is not the same socket any more: the host may have closed
 * everything and opened files of its own. */
void stss3_sockets_close_copies(const struct stss3_sockets *sockets);

#endif
