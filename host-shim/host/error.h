/* SPDX-License-Identifier: Apache-2.0 */
/* error: how the host library fills the caller's struct regstore_error. */
#ifndef HOST_ERROR_H
#define HOST_ERROR_H

#include "regstore.h"

/* Early return of a status that is not OK. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        regstore_status try_status_ = (expression);                                                \
        if (try_status_ != REGSTORE_OK)                                                            \
            return try_status_;                                                                    \
    } while (0)

/* Empties error, which may be NULL. */
void host_error_clear(struct regstore_error *error);

/* Sets the message, with what is not printable replaced, and returns status. Retryable is a lack
 * of memory alone: files and plugins do not mend themselves. */
__attribute__((format(printf, 3, 4))) regstore_status
host_fail(struct regstore_error *error, regstore_status status, const char *format, ...);

#endif
