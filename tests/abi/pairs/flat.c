/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flat: the growth rules, errors and names of the small backend.
 */
#include "plugin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void flat_say(const struct regstore_store *store, const char *event, const char *format, ...)
{
    char text[1024];
    if (store->host.log == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* What is too long is cut. */
    va_end(arguments);
    struct regstore_pair field = {"seen", text};
    store->host.log(store->host.ctx, REGSTORE_LOG_INFO, event, &field, 1);
}

void flat_give(void *out, const void *ours, size_t bytes)
{
    uint64_t room = 0;
    if (out == NULL)
        return;
    memcpy(&room, out, sizeof(room));
    if (bytes > room)
        bytes = (size_t)room;
    if (bytes > sizeof(room))
        memcpy((char *)out + sizeof(room), (const char *)ours + sizeof(room), bytes - sizeof(room));
}

regstore_status flat_fail(const struct regstore_call *call, regstore_status status,
                          const char *message)
{
    struct regstore_error error = {.retryable = status == REGSTORE_CONFLICT,
                                   .http_status = status == REGSTORE_NOT_FOUND ? 404 : 0,
                                   .retry_after_ms = 250};
    (void)snprintf(error.code, sizeof(error.code), "Flat%d", status);
    (void)snprintf(error.request_id, sizeof(error.request_id), "flat-request");
    (void)snprintf(error.message, sizeof(error.message), "%s", message);
    flat_give(call->error, &error, sizeof(error));
    return status;
}

regstore_status flat_fail_by_errno(const struct regstore_call *call)
{
    regstore_status status = errno == ENOENT   ? REGSTORE_NOT_FOUND
                             : errno == EEXIST ? REGSTORE_EXISTS
                                               : REGSTORE_UNAVAILABLE;
    return flat_fail(call, status, strerror(errno));
}

regstore_status flat_take(const struct regstore_call *call, void *ours, size_t bytes, size_t first,
                          const void *given)
{
    uint64_t size = 0;
    if (given == NULL)
        return REGSTORE_OK; /* all zero (GROW-4) */
    memcpy(&size, given, sizeof(size));
    if (size < first)
        return flat_fail(call, REGSTORE_INVALID, "a struct is smaller than in minor 0");
    for (uint64_t i = bytes; i < size; i++) {
        if (((const char *)given)[i] != 0)
            return flat_fail(call, REGSTORE_UNSUPPORTED, "a field that this plugin does not know");
    }
    memcpy(ours, given, size < bytes ? (size_t)size : bytes);
    return REGSTORE_OK;
}

regstore_status flat_begin(const struct regstore_call *call)
{
    static const struct regstore_error none;
    struct regstore_call ours = {0};
    flat_give(call->error, &none, sizeof(none));
    TAKE(ours, call, error);
    if (ours.cancel != NULL && __atomic_load_n(ours.cancel, __ATOMIC_RELAXED) != 0)
        return flat_fail(call, REGSTORE_CANCELLED, "cancelled");
    return REGSTORE_OK;
}

regstore_status flat_know_flags(const struct regstore_call *call, uint64_t flags, uint64_t known)
{
    if ((flags & ~known) != 0)
        return flat_fail(call, REGSTORE_UNSUPPORTED, "a flag that this plugin does not know");
    return REGSTORE_OK;
}

/* KEY-1, but for UTF-8: the folder takes any byte. */
static bool is_key(const char *key)
{
    const char *part = key;
    for (const char *end = key;; end++) {
        if ((unsigned char)*end < ' ' && *end != '\0')
            return false;
        if (*end != '/' && *end != '\0')
            continue;
        size_t length = (size_t)(end - part);
        if (length == 0 || (length <= 2 && strncmp(part, "..", length) == 0))
            return false;
        if (*end == '\0')
            return true;
        part = end + 1;
    }
}

regstore_status flat_name_of(const struct regstore_call *call, const char *key, char *name)
{
    if (!is_key(key) || strlen(key) > NAME_BYTES - 3 || strncmp(key, "uploads/", 8) == 0)
        return flat_fail(call, REGSTORE_INVALID, "no key for a flat folder");
    (void)snprintf(name, NAME_BYTES, "b.%s", key);
    for (char *slash = name; (slash = strchr(slash, '/')) != NULL;)
        *slash = '\1';
    return REGSTORE_OK;
}

struct regstore_store *flat_hold(struct regstore_store *store)
{
    (void)__atomic_add_fetch(&store->refs, 1, __ATOMIC_RELAXED); /* Only the last one matters. */
    return store;
}

void flat_close(struct regstore_store *store)
{
    if (store == NULL || __atomic_sub_fetch(&store->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    (void)close(store->folder); /* Nothing was written through it. */
    free(store);
}

int64_t flat_now_ns(const struct regstore_store *store)
{
    struct timespec now;
    if (store->host.clock_ns != NULL)
        return store->host.clock_ns(store->host.ctx, REGSTORE_CLOCK_REALTIME);
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

regstore_status flat_tell_stat(const struct regstore_call *call, int file,
                               struct regstore_stat *out)
{
    struct stat found;
    if (fstat(file, &found) != 0)
        return flat_fail_by_errno(call);
    struct regstore_stat told = {
        .length = (uint64_t)found.st_size,
        .mtime_ns = (int64_t)found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec,
    };
    (void)snprintf(told.etag, sizeof(told.etag), "%" PRIxMAX, (uintmax_t)found.st_ino);
#ifdef REGSTORE_F_NEXT
    told.next_field = 11;
#endif
    flat_give(out, &told, sizeof(told));
    return REGSTORE_OK;
}
