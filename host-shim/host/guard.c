/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard: knows which files may become code in this process. Whoever can write the file, or replace
 * it or a folder above it, runs code as the caller, so only root and the caller may be able to.
 *
 * The path is walked name by name as the kernel does, links included, and each folder is judged
 * when a name is looked up in it. Nobody but root and the caller can change what the walk has
 * found, so it is still there when the file is loaded.
 *
 * The mode tells all: where an access list lets others write, the group's bits show it.
 */
#include "guard.h"
#include "error.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel */

struct walk {
    const char *asked;      /* the path, as the caller names it */
    char done[PATH_MAX];    /* judged, without links; "" is the root */
    char rest[PATH_MAX];    /* still to be walked from there */
    char program[PATH_MAX]; /* the one that runs; "" when unknown */
    unsigned links;
};

static bool is_foreign(const struct stat *found)
{
    return found->st_uid != 0 && found->st_uid != geteuid();
}

static bool is_open_to_others(const struct stat *found)
{
    return (found->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

static regstore_status refuse_owner(const char *kind, const char *path, const struct stat *found,
                                    const char *otherwise, struct regstore_error *error)
{
    unsigned caller = (unsigned)geteuid();
    return host_fail(error, REGSTORE_CONFIG,
                     "refused: the %s %s belongs to user %u, neither to root nor to the caller "
                     "(user %u), who could put any code there: chown %u '%s'%s",
                     kind, path, (unsigned)found->st_uid, caller, caller, path, otherwise);
}

static regstore_status refuse_mode(const char *kind, const char *path, const struct stat *found,
                                   struct regstore_error *error)
{
    return host_fail(error, REGSTORE_CONFIG,
                     "refused: the %s %s may be written by others (mode %04o): chmod go-w '%s'",
                     kind, path, (unsigned)(found->st_mode & 07777), path);
}

static regstore_status too_long(const struct walk *walk, struct regstore_error *error)
{
    return host_fail(error, REGSTORE_CONFIG, "the path is too long: %s", walk->asked);
}

/* What the file or the link itself lies in. */
static regstore_status judge_holder(const char *folder, const struct stat *found,
                                    struct regstore_error *error)
{
    if (is_foreign(found))
        return refuse_owner("folder", folder, found, "", error);
    if (!is_open_to_others(found))
        return REGSTORE_OK;
    if ((found->st_mode & S_ISVTX) == 0)
        return refuse_mode("folder", folder, found, error);
    /* Nobody can take a file away there, but anybody may add one: a hard link to an old plugin
     * of root's is root's as well. And /tmp must stay as it is. */
    return host_fail(error, REGSTORE_CONFIG,
                     "refused: the folder %s may be written by others (mode %04o): what is to be "
                     "run needs one of its own there: mkdir -m 0755 '%s/plugins'",
                     folder, (unsigned)(found->st_mode & 07777), folder);
}

/*
 * A folder above. With the sticky bit others can neither move nor remove what is below: that is a
 * folder, which cannot have been hard-linked to there, and whose owner is judged next.
 */
static regstore_status judge_above(const char *folder, const struct stat *found,
                                   struct regstore_error *error)
{
    if (is_foreign(found))
        return refuse_owner("folder", folder, found, ", or put elsewhere what is to be run", error);
    if (is_open_to_others(found) && (found->st_mode & S_ISVTX) == 0)
        return refuse_mode("folder", folder, found, error);
    return REGSTORE_OK;
}

/*
 * Whoever can write above the program that runs can have replaced it, so these folders are no
 * reason to refuse a plugin: a build tree in a clone that is somebody else's, or whose group may
 * write it, works for all who run its programs.
 */
static bool is_above_program(const struct walk *walk)
{
    size_t length = strlen(walk->done);
    return strncmp(walk->program, walk->done, length) == 0 && walk->program[length] == '/';
}

static regstore_status judge_folder(const struct walk *walk, bool holds_folder,
                                    struct regstore_error *error)
{
    const char *folder = walk->done[0] != '\0' ? walk->done : "/";
    struct stat found;
    if (holds_folder && is_above_program(walk))
        return REGSTORE_OK;
    if (lstat(folder, &found) != 0)
        return host_fail(error, REGSTORE_CONFIG, "the folder %s: %s", folder, strerror(errno));
    return holds_folder ? judge_above(folder, &found, error) : judge_holder(folder, &found, error);
}

static regstore_status begin(struct walk *walk, struct regstore_error *error)
{
    const char *path = walk->asked;
    char *folder = NULL;
    if (path[0] == '\0')
        return host_fail(error, REGSTORE_CONFIG, "'': %s", strerror(ENOENT));
    if (path[0] != '/' && (folder = getcwd(NULL, 0)) == NULL)
        return host_fail(error, errno == ENOMEM ? REGSTORE_NO_MEMORY : REGSTORE_CONFIG,
                         "the current folder: %s", strerror(errno));
    int length = snprintf(walk->rest, sizeof(walk->rest), "%s/%s", folder != NULL ? folder : "",
                          path);
    free(folder);
    if (length < 0 || (size_t)length >= sizeof(walk->rest))
        return too_long(walk, error);
    ssize_t got = readlink("/proc/self/exe", walk->program, sizeof(walk->program) - 1);
    walk->program[got > 0 ? got : 0] = '\0';
    return REGSTORE_OK;
}

/* What the link says comes before the rest. */
static regstore_status follow(struct walk *walk, const char *link, struct regstore_error *error)
{
    char target[PATH_MAX], rest[PATH_MAX];
    if (++walk->links > LINKS_MAX)
        return host_fail(error, REGSTORE_CONFIG, "%s: %s", walk->asked, strerror(ELOOP));
    ssize_t got = readlink(link, target, sizeof(target) - 1);
    if (got < 0)
        return host_fail(error, REGSTORE_CONFIG, "%s: %s", link, strerror(errno));
    target[got] = '\0';
    int length = snprintf(rest, sizeof(rest), "%s%s%s", target, walk->rest[0] != '\0' ? "/" : "",
                          walk->rest);
    if (length < 0 || (size_t)length >= sizeof(rest))
        return too_long(walk, error);
    if (target[0] == '/')
        walk->done[0] = '\0';
    memcpy(walk->rest, rest, (size_t)length + 1);
    return REGSTORE_OK;
}

static regstore_status judge_file(const struct walk *walk, const char *path,
                                  const struct stat *found, struct regstore_error *error)
{
    if (walk->rest[0] != '\0')
        return host_fail(error, REGSTORE_CONFIG, "%s: %s: %s", walk->asked, path,
                         strerror(ENOTDIR));
    if (!S_ISREG(found->st_mode))
        return host_fail(error, REGSTORE_CONFIG, "%s is not a file", path);
    if (is_foreign(found))
        return refuse_owner("file", path, found, "", error);
    return is_open_to_others(found) ? refuse_mode("file", path, found, error) : REGSTORE_OK;
}

/* One name further down, or up; found is what it is, once it is no link. */
static regstore_status enter(struct walk *walk, const char *name, struct stat *found,
                             struct regstore_error *error)
{
    char path[PATH_MAX];
    char *slash = strrchr(walk->done, '/');
    if (strcmp(name, "..") == 0) {
        if (slash != NULL) /* The root is above itself. */
            *slash = '\0';
        return REGSTORE_OK;
    }
    int length = snprintf(path, sizeof(path), "%s/%s", walk->done, name);
    if (length < 0 || (size_t)length >= sizeof(path))
        return too_long(walk, error);
    if (lstat(path, found) != 0) {
        if (errno == ENOENT && walk->links > 0)
            return host_fail(error, REGSTORE_CONFIG,
                             "%s is a symbolic link to nothing: there is no %s", walk->asked, path);
        return host_fail(error, REGSTORE_CONFIG, "%s: %s", path, strerror(errno));
    }
    TRY(judge_folder(walk, S_ISDIR(found->st_mode), error));
    if (S_ISLNK(found->st_mode))
        return follow(walk, path, error);
    if (!S_ISDIR(found->st_mode))
        TRY(judge_file(walk, path, found, error));
    memcpy(walk->done, path, (size_t)length + 1);
    return REGSTORE_OK;
}

/* Takes the next name from the rest; "" when there is none. */
static regstore_status take_name(struct walk *walk, char name[NAME_MAX + 1],
                                 struct regstore_error *error)
{
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(start, "/");
    if (length > NAME_MAX)
        return too_long(walk, error);
    memcpy(name, start, length);
    name[length] = '\0';
    memmove(walk->rest, start + length, strlen(start + length) + 1);
    return REGSTORE_OK;
}

static regstore_status go(struct walk *walk, struct regstore_error *error)
{
    char name[NAME_MAX + 1];
    struct stat found = {0};
    TRY(begin(walk, error));
    for (;;) {
        TRY(take_name(walk, name, error));
        if (name[0] == '\0')
            break;
        if (strcmp(name, ".") != 0)
            TRY(enter(walk, name, &found, error));
    }
    if (!S_ISREG(found.st_mode))
        return host_fail(error, REGSTORE_CONFIG, "%s is not a file", walk->asked);
    return REGSTORE_OK;
}

regstore_status guard_check(const char *path, char **real, struct regstore_error *error)
{
    struct walk *walk = calloc(1, sizeof(*walk));
    if (walk == NULL)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    walk->asked = path;
    regstore_status status = go(walk, error);
    char *copy = status == REGSTORE_OK ? strdup(walk->done) : NULL;
    free(walk);
    if (status != REGSTORE_OK)
        return status;
    if (copy == NULL)
        return host_fail(error, REGSTORE_NO_MEMORY, "no memory");
    *real = copy;
    return REGSTORE_OK;
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
regstore_status guard_check_library(const char *path, struct regstore_error *error)
{
    Elf64_Ehdr theirs, ours;
    struct stat found;
    if (stat(path, &found) != 0 || !read_header(path, &theirs) ||
        memcmp(theirs.e_ident, ELFMAG, SELFMAG) != 0)
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
        end > (uint64_t)found.st_size)
        return host_fail(error, REGSTORE_CONFIG, "%s is cut short: copy it again", path);
    return REGSTORE_OK;
}
