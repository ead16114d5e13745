/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are, as settings and environment say it: what they decide alone, and where to look when
 * they decide nothing.  Read once, at store_open (FORK-1); no file is touched for it.
 */
#ifndef STSS3_WHO_H
#define STSS3_WHO_H

#include "keys.h"
#include "uri.h"

enum stss3_who_kind {
    STSS3_WHO_KEYS,         /* the settings' keys */
    STSS3_WHO_ENVIRONMENT,  /* AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY */
    STSS3_WHO_WEB_IDENTITY, /* sts_web_identity_token_file, AWS_WEB_IDENTITY_TOKEN_FILE */
    STSS3_WHO_SEARCHED,     /* profile files, container, instance: see chain.h */
};

/* A file that somebody named, or that may lie where such files lie. */
struct stss3_who_file {
    char *path;       /* NULL: there is no such place */
    const char *what; /* the variable that named it; NULL: nobody did */
};

struct stss3_who {
    enum stss3_who_kind kind;
    struct stss3_keys keys; /* of KEYS; else the environment's, when it has some */

    char *token_file, *token_role_arn; /* WEB_IDENTITY, and the role that it is for */
    const char *token_what;            /* which setting or variable named the file */

    char *profile;            /* never NULL */
    const char *profile_what; /* which setting or variable named it; NULL: nobody did */
    struct stss3_who_file config_file, credentials_file;

    char *container_url;                          /* NULL: no container speaks of itself */
    char *container_token, *container_token_file; /* one of them or none */

    struct stss3_endpoint instance;
    bool is_instance_off;

    char **environment; /* for a credential_process; ends with NULL */
};

/* Wipes the secrets; takes one that is half filled. */
void stss3_who_clear(struct stss3_who *who);

#endif
