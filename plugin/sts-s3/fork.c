/* SPDX-License-Identifier: Apache-2.0 */
#include "fork.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "call.h"

/* Far above what a turn of a loop takes, the host's callbacks included, on a machine that is busy.
 */
#define PATIENCE_NS 5000000000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct stss3_fork_member *members;
static unsigned inside, yielding;
static uint64_t round_number;    /* of forks that are done */
static _Atomic int64_t asked_ns; /* 0: no fork is under way; read without the lock */
static atomic_bool is_exiting;

static bool is_forking(void)
{
    return atomic_load(&asked_ns) != 0;
}

/* In the thread that forks.  Without the lock from here to the fork itself: the child makes itself
 * a new one, and other threads can see that they have to wait. */
static void before_fork(void)
{
    const int64_t until_ns = plug_now_ns() + PATIENCE_NS;
    const struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    int error = 0;
    pthread_mutex_lock(&lock);
    while (is_forking() && error == 0) /* another thread's: one at a time */
        error = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
    atomic_store(&asked_ns, plug_now_ns());
    for (struct stss3_fork_member *m = members; m != NULL; m = m->next)
        m->wake(m->ctx);
    while (inside != 0 && error == 0)
        error = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until);
    pthread_mutex_unlock(&lock);
}

/* Those who stepped out count as inside from here on, before they have woken up: so another fork
 * waits until each has had its turn, and forks without end do not starve the transfers. */
static void after_fork_in_parent(void)
{
    pthread_mutex_lock(&lock);
    atomic_store(&asked_ns, 0);
    round_number++;
    inside += yielding;
    yielding = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* None of the others is here; one may have held the lock. */
static void after_fork_in_child(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    members = NULL;
    inside = yielding = 0;
    atomic_store(&asked_ns, 0);
    atomic_store(&is_exiting, false);
}

/* Nobody is let in again. */
static void before_exit(void)
{
    atomic_store(&is_exiting, true);
    before_fork();
}

/* Never undone, as the module is never unloaded.  OpenSSL first, so that its own handler comes
 * after ours; asked for nothing at all it would do nothing. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_error;

static void watch_forks(void)
{
    once_error = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (once_error == 0 && (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 ||
                            atexit(before_exit) != 0))
        once_error = ENOMEM;
}

/* With the lock held. */
static void come_in(void)
{
    while (is_forking())
        (void)pthread_cond_wait(&changed, &lock);
    inside++;
}

static void go_out(void)
{
    inside--;
    pthread_cond_broadcast(&changed);
}

bool stss3_fork_enter(void)
{
    (void)pthread_once(&once, watch_forks);
    if (once_error != 0 || stss3_fork_is_exiting())
        return false;
    pthread_mutex_lock(&lock);
    come_in();
    pthread_mutex_unlock(&lock);
    return true;
}

void stss3_fork_exit(void)
{
    pthread_mutex_lock(&lock);
    go_out();
    pthread_mutex_unlock(&lock);
}

void stss3_fork_join(struct stss3_fork_member *member)
{
    pthread_mutex_lock(&lock);
    come_in();
    member->previous = NULL;
    member->next = members;
    if (members != NULL)
        members->previous = member;
    members = member;
    pthread_mutex_unlock(&lock);
}

void stss3_fork_leave(struct stss3_fork_member *member)
{
    pthread_mutex_lock(&lock);
    *(member->previous == NULL ? &members : &member->previous->next) = member->next;
    if (member->next != NULL)
        member->next->previous = member->previous;
    go_out();
    pthread_mutex_unlock(&lock);
}

int64_t stss3_fork_asked_ns(void)
{
    return atomic_load(&asked_ns);
}

bool stss3_fork_is_exiting(void)
{
    return atomic_load(&is_exiting);
}

void stss3_fork_yield(void)
{
    pthread_mutex_lock(&lock);
    if (is_forking()) {
        const uint64_t here = round_number;
        yielding++;
        go_out();
        while (round_number == here)
            (void)pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}
