/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in files of their own: what is read, what is refused, and with which words. */
#include "suites.h"

#include "secret_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/var/tmp/secret-file-XXXXXX", path[64];
static struct plug_buf text;
static struct plug_error error;

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/secret", folder);
}

static void remove_folder(void)
{
    (void)unlink(path);
    (void)rmdir(path);
    (void)rmdir(folder);
    plug_buf_wipe(&text);
}

static void write_file(const void *bytes, size_t len, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    ck_assert_int_eq(close(fd), 0);
}

static regstore_status read_it(void)
{
    plug_buf_reset(&text);
    return plug_secret_file_read("the_key_file", path, &text, &error);
}

static void expect_refusal(const char *words)
{
    ck_assert_int_eq(read_it(), REGSTORE_CONFIG);
    ck_assert_int_eq(error.status, REGSTORE_CONFIG);
    ck_assert_uint_eq(text.len, 0);
    ck_assert_msg(strstr(error.message, words) != NULL, "'%s' is not in '%s'", words,
                  error.message);
    ck_assert_ptr_nonnull(strstr(error.message, "'the_key_file'"));
    ck_assert_ptr_nonnull(strstr(error.message, path));
    ck_assert_ptr_null(strstr(error.message, "hunter2"));
}

static const struct {
    const char *bytes, *secret;
} contents[] = {
    {"hunter2", "hunter2"},     {"hunter2\n", "hunter2"}, {"hunter2\r\n", "hunter2"},
    {"hunter2\n\n", "hunter2"}, {" hunter2 ", " hunter2 "}, {"hunter2\nx\n", "hunter2\nx"},
};

START_TEST(secret_is_the_files_text_without_its_line_end)
{
    write_file(contents[_i].bytes, strlen(contents[_i].bytes), 0600);
    ck_assert_msg(read_it() == REGSTORE_OK, "%s", error.message);
    ck_assert_str_eq(plug_buf_text(&text), contents[_i].secret);
}
END_TEST

START_TEST(file_is_read_anew_each_time)
{
    write_file("first\n", 6, 0400);
    ck_assert_int_eq(read_it(), REGSTORE_OK);
    ck_assert_int_eq(unlink(path), 0);
    write_file("second\n", 7, 0400);
    ck_assert_int_eq(read_it(), REGSTORE_OK);
    ck_assert_str_eq(plug_buf_text(&text), "second");
}
END_TEST

static const mode_t open_modes[] = {0640, 0620, 0610, 0604, 0602, 0601, 0660, 0644, 0777, 04644};

START_TEST(file_that_group_or_others_may_open_is_refused_with_what_mends_it)
{
    write_file("hunter2\n", 8, open_modes[_i]);
    expect_refusal("chmod 0600");
}
END_TEST

START_TEST(somebody_elses_file_is_refused)
{
    if (geteuid() != 0)
        return; /* only root can give files away */
    write_file("hunter2\n", 8, 0600);
    ck_assert_int_eq(chown(path, 12345, 0), 0);
    expect_refusal("belongs to user 12345");
}
END_TEST

START_TEST(missing_file_and_what_is_no_file_are_refused)
{
    expect_refusal("No such file");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect_refusal("no regular file");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    expect_refusal("no regular file");
}
END_TEST

START_TEST(size_is_bounded_and_nothing_is_no_secret)
{
    char bytes[PLUG_SECRET_BYTES_MAX + 1];
    memset(bytes, 'x', sizeof bytes);
    write_file(bytes, sizeof bytes, 0600);
    expect_refusal("more than 4096 bytes");
    write_file(bytes, sizeof bytes - 1, 0600);
    ck_assert_int_eq(read_it(), REGSTORE_OK);
    ck_assert_uint_eq(text.len, PLUG_SECRET_BYTES_MAX);
    write_file("", 0, 0600);
    expect_refusal("empty");
    write_file("\n", 1, 0600);
    expect_refusal("empty");
}
END_TEST

START_TEST(zero_byte_is_refused)
{
    write_file("hunter2\0x", 9, 0600);
    expect_refusal("zero byte");
}
END_TEST

Suite *secret_file_suite(void)
{
    Suite *suite = suite_create("secret_file");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, make_folder, remove_folder);
    tcase_add_loop_test(tcase, secret_is_the_files_text_without_its_line_end, 0, COUNT(contents));
    tcase_add_test(tcase, file_is_read_anew_each_time);
    tcase_add_loop_test(tcase, file_that_group_or_others_may_open_is_refused_with_what_mends_it, 0,
                        COUNT(open_modes));
    tcase_add_test(tcase, somebody_elses_file_is_refused);
    tcase_add_test(tcase, missing_file_and_what_is_no_file_are_refused);
    tcase_add_test(tcase, size_is_bounded_and_nothing_is_no_secret);
    tcase_add_test(tcase, zero_byte_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
