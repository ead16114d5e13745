/* SPDX-License-Identifier: Apache-2.0 */
/* regstore-fake-s3: an S3 and STS server of our own, for tests. */
#include "clock.h"
#include "http.h"
#include "paper.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool complain(const char *what)
{
    (void)fprintf(stderr, "regstore-fake-s3: %s\n", what);
    return false;
}

static bool make_more_roles(struct server *s)
{
    const struct options *o = s->options;
    for (size_t i = 0; i < o->roles.count; i++) {
        const char *why = "the trust policy of a --role cannot be read";
        struct role *role = identities_add_role(&s->identities, o->roles.items[i].name);
        char *trust = read_file(o->roles.items[i].value);
        role->max_session_s = o->max_session_s;
        role->trust = trust == NULL ? NULL : policy_read(trust, &why);
        free(trust);
        if (role->trust == NULL)
            return complain(why);
    }
    return true;
}

/* Chapter 12 of the Quay manual: the user, the role, whom it trusts; and somebody else. */

static bool make_identities(struct server *s)
{
    const struct options *o = s->options;
    struct identities *all = &s->identities;
    const char *why = NULL;

    (void)identities_add_user(all, "quay-user", QUAY_USER_KEY, QUAY_USER_SECRET);
    (void)identities_add_user(all, "stranger", STRANGER_KEY, STRANGER_SECRET);
    struct role *role = identities_add_role(all, "example-role");
    role->max_session_s = o->max_session_s;
    char *trust = o->trust != NULL ? read_file(o->trust) : manual_trust_policy(o->external_id);
    if (trust == NULL)
        return complain("the trust policy cannot be read");
    role->trust = policy_read(trust, &why);
    free(trust);
    if (role->trust == NULL)
        return complain(why);
    if (o->permissions == NULL)
        return true;
    char *permissions = read_file(o->permissions);
    role->permissions = permissions == NULL ? NULL : policy_read(permissions, &why);
    free(permissions);
    return role->permissions != NULL || complain("the permissions cannot be read");
}

static bool make_store(struct server *s)
{
    const struct options *o = s->options;
    if (!spool_open(&s->spool, o->spool_folder))
        return complain("the spool's folder has no unlinked files; --spool names another");
    for (size_t i = 0; i < o->buckets.count; i++)
        (void)store_add_bucket(&s->store, o->buckets.items[i].name, o->buckets.items[i].value,
                               server_now_ms(s));
    for (size_t i = 0; i < o->faults.count; i++) {
        const char *wrong = faults_add(&s->faults, o->faults.items[i].name);
        if (wrong != NULL)
            return complain(wrong);
    }
    return true;
}

static bool listen_everywhere(struct server *s, struct listener **listeners)
{
    const struct options *o = s->options;
    struct tls_files tls = {0};
    bool is_up = true;

    if (o->certificate != NULL) {
        tls.certificate = read_file(o->certificate);
        tls.key = read_file(o->key);
        if (tls.certificate == NULL || tls.key == NULL)
            is_up = complain("the certificate or its key cannot be read");
    }
    for (size_t i = 0; i < o->regions.count && is_up; i++) {
        const char *region = o->regions.items[i].name;
        uint16_t port = (uint16_t)(o->port == 0 ? 0 : o->port + i);
        struct text address = {0};
        listeners[i] = listener_start(s, region, port, o->certificate == NULL ? NULL : &tls);
        if (listeners[i] == NULL) {
            is_up = complain("the port cannot be had, or the certificate is none");
            break;
        }
        text_format(&address, "127.0.0.1:%u", listener_port(listeners[i]));
        /* The listeners before this one may be asked already. */
        (void)pthread_mutex_lock(&s->lock);
        fields_add(&s->endpoints, region, text_str(&address));
        (void)pthread_mutex_unlock(&s->lock);
        text_clear(&address);
    }
    free(tls.certificate);
    free(tls.key);
    return is_up;
}

/* Until a signal, or until the owner is gone. */
static void wait_for_the_end(const struct options *o, const sigset_t *signals)
{
    struct pollfd ends[2] = {{.fd = signalfd(-1, signals, SFD_CLOEXEC), .events = POLLIN},
                             {.fd = -1, .events = POLLIN}};
    if (o->owner != 0) {
        ends[1].fd = (int)syscall(SYS_pidfd_open, o->owner, 0);
        if (ends[1].fd < 0)
            return; /* It is gone already. */
    }
    while (poll(ends, 2, -1) < 0 && errno == EINTR)
        continue;
    (void)close(ends[0].fd);
    if (ends[1].fd >= 0)
        (void)close(ends[1].fd);
}

/* In the child: 0. In the parent, when the child is ready or dead: its exit status, in *status. */
static pid_t go_behind(int *ready, int *status)
{
    int ends[2];
    char byte;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        (void)setsid();
        (void)close(ends[0]);
        *ready = ends[1];
        return 0;
    }
    (void)close(ends[1]);
    *status = child > 0 && read(ends[0], &byte, 1) == 1 ? 0 : 1;
    (void)close(ends[0]);
    return child;
}

/* The caller's terminal and pipes are not ours any more. */
static void let_go(int ready)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0)
        return;
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(nothing, STDOUT_FILENO);
    (void)close(nothing);
    (void)!write(ready, "", 1);
    (void)close(ready);
}

static bool serve(struct server *s, const sigset_t *signals, int ready)
{
    const struct options *o = s->options;
    struct listener **listeners = grab(o->regions.count * sizeof(struct listener *));
    bool is_up = make_identities(s) && make_more_roles(s) && make_store(s) &&
                 listen_everywhere(s, listeners) &&
                 (o->folder == NULL || write_papers(s) || complain("--dir cannot be written"));

    if (is_up) {
        (void)printf("%s://%s\n", o->certificate == NULL ? "http" : "https",
                     s->endpoints.items[0].value);
        (void)fflush(stdout);
        if (ready >= 0)
            let_go(ready);
        wait_for_the_end(o, signals);
    }
    for (size_t i = 0; i < o->regions.count; i++)
        if (listeners[i] != NULL)
            listener_stop(listeners[i]);
    free(listeners);
    return is_up;
}

int main(int argc, char **argv)
{
    struct options options;
    struct server server = {.options = &options, .spool = {.fd = -1}};
    sigset_t signals;
    int ready = -1, status = 0;

    if (!options_read(&options, argc, argv)) {
        options_clear(&options);
        return 2;
    }
    if (options.is_daemon && go_behind(&ready, &status) != 0) {
        options_clear(&options);
        return status;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)pthread_mutex_init(&server.lock, NULL);
    server.session_life_ms = options.session_life_ms;
    server.part_rules.min_bytes = options.min_part_bytes;
    server.part_rules.most = options.rules->most_parts;
    server.part_rules.are_equal = options.rules->wants_equal_parts;

    bool went_well = serve(&server, &signals, ready);

    store_clear(&server.store);
    identities_clear(&server.identities);
    faults_clear(&server.faults);
    fields_clear(&server.counts);
    fields_clear(&server.refusals);
    fields_clear(&server.received);
    fields_clear(&server.sent);
    fields_clear(&server.endpoints);
    if (server.spool.fd >= 0)
        spool_close(&server.spool);
    options_clear(&options);
    return went_well ? 0 : 1;
}
