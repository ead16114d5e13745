/* SPDX-License-Identifier: Apache-2.0 */
/* progress: one line on a terminal about a transfer that takes long. */
#ifndef COMMAND_PROGRESS_H
#define COMMAND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    uint64_t total; /* 0: unknown */
    int64_t started_ms, shown_ms;
    bool is_terminal, is_shown;
};

void progress_begin(struct progress *progress, const char *what, uint64_t total);
void progress_update(struct progress *progress, uint64_t bytes);

/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
