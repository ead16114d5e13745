/* SPDX-License-Identifier: Apache-2.0 */
#include "service_clock.h"

#include <stdlib.h>

#include "timestamp.h"

/* A stamp that is off by less was not refused for it: services allow 15 minutes, STS for some
 * requests 5.  A step of the clock that is smaller is nobody's business either. */
#define NOTABLE_NS (60 * STSS3_NS_PER_S)

static void init(struct stss3_service_clock *clock, const char *name, const struct plug_host *host)
{
    clock->host = host;
    clock->name = name;
    atomic_init(&clock->start_ns, 0);
    atomic_init(&clock->jumped_ns, 0);
}

void stss3_clocks_init(struct stss3_clocks *clocks, const struct plug_host *host)
{
    init(&clocks->s3, "S3", host);
    init(&clocks->sts, "STS", host);
}

int64_t stss3_service_clock_now_ns(const struct stss3_service_clock *clock)
{
    int64_t now_ns;
    return stss3_service_clock_at(clock, plug_now_ns(), &now_ns) ? now_ns
                                                                 : plug_host_clock_ns(clock->host);
}

bool stss3_service_clock_at(const struct stss3_service_clock *clock, int64_t monotonic_ns,
                            int64_t *service_ns)
{
    const int64_t start_ns = atomic_load(&clock->start_ns);
    *service_ns = monotonic_ns + start_ns;
    return start_ns != 0;
}

/* ServerTime is what the signature was compared with; Date is there also where no body is, as
 * with HEAD. */
static bool told_time(const struct stss3_request *request, const struct stss3_error_body *body,
                      int64_t *told_ns)
{
    const char *date = stss3_request_answer_header(request, "date");
    *told_ns = body->server_time_ns;
    return *told_ns != 0 || (date != NULL && stss3_time_parse_http(date, told_ns));
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void say(const struct stss3_service_clock *clock)
{
    const int64_t ahead_ns = plug_host_clock_ns(clock->host) - stss3_service_clock_now_ns(clock);
    const bool agrees = llabs((long long)ahead_ns) < NOTABLE_NS;
    plug_log(clock->host, agrees ? REGSTORE_LOG_INFO : REGSTORE_LOG_WARNING, "clock",
             PLUG_FIELDS({"service", clock->name},
                         {"ahead_seconds", plug_number(ahead_ns / STSS3_NS_PER_S).text},
                         {"message", agrees ? "this machine's clock agrees again"
                                            : "set this machine's clock; requests are signed by "
                                              "the service's"}));
}

bool stss3_service_clock_learn(struct stss3_service_clock *clock, struct stss3_request *request,
                               const struct stss3_error_body *body)
{
    int64_t told_ns;
    if (request->transport != STSS3_TRANSPORT_NONE || !told_time(request, body, &told_ns))
        return false;
    const int64_t took_ns = plug_now_ns() - request->sent_ns;
    const int64_t thought_ns = stss3_service_clock_now_ns(clock);
    const int64_t now_ns = clamp(thought_ns, told_ns, told_ns + STSS3_NS_PER_S + took_ns);
    const bool is_jump = llabs((long long)(now_ns - thought_ns)) >= NOTABLE_NS;
    /* What was asked before the last jump may bear a time from before it. */
    if (!is_jump || request->sent_ns > atomic_load(&clock->jumped_ns)) {
        if (is_jump)
            atomic_store(&clock->jumped_ns, plug_now_ns());
        atomic_store(&clock->start_ns, now_ns - plug_now_ns());
        if (is_jump)
            say(clock);
    }

    /* What says that a key is not there has taken the signature. */
    const bool is_refused = request->http_status == 400 || request->http_status == 403;
    const bool is_off = request->stamp_ns < told_ns - took_ns - NOTABLE_NS ||
                        request->stamp_ns > told_ns + NOTABLE_NS;
    if (!is_refused || !is_off || request->is_stamped_anew)
        return false;
    request->is_stamped_anew = true;
    request->cause = "clock";
    return true;
}
