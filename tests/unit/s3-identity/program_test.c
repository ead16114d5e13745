/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that print credentials: what they get, how they end, and in which processes. */
#include "suites.h"

#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *environment[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"MARK=here"}, NULL};

static struct plug_buf out;
static struct plug_error error;

static regstore_status run_until(const char *line, uint64_t limit_ms,
                                 bool (*must_stop)(const void *ctx))
{
    const struct stss3_program program = {.what = "test",
                                          .line = line,
                                          .environment = environment,
                                          .limit_ms = limit_ms,
                                          .must_stop = must_stop};
    plug_buf_clear(&out);
    error = (struct plug_error){0};
    const regstore_status status = stss3_program_run(&program, &out, &error);
    ck_assert_int_eq(status, error.status);
    return status;
}

static regstore_status run(const char *line)
{
    return run_until(line, 60000, NULL);
}

static void expect_output(const char *line, const char *wanted)
{
    ck_assert_msg(run(line) == REGSTORE_OK, "%s", error.message);
    ck_assert_str_eq(plug_buf_text(&out), wanted);
}

START_TEST(words_reach_it_as_they_are)
{
    expect_output("printf '%s|' a 'b c' \"$HOME\" '*' d\\ e", "a|b c|$HOME|*|d e|");
}
END_TEST

START_TEST(it_gets_the_environment_that_was_kept)
{
    (void)setenv("MARK", "later", 1);
    expect_output("sh -c 'echo $MARK'", "here\n");
}
END_TEST

START_TEST(its_input_is_empty_and_its_errors_are_nobodys)
{
    expect_output("sh -c 'echo hidden >&2; wc -c'", "0\n");
}
END_TEST

/* With descriptors that a host forgot to close on exec, and with none of the first three. */
START_TEST(no_descriptor_is_inherited)
{
    static const char count[] = "sh -c 'cd /proc/$$/fd && echo *'";
    const int leak = open("/dev/null", O_RDONLY);
    ck_assert_int_eq(fcntl(leak, F_DUPFD, 100), 100);
    expect_output(count, "0 1 2 3\n"); /* 3 is the shell's own, of the folder that it lists */
    const int saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 200);
    for (int fd = 0; fd < 3; fd++)
        (void)close(fd);
    const regstore_status status = run("echo through");
    (void)dup2(saved, STDOUT_FILENO);
    (void)dup2(saved, STDERR_FILENO);
    ck_assert_msg(status == REGSTORE_OK, "%s", error.message);
    ck_assert_str_eq(plug_buf_text(&out), "through\n");
}
END_TEST

/* Blocked and ignored signals are inherited otherwise. */
START_TEST(signals_are_as_a_program_expects_them)
{
    sigset_t all;
    sigfillset(&all);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    ck_assert_int_eq(run("grep -E '^Sig(Blk|Ign):' /proc/self/status"), REGSTORE_OK);
    (void)sigprocmask(SIG_UNBLOCK, &all, NULL);
    unsigned long blocked = 1, ignored = 1;
    ck_assert_int_eq(sscanf(plug_buf_text(&out), "SigBlk:\t%lx\nSigIgn:\t%lx", &blocked, &ignored),
                     2);
    ck_assert_uint_eq(blocked, 0);
    ck_assert_uint_eq(ignored & 0x7fffffff, 0); /* above lie two that are the C library's own */
}
END_TEST

START_TEST(host_that_ignores_or_blocks_sigchld_gets_the_output_too)
{
    sigset_t child;
    (void)signal(SIGCHLD, SIG_IGN);
    expect_output("echo ignored", "ignored\n");
    (void)signal(SIGCHLD, SIG_DFL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    expect_output("echo blocked", "blocked\n");
    (void)sigprocmask(SIG_UNBLOCK, &child, NULL);
}
END_TEST

static void reap_all(int signal_number)
{
    const int saved = errno;
    (void)signal_number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    errno = saved;
}

START_TEST(host_that_reaps_every_child_gets_the_output_too)
{
    const struct sigaction action = {.sa_handler = reap_all};
    ck_assert_int_eq(sigaction(SIGCHLD, &action, NULL), 0);
    expect_output("echo reaped", "reaped\n");
    ck_assert_int_eq(run("true"), REGSTORE_UNAVAILABLE);
}
END_TEST

static const struct {
    const char *line, *words;
    regstore_status status;
} failures[] = {
    {"false", "exit status 1", REGSTORE_UNAVAILABLE},
    {"sh -c 'echo hidden; exit 7'", "exit status 7", REGSTORE_UNAVAILABLE},
    {"sh -c 'kill -TERM $$'", "signal 15", REGSTORE_UNAVAILABLE},
    {"true", "wrote nothing", REGSTORE_UNAVAILABLE},
    {"/nowhere/program hidden", "/nowhere/program cannot be run", REGSTORE_CONFIG},
    {"/etc/passwd hidden", "/etc/passwd cannot be run", REGSTORE_CONFIG},
    {"program 'hidden", "quote", REGSTORE_CONFIG},
    {"", "no program", REGSTORE_CONFIG},
    {"yes hidden", "writes too much", REGSTORE_UNAVAILABLE},
};

START_TEST(failure_is_told_without_a_word_of_what_it_wrote)
{
    ck_assert_int_eq(run(failures[_i].line), failures[_i].status);
    ck_assert_msg(strstr(error.message, failures[_i].words) != NULL, "%s", error.message);
    ck_assert_ptr_null(strstr(error.message, "hidden"));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left behind */
}
END_TEST

static bool is_gone(const char *pid_text)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%.20s", pid_text);
    return access(path, F_OK) != 0;
}

/* Its own child too, whose number it writes before it hangs. */
START_TEST(one_that_takes_too_long_is_ended_with_all_that_it_started)
{
    char folder[] = "/var/tmp/program-XXXXXX", line[128], pid[32] = "";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(line, sizeof line, "sh -c 'sleep 1000 & echo $! >%s/pid; wait'", folder);
    ck_assert_int_eq(run_until(line, 1000, NULL), REGSTORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.message, "too long"));
    (void)snprintf(line, sizeof line, "%s/pid", folder);
    const int fd = open(line, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, pid, sizeof pid - 1), 0);
    (void)close(fd);
    pid[strcspn(pid, "\n")] = '\0';
    const struct timespec moment = {0, 10000000};
    while (!is_gone(pid)) /* init reaps it; a test that hangs here has failed */
        (void)nanosleep(&moment, NULL);
    (void)unlink(line);
    (void)rmdir(folder);
}
END_TEST

static bool at_once(const void *ctx)
{
    (void)ctx;
    return true;
}

START_TEST(one_that_runs_is_ended_when_the_store_is_closed)
{
    ck_assert_int_eq(run_until("sleep 1000", 1000000, at_once), REGSTORE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.message, "being closed"));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

/* A helper that stays behind keeps the output open: it is not waited for. */
START_TEST(child_that_stays_behind_with_the_output_is_not_waited_for)
{
    expect_output("sh -c 'sleep 1000 & echo done; kill $! 2>/dev/null & exit 0'", "done\n");
}
END_TEST

Suite *program_suite(void)
{
    Suite *suite = suite_create("program");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, words_reach_it_as_they_are);
    tcase_add_test(tcase, it_gets_the_environment_that_was_kept);
    tcase_add_test(tcase, its_input_is_empty_and_its_errors_are_nobodys);
    tcase_add_test(tcase, no_descriptor_is_inherited);
    tcase_add_test(tcase, signals_are_as_a_program_expects_them);
    tcase_add_test(tcase, host_that_ignores_or_blocks_sigchld_gets_the_output_too);
    tcase_add_test(tcase, host_that_reaps_every_child_gets_the_output_too);
    tcase_add_loop_test(tcase, failure_is_told_without_a_word_of_what_it_wrote, 0,
                        (int)COUNT(failures));
    tcase_add_test(tcase, one_that_takes_too_long_is_ended_with_all_that_it_started);
    tcase_add_test(tcase, one_that_runs_is_ended_when_the_store_is_closed);
    tcase_add_test(tcase, child_that_stays_behind_with_the_output_is_not_waited_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
