/* SPDX-License-Identifier: Apache-2.0 */
/* getenv() and secure_getenv(), which note what the file under test asks for. */
#include "environment.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static const void *watched; /* by atomics: where the file begins that is listened to */
static uint32_t is_asked;   /* by atomics: 1 while the first name is written, then 2 */
static char asked_for[64];

static const void *file_of(const void *address)
{
    Dl_info about;
    return dladdr(address, &about) != 0 ? about.dli_fbase : NULL;
}

static void note(const char *name, const void *caller)
{
    const void *file = __atomic_load_n(&watched, __ATOMIC_SEQ_CST);
    uint32_t none = 0;
    if (file == NULL || file_of(caller) != file ||
        !__atomic_compare_exchange_n(&is_asked, &none, 1, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return;
    (void)snprintf(asked_for, sizeof asked_for, "%s", name); /* cut is good enough for people */
    __atomic_store_n(&is_asked, 2, __ATOMIC_SEQ_CST);
}

static char *look_up(const char *name)
{
    const size_t len = strlen(name);
    for (char **e = environ; e != NULL && *e != NULL; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
            return *e + len + 1;
    return NULL;
}

__attribute__((visibility("default"))) char *getenv(const char *name)
{
    note(name, __builtin_return_address(0));
    return look_up(name);
}

__attribute__((visibility("default"))) char *secure_getenv(const char *name)
{
    note(name, __builtin_return_address(0));
    return getauxval(AT_SECURE) ? NULL : look_up(name);
}

bool environment_watch(const void *address)
{
    const void *file = file_of(address);
    __atomic_store_n(&watched, file, __ATOMIC_SEQ_CST);
    return file != NULL;
}

const char *environment_asked_for(void)
{
    return __atomic_load_n(&is_asked, __ATOMIC_SEQ_CST) == 2 ? asked_for : NULL;
}
