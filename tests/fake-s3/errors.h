/* SPDX-License-Identifier: Apache-2.0 */
/* The error codes of S3 and STS, with AWS's words and status. */
#ifndef FAKE_S3_ERRORS_H
#define FAKE_S3_ERRORS_H

struct error_kind {
    const char *code;
    unsigned status;
    const char *message;
};

/* NULL where we know no such code. */
const struct error_kind *error_kind(const char *code);

#endif
