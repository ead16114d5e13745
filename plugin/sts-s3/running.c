/* SPDX-License-Identifier: Apache-2.0 */
#include "running.h"

#include <stdlib.h>

#include "chain.h"
#include "fork.h"
#include "process.h"

/* One S3 connection carries some 90 MB/s; this many at once for each event loop. */
#define CONNECTIONS 32
#define ATTEMPTS    5

struct stss3_running *stss3_running_new(const struct stss3_config *config,
                                        const struct plug_host *host)
{
    const struct stss3_http_options options = {.host = host,
                                               .ca_bundle = config->ca_bundle,
                                               .loops = config->loops,
                                               .connections = CONNECTIONS,
                                               .attempts = ATTEMPTS,
                                               .proxies = &config->proxies,
                                               .connect_timeout_ms = config->connect_timeout_ms,
                                               .stall_timeout_ms = config->stall_timeout_ms,
                                               .request_timeout_ms = config->request_timeout_ms};
    struct stss3_running *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->process = plug_process();
    stss3_clocks_init(&r->clocks, host);
    r->http = stss3_http_new(&options);
    r->budget = stss3_budget_new(config->memory_bytes, config->spill_folder);
    r->worker = stss3_worker_new();
    r->tools = (struct stss3_tools){config, host, r->http, &r->clocks, r->worker};
    if (r->http != NULL && r->worker != NULL)
        r->sessions = stss3_chain_new(&r->tools);
    stss3_client_init(&r->client, config, r->http, &r->clocks.s3, r->sessions);
    if (r->budget == NULL || r->sessions == NULL) {
        stss3_running_free(r);
        return NULL;
    }
    stss3_budget_tell(r->budget, host);
    return r;
}

void stss3_running_leave(const struct stss3_running *r)
{
    stss3_http_close_copies(r->http);
}

void stss3_running_free(struct stss3_running *r)
{
    if (r == NULL || r->process != plug_process() || stss3_fork_is_exiting())
        return;
    /* First what is under way, which uses all the rest: what works hands its news to requests. */
    if (r->worker != NULL)
        stss3_worker_stop(r->worker);
    stss3_http_free(r->http);
    stss3_sessions_free(r->sessions);
    stss3_worker_free(r->worker);
    stss3_client_clear(&r->client);
    stss3_budget_free(r->budget);
    free(r);
}
