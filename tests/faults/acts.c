/* SPDX-License-Identifier: Apache-2.0 */
#include "acts.h"

#include "failing.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIFE_S 60
#define MOST   5000u /* allocations of one act: a loop without an end is none */
#define PATHS  8

enum { NOTICED_NOTHING = 40, TOLD, NOT_MET, NOT_SO };

char folder[64];
struct regstore_error error;
static bool has_been_told, is_lasting, is_on;
static unsigned nth;

struct regstore_error *fresh_error(void)
{
    error = (struct regstore_error){.struct_size = sizeof error};
    return &error;
}

void begin_failing(void)
{
    is_on = true;
    failing_arm(OURS, nth, is_lasting);
}

void end_failing(void)
{
    failing_disarm(OURS);
}

_Noreturn void not_so(const char *file, int line, const char *claim)
{
    end_failing();
    (void)fprintf(stderr, "not so, %s:%d: %s (%s)\n", file, line, claim, error.message);
    _exit(NOT_SO);
}

void was_told(void)
{
    CLAIM(failing_has_failed(OURS));
    has_been_told = true;
    end_failing();
}

bool went_well(regstore_status status)
{
    if (status == REGSTORE_OK)
        return true;
    CLAIM(!has_been_told && status == REGSTORE_NO_MEMORY);
    CLAIM(error.message[0] != '\0' && error.retryable != 0);
    was_told();
    return false;
}

const char *path_of(const char *name)
{
    static char paths[PATHS][160];
    static unsigned next;
    char *path = paths[next++ % PATHS];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void write_text_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CLAIM(file != NULL && fputs(text, file) != EOF && fclose(file) == 0);
    CLAIM(chmod(path, 0600) == 0);
}

static int remove_entry(const char *path, const struct stat *file, int type, struct FTW *where)
{
    (void)file, (void)type, (void)where;
    return remove(path);
}

static int run_in_child(const struct act *act)
{
    int status = 0;
    /* Where there is one, in memory: what is made sure to be on a disk takes its time there. */
    (void)snprintf(folder, sizeof folder, "%s/acts-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(folder) == NULL)
        return NOT_SO;
    (void)fflush(stdout); /* what waits in it is not the child's */
    const pid_t child = fork();
    if (child == 0) {
        (void)alarm(LIFE_S);
        act->run();
        end_failing();
        if (!is_on)
            _exit(NOT_SO);
        exit(!failing_has_failed(OURS) ? NOT_MET : has_been_told ? TOLD : NOTICED_NOTHING);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        exit(1);
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return WIFEXITED(status) ? WEXITSTATUS(status) : NOT_SO;
}

/* Until nothing is left that could fail. */
static void sweep_way(const struct act *act, unsigned counts[NOT_SO + 1])
{
    for (nth = 0; nth < MOST; nth++) {
        const int outcome = run_in_child(act);
        if (outcome == NOT_MET)
            return;
        const bool is_known = outcome == NOTICED_NOTHING || outcome == TOLD;
        counts[is_known ? outcome : NOT_SO]++;
        if (!is_known)
            (void)printf("not held: %s, allocation %u%s: exit status %d\n", act->name, nth,
                         is_lasting ? " and all after it" : "", outcome);
    }
    counts[NOT_SO]++;
}

bool acts_sweep(const char *what, const struct act *acts, size_t n)
{
    unsigned cases = 0, held = 0;
    (void)printf("%-32s %14s %14s\n", "noticed nothing/told[!not held]", "one", "all from it");
    for (size_t i = 0; i < n; i++) {
        char cells[2][40];
        for (int way = 0; way < 2; way++) {
            unsigned counts[NOT_SO + 1] = {0};
            is_lasting = way == 1;
            sweep_way(&acts[i], counts);
            const unsigned good = counts[NOTICED_NOTHING] + counts[TOLD];
            cases += good + counts[NOT_SO];
            held += good;
            (void)snprintf(cells[way], sizeof cells[way],
                           counts[NOT_SO] == 0 ? "%u/%u" : "%u/%u!%u", counts[NOTICED_NOTHING],
                           counts[TOLD], counts[NOT_SO]);
        }
        (void)printf("%-32s %14s %14s\n", acts[i].name, cells[0], cells[1]);
        (void)fflush(stdout);
    }
    (void)printf("faults: allocations of %s fail: %u cases, %u held\n", what, cases, held);
    return cases != 0 && held == cases;
}
