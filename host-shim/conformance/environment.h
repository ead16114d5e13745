/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks for environment variables: getenv() and secure_getenv() of this program stand before the
 * C library's, for everything that is loaded.  Who reads environ itself is not seen.
 */
#ifndef CONFORMANCE_ENVIRONMENT_H
#define CONFORMANCE_ENVIRONMENT_H

#include <stdbool.h>

/* From here on the file that holds this address is listened to. */
bool environment_watch(const void *address);
/* The first variable that it has asked for since, or NULL. */
const char *environment_asked_for(void);

#endif
