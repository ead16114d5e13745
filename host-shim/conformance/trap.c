/* SPDX-License-Identifier: Apache-2.0 */
/* A seccomp filter with SECCOMP_RET_TRAP, and the SIGSYS handler that notes who walked into it. */
#include "trap.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <openssl/crypto.h>

#define CALL_NAME(name)                                                                            \
    {                                                                                              \
        SYS_##name, #name                                                                          \
    }

static const struct {
    unsigned number;
    const char *name;
} forbidden[] = {
    CALL_NAME(openat),         CALL_NAME(openat2),   CALL_NAME(socket),
    CALL_NAME(connect),        CALL_NAME(sendto),    CALL_NAME(sendmsg),
    CALL_NAME(recvfrom),       CALL_NAME(recvmsg),   CALL_NAME(newfstatat),
    CALL_NAME(statx),          CALL_NAME(faccessat), CALL_NAME(faccessat2),
    CALL_NAME(mkdirat),        CALL_NAME(unlinkat),  CALL_NAME(renameat2),
    CALL_NAME(linkat),         CALL_NAME(symlinkat), CALL_NAME(readlinkat),
    CALL_NAME(ftruncate),      CALL_NAME(fsync),     CALL_NAME(fdatasync),
    CALL_NAME(getdents64),     CALL_NAME(pread64),   CALL_NAME(pwrite64),
    CALL_NAME(clone),          CALL_NAME(clone3),    CALL_NAME(execve),
    CALL_NAME(epoll_create1),  CALL_NAME(eventfd2),  CALL_NAME(pipe2),
    CALL_NAME(timerfd_create),
#ifdef SYS_open
    CALL_NAME(open),           CALL_NAME(stat),      CALL_NAME(lstat),
    CALL_NAME(access),         CALL_NAME(mkdir),     CALL_NAME(unlink),
    CALL_NAME(rename),         CALL_NAME(link),      CALL_NAME(rmdir),
    CALL_NAME(creat),          CALL_NAME(readlink),  CALL_NAME(fork),
    CALL_NAME(vfork),          CALL_NAME(pipe),      CALL_NAME(eventfd),
    CALL_NAME(epoll_create),
#endif
};
enum { FORBIDDEN = sizeof forbidden / sizeof forbidden[0] };

static volatile sig_atomic_t caught = -1;
static char caught_path[256]; /* of the first call, when it was openat */

static void deny(int signal_number, siginfo_t *info, void *context)
{
    ucontext_t *at = context;
    (void)signal_number;
#if defined(__x86_64__)
    const greg_t path = at->uc_mcontext.gregs[REG_RSI];
    at->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
    const unsigned long long path = at->uc_mcontext.regs[1];
    at->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
#else
    const uintptr_t path = 0;
#endif
    if (caught >= 0)
        return;
    caught = info->si_syscall;
    const char *text = (const char *)(uintptr_t)path;
    for (size_t i = 0; caught == SYS_openat && i + 1 < sizeof caught_path && text[i] != '\0'; i++)
        caught_path[i] = text[i];
}

bool trap_set(void)
{
#if defined(__x86_64__) || defined(__aarch64__)
    struct sock_filter program[2 + 2 * FORBIDDEN];
    unsigned short n = 0;
    program[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (unsigned i = 0; i < FORBIDDEN; i++) {
        program[n++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, forbidden[i].number, 0, 1);
        program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    }
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog filter = {.len = n, .filter = program};
    /* OpenSSL reads its own configuration when it is used for the first time in a process, whoever
     * uses it: that is not the plugin's I/O. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL); /* else it is caught below */
    struct sigaction action = {.sa_sigaction = deny, .sa_flags = SA_SIGINFO};
    (void)sigemptyset(&action.sa_mask); /* cannot fail */
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
#else
    return false;
#endif
}

const char *trap_caught(void)
{
    static char text[320];
    for (unsigned i = 0; i < FORBIDDEN; i++) {
        if (caught >= 0 && forbidden[i].number == (unsigned)caught) {
            (void)snprintf(text, sizeof text, "%s(%s)", forbidden[i].name, caught_path);
            return text;
        }
    }
    return NULL;
}
