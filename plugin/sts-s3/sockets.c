/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* curl tries two addresses of a server side by side. */
#define SOCKETS_PER_CONNECTION 2

struct one {
    int fd;
    ino_t inode; /* no two sockets of a machine have the same at one time; 0: the slot is free */
};

struct stss3_sockets {
    size_t cap;
    struct one all[];
};

struct stss3_sockets *stss3_sockets_new(unsigned connections)
{
    const size_t cap = SOCKETS_PER_CONNECTION * (size_t)connections;
    struct stss3_sockets *sockets = calloc(1, sizeof *sockets + cap * sizeof(struct one));
    if (sockets != NULL)
        sockets->cap = cap;
    return sockets;
}

void stss3_sockets_free(struct stss3_sockets *sockets)
{
    free(sockets);
}

static ino_t inode_of(int fd)
{
    struct stat stat;
    return fstat(fd, &stat) == 0 && S_ISSOCK(stat.st_mode) ? stat.st_ino : 0;
}

void stss3_sockets_add(struct stss3_sockets *sockets, int fd)
{
    size_t i = 0;
    while (i < sockets->cap && sockets->all[i].inode != 0)
        i++;
    if (i < sockets->cap)
        sockets->all[i] = (struct one){fd, inode_of(fd)};
}

void stss3_sockets_remove(struct stss3_sockets *sockets, int fd)
{
    for (size_t i = 0; i < sockets->cap; i++)
        if (sockets->all[i].inode != 0 && sockets->all[i].fd == fd)
            sockets->all[i].inode = 0;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t len = sizeof address;
    if (getsockname(fd, &address.any, &len) != 0)
        return -1;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

bool stss3_sockets_have_bytes(const struct stss3_sockets *sockets, int local_port)
{
    char byte;
    for (size_t i = 0; i < sockets->cap; i++)
        if (sockets->all[i].inode != 0 && port_of(sockets->all[i].fd) == local_port &&
            recv(sockets->all[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
            return true;
    return false;
}

void stss3_sockets_close_copies(const struct stss3_sockets *sockets)
{
    for (size_t i = 0; i < sockets->cap; i++)
        if (sockets->all[i].inode != 0 && sockets->all[i].inode == inode_of(sockets->all[i].fd))
            (void)close(sockets->all[i].fd);
}
