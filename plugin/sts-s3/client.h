/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to S3: what it asks, signed anew at each try with the session of that moment, for the
 * region that the bucket turned out to be in.  The operations themselves stand in objects.h,
 * multipart.h and listing.h.
 */
#ifndef STSS3_CLIENT_H
#define STSS3_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "backoff.h"
#include "checksum.h"
#include "config.h"
#include "http.h"
#include "redirect.h"
#include "session.h"
#include "sigv4.h"
#include "xml.h"

/* What all requests of a store share.  Config, engine, clock and sessions outlive it. */
struct stss3_client {
    const struct stss3_config *config;
    const struct plug_host *host;
    struct stss3_http *http;
    struct stss3_service_clock *clock;
    struct stss3_sessions *sessions;
    struct stss3_retries retries; /* S3's own: STS's and others' are the engine's */
    /* The provider's row at first; then what the server's answers have shown. */
    atomic_bool refuses_part_copy, refuses_batch_delete;
    atomic_bool lists_v1;         /* ListObjects in place of ListObjectsV2 */
    atomic_bool encodes_lists;    /* asks for encoding-type=url */
    atomic_bool is_region_known;  /* S3 has answered there */
    atomic_bool demands_checksum; /* a body without one was refused once: object lock */
    _Atomic int64_t believed_ns;  /* when a HEAD's 400 last cost a session; 0: never */

    pthread_mutex_t lock; /* guards the three below */
    char region[STSS3_REGION_MAX];
    struct stss3_endpoint endpoint;
    struct stss3_signing_key signing_key;
};

void stss3_client_init(struct stss3_client *client, const struct stss3_config *config,
                       struct stss3_http *http, struct stss3_service_clock *clock,
                       struct stss3_sessions *sessions);
void stss3_client_clear(struct stss3_client *client);

/* A request that has the service work on stored bytes: some say nothing until it is done. */
#define STSS3_SILENT_WORK_MS (15u * 60 * 1000)

/* Where requests go at this moment. */
struct stss3_target {
    char region[STSS3_REGION_MAX];
    char host[STSS3_HOST_MAX + 300]; /* bucket.host:port, or host:port */
    bool tls;
};
void stss3_client_target(struct stss3_client *client, struct stss3_target *out);
/* The same for whoever follows a presigned URL. */
void stss3_client_presign_target(struct stss3_client *client, struct stss3_target *out);

/*
 * An operation under way.  Made by stss3_op_new(), filled by whoever makes it, run or started once.
 * It and its request are one: stss3_op_drop() gives up the caller's reference, and what is left
 * goes when the engine lets go of it.
 */
struct stss3_op {
    struct stss3_request *request;
    struct stss3_client *client;
    struct stss3_query query;
    struct plug_buf headers; /* "name\0value\0", names in lower case; stss3_op_header() */
    struct plug_buf body;    /* of requests that carry XML; stss3_op_send_body() */
    char payload_sha256[STSS3_SHA256_HEX];
    /* The root of a good answer: one that is cut off, or something else, is tried again as a 500
     * would be.  NULL: a good answer has no XML; an error in its place is found all the same. */
    const char *xml_root;
    bool is_range; /* a GET of a blob's bytes, among which nothing is looked for; they
                    * must be those that were asked for, from range_offset on */
    uint64_t range_offset;
    bool is_chunk;        /* bytes to be stored are sent; stss3_op_send_chunk() */
    struct stss3_sum sum; /* of these */
    /* Told on the loop's thread when it is over, for operations that nobody waits for. */
    void (*done)(struct stss3_op *op, void *ctx);
    void *ctx;
    /* What must live as long as the request: the chunk whose bytes are sent or received. */
    void (*release)(void *kept);
    void *kept;

    /* The engine's side. */
    struct plug_buf path; /* as sent */
    struct stss3_session *session;
    uint64_t session_round;
    bool has_renewed, has_moved, has_detour;
    bool is_unconditional;      /* the server does not know If-None-Match */
    unsigned sendings;          /* every try, those on a connection that was stale too */
    struct stss3_detour detour; /* of this operation alone: a 307 is for the moment, but for the
                                 * region that it names */
    struct stss3_error_body said;
};

/* key: under the store's root, not encoded; NULL: the bucket itself.  NULL: no memory. */
struct stss3_op *stss3_op_new(struct stss3_client *client, const char *method,
                              const char *operation, const char *key);
/* A header that is sent and signed; name in lower case; nothing when value is NULL. */
void stss3_op_header(struct stss3_op *op, const char *name, const char *value);
/* The body is op->body: sets its length and hash. */
void stss3_op_send_body(struct stss3_op *op);
void stss3_op_drop(struct stss3_op *op); /* takes NULL */

/* Starts it; done is told.  Takes the caller's reference: drop is not for the caller any more, but
 * stss3_request_ref(op->request) before keeps one. */
void stss3_op_start(struct stss3_op *op);
/* Runs it and waits; the status is its outcome, and call has the words.  The caller drops it. */
regstore_status stss3_op_run(struct stss3_op *op, struct plug_call *call);

/* Sums the body and adds the header for it; nothing for STSS3_SUM_NONE. */
void stss3_op_checksum(struct stss3_op *op, enum stss3_checksum kind);

/* "/bucket/root/key", encoded, as x-amz-copy-source wants it. */
void stss3_copy_source(const struct stss3_client *client, const char *key, struct plug_buf *out);

#endif
