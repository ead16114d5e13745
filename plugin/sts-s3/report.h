/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's log and metrics hear of a request: never a path, a query or a header. */
#ifndef STSS3_REPORT_H
#define STSS3_REPORT_H

#include "http.h"

/* A try has its outcome. */
void stss3_report_try(const struct plug_host *host, const struct stss3_request *request);
/* That try will be followed by another one. */
void stss3_report_retry(const struct plug_host *host, const struct stss3_request *request);
/* The request is over. */
void stss3_report_end(const struct plug_host *host, const struct stss3_request *request);

#endif
