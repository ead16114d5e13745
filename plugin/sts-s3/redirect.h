/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a host that an answer sends us to may be asked with our credentials.  Pure. */
#ifndef STSS3_REDIRECT_H
#define STSS3_REDIRECT_H

#include "config.h"

struct stss3_detour {
    char host[STSS3_HOST_MAX + 300]; /* with its port, unless the scheme's own */
    bool tls, is_virtual_host;       /* the bucket stands in host */
    char region[STSS3_REGION_MAX];   /* "": as before */
};

enum stss3_redirect {
    STSS3_REDIRECT_NONE,    /* it names no host: the same one, once more */
    STSS3_REDIRECT_FOLLOW,  /* *out is set */
    STSS3_REDIRECT_FOREIGN, /* never: a host outside the endpoint and AWS's S3 of the partition */
};

/*
 * location: the header's text, or NULL.  Followed is only the configured endpoint itself and, where
 * that is AWS's, S3 in any region of the same partition, with our own bucket or none in the name:
 * under AWS's suffixes there are also hosts that anybody may rent.  Never from https to http, nor
 * from a host that keeps to FIPS to one that does not: then it is the region's that does.
 */
enum stss3_redirect stss3_redirect_read(const struct stss3_config *config, const char *location,
                                        struct stss3_detour *out);

#endif
