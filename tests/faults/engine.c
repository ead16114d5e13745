/* SPDX-License-Identifier: Apache-2.0 */
/* Cases side by side, each in a process of its own. */
#include "engine.h"

#include "place.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASES_MAX 40000
#define LIFE_S    120 /* of a case, before it counts as hung */

uint8_t *content;
struct sweep_case *cases;
size_t n_cases;
static atomic_uint *next;

static void *share(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        (void)fprintf(stderr, "no memory\n");
        exit(1);
    }
    return memory;
}

void engine_begin(void)
{
    next = share(sizeof *next);
    cases = share(sizeof *cases * CASES_MAX);
    content = malloc(CONTENT_BYTES);
    if (content == NULL)
        exit(1);
    fill(content, CONTENT_BYTES, 1, 0);
}

struct survey *add_survey(void)
{
    return share(sizeof(struct survey));
}

struct sweep_case *add_case(const struct journey *journey, const struct wrong *wrong,
                                   enum end end)
{
    if (n_cases == CASES_MAX) {
        (void)fprintf(stderr, "there are more cases than CASES_MAX\n");
        exit(1);
    }
    struct sweep_case *c = &cases[n_cases++];
    *c = (struct sweep_case){.journey = journey, .wrong = wrong, .end = end};
    return c;
}

static void look_at_end(struct sweep_case *c, int status)
{
    if (atomic_load(&c->outcome) != UNDECIDED && WIFEXITED(status) &&
        (WEXITSTATUS(status) == 0 || atomic_load(&c->outcome) == BROKEN))
        return;
    char words[WORDS];
    (void)snprintf(words, sizeof words, "%s (end %d), %s at %s %u, byte %llu: %s %d",
                   c->journey->name, (int)c->end, c->wrong == NULL ? "no fault" : c->wrong->name,
                   c->operation, c->skip + 1, (unsigned long long)c->at,
                   WIFSIGNALED(status)
                       ? (WTERMSIG(status) == SIGALRM ? "it hung: signal" : "it crashed: signal")
                       : "it ended without a word: status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    memcpy(c->words, words, sizeof words);
    atomic_store(&c->outcome, BROKEN);
}

/* Case after case, each in a child, as long as there are any. */
static void work(size_t first, size_t n)
{
    server_up();
    for (size_t i; (i = atomic_fetch_add(next, 1)) < n;) {
        struct sweep_case *c = &cases[first + i];
        int status = 0;
        const pid_t child = fork();
        if (child == 0) {
            (void)alarm(LIFE_S);
            run_case(c, (unsigned)(first + i));
            exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            exit(1);
        look_at_end(c, status);
    }
    server_down();
}

void run_cases(size_t first, unsigned workers)
{
    const size_t n = n_cases - first;
    atomic_store(next, 0);
    for (unsigned i = 0; i < workers && i < n; i++) {
        const pid_t worker = fork();
        if (worker == 0) {
            work(first, n);
            exit(0);
        }
    }
    for (int status; wait(&status) > 0;)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            (void)fprintf(stderr, "a worker came to its end\n");
            exit(1);
        }
}
