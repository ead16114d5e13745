/* SPDX-License-Identifier: Apache-2.0 */
/* An engine with quick limits, and requests with hooks as an S3 layer might have them. */
#ifndef TEST_HTTP_CLIENT_H
#define TEST_HTTP_CLIENT_H

#include "http.h"

#include <stdatomic.h>

struct client {
    struct plug_host host;
    struct stss3_http_options options; /* to be changed before the first request */
    struct stss3_http *http;
};

/* What the hooks of one request are to do, and what they have done. */
struct errand {
    char url[1024];
    const char *header, *value;  /* one header to send, when not NULL */
    struct stss3_request *next;  /* to be started by done */
    struct client *client;       /* where next is started */
    atomic_bool must_wait;       /* prepare says WAIT */
    bool cancels_itself;         /* in done */
    uint64_t retry_after_ms;
    atomic_uint prepared, judged, done, released;
};

void client_init(struct client *client);
/* Makes the engine from the options. */
void client_open(struct client *client);
void client_close(struct client *client);

/* Judges: 2xx is OK, 404 NOT_FOUND, what lies below HTTP and 5xx UNAVAILABLE and worth another try,
 * all else INTERNAL. */
struct stss3_request *errand_request(struct errand *errand, const char *method, const char *url);
/* Waits, with twenty seconds at the most; the status of the request. */
regstore_status finish(struct stss3_request *request);
/* Gives it up, and waits until the engine has as well: the errand may go then. */
void drop(struct stss3_request *request);
regstore_status start_and_finish(struct client *client, struct stss3_request *request);

int64_t now_ms(void);

#endif
