/* SPDX-License-Identifier: Apache-2.0 */
#include "wakeup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define CANDIDATES 64

/* A descriptor that may be one of the pair, and how many bytes wait in it and behind it. */
struct candidate {
    int fd, unread, unsent;
};

static bool look(struct candidate *c)
{
    return ioctl(c->fd, FIONREAD, &c->unread) == 0 && ioctl(c->fd, SIOCOUTQ, &c->unsent) == 0;
}

static bool is_candidate(int fd)
{
    int domain = 0;
    socklen_t size = sizeof domain;
    const int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

static size_t collect(struct candidate *out)
{
    size_t n = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0; /* without /proc the pair stays as libcurl made it */
    for (struct dirent *entry; n < CANDIDATES && (entry = readdir(folder)) != NULL;) {
        out[n].fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && is_candidate(out[n].fd) && look(&out[n]))
            n++;
    }
    (void)closedir(folder);
    return n;
}

/* True when one more byte waits to be read here, or one more has been sent from here. */
static bool has_moved(struct candidate *c)
{
    const struct candidate before = *c;
    return look(c) && (c->unread == before.unread + 1 || c->unsent > before.unsent);
}

void stss3_wakeup_close_on_exec(CURLM *multi)
{
    struct candidate candidates[CANDIDATES];
    bool is_ours[CANDIDATES];
    const size_t n = collect(candidates);
    for (size_t i = 0; i < n; i++)
        is_ours[i] = true;
    /* Twice: another thread's socket that moves by chance does not do so at both wake-ups. */
    for (int round = 0; round < 2; round++) {
        (void)curl_multi_wakeup(multi);
        for (size_t i = 0; i < n; i++)
            is_ours[i] = has_moved(&candidates[i]) && is_ours[i];
    }
    for (size_t i = 0; i < n; i++)
        if (is_ours[i])
            (void)fcntl(candidates[i].fd, F_SETFD, FD_CLOEXEC);
}
