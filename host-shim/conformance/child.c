/* SPDX-License-Identifier: Apache-2.0 */
/* Signals are blocked and waited for, so that none comes between a look and a wait. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

static sigset_t guarded, before;
static bool is_stop_wanted;

void child_guard(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    (void)sigemptyset(&guarded); /* cannot fail, like the rest here: the numbers are good ones */
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaddset(&guarded, signals[i]);
    (void)sigprocmask(SIG_BLOCK, &guarded, &before);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Whoever asked to be spared from a signal, as nohup does, still is. */
static void restore_signals(void)
{
    (void)sigprocmask(SIG_SETMASK, &before, NULL); /* as above */
}

pid_t child_fork(void)
{
    const pid_t parent = getpid();
    (void)fflush(NULL); /* else the child would print it again */
    const pid_t pid = fork();
    if (pid > 0)
        (void)setpgid(pid, pid); /* the child does it too: whoever comes first */
    if (pid != 0)
        return pid;
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) == STDIN_FILENO)
        (void)close(nothing); /* nothing was written */
    restore_signals();
    return 0;
}

enum child_event child_wait(int64_t limit_ms)
{
    const struct timespec limit = {.tv_sec = limit_ms / 1000,
                                   .tv_nsec = (long)(limit_ms % 1000) * 1000000};
    for (;;) {
        const int seen =
            limit_ms < 0 ? sigwaitinfo(&guarded, NULL) : sigtimedwait(&guarded, NULL, &limit);
        if (seen == SIGCHLD)
            return CHILD_ENDED;
        if (seen > 0) {
            is_stop_wanted = true;
            return CHILD_STOP;
        }
        if (errno != EINTR)
            return CHILD_TIME_OVER;
    }
}

bool child_stop_was_wanted(void)
{
    return is_stop_wanted;
}

enum child_end child_wait_for(pid_t pid, int64_t limit_ms, bool may_stop, int *status)
{
    const int64_t end = now_ms() + limit_ms;
    enum child_end how = END_BY_ITSELF;
    for (;;) {
        const pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return how;
        const int64_t left = end - now_ms();
        if (left <= 0 && how == END_BY_ITSELF)
            how = END_OUT_OF_TIME;
        if (how != END_BY_ITSELF)
            (void)kill(-pid, SIGKILL); /* it may be gone already */
        const enum child_event event = child_wait(how != END_BY_ITSELF ? 1000 : left);
        if (event == CHILD_STOP && may_stop && how == END_BY_ITSELF)
            how = END_STOPPED;
    }
}

/* A process that left its group, as a daemon does, has become our child. */
static void kill_children(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    char word[32];
    while (file != NULL && fscanf(file, "%31s", word) == 1) {
        const long pid = strtol(word, NULL, 10);
        if (pid > 1)
            (void)kill((pid_t)pid, SIGKILL); /* it may be gone already */
    }
    if (file != NULL)
        (void)fclose(file); /* nothing was written */
}

void child_end_strangers(void)
{
    for (;;) {
        const pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno != EINTR)
            return;
        if (pid != 0)
            continue;
        kill_children();
        (void)child_wait(100); /* a child that has just been made may be missing from the list */
    }
}
