/* SPDX-License-Identifier: Apache-2.0 */
/* What has reached the disk when a call says OK, and what is left when the disk says no. */
#include "kit.h"
#include "trace.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYNCED_MAX 256
#define TEXT "0123456789"

/* What is known of every fsync of the plugin, which is linked into this program. */
struct disk {
    _Atomic mode_t fails; /* fsync of what has this type says EIO */
    atomic_size_t n;
    struct {
        dev_t device;
        ino_t inode;
    } synced[SYNCED_MAX];
};
static struct disk private_disk, *disk = &private_disk;

int fsync(int fd)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return -1;
    const mode_t fails = atomic_load(&disk->fails);
    if (fails != 0 && (file.st_mode & S_IFMT) == fails) {
        errno = EIO;
        return -1;
    }
    if (syscall(SYS_fsync, fd) != 0)
        return -1;
    const size_t i = atomic_fetch_add(&disk->n, 1);
    if (i < SYNCED_MAX) {
        disk->synced[i].device = file.st_dev;
        disk->synced[i].inode = file.st_ino;
    }
    return 0;
}

static bool is_synced(const char *path)
{
    struct stat file;
    ck_assert_int_eq(stat(path, &file), 0);
    ck_assert_uint_lt(disk->n, SYNCED_MAX);
    for (size_t i = 0; i < disk->n; i++)
        if (disk->synced[i].device == file.st_dev && disk->synced[i].inode == file.st_ino)
            return true;
    return false;
}

#define ck_synced(path)                                                                            \
    do {                                                                                           \
        const char *ck_path = (path);                                                              \
        ck_assert_msg(is_synced(ck_path), "%s was not written to disk", ck_path);                  \
    } while (0)

static void make_folder(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

/* The folders of a key, from the outermost. */
static const char *const below[] = {"", "/b", "/b/c"};
enum { DEPTH = sizeof below / sizeof below[0] };

static const char *folder_of(unsigned n, size_t i)
{
    static char folder[32];
    snprintf(folder, sizeof folder, "a%u%s", n, below[i]);
    return file_of(folder);
}

static const char *key_of(unsigned n, const char *name)
{
    static char key[64];
    snprintf(key, sizeof key, "a%u%s/%s", n, below[DEPTH - 1], name);
    return key;
}

/* Another process has made a folder, and has not come to its fsync. */
START_TEST(commit_makes_the_folders_of_its_key_durable_whoever_made_them)
{
    for (unsigned made = 0; made <= DEPTH; made++) {
        for (size_t i = 0; i < made; i++)
            make_folder(folder_of(made, i));
        disk->n = 0;
        ck_ok(put(key_of(made, "key"), TEXT));
        /* What has a folder in it was on disk before that. */
        if (made < 2)
            ck_synced(place);
        for (size_t i = made < 2 ? 0 : made - 2; i < DEPTH; i++)
            ck_synced(folder_of(made, i));
    }
}
END_TEST

static bool is_empty(const char *path)
{
    unsigned n = 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return true; /* Not even there. */
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n == 2;
}

static unsigned turn;

static void act_put(void)
{
    if (put(key_of(turn, "first"), TEXT) != REGSTORE_OK)
        _exit(98);
}

START_TEST(put_killed_anywhere_leaves_nothing_in_a_folder_that_is_not_durable)
{
    disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(disk, MAP_FAILED);
    ck_ok(put("before", TEXT));
    bool is_done = false;
    for (turn = 1; !is_done; turn++) {
        disk->n = 0;
        is_done = dies_at(act_put, turn);
        for (size_t i = 0; i < DEPTH; i++) {
            char above[128];
            snprintf(above, sizeof above, "%s", i == 0 ? place : folder_of(turn, i - 1));
            if (!is_empty(folder_of(turn, i)))
                ck_synced(above);
        }
        ck_ok(put(key_of(turn, "second"), TEXT));
        ck_synced(place);
        for (size_t i = 0; i < DEPTH; i++)
            ck_synced(folder_of(turn, i));
    }
    ck_assert_uint_gt(turn, 2 * DEPTH);
}
END_TEST

/* The second blob of a folder costs its file and its folder, and nothing above. */
START_TEST(commit_beside_another_blob_syncs_the_file_and_its_folder)
{
    ck_ok(put("a/b/first", TEXT));
    disk->n = 0;
    ck_ok(put("a/b/second", TEXT));
    ck_assert_uint_eq(disk->n, 2);
    ck_synced(file_of("a/b/second"));
    ck_synced(file_of("a/b"));
}
END_TEST

START_TEST(suspend_makes_the_folder_of_uploads_durable_whoever_made_it)
{
    char token[REGSTORE_TOKEN_MAX];
    make_folder(file_of("uploads"));
    struct regstore_upload *upload = begin(NULL, 0);
    ck_ok(write_text(upload, TEXT));
    disk->n = 0;
    suspend(upload, token);
    ck_synced(file_of("uploads"));
    ck_synced(place);
    ck_assert_uint_eq(staged(), 1);
    ck_synced(staged_path);
    /* Once is enough: nothing takes uploads/ away. */
    upload = resume(token);
    ck_ok(write_text(upload, TEXT));
    disk->n = 0;
    suspend(upload, token);
    ck_assert_uint_eq(disk->n, 2);
}
END_TEST

START_TEST(first_blob_makes_storage_path_durable_whoever_made_it)
{
    char path[128];
    struct regstore_store *mine = store;
    for (unsigned is_made = 0; is_made < 2; is_made++) {
        snprintf(path, sizeof path, "%s/store%u", place, is_made);
        if (is_made)
            make_folder(path);
        store = open_store(path, NULL);
        disk->n = 0;
        ck_ok(put("key", TEXT));
        ck_synced(place);
        ck_synced(path);
        plugin->store_close(store);
    }
    store = mine;
}
END_TEST

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
        disk->fails = types[i];
        ck_status(plugin->upload_suspend(upload, plain(), token, sizeof token, &kept),
                  REGSTORE_UNAVAILABLE);
        disk->fails = 0;
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

/* --- check --- */

#define CHECK_TIMEOUT_MS 500

static int32_t is_cancelled;
static const char *cancel_after, *wait_after;

static void on_step(void *unused, const char *name, regstore_status status, const char *found,
                    const char *advice)
{
    (void)unused;
    (void)status;
    (void)found;
    (void)advice;
    if (cancel_after != NULL && strcmp(name, cancel_after) == 0)
        is_cancelled = 1;
    if (wait_after != NULL && strcmp(name, wait_after) == 0)
        usleep((CHECK_TIMEOUT_MS + 1) * 1000);
}

static regstore_status check_with_probe(uint64_t timeout_ms)
{
    const struct regstore_check_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_CHECK_WRITE, .step = on_step};
    struct regstore_call call = *plain();
    call.cancel = &is_cancelled;
    call.timeout_ms = timeout_ms;
    is_cancelled = 0;
    return plugin->check(store, &call, &opts);
}

static void nothing_is_left(void)
{
    char key[REGSTORE_KEY_MAX];
    struct regstore_list *list = NULL;
    ck_ok(plugin->list_open(store, plain(), NULL, &list));
    ck_ok(plugin->list_next(list, plain(), key, sizeof key, NULL));
    ck_assert_msg(key[0] == '\0', "'%s' is left behind", key);
    plugin->list_close(list);
    ck_assert_uint_eq(staged(), 0);
}

START_TEST(check_that_fails_or_is_cancelled_leaves_no_probe)
{
    static const char *const names[] = {"space", "write", "read"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cancel_after = names[i];
        const regstore_status status = check_with_probe(0);
        cancel_after = NULL;
        ck_assert_msg(status == (i < 2 ? REGSTORE_CANCELLED : REGSTORE_OK), "after %s: %d",
                      names[i], status);
        nothing_is_left();
    }
    disk->fails = S_IFDIR; /* The probe has its key by then. */
    ck_status(check_with_probe(0), REGSTORE_UNAVAILABLE);
    nothing_is_left();
    disk->fails = S_IFREG;
    ck_status(check_with_probe(0), REGSTORE_UNAVAILABLE);
    nothing_is_left();
}
END_TEST

/* Whatever the machine is busy with: when the step before has used it up, no time is left. */
START_TEST(check_has_one_timeout_for_all_its_steps)
{
    static const char *const names[] = {"space", "write"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        wait_after = names[i];
        ck_status(check_with_probe(CHECK_TIMEOUT_MS), REGSTORE_TIMEOUT);
        wait_after = NULL;
        nothing_is_left();
    }
}
END_TEST

void add_disk_tests(Suite *suite)
{
    add_claim(suite, commit_makes_the_folders_of_its_key_durable_whoever_made_them);
    add_claim(suite, put_killed_anywhere_leaves_nothing_in_a_folder_that_is_not_durable);
    add_claim(suite, commit_beside_another_blob_syncs_the_file_and_its_folder);
    add_claim(suite, suspend_makes_the_folder_of_uploads_durable_whoever_made_it);
    add_claim(suite, first_blob_makes_storage_path_durable_whoever_made_it);
    add_claim(suite, suspend_and_commit_without_a_descriptor_can_be_repeated);
    add_claim(suite, bytes_or_names_that_failed_to_reach_the_disk_are_never_safe_later);
    add_claim(suite, check_that_fails_or_is_cancelled_leaves_no_probe);
    add_claim(suite, check_has_one_timeout_for_all_its_steps);
}
