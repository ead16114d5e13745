/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people write on the command line: numbers, durations, ranges; files of tokens; and the JSON
 * that is written for them.  Input: a text.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "json.h"
#include "number.h"
#include "token_file.h"

#include "fuzz.h"

/* By addition in decimal, digit after digit: no multiplication that could overflow unseen. */
static bool slow_number(const char *text, size_t len, uint64_t *out)
{
    static const char most[] = "18446744073709551615";
    while (len > 1 && text[0] == '0') {
        text++;
        len--;
    }
    if (len == 0 || strspn(text, "0123456789") < len || len > 20 ||
        (len == 20 && memcmp(text, most, 20) > 0))
        return false;
    *out = 0;
    for (size_t i = 0; i < len; i++)
        *out = *out * 10 + (uint64_t)(text[i] - '0');
    return true;
}

static void check_number(const char *text)
{
    uint64_t value = 42, slow = 42;
    const bool is_number = number_parse(text, &value);
    FUZZ_HOLDS(is_number == slow_number(text, strlen(text), &slow));
    FUZZ_HOLDS(value == slow);
    char shown[64];
    number_format_bytes(value, shown, sizeof shown);
    FUZZ_HOLDS(strlen(shown) >= 3 && strlen(shown) < 12 && fuzz_is_ascii(shown));
    number_format_time((int64_t)value, shown, sizeof shown);
    FUZZ_HOLDS(strlen(shown) == 20 && fuzz_is_ascii(shown));
}

static void check_duration(const char *text)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t seconds = 0, number = 0, unit = 1;
    size_t len = strlen(text);
    const bool is_duration = number_parse_duration(text, &seconds);
    for (size_t i = 0; len > 0 && i < 4; i++)
        if (text[len - 1] == units[i].unit) {
            unit = units[i].seconds;
            len--;
            break;
        }
    const bool is_slow = slow_number(text, len, &number) && number <= UINT64_MAX / unit;
    FUZZ_HOLDS(is_duration == is_slow);
    FUZZ_HOLDS(!is_slow || seconds == number * unit);
}

static void check_range(const char *text)
{
    uint64_t offset = 42, length = 42;
    char again[64];
    if (!number_parse_range(text, &offset, &length)) {
        FUZZ_HOLDS(offset == 42 && length == 42);
        return;
    }
    FUZZ_HOLDS(length == 0 || length - 1 <= UINT64_MAX - offset);
    if (length == 0)
        (void)snprintf(again, sizeof again, "%" PRIu64 "-", offset);
    else
        (void)snprintf(again, sizeof again, "%" PRIu64 "-%" PRIu64, offset, offset + length - 1);
    uint64_t offset_again, length_again;
    FUZZ_HOLDS(number_parse_range(again, &offset_again, &length_again));
    FUZZ_HOLDS(offset == offset_again && length == length_again);
}

/* A JSON text has its quotes at the ends and no other bare ones, no control character, and is
 * UTF-8. */
static void check_json(const char *text)
{
    char *out = NULL;
    size_t size = 0;
    struct json json = {.out = open_memstream(&out, &size)};
    FUZZ_HOLDS(json.out != NULL);
    json_text(&json, NULL, text);
    FUZZ_HOLDS(fclose(json.out) == 0);
    FUZZ_HOLDS(size >= 2 && strlen(out) == size && out[0] == '"' && out[size - 1] == '"');
    for (size_t i = 1; i < size - 1; i++) {
        FUZZ_HOLDS((unsigned char)out[i] >= 0x20 && out[i] != '"');
        if (out[i] != '\\')
            continue;
        i++;
        FUZZ_HOLDS(i < size - 1);
        FUZZ_HOLDS(out[i] == '"' || out[i] == '\\' ||
                   (out[i] == 'u' && i + 4 < size - 1 &&
                    strspn(out + i + 1, "0123456789abcdef") >= 4));
    }
    /* C1 characters are JSON, and the command's own text may have them; all else is printable. */
    for (unsigned char *p = (unsigned char *)out; *p != '\0'; p++)
        if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            p[0] = p[1] = ' ';
    FUZZ_HOLDS(fuzz_is_printable(out));
    free(out);
}

/* It says on standard error what is wrong, a million times. */
static bool read_quietly(const char *path, struct token_file *file)
{
    static int loud = -1, quiet = -1;
    if (loud < 0) {
        loud = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    FUZZ_HOLDS(loud >= 0 && quiet >= 0 && dup2(quiet, STDERR_FILENO) == STDERR_FILENO);
    const bool is_read = token_file_read(path, file);
    FUZZ_HOLDS(dup2(loud, STDERR_FILENO) == STDERR_FILENO);
    return is_read;
}

static void check_token_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[40];
    struct token_file file;
    if (fd < 0) {
        fd = memfd_create("token", MFD_CLOEXEC);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_HOLDS(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    if (!read_quietly(path, &file))
        return;
    FUZZ_HOLDS(file.token[0] != '\0' && memchr(file.token, '\0', sizeof file.token) != NULL);
    FUZZ_HOLDS(memchr(file.key, '\0', sizeof file.key) != NULL);
    FUZZ_HOLDS(strchr(file.token, '\n') == NULL && strchr(file.key, '\n') == NULL);
    /* All of the file, and nothing else. */
    const size_t token = strlen(file.token), key = strlen(file.key);
    FUZZ_HOLDS(memcmp(data, file.token, token) == 0);
    FUZZ_HOLDS(token + key <= size && size <= token + key + 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    char *text = fuzz_rest(&in);
    check_number(text);
    check_duration(text);
    check_range(text);
    check_json(text);
    check_token_file(data, size);
    free(text);
    return 0;
}
