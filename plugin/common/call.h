/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call across the ABI as the plugin sees it: its deadline, its cancel flag, and the words of
 * its failure.  Every slot begins with plug_call_begin() and ends with plug_call_end(); in between
 * a struct plug_call is passed down, and whoever first knows why something failed says so with
 * plug_fail() and returns the status, which goes up bare.
 */
#ifndef PLUG_CALL_H
#define PLUG_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regstore.h"

/* Returns early with the status of an expression that is not OK.  The only macro that returns. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        const regstore_status try_status = (expression);                                           \
        if (try_status != REGSTORE_OK)                                                             \
            return try_status;                                                                     \
    } while (0)

#define PLUG_NEVER INT64_MAX

/* The plugin's own form of an error, complete whatever size the host's struct has.  It is also kept
 * where no call is at hand: with a request in flight, with a part that failed. */
struct plug_error {
    regstore_status status;
    uint32_t retryable, http_status;
    uint64_t retry_after_ms;
    char code[64], request_id[128], message[512];
};

struct plug_host;

struct plug_call {
    int64_t deadline_ns; /* CLOCK_MONOTONIC; PLUG_NEVER: the plugin's own limits alone */
    const int32_t *cancel;
    struct plug_error error;
    struct regstore_error *out;

    /* Set by plug_call_measure(), and then called at the end. */
    void (*measure)(const struct plug_call *call, regstore_status status);
    const struct plug_host *host;
    const char *verb;
    int64_t began_ns;
};

/* Checks the host's call (GROW-2, CALL-1), clears its error (ERR-1), takes the time.  Not OK: the
 * slot ends with plug_call_end() all the same. */
regstore_status plug_call_begin(struct plug_call *call, const struct regstore_call *host_call);

/* Copies the error out when status is not OK, and tells the host's metrics; returns status. */
regstore_status plug_call_end(struct plug_call *call, regstore_status status);

/* Sets the words of a failure and returns its status; retryable is what the status usually means
 * (TIMEOUT, CANCELLED, THROTTLED, UNAVAILABLE, NO_MEMORY, NO_SPACE: yes), change it afterwards
 * where it is not.  What is not printable (printable.h) becomes '?'. */
regstore_status plug_fail(struct plug_call *call, regstore_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
regstore_status plug_no_memory(struct plug_call *call);

/* The same for an error that is kept without a call. */
void plug_error_set(struct plug_error *error, regstore_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes a kept error that of this call; returns its status. */
regstore_status plug_call_adopt(struct plug_call *call, const struct plug_error *error);

/* OK, or CANCELLED or TIMEOUT with the words set.  To be asked at least every 250 ms (CALL-3). */
regstore_status plug_call_check(struct plug_call *call);

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t plug_now_ns(void);

/*
 * GROW-2 for an input struct: copies what the host knows of it into dst (zeroed before), refuses
 * with INVALID what is shorter than minor 0 and with UNSUPPORTED any byte past our own size that is
 * not zero.  src may be NULL (GROW-4): dst is then all zero.  what names the struct in messages.
 */
regstore_status plug_take(struct plug_call *call, void *dst, size_t size, const void *src,
                          const char *what);

/* UNSUPPORTED when flags has a bit outside known. */
regstore_status plug_take_flags(struct plug_call *call, uint64_t flags, uint64_t known,
                                const char *what);

/* GROW-3 for an output struct: writes min(dst's struct_size, size) bytes of src behind struct_size.
 * dst may be NULL. */
void plug_give(void *dst, const void *src, size_t size);

#endif
