/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of regstore-fake-s3. */
#ifndef FAKE_S3_OPTIONS_H
#define FAKE_S3_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rules.h"
#include "text.h"

struct options {
    const char *folder;              /* for env and config.yaml, or NULL */
    const char *spool_folder;        /* where the unlinked file of all bodies lies */
    const char *certificate, *key;   /* PEM files, or NULL: http */
    const char *trust, *permissions; /* policies in files, or NULL */
    const char *external_id;
    const char *oidc_issuer, *oidc_key; /* of web identities, its key a PEM file; or NULL */
    uint16_t port; /* 0: any; of more than one region the others follow it */
    uint32_t max_session_s, min_session_s, session_life_ms;
    uint64_t min_part_bytes;
    const struct rules *rules; /* of --provider */
    pid_t owner;               /* 0: nobody */
    bool has_control, is_daemon;
    struct fields regions; /* by name; the first is the default */
    struct fields buckets; /* name, region */
    struct fields roles;   /* more of them: name, file of the trust policy */
    struct fields faults;  /* rules, as names */
};

/* False: said on standard error what is wrong. */
bool options_read(struct options *o, int argc, char **argv);
void options_clear(struct options *o);

#endif
