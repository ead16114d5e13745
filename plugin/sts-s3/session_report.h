/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's log and metrics hear of the session's renewals: never a key or a token. */
#ifndef STSS3_SESSION_REPORT_H
#define STSS3_SESSION_REPORT_H

#include "host.h"

struct stss3_renewal {
    const char *source;             /* a literal, who gave it or refused: "settings" */
    const struct plug_error *error; /* NULL: it went well */
    bool is_repeated;               /* the one before failed as well */
    int64_t left_ns;                /* of the session there is now; 0: none; INT64_MAX: for ever */
    int64_t expires_ns;             /* UTC, as the source said; INT64_MAX: never, or none */
};

/* The log alone, of one that failed.  While the old one lives nobody else would be told, so this is
 * the operator's only warning: once for a row of failures.  Without one, every caller is told. */
void stss3_report_refusal(const struct plug_host *host, const struct stss3_renewal *renewal);
void stss3_report_renewal(const struct plug_host *host, const struct stss3_renewal *renewal);

#endif
