/* SPDX-License-Identifier: Apache-2.0 */
/* The way of one request through the server, step by step. HTTP calls these in order. */
#ifndef FAKE_S3_SERVE_H
#define FAKE_S3_SERVE_H

#include <stddef.h>

#include "strike.h"

struct exchange;

/* The headers are there. After a refusal the body is passed over. */
enum verdict serve_head(struct exchange *x);
void serve_body(struct exchange *x, const char *bytes, size_t length);
/* All is there; afterwards the answer is. */
enum verdict serve_end(struct exchange *x);

#endif
