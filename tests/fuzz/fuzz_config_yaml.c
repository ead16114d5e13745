/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.yaml: reading, choosing a location, the settings of it.  Input: the file.  The '@' of
 * "_secret_key: @" at the end of a line stands for a secret, which no message may have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "find.h"
#include "regstore-host.h"

#include "fuzz.h"

#define SECRET "wJalrXUtnFEMI-secret"
#define MARK   "_secret_key: @\n"

/* Where a value can end up as a name, which messages do have: in quotes, in blocks of text, as an
 * alias, as a complex key. */
static bool is_plain(const uint8_t *data, size_t size)
{
    static const char odd[] = "\"'?|>&*{}[]!%";
    for (size_t i = 0; i < size; i++)
        if (data[i] == '\0' || strchr(odd, data[i]) != NULL || data[i] >= 0x80)
            return false;
    return !fuzz_has(data, size, "ecret-") && !fuzz_has(data, size, "-secret");
}

static bool may_be_said; /* the input has the secret itself, perhaps in a name */

static void write_file(int fd, const uint8_t *data, size_t size)
{
    const bool may_have = is_plain(data, size);
    FUZZ_HOLDS(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    while (size != 0) {
        const uint8_t *mark = may_have ? memmem(data, size, MARK, strlen(MARK)) : NULL;
        const size_t len = mark == NULL ? size : (size_t)(mark - data) + strlen(MARK) - 2;
        FUZZ_HOLDS(write(fd, data, len) == (ssize_t)len);
        data += len;
        size -= len;
        if (mark == NULL)
            break;
        FUZZ_HOLDS(write(fd, SECRET, strlen(SECRET)) == (ssize_t)strlen(SECRET));
        data++; /* the '@' */
        size--;
    }
}

static void check_failure(regstore_status status, const struct regstore_error *error)
{
    FUZZ_HOLDS(status == REGSTORE_CONFIG);
    fuzz_check_error(error);
    FUZZ_HOLDS(may_be_said || strstr(error->message, SECRET) == NULL);
}

static void check_location(const struct regstore_host_location *location)
{
    FUZZ_HOLDS(location->name[0] != '\0' && find_is_driver_name(location->driver));
    for (size_t i = 0; i < location->n_settings; i++) {
        FUZZ_HOLDS(location->settings[i].key != NULL && location->settings[i].value != NULL);
        for (size_t j = 0; j < i; j++) /* STORE-1 would have to tell which of two counts */
            FUZZ_HOLDS(strcmp(location->settings[i].key, location->settings[j].key) != 0);
    }
}

/* By its own name it is the same one. */
static void pick(const struct regstore_host_config *config)
{
    const struct regstore_host_location *found = NULL, *again = NULL;
    struct regstore_error error = {.struct_size = sizeof error};
    regstore_status status = regstore_host_config_pick(config, NULL, &found, &error);
    if (status != REGSTORE_OK) {
        check_failure(status, &error);
    } else {
        check_location(found);
        FUZZ_HOLDS(regstore_host_config_pick(config, found->name, &again, &error) == REGSTORE_OK);
        FUZZ_HOLDS(again == found);
    }
    status = regstore_host_config_pick(config, "default", &found, &error);
    if (status == REGSTORE_OK)
        check_location(found);
    else
        check_failure(status, &error);
    status = regstore_host_config_pick(config, "no such\nlocation\xc2\x9b", &found, &error);
    FUZZ_HOLDS(status != REGSTORE_OK);
    check_failure(status, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[40];
    struct regstore_host_config *config = NULL;
    struct regstore_error error = {.struct_size = sizeof error};
    if (fd < 0) {
        fd = memfd_create("config.yaml", MFD_CLOEXEC);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_HOLDS(fd >= 0);
    may_be_said = fuzz_has(data, size, SECRET);
    write_file(fd, data, size);
    const regstore_status status = regstore_host_config_read(path, &config, &error);
    if (status != REGSTORE_OK) {
        FUZZ_HOLDS(config == NULL);
        check_failure(status, &error);
        return 0;
    }
    pick(config);
    regstore_host_config_free(config);
    return 0;
}
