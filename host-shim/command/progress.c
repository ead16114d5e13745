/* SPDX-License-Identifier: Apache-2.0 */
/* progress: knows when a transfer is long, and what to say of it. */
#include "progress.h"
#include "number.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define FIRST_AFTER_MS 1000
#define AGAIN_AFTER_MS 250

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* Linux always has this clock. */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_begin(struct progress *progress, const char *what, uint64_t total)
{
    *progress = (struct progress){
        .what = what,
        .total = total,
        .started_ms = now_ms(),
        .is_terminal = isatty(STDERR_FILENO) == 1,
    };
}

void progress_update(struct progress *progress, uint64_t bytes)
{
    if (!progress->is_terminal)
        return;
    int64_t now = now_ms();
    int64_t elapsed_ms = now - progress->started_ms;
    if (elapsed_ms < FIRST_AFTER_MS || now - progress->shown_ms < AGAIN_AFTER_MS)
        return;
    progress->shown_ms = now;
    progress->is_shown = true;
    char done[32], total[32], rate[32];
    number_format_bytes(bytes, done, sizeof(done));
    number_format_bytes(progress->total, total, sizeof(total));
    number_format_bytes((uint64_t)((double)bytes * 1000 / (double)elapsed_ms), rate, sizeof(rate));
    /* \r: over the line before; \033[K: and nothing of it is left. */
    fprintf(stderr, "\r%s: %s%s%s, %s/s\033[K", progress->what, done,
            progress->total > 0 ? " of " : "", progress->total > 0 ? total : "", rate);
}

void progress_end(struct progress *progress)
{
    if (progress->is_shown)
        fprintf(stderr, "\r\033[K");
    progress->is_shown = false;
}
