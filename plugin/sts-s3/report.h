/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's log and metrics hear of requests: never a path, a query or a header. */
#ifndef STSS3_REPORT_H
#define STSS3_REPORT_H

#include "backoff.h"
#include "http.h"

/* A try has its outcome, or was given up in the middle. */
void stss3_report_try(const struct plug_host *host, const struct stss3_request *request,
                      bool is_cancelled);
/* That try will be followed by another one. */
void stss3_report_retry(const struct plug_host *host, const struct stss3_request *request);
/* The request is over. */
void stss3_report_end(const struct plug_host *host, const struct stss3_request *request);

/* The budget has changed. */
void stss3_report_budget(const struct plug_host *host, const struct stss3_retries *retries);
/* Another try could not be paid. */
void stss3_report_used_up(const struct plug_host *host, struct stss3_retries *retries,
                          const struct stss3_request *request);
/* What the try says of the service: that it wants less, or that it is well. */
void stss3_report_mood(const struct plug_host *host, struct stss3_retries *retries,
                       const struct stss3_request *request, bool is_throttled);

#endif
