/* SPDX-License-Identifier: Apache-2.0 */
/* log: knows how an event becomes one printable line. */
#include "log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

struct line {
    char text[LINE_MAX_BYTES];
    size_t used; /* one byte is kept free for the end of the line */
};

static void append(struct line *line, const char *text)
{
    for (; *text != '\0' && line->used < sizeof(line->text) - 1; text++) {
        unsigned char byte = (unsigned char)*text;
        line->text[line->used++] = byte < 0x20 || byte == 0x7f ? '?' : *text;
    }
}

static void append_value(struct line *line, const char *value)
{
    const char *quote = value[0] == '\0' || strpbrk(value, " \t\n\"=") != NULL ? "\"" : "";
    append(line, quote);
    append(line, value);
    append(line, quote);
}

static const char *level_name(int32_t level)
{
    if (level >= REGSTORE_LOG_ERROR)
        return "error";
    if (level >= REGSTORE_LOG_WARNING)
        return "warning";
    return level >= REGSTORE_LOG_INFO ? "info" : "debug";
}

void log_event(void *ctx, int32_t level, const char *event, const struct regstore_pair *fields,
               size_t n)
{
    const int32_t *lowest = ctx;
    if (level < *lowest)
        return;
    struct line line = {.used = 0};
    append(&line, "regstore: ");
    append(&line, level_name(level));
    append(&line, ": ");
    append(&line, event);
    for (size_t i = 0; i < n; i++) {
        append(&line, " ");
        append(&line, fields[i].key);
        append(&line, "=");
        append_value(&line, fields[i].value != NULL ? fields[i].value : "");
    }
    line.text[line.used++] = '\n';
    /* Where standard error cannot be written there is nobody to tell. */
    ssize_t ignored = write(STDERR_FILENO, line.text, line.used);
    (void)ignored;
}
