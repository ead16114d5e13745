/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupt: the first Ctrl-C (SIGINT, SIGTERM, SIGHUP) asks the running call to end; the second
 * ends the process.
 */
#ifndef COMMAND_INTERRUPT_H
#define COMMAND_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

void interrupt_install(void);

/* For regstore_call.cancel. */
const int32_t *interrupt_flag(void);
bool interrupt_is_asked(void);

#endif
