/* SPDX-License-Identifier: Apache-2.0 */
#include "session_report.h"

#include "measure.h"
#include "timestamp.h"

static void tell_life(const struct plug_host *host, const struct stss3_renewal *r)
{
    if (r->left_ns == INT64_MAX) /* keys that never end */
        return;
    plug_set(host, "regstore_session_remaining_seconds", (double)r->left_ns / 1e9, NULL, 0);
    if (r->left_ns != 0 && r->expires_ns != INT64_MAX)
        plug_set(host, "regstore_session_expiry_timestamp_seconds", (double)r->expires_ns / 1e9,
                 NULL, 0);
}

void stss3_report_refusal(const struct plug_host *host, const struct stss3_renewal *r)
{
    const bool is_warning = r->left_ns != 0 && !r->is_repeated;
    plug_log(host, is_warning ? REGSTORE_LOG_WARNING : REGSTORE_LOG_INFO, "session_failed",
             PLUG_FIELDS({"source", r->source}, {"status", plug_status_word(r->error->status)},
                         {"code", r->error->code},
                         {"seconds_left", plug_number(r->left_ns / STSS3_NS_PER_S).text},
                         {"message", r->error->message}));
}

void stss3_report_renewal(const struct plug_host *host, const struct stss3_renewal *r)
{
    const regstore_status status = r->error == NULL ? REGSTORE_OK : r->error->status;
    plug_count(host, "regstore_session_refreshes_total", 1,
               PLUG_FIELDS({"source", r->source}, {"outcome", plug_status_word(status)}));
    tell_life(host, r);
    if (r->error != NULL)
        stss3_report_refusal(host, r);
}
