/* SPDX-License-Identifier: Apache-2.0 */
/* A run of a test is a unit: test by test, and of each test one round after the other. */
#include "supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

/* A test that is stopped aborts its uploads first; this much later it is killed. */
enum { STOP_MS = 10000 };

struct job {
    pid_t pid; /* of the runner; 0: free */
    size_t unit;
    struct slot *slot;
};

struct state {
    const struct plan *plan;
    struct job jobs[JOBS_MAX];
    unsigned busy;
    size_t next; /* unit */
    size_t told; /* how many results have been told */
    int64_t began_ms;
    unsigned *rounds; /* done, of each test */
    unsigned *failed; /* of these */
};

static bool is_alone(const struct state *s, size_t unit)
{
    return suite_is_alone(s->plan->results[unit / s->plan->repeat].test);
}

/* Whoever is alone waits for all others, and they for it. */
static bool may_start(const struct state *s)
{
    if (s->next == s->plan->n * s->plan->repeat || s->busy == s->plan->jobs)
        return false;
    if (s->busy == 0)
        return true;
    for (unsigned i = 0; i < s->plan->jobs; i++)
        if (s->jobs[i].pid != 0 && is_alone(s, s->jobs[i].unit))
            return false;
    return !is_alone(s, s->next);
}

static struct job *free_job(struct state *s)
{
    struct job *job = s->jobs;
    while (job->pid != 0)
        job++; /* there is one: busy < jobs */
    return job;
}

static void give_up(struct state *s, size_t unit)
{
    struct result *result = &s->plan->results[unit / s->plan->repeat];
    result->verdict = VERDICT_FAIL;
    (void)snprintf(result->text, sizeof result->text, "no process for the test itself: %s",
                   strerror(errno));
    s->rounds[unit / s->plan->repeat]++;
    s->failed[unit / s->plan->repeat]++;
}

static void start(struct state *s)
{
    struct job *job = free_job(s);
    const size_t unit = s->next++;
    const struct result *result = &s->plan->results[unit / s->plan->repeat];
    if (unit % s->plan->repeat == 0)
        s->plan->started(s->plan->ctx, result);
    job->unit = unit;
    memset(job->slot, 0, sizeof *job->slot);
    job->slot->result = (struct result){.family = result->family,
                                        .test = result->test,
                                        .at_ms = now_ms() - s->began_ms,
                                        .seed = s->plan->run->seed + unit % s->plan->repeat};
    job->pid = child_fork();
    if (job->pid == 0) {
        run_test(s->plan->run, job->slot, (unsigned)unit);
        _exit(EXIT_SUCCESS);
    }
    if (job->pid < 0) {
        job->pid = 0;
        give_up(s, unit);
        return;
    }
    s->busy++;
}

/* Of several rounds the first that failed is told, else the last. */
static void add_round(struct state *s, size_t test, const struct result *round)
{
    struct result *sum = &s->plan->results[test];
    const int64_t took_ms = sum->took_ms + round->took_ms;
    const int64_t at_ms = s->rounds[test] > 0 ? sum->at_ms : round->at_ms;
    if (sum->verdict != VERDICT_FAIL)
        *sum = *round;
    sum->took_ms = took_ms;
    sum->at_ms = at_ms;
    s->rounds[test]++;
    s->failed[test] += round->verdict == VERDICT_FAIL;
}

static void tell_one(struct state *s, size_t test)
{
    struct result *sum = &s->plan->results[test];
    if (s->plan->repeat > 1 && sum->verdict == VERDICT_FAIL) {
        char first[sizeof sum->text];
        memcpy(first, sum->text, sizeof first);
        (void)snprintf(sum->text, sizeof sum->text,
                       "%u of %u rounds failed, the first like this:\n%.*s", s->failed[test],
                       s->rounds[test], (int)sizeof first - 100, first);
    }
    s->plan->done(s->plan->ctx, sum);
}

static void tell(struct state *s)
{
    while (s->told < s->plan->n && s->rounds[s->told] == s->plan->repeat)
        tell_one(s, s->told++);
}

/* A test that has been stopped has failed at nothing, and one whose rounds are not complete has not
 * passed. */
static void tell_rest(struct state *s)
{
    for (size_t i = s->told; i < s->plan->n; i++) {
        struct result *sum = &s->plan->results[i];
        if (s->rounds[i] < s->plan->repeat && sum->verdict != VERDICT_FAIL)
            sum->verdict = VERDICT_NONE;
        if (sum->verdict != VERDICT_NONE)
            tell_one(s, i);
    }
}

static void reap(struct state *s, bool is_stopped)
{
    int status;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
        struct job *job = s->jobs;
        while (job < s->jobs + s->plan->jobs && job->pid != pid)
            job++;
        if (job == s->jobs + s->plan->jobs)
            continue; /* what a plugin left behind */
        struct result *result = &job->slot->result;
        if (result->verdict == VERDICT_NONE) {
            result->verdict = VERDICT_FAIL;
            (void)snprintf(result->text, sizeof result->text, "the runner of the test died");
        }
        if (!is_stopped)
            add_round(s, job->unit / s->plan->repeat, result);
        job->pid = 0;
        s->busy--;
    }
}

/* Every call that is under way is cancelled; whoever does not come back is killed, at once when
 * somebody asks again. */
static void stop(struct state *s)
{
    const int64_t end = now_ms() + STOP_MS;
    bool is_asked_again = false;
    for (unsigned i = 0; i < s->plan->jobs; i++)
        __atomic_store_n(&s->jobs[i].slot->record.stop, STOP_ASKED_FOR, __ATOMIC_SEQ_CST);
    while (s->busy > 0) {
        const int64_t left = is_asked_again ? 0 : end - now_ms();
        for (unsigned i = 0; i < s->plan->jobs && left <= 0; i++)
            if (s->jobs[i].pid > 0)
                (void)kill(-s->jobs[i].pid, SIGKILL); /* its test dies with it */
        if (child_wait(left <= 0 ? 100 : left) == CHILD_STOP)
            is_asked_again = true;
        reap(s, true);
    }
}

static bool run_units(struct state *s)
{
    for (;;) {
        while (!child_stop_was_wanted() && may_start(s))
            start(s);
        if (s->busy == 0)
            return !child_stop_was_wanted();
        if (child_wait(-1) == CHILD_STOP) {
            reap(s, false); /* these had ended by themselves */
            stop(s);
            return false;
        }
        reap(s, false);
        tell(s);
    }
}

static bool make_room(struct state *s)
{
    bool ok = true;
    s->rounds = calloc(s->plan->n + 1, sizeof *s->rounds);
    s->failed = calloc(s->plan->n + 1, sizeof *s->failed);
    for (unsigned i = 0; i < s->plan->jobs; i++) {
        s->jobs[i].slot = run_shared(sizeof *s->jobs[i].slot);
        ok = ok && s->jobs[i].slot != NULL;
    }
    return ok && s->rounds != NULL && s->failed != NULL;
}

bool supervise(const struct plan *plan)
{
    static struct state s;
    s.plan = plan;
    s.began_ms = now_ms();
    const bool ok = make_room(&s) && run_units(&s);
    if (s.rounds != NULL && s.failed != NULL)
        tell_rest(&s);
    for (unsigned i = 0; i < plan->jobs; i++)
        if (s.jobs[i].slot != NULL)
            (void)munmap(s.jobs[i].slot, sizeof *s.jobs[i].slot); /* our own mapping */
    child_end_strangers();
    free(s.rounds);
    free(s.failed);
    return ok;
}
