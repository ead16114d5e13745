/* SPDX-License-Identifier: Apache-2.0 */
#include "failing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct {
    atomic_bool is_armed, is_lasting;
    atomic_uint nth, count;
    atomic_bool has_failed;
} counters[OWNERS];

bool failing_now(enum owner owner)
{
    if (!atomic_load(&counters[owner].is_armed))
        return false;
    const unsigned count = atomic_fetch_add(&counters[owner].count, 1);
    const unsigned nth = atomic_load(&counters[owner].nth);
    if (count != nth && !(atomic_load(&counters[owner].is_lasting) && count > nth))
        return false;
    atomic_store(&counters[owner].has_failed, true);
    errno = ENOMEM;
    return true;
}

void failing_arm(enum owner owner, unsigned nth, bool is_lasting)
{
    atomic_store(&counters[owner].nth, nth);
    atomic_store(&counters[owner].is_lasting, is_lasting);
    atomic_store(&counters[owner].count, 0);
    atomic_store(&counters[owner].has_failed, false);
    atomic_store(&counters[owner].is_armed, true);
}

void failing_disarm(enum owner owner)
{
    atomic_store(&counters[owner].is_armed, false);
}

unsigned failing_count(enum owner owner)
{
    return atomic_load(&counters[owner].count);
}

bool failing_has_failed(enum owner owner)
{
    return atomic_load(&counters[owner].has_failed);
}

/* What the linker makes of each call. */
char *__real_strndup(const char *text, size_t n);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__real_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t n)
{
    return failing_now(OURS) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return failing_now(OURS) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t n)
{
    return failing_now(OURS) ? NULL : __real_realloc(old, n);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return failing_now(OURS) ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *text)
{
    return failing_now(OURS) ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n)
{
    return failing_now(OURS) ? NULL : __real_strndup(text, n);
}

int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list arguments;
    *out = NULL; /* as some C libraries leave it, and others do not */
    if (failing_now(OURS))
        return -1;
    va_start(arguments, format);
    const int n = vasprintf(out, format, arguments);
    va_end(arguments);
    return n;
}

void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    return failing_now(OURS) ? MAP_FAILED : __real_mmap(at, n, protection, flags, fd, offset);
}
