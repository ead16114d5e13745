/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server on loopback that does what a script says, good manners or not: one step a request,
 * in the order in which their heads arrive; the last step is for all that follow.
 */
#ifndef TEST_HTTP_SERVER_H
#define TEST_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum server_manner {                           /* bits */
                     SERVER_CLOSES = 1,        /* the connection, after the reply */
                     SERVER_ANSWERS_EARLY = 2, /* without reading the body */
                     SERVER_HANGS = 4,         /* says no more until it is stopped */
                     SERVER_CONTINUES =
                         8, /* sends 100 Continue, with a header of its own, before the body */
                     SERVER_TRICKLES = 16, /* one byte of the reply each 20 ms */
                     SERVER_RESETS = 32,   /* the connection, after the reply */
};

struct server_step {
    const char *reply; /* all of it, head included; NULL: 200 and the body "ok" */
    unsigned manners;
};

struct server;

struct server *server_start(const struct server_step *script, size_t steps);
void server_stop(struct server *server);
/* "http://127.0.0.1:port" and path, in memory that lives as long as the server. */
const char *server_url(struct server *server, const char *path);

/* Waits until so many heads have come; false after ten seconds. */
bool server_wait_heads(struct server *server, unsigned n);
unsigned server_connections(const struct server *server);
unsigned server_heads(struct server *server);
/* The head of the latest request, all of them and the whole bodies that came, one behind the other.
 */
const char *server_head(struct server *server);
const char *server_all_heads(struct server *server);
const uint8_t *server_bodies(struct server *server, size_t *len);

#endif
