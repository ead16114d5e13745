/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator has to change, in the words of the Quay manual's chapter on STS: 12.1 makes the
 * user and his keys, 12.2 the role with its trust policy and permissions.  Pure.
 */
#ifndef STSS3_ADVICE_H
#define STSS3_ADVICE_H

#include "config.h"

/* What is known of the user's keys when STS says no more than AccessDenied. */
enum stss3_keys_are {
    STSS3_KEYS_UNKNOWN,
    STSS3_KEYS_GOOD, /* the service knows the user: so it is the role that does not */
    STSS3_KEYS_BAD,  /* S3 refuses them as well */
};

/* Differences from here on are told. */
#define STSS3_CLOCK_TOLD_S 60

/* True: only asking S3 with the keys tells whether they or the role are at fault.  AWS says which,
 * Ceph says AccessDenied to a stranger, a wrong secret and an unknown key alike. */
bool stss3_advice_needs_keys(const struct stss3_config *config, const struct plug_error *error);

/* For a session that was refused, a bucket that cannot be reached; literals, never NULL. */
const char *stss3_advice_session(const struct stss3_config *config, const struct plug_error *error,
                                 enum stss3_keys_are keys);
const char *stss3_advice_bucket(const struct plug_error *error);
const char *stss3_advice_clock(void);

/* What works and is worth a change all the same, as sentences joined by "; "; "" when nothing is.
 * False: no memory. */
bool stss3_advice_settings(const struct stss3_config *config, struct plug_buf *out);

#endif
