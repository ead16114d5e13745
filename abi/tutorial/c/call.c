/* SPDX-License-Identifier: Apache-2.0 */
/* What every function of the table does first and last: no word here is about files. */
#define _GNU_SOURCE
#include "folder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

regstore_status fail(struct call *call, regstore_status status, const char *format, ...)
{
    va_list arguments;
    memset(&call->error, 0, sizeof call->error);
    call->error.retryable = status == REGSTORE_TIMEOUT || status == REGSTORE_CANCELLED ||
                            status == REGSTORE_UNAVAILABLE || status == REGSTORE_NO_SPACE ||
                            status == REGSTORE_NO_MEMORY;
    va_start(arguments, format);
    (void)vsnprintf(call->error.message, sizeof call->error.message, format, arguments);
    va_end(arguments);
    for (char *c = call->error.message; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?'; /* a key may be anything (ERR-1) */
    return status;
}

/* strerror() is not for threads; strerrorname_np() knows no language. */
regstore_status fail_errno(struct call *call, const char *verb, const char *path)
{
    const int error = errno;
    const char *name = strerrorname_np(error);
    regstore_status status = REGSTORE_UNAVAILABLE;
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        status = REGSTORE_DENIED;
        break;
    case ENOSPC:
    case EDQUOT:
        status = REGSTORE_NO_SPACE;
        break;
    case ENOMEM:
        status = REGSTORE_NO_MEMORY;
        break;
    case ENAMETOOLONG:
        status = REGSTORE_INVALID;
        break;
    default:
        break;
    }
    return fail(call, status, "cannot %s '%.300s': %s", verb, path, name != NULL ? name : "?");
}

/* GROW-2: is all that we do not know zero? */
static bool is_zero(const void *data, size_t begin, uint64_t end)
{
    const unsigned char *bytes = data;
    for (uint64_t i = begin; i < end; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Copies an input struct; NULL is all zero (GROW-4). Each begins with its struct_size. */
regstore_status take(struct call *call, void *dst, size_t size, const void *src)
{
    uint64_t theirs;
    memset(dst, 0, size);
    if (src == NULL)
        return REGSTORE_OK;
    memcpy(&theirs, src, sizeof theirs);
    if (theirs < size) /* minor 0 is all there is: nobody has less */
        return fail(call, REGSTORE_INVALID, "a struct_size is too small");
    if (!is_zero(src, size, theirs))
        return fail(call, REGSTORE_UNSUPPORTED, "a field that this plugin does not know is set");
    memcpy(dst, src, size);
    return REGSTORE_OK;
}

regstore_status take_flags(struct call *call, uint64_t flags, uint64_t known)
{
    if ((flags & ~known) != 0)
        return fail(call, REGSTORE_UNSUPPORTED, "a flag that this plugin does not know is set");
    return REGSTORE_OK;
}

/* Fills an output struct, no further than the host's goes, and never its struct_size (GROW-3). */
void give(void *dst, const void *src, size_t size)
{
    uint64_t theirs;
    if (dst == NULL)
        return;
    memcpy(&theirs, dst, sizeof theirs);
    const size_t end = theirs < size ? (size_t)theirs : size;
    if (end > sizeof theirs)
        memcpy((char *)dst + sizeof theirs, (const char *)src + sizeof theirs, end - sizeof theirs);
}

/* The first thing in every function of the table, and call_end() the last. */
regstore_status call_begin(struct call *call, const struct regstore_call *host_call)
{
    struct regstore_call mine;
    memset(call, 0, sizeof *call);
    if (host_call->struct_size >= sizeof mine)
        call->out = host_call->error;
    give(call->out, &call->error, sizeof call->error); /* ERR-1: cleared on entry */
    TRY(take(call, &mine, sizeof mine, host_call));
    call->cancel = mine.cancel;
    if (mine.timeout_ms != 0 && mine.timeout_ms < (uint64_t)INT64_MAX / 2000000)
        call->deadline_ns = now_ns() + (int64_t)mine.timeout_ms * 1000000;
    return REGSTORE_OK;
}

regstore_status call_end(struct call *call, regstore_status status)
{
    if (status != REGSTORE_OK)
        give(call->out, &call->error, sizeof call->error);
    return status;
}

/* Asked between any two pieces of work (CALL-3). */
regstore_status call_check(struct call *call)
{
    if (call->cancel != NULL && __atomic_load_n(call->cancel, __ATOMIC_RELAXED) != 0)
        return fail(call, REGSTORE_CANCELLED, "cancelled by the caller");
    if (call->deadline_ns != 0 && now_ns() >= call->deadline_ns)
        return fail(call, REGSTORE_TIMEOUT, "the time given for this call is over");
    return REGSTORE_OK;
}

bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The bytes of the UTF-8 character that begins here; 0: none does, or a control character. */
static size_t character(const unsigned char *c)
{
    if (c[0] < 0x80)
        return c[0] >= 0x20 && c[0] != 0x7f ? 1 : 0;
    const size_t len = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0xc2 || c[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    const bool is_overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    const bool is_none = (c[0] == 0xed && c[1] >= 0xa0) || (c[0] == 0xf4 && c[1] >= 0x90);
    const bool is_control = c[0] == 0xc2 && c[1] < 0xa0;
    return is_overlong || is_none || is_control ? 0 : len;
}

/* What a key, a prefix and a start_after have in common. */
regstore_status check_text(struct call *call, const char *text)
{
    if (strnlen(text, REGSTORE_KEY_MAX) == REGSTORE_KEY_MAX)
        return fail(call, REGSTORE_INVALID, "a key of more than 1023 bytes (KEY-1)");
    for (const char *c = text; *c != '\0';) {
        const size_t len = character((const unsigned char *)c);
        if (len == 0)
            return fail(call, REGSTORE_INVALID,
                        "a key that is not UTF-8, or has a control character (KEY-1)");
        c += len;
    }
    return REGSTORE_OK;
}

regstore_status check_key(struct call *call, const char *key)
{
    TRY(check_text(call, key));
    for (const char *part = key;;) {
        const size_t len = strcspn(part, "/");
        if (len == 0 || (len <= 2 && strncmp(part, "..", len) == 0))
            return fail(call, REGSTORE_INVALID, "a key has a part that is empty, '.' or '..'");
        if (len > 255)
            return fail(call, REGSTORE_INVALID,
                        "a part of the key has more than the 255 bytes that a file's name may");
        if (part[len] == '\0')
            return REGSTORE_OK;
        part += len + 1;
    }
}

/* KEY-4: nothing is written under uploads/ by its name. */
regstore_status check_target(struct call *call, const char *key)
{
    TRY(check_key(call, key));
    if (strcmp(key, "uploads") == 0 || starts_with(key, UPLOADS))
        return fail(call, REGSTORE_INVALID, "keys under 'uploads/' are the backend's (KEY-4)");
    return REGSTORE_OK;
}
