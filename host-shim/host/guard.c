/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard: knows which files may become code in this process. Whoever can write the file, or replace
 * it in its folder, runs code as the caller, so only root and the caller may be able to.
 */
#include "guard.h"
#include "error.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static regstore_status judge(const char *path, const char *kind, const struct stat *found,
                             struct regstore_error *error)
{
    uid_t caller = geteuid();
    if (found->st_uid != 0 && found->st_uid != caller)
        return host_fail(error, REGSTORE_CONFIG,
                         "refused: the %s %s belongs to user %u, neither to root nor to the caller "
                         "(user %u), who could put any code there: chown %u '%s'",
                         kind, path, (unsigned)found->st_uid, (unsigned)caller, (unsigned)caller,
                         path);
    if ((found->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return host_fail(error, REGSTORE_CONFIG,
                         "refused: the %s %s may be written by others (mode %04o): chmod go-w '%s'",
                         kind, path, (unsigned)(found->st_mode & 07777), path);
    return REGSTORE_OK;
}

static regstore_status judge_folder_of(const char *path, struct regstore_error *error)
{
    char copy[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof(copy))
        return host_fail(error, REGSTORE_CONFIG, "the path is too long: %s", path);
    memcpy(copy, path, length + 1);
    const char *folder = dirname(copy);
    struct stat found;
    if (stat(folder, &found) != 0)
        return host_fail(error, REGSTORE_CONFIG, "the folder %s: %s", folder, strerror(errno));
    return judge(folder, "folder", &found, error);
}

/* False: there are not so many bytes. */
static bool read_header(const char *path, Elf64_Ehdr *header)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (file < 0)
        return false;
    ssize_t got = read(file, header, sizeof(*header));
    (void)close(file); /* Nothing was written. */
    return got == (ssize_t)sizeof(*header);
}

/*
 * What dlopen tells late or never: "wrong ELF class" at best, and a file that is cut short, since
 * somebody is copying it just now, kills the process. What the machine should be is known from the
 * program that runs.
 */
static regstore_status check_elf(const char *path, uint64_t bytes, struct regstore_error *error)
{
    Elf64_Ehdr theirs, ours;
    if (!read_header(path, &theirs) || memcmp(theirs.e_ident, ELFMAG, SELFMAG) != 0)
        return host_fail(error, REGSTORE_CONFIG,
                         "%s is not a shared library, or cannot be read by user %u", path,
                         (unsigned)geteuid());
    /* Without /proc dlopen has to tell. */
    if (read_header("/proc/self/exe", &ours) &&
        (theirs.e_ident[EI_CLASS] != ours.e_ident[EI_CLASS] ||
         theirs.e_ident[EI_DATA] != ours.e_ident[EI_DATA] || theirs.e_machine != ours.e_machine))
        return host_fail(error, REGSTORE_CONFIG,
                         "%s is built for another machine (ELF class %u, machine %u; this program: "
                         "%u, %u): build it for this one",
                         path, theirs.e_ident[EI_CLASS], theirs.e_machine, ours.e_ident[EI_CLASS],
                         ours.e_machine);
    /* Linkers put the section headers last. */
    uint64_t end;
    if (__builtin_add_overflow(theirs.e_shoff, (uint64_t)theirs.e_shnum * theirs.e_shentsize,
                               &end) ||
        end > bytes)
        return host_fail(error, REGSTORE_CONFIG, "%s is cut short: copy it again", path);
    return REGSTORE_OK;
}

static regstore_status check_real(const char *real, struct regstore_error *error)
{
    struct stat found;
    if (stat(real, &found) != 0)
        return host_fail(error, REGSTORE_CONFIG, "%s: %s", real, strerror(errno));
    if (!S_ISREG(found.st_mode))
        return host_fail(error, REGSTORE_CONFIG, "%s is not a file", real);
    TRY(judge(real, "file", &found, error));
    TRY(judge_folder_of(real, error));
    return check_elf(real, (uint64_t)found.st_size, error);
}

regstore_status guard_check(const char *path, char **real, struct regstore_error *error)
{
    struct stat link;
    char *resolved = realpath(path, NULL);
    if (resolved == NULL) {
        if (errno == ENOENT && lstat(path, &link) == 0)
            return host_fail(error, REGSTORE_CONFIG, "%s is a symbolic link to nothing", path);
        return host_fail(error, errno == ENOMEM ? REGSTORE_NO_MEMORY : REGSTORE_CONFIG, "%s: %s",
                         path, strerror(errno));
    }
    /* Whoever may write the folder of the link chooses the file behind it. */
    regstore_status status = judge_folder_of(path, error);
    if (status == REGSTORE_OK)
        status = check_real(resolved, error);
    if (status != REGSTORE_OK) {
        free(resolved);
        return status;
    }
    *real = resolved;
    return REGSTORE_OK;
}
