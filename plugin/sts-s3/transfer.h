/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One try on the wire: everything that the engine sets in and learns from a curl easy handle.  A
 * transfer is used again for one try after another.  All of it runs on the loop's thread.
 */
#ifndef STSS3_TRANSFER_H
#define STSS3_TRANSFER_H

#include "http.h"

#include <curl/curl.h>

struct stss3_sockets;
struct stss3_transfer;

/* Both outlive it, and its connections.  NULL: no memory. */
struct stss3_transfer *stss3_transfer_new(const struct stss3_http_options *options,
                                          struct stss3_sockets *sockets);
void stss3_transfer_free(struct stss3_transfer *transfer);

/* Sends the request.  False: it could not be set up, and its outcome says why. */
bool stss3_transfer_begin(struct stss3_transfer *transfer, CURLM *multi,
                          struct stss3_request *request);
/* Takes it off the wire and fills in the outcome. */
void stss3_transfer_end(struct stss3_transfer *transfer, CURLM *multi, CURLcode result);
/* The same for one that has been silent for too long. */
void stss3_transfer_end_stalled(struct stss3_transfer *transfer, CURLM *multi);
/* Takes it off the wire; there is no outcome. */
void stss3_transfer_drop(struct stss3_transfer *transfer, CURLM *multi);

/* The request of a handle that curl speaks of. */
struct stss3_request *stss3_transfer_request(CURL *easy);
/* When the last byte moved, once there is a connection; PLUG_NEVER before. */
int64_t stss3_transfer_moved_ns(const struct stss3_transfer *transfer);
/* Its server's name is being looked up, in a thread of curl's. */
bool stss3_transfer_is_looking_up(const struct stss3_transfer *transfer);
/* The last try ended since somebody was waited for too long. */
bool stss3_transfer_has_timed_out(const struct stss3_transfer *transfer);

#endif
