/* SPDX-License-Identifier: Apache-2.0 */
/* What has reached the disk when a call says OK, and what is left when the disk says no. */
#include "kit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TEXT "0123456789"

/* Every fsync of the plugin, which is linked into this program, comes by here. */
static struct {
    mode_t fails; /* fsync of what has this type says EIO */
} disk;

int fsync(int fd)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return -1;
    if (disk.fails != 0 && (file.st_mode & S_IFMT) == disk.fails) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

static struct rlimit old_limit;

/* From here on nothing can be opened. */
static void forbid_descriptors(void)
{
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old_limit), 0);
    const int lowest = dup(STDIN_FILENO);
    ck_assert_int_ge(lowest, 0);
    close(lowest);
    limit = old_limit;
    limit.rlim_cur = (rlim_t)lowest;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void allow_descriptors(void)
{
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old_limit), 0);
}

START_TEST(suspend_and_commit_without_a_descriptor_can_be_repeated)
{
    char token[REGSTORE_TOKEN_MAX];
    uint64_t kept;
    struct regstore_upload *upload = begin(NULL, REGSTORE_UPLOAD_SHA256);
    ck_ok(write_text(upload, TEXT));
    forbid_descriptors();
    const regstore_status status =
        plugin->upload_suspend(upload, plain(), token, sizeof token, &kept);
    allow_descriptors();
    ck_assert_int_eq(status, REGSTORE_UNAVAILABLE);
    ck_assert_uint_eq(error.retryable, 1);
    suspend(upload, token);
    upload = resume(token);
    ck_ok(write_text(upload, TEXT));
    forbid_descriptors();
    const regstore_status second = commit(upload, "key", 0);
    allow_descriptors();
    ck_assert_int_eq(second, REGSTORE_UNAVAILABLE);
    ck_assert_uint_eq(error.retryable, 1);
    ck_ok(commit(upload, "key", 0));
    plugin->upload_close(upload);
    ck_assert_str_eq(get("key"), TEXT TEXT);
}
END_TEST

/* The kernel tells a failed write to disk once, and takes the pages for clean afterwards. */
START_TEST(bytes_or_names_that_failed_to_reach_the_disk_are_never_safe_later)
{
    static const mode_t types[] = {S_IFREG, S_IFDIR};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char token[REGSTORE_TOKEN_MAX];
        uint64_t kept;
        struct regstore_upload *upload = begin(NULL, 0);
        ck_ok(write_text(upload, TEXT));
        disk.fails = types[i];
        ck_status(plugin->upload_suspend(upload, plain(), token, sizeof token, &kept),
                  REGSTORE_UNAVAILABLE);
        disk.fails = 0;
        ck_status(plugin->upload_suspend(upload, plain(), token, sizeof token, &kept),
                  REGSTORE_UNAVAILABLE);
        ck_assert_uint_eq(error.retryable, 0);
        ck_status(commit(upload, "key", 0), REGSTORE_UNAVAILABLE);
        ck_ok(plugin->upload_abort(upload, plain()));
        plugin->upload_close(upload);
        ck_status(stat_of("key"), REGSTORE_NOT_FOUND);
    }
}
END_TEST

void add_disk_tests(Suite *suite)
{
    add_claim(suite, suspend_and_commit_without_a_descriptor_can_be_repeated);
    add_claim(suite, bytes_or_names_that_failed_to_reach_the_disk_are_never_safe_later);
}
