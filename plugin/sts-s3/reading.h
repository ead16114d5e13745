/* SPDX-License-Identifier: Apache-2.0 */
/* A config in the making: the settings as they were given, and what the steps make of them. */
#ifndef STSS3_READING_H
#define STSS3_READING_H

#include "config.h"

#define STSS3_PARAMS_MAX 64

struct stss3_reading {
    struct plug_call *call;
    const char *values[STSS3_PARAMS_MAX]; /* in the order of stss3_params */
    struct stss3_config *config;
};

/* The setting, else its fallback, else NULL.  "" means the same as leaving the key out, as it does
 * to Quay. */
const char *stss3_reading_value(const struct stss3_reading *r, const char *key);
/* The setting, else the first of the environment's variables (each may be NULL) that is set. */
const char *stss3_reading_value_or_env(const struct stss3_reading *r, const char *key,
                                       const char *first, const char *second);
/* A copy in *out; NULL leaves it as it is. */
regstore_status stss3_reading_copy(struct stss3_reading *r, const char *value, char **out);
/* CONFIG: "'key' words". */
regstore_status stss3_reading_wrong(struct stss3_reading *r, const char *key, const char *words);

/* What follows speaks of s3 and needs no other setting to be read first; then the rest, which does.
 */
regstore_status stss3_read_s3_endpoint(struct stss3_reading *r);
regstore_status stss3_read_other_endpoints(struct stss3_reading *r);

/* The steps; each reads the settings of its own. */
regstore_status stss3_read_identity(struct stss3_reading *r); /* who we are: role and user */
regstore_status stss3_read_who(struct stss3_reading *r);      /* the user, after the role */
regstore_status stss3_read_place(struct stss3_reading *r);    /* where: bucket, region, endpoints */
regstore_status stss3_read_network(struct stss3_reading *r);  /* proxies, CAs, timeouts */
regstore_status stss3_read_writing(struct stss3_reading *r);  /* sizes, encryption, memory */

#endif
