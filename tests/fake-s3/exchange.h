/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer, between HTTP below and the operations above.
 *
 *   headers arrive -> routed -> authorised -> body arrives -> checked -> carried out -> answered
 *
 * Whatever goes wrong on the way is a refusal: refuse() fills in the answer, and nothing after it
 * is done.
 */
#ifndef FAKE_S3_EXCHANGE_H
#define FAKE_S3_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "body.h"
#include "faults.h"
#include "identity.h"
#include "server.h"
#include "sigv4_verify.h"
#include "store.h"
#include "text.h"

struct operation;

struct answer {
    unsigned status; /* 0: not known yet */
    struct fields headers;
    struct text body;
    /* or the bytes of an object */
    struct object *object;
    uint64_t first, bytes;
    /* of a refusal */
    char *code, *message;
    struct text details; /* more elements beside Code and Message */
};

struct exchange {
    struct server *server;
    /* as it came */
    char *method, *target;
    struct fields headers;
    bool is_secure, is_local;
    bool is_counted; /* in server->busy */
    /* taken apart */
    char *path, *query_text; /* raw */
    struct fields query;
    char *region; /* of the endpoint that it was sent to */
    char *bucket_name, *key;
    bool is_sts, is_virtual_host, is_global_host;
    const struct operation *operation;
    /* who */
    struct claim claim;
    struct caller caller;
    char *payload_hash; /* as it is signed */
    /* what */
    struct body body;
    uint64_t received; /* of it, kept or passed over */
    struct answer answer;
    struct fault *fault;
    char request_id[17];
};

bool is_refused(const struct exchange *x);

/* All of them return false, so that a check can end in `return refuse(...)`. */
bool refuse(struct exchange *x, const char *code);
bool refuse_saying(struct exchange *x, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* One more element beside Code and Message. */
void refuse_detail(struct exchange *x, const char *name, const char *value);

const char *header(const struct exchange *x, const char *name);
const char *parameter(const struct exchange *x, const char *name);
void answer_header(struct exchange *x, const char *name, const char *value);
/* 200 with "<?xml ...><root xmlns=S3's>"; the other closes it. */
void answer_xml_start(struct exchange *x, const char *root);
void answer_xml_end(struct exchange *x, const char *root);

/* The answer's body once it is complete: the error's words, what a fault does to them. */
void exchange_finish(struct exchange *x);
void exchange_clear(struct exchange *x);

#endif
