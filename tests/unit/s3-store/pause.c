/* SPDX-License-Identifier: Apache-2.0 */
/* The source of pauses, in these tests: what a service asks for, and no jitter.  The linker puts it
 * before the plugin's own (--wrap). */
#include "backoff.h"

uint64_t __wrap_stss3_backoff_pause_ms(struct stss3_backoff *b, unsigned tries, bool is_throttled,
                                       uint64_t asked_ms);

uint64_t __wrap_stss3_backoff_pause_ms(struct stss3_backoff *b, unsigned tries, bool is_throttled,
                                       uint64_t asked_ms)
{
    (void)b, (void)tries, (void)is_throttled;
    return asked_ms;
}
