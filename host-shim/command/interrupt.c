/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt: knows the one thing in this program that a signal handler touches. */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>

static int32_t is_asked;

static void ask(int number)
{
    (void)number; /* All ask for the same. */
    __atomic_store_n(&is_asked, 1, __ATOMIC_RELAXED);
}

void interrupt_install(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    /* Without SA_RESTART: a read of the terminal or a pause between two tries ends as well. */
    struct sigaction action = {.sa_handler = ask, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;
        /* nohup and a shell's background jobs ignore some: that stays. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL); /* Cannot fail for these. */
    }
}

const int32_t *interrupt_flag(void)
{
    return &is_asked;
}

bool interrupt_is_asked(void)
{
    return __atomic_load_n(&is_asked, __ATOMIC_RELAXED) != 0;
}
