/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "printable.h"

#define FIELDS_MAX 16 /* of one event */

regstore_status plug_host_init(struct plug_host *h, struct plug_call *call,
                               const struct regstore_host *host)
{
    memset(h, 0, sizeof *h);
    if (host == NULL)
        return REGSTORE_OK;
    if (host->struct_size < sizeof *host)
        return plug_fail(call, REGSTORE_INVALID, "host.struct_size is too small (GROW-2)");
    h->host = *host; /* what lies behind our own size is an offer that we do not know: ignored */
    return REGSTORE_OK;
}

int64_t plug_host_clock_ns(const struct plug_host *h)
{
    if (h->host.clock_ns != NULL)
        return h->host.clock_ns(h->host.ctx, REGSTORE_CLOCK_REALTIME);
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void plug_log(const struct plug_host *h, int32_t level, const char *event,
              const struct regstore_pair *fields, size_t n)
{
    struct regstore_pair shown[FIELDS_MAX] = {{NULL, NULL}};
    char *made[FIELDS_MAX] = {0};
    if (h->host.log == NULL)
        return;
    assert(n <= FIELDS_MAX);
    for (size_t i = 0; i < n; i++) {
        shown[i] = fields[i];
        if (fields[i].value == NULL || plug_is_printable(fields[i].value))
            continue;
        made[i] = strdup(fields[i].value);
        if (made[i] != NULL)
            plug_make_printable(made[i]);
        shown[i].value = made[i] != NULL ? made[i] : "?";
    }
    h->host.log(h->host.ctx, level, event, shown, n);
    for (size_t i = 0; i < n; i++)
        free(made[i]);
}

void plug_logf(const struct plug_host *h, int32_t level, const char *event, const char *format, ...)
{
    if (h->host.log == NULL)
        return;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    plug_log(h, level, event, &(struct regstore_pair){"message", message}, 1);
}
