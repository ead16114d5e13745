/* SPDX-License-Identifier: Apache-2.0 */
/* The files that the server reads and writes, and what the Quay manual's setup holds. */
#ifndef FAKE_S3_PAPER_H
#define FAKE_S3_PAPER_H

#include <stdbool.h>

#define QUAY_USER_KEY    "AKIAQUAYUSER00000001"
#define QUAY_USER_SECRET "quaysecretkey0000000000000000000000000001"
#define STRANGER_KEY     "AKIASTRANGER00000001"
#define STRANGER_SECRET  "strangersecret000000000000000000000000001"

struct server;

/* All of a small file, to be freed, or NULL. */
char *read_file(const char *path);

/* Section 12.2: it trusts quay-user, with an external id if one is given. To be freed. */
char *manual_trust_policy(const char *external_id);

/* DIR/config.yaml and, when all else is there, DIR/env. */
bool write_papers(const struct server *s);

#endif
