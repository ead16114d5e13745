/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include <check.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void run_traced(void (*act)(void))
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(99);
    raise(SIGSTOP);
    act();
    _exit(0);
}

pid_t frozen_at(void (*act)(void), unsigned n)
{
    int status;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        run_traced(act);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSTOPPED(status), "ptrace is not allowed here");
    ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL), 0);
    for (unsigned stop = 0; stop < n; stop++) {
        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            ck_assert_int_eq(WEXITSTATUS(status), 0);
            return 0;
        }
    }
    return child;
}

bool dies_at(void (*act)(void), unsigned n)
{
    int status;
    const pid_t child = frozen_at(act, n);
    if (child == 0)
        return true;
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    do
        ck_assert_int_eq(waitpid(child, &status, 0), child);
    while (!WIFSIGNALED(status));
    return false;
}

void thaw(pid_t child)
{
    int status;
    ck_assert_int_eq(ptrace(PTRACE_DETACH, child, NULL, NULL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
