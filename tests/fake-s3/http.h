/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP, by libmicrohttpd: one thread a connection, so that a request that stalls on purpose keeps
 * no other one waiting.
 */
#ifndef FAKE_S3_HTTP_H
#define FAKE_S3_HTTP_H

#include <stdbool.h>
#include <stdint.h>

struct server;
struct listener;

struct tls_files {
    char *certificate, *key; /* PEM, as text */
};

/* On 127.0.0.1; port 0 is any free one. NULL: it cannot be had. */
struct listener *listener_start(struct server *s, const char *region, uint16_t port,
                                const struct tls_files *tls);
uint16_t listener_port(const struct listener *l);
/* Waits for what is under way. */
void listener_stop(struct listener *l);

#endif
