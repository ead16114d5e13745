/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store whose S3 and STS are scripted servers on loopback, and a host that keeps every line of
 * the log.  One for each test; everything goes through the plugin's own table.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "regstore.h"

#include "buf.h"
#include "server.h"

#include <pthread.h>

/* An answer that ends with its connection, so that nobody has to count: {ANSWER(...),
 * SERVER_CLOSES}. */
#define ANSWER(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

#define USER_SECRET "the-users-secret-key"

/* With the NUL: an answer of STS, head included. */
#define STS_ANSWER_MAX 2048

struct world {
    struct server *s3, *sts; /* NULL where the script is NULL: then nobody listens */
    struct regstore_host host;
    const struct regstore_plugin *plugin;
    struct regstore_store *store;
    struct regstore_error error;
    struct regstore_call call; /* of the test's own thread */

    pthread_mutex_t lock; /* guards log */
    struct plug_buf log;  /* "event key=value key=value\n" */
};

/* Opens the store.  sts NULL: no role is assumed, the user's own keys go to S3. */
void world_open(struct world *w, const struct server_step *s3, size_t n_s3,
                const struct server_step *sts, size_t n_sts);
/* The same with settings of the test's own, beside those or in their place. */
void world_open_with(struct world *w, const struct server_step *s3, size_t n_s3,
                     const struct server_step *sts, size_t n_sts, const struct regstore_pair *more,
                     size_t n_more);
void world_close(struct world *w);

/* An upload with SHA-256; key may be NULL. */
struct regstore_upload *world_upload(struct world *w, const char *key);
/* Writes len bytes 'x'. */
void world_write(struct world *w, struct regstore_upload *upload, size_t len);

/* Suspends it at the offset kept, and closes it. */
void world_suspend(struct world *w, struct regstore_upload *upload, char token[REGSTORE_TOKEN_MAX],
                   uint64_t kept);
regstore_status world_reopen(struct world *w, const char *token, struct regstore_upload **upload);

/* Whether a line of the log has all of text. */
bool world_has_logged(struct world *w, const char *text);
unsigned world_count_logged(struct world *w, const char *text);

/* The answer to AssumeRole: keys that bear the name ("A": ACCESS-A, SECRET-A, TOKEN-A), and live
 * for so long. */
const char *sts_answer(char out[STS_ANSWER_MAX], const char *name, int64_t life_ms);

#endif
