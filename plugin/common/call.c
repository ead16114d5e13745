/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines, cancel flags, errors and growing structs: what every slot of a plugin does first and
 * last. */
#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "printable.h"

/* What minor 0 had; a host never passes less (GROW-2). */
#define CALL_MINOR_0 sizeof(struct regstore_call)

int64_t plug_now_ns(void)
{
    struct timespec now;
    /* Cannot fail: CLOCK_MONOTONIC exists on every Linux. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool is_usually_retryable(regstore_status status)
{
    switch (status) {
    case REGSTORE_THROTTLED:
    case REGSTORE_TIMEOUT:
    case REGSTORE_CANCELLED:
    case REGSTORE_UNAVAILABLE:
    case REGSTORE_NO_SPACE:
    case REGSTORE_NO_MEMORY:
        return true;
    default:
        return false;
    }
}

__attribute__((format(printf, 3, 0))) static void
set_words(struct plug_error *error, regstore_status status, const char *format, va_list arguments)
{
    memset(error, 0, sizeof *error);
    error->status = status;
    error->retryable = is_usually_retryable(status);
    /* Truncation is harmless here: the first 511 bytes say it. */
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    plug_make_printable(error->message);
}

void plug_error_set(struct plug_error *error, regstore_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_words(error, status, format, arguments);
    va_end(arguments);
}

regstore_status plug_fail(struct plug_call *call, regstore_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_words(&call->error, status, format, arguments);
    va_end(arguments);
    return status;
}

regstore_status plug_no_memory(struct plug_call *call)
{
    return plug_fail(call, REGSTORE_NO_MEMORY, "out of memory");
}

regstore_status plug_call_adopt(struct plug_call *call, const struct plug_error *error)
{
    call->error = *error;
    return error->status;
}

/* True when every byte of a struct from offset on is zero. */
static bool is_zero_from(const void *data, size_t offset, uint64_t size)
{
    const unsigned char *bytes = data;
    for (uint64_t i = offset; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

regstore_status plug_call_begin(struct plug_call *call, const struct regstore_call *host_call)
{
    memset(call, 0, sizeof *call);
    call->deadline_ns = PLUG_NEVER;
    if (host_call == NULL)
        return plug_fail(call, REGSTORE_INVALID, "call is NULL (CALL-1)");
    if (host_call->struct_size < CALL_MINOR_0)
        return plug_fail(call, REGSTORE_INVALID, "call.struct_size is too small (GROW-2)");
    call->out = host_call->error;
    if (call->out != NULL) {
        const struct plug_error none = {0};
        call->error = none;
        (void)plug_call_end(call, REGSTORE_INTERNAL); /* writes the empty error: ERR-1 */
    }
    if (!is_zero_from(host_call, sizeof *host_call, host_call->struct_size))
        return plug_fail(call, REGSTORE_UNSUPPORTED,
                         "call has a field that this plugin does not know (GROW-2)");
    call->cancel = host_call->cancel;
    if (host_call->timeout_ms != 0) {
        const int64_t now = plug_now_ns();
        const uint64_t room_ms = (uint64_t)(PLUG_NEVER - now) / 1000000;
        if (host_call->timeout_ms < room_ms)
            call->deadline_ns = now + (int64_t)host_call->timeout_ms * 1000000;
    }
    return REGSTORE_OK;
}

regstore_status plug_call_end(struct plug_call *call, regstore_status status)
{
    if (call->measure != NULL)
        call->measure(call, status);
    if (status == REGSTORE_OK || call->out == NULL)
        return status;
    struct regstore_error error = {
        .retryable = call->error.retryable,
        .http_status = call->error.http_status,
        .retry_after_ms = call->error.retry_after_ms,
    };
    memcpy(error.code, call->error.code, sizeof error.code);
    memcpy(error.request_id, call->error.request_id, sizeof error.request_id);
    memcpy(error.message, call->error.message, sizeof error.message);
    plug_give(call->out, &error, sizeof error);
    return status;
}

regstore_status plug_call_check(struct plug_call *call)
{
    if (call->cancel != NULL && __atomic_load_n(call->cancel, __ATOMIC_RELAXED) != 0)
        return plug_fail(call, REGSTORE_CANCELLED, "cancelled by the caller");
    if (call->deadline_ns != PLUG_NEVER && plug_now_ns() >= call->deadline_ns)
        return plug_fail(call, REGSTORE_TIMEOUT, "the time given for this call is over");
    return REGSTORE_OK;
}

regstore_status plug_take(struct plug_call *call, void *dst, size_t size, const void *src,
                          const char *what)
{
    memset(dst, 0, size);
    if (src == NULL)
        return REGSTORE_OK;
    uint64_t theirs;
    memcpy(&theirs, src, sizeof theirs);
    if (theirs < size) /* minor 0 is all there is: no host has less */
        return plug_fail(call, REGSTORE_INVALID, "%s.struct_size is too small (GROW-2)", what);
    if (!is_zero_from(src, size, theirs))
        return plug_fail(call, REGSTORE_UNSUPPORTED,
                         "%s has a field that this plugin does not know (GROW-2)", what);
    memcpy(dst, src, size);
    return REGSTORE_OK;
}

regstore_status plug_take_flags(struct plug_call *call, uint64_t flags, uint64_t known,
                                const char *what)
{
    if ((flags & ~known) == 0)
        return REGSTORE_OK;
    return plug_fail(call, REGSTORE_UNSUPPORTED, "%s has flags that are not known: 0x%llx (GROW-2)",
                     what, (unsigned long long)(flags & ~known));
}

void plug_give(void *dst, const void *src, size_t size)
{
    if (dst == NULL)
        return;
    uint64_t theirs;
    memcpy(&theirs, dst, sizeof theirs);
    const size_t end = theirs < size ? (size_t)theirs : size;
    if (end > sizeof theirs)
        memcpy((char *)dst + sizeof theirs, (const char *)src + sizeof theirs, end - sizeof theirs);
}
