/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep [--journey PATTERN] [--fault PATTERN] [--workers N] [--verbose]: all cases, and a table of
 * what came of them.  Against servers of our own, one for each worker; or through the proxy alone,
 * at REGSTORE_TEST_ENDPOINT.
 */
#include "engine.h"

#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_STEP   8  /* of the bytes of a head; each end of a line besides */
#define FEW_TURNS   5  /* longer journeys do not have each byte of their heads struck */
#define COLUMNS_MAX 12
#define SHOWN       40 /* cases that did not hold */

static struct {
    const char *journey, *wrong;
    unsigned workers;
    bool is_verbose;
} asked = {"*", "*", 20, false};

static bool is_asked_for(const struct journey *journey)
{
    return fnmatch(asked.journey, journey->name, FNM_EXTMATCH) == 0 &&
           (is_our_server() || !journey->needs_door);
}

/* Each journey without a fault. */
static void survey_all(const struct journey *journeys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (int end = COMMIT; end < ENDS; end++)
            if (is_asked_for(&journeys[i]) && (journeys[i].is_upload || end == COMMIT)) {
                struct sweep_case *c = add_case(&journeys[i], NULL, (enum end)end);
                c->survey = add_survey();
            }
}

static void strike_each_request(const struct sweep_case *clean, const struct wrong *wrong)
{
    for (size_t i = 0; i < clean->survey->n_counts; i++) {
        if (wrong->spares != NULL &&
            strcmp(wrong->spares, clean->survey->counts[i].operation) == 0)
            continue;
        for (unsigned skip = 0; skip < clean->survey->counts[i].n; skip++) {
            struct sweep_case *c = add_case(clean->journey, wrong, clean->end);
            memcpy(c->operation, clean->survey->counts[i].operation, sizeof c->operation);
            c->skip = skip;
        }
    }
}

static void strike_turn(const struct sweep_case *clean, const struct wrong *wrong, unsigned turn,
                        uint64_t at)
{
    struct sweep_case *c = add_case(clean->journey, wrong, clean->end);
    c->skip = turn;
    c->at = at;
}

static void strike_head(const struct sweep_case *clean, const struct wrong *wrong, unsigned turn)
{
    const struct proxy_turn *t = &clean->survey->turns[turn];
    for (uint64_t at = 1; at < t->head_bytes; at += HEAD_STEP)
        strike_turn(clean, wrong, turn, at);
    for (size_t i = 0; i < PROXY_ENDS && t->line_ends[i] != 0; i++)
        if (t->line_ends[i] % HEAD_STEP != 1)
            strike_turn(clean, wrong, turn, t->line_ends[i]);
}

static void strike_each_turn(const struct sweep_case *clean, const struct wrong *wrong)
{
    for (unsigned turn = 0; turn < clean->survey->n_turns; turn++) {
        const struct proxy_turn *t = &clean->survey->turns[turn];
        const uint64_t all = wrong->script.is_of_answer ? t->answer_bytes : t->request_bytes;
        switch (wrong->where) {
        case AT_BYTE:
            strike_turn(clean, wrong, turn,
                        wrong->offset < 0 ? all - (uint64_t)-wrong->offset
                                          : (uint64_t)wrong->offset);
            break;
        case AT_HALF:
            strike_turn(clean, wrong, turn, all / 2);
            break;
        case AT_HEAD_END:
            if (t->head_bytes != 0 && t->head_bytes != all)
                strike_turn(clean, wrong, turn, t->head_bytes);
            break;
        case AT_EACH_OF_HEAD:
            if (clean->survey->n_turns <= FEW_TURNS)
                strike_head(clean, wrong, turn);
            break;
        }
    }
}

static void strike_all(size_t n_surveys)
{
    for (size_t i = 0; i < n_surveys; i++)
        for (size_t j = 0; j < wrongs_count; j++) {
            const struct sweep_case *clean = &cases[i];
            if ((clean->end != COMMIT && !wrongs[j].meets_all_ends) ||
                (clean->journey->is_only_cancelled && !wrongs[j].is_cancel) ||
                fnmatch(asked.wrong, wrongs[j].name, FNM_EXTMATCH) != 0)
                continue;
            if (wrongs[j].rule == NULL && clean->journey->has_proxy)
                strike_each_turn(clean, &wrongs[j]);
            else if (wrongs[j].rule != NULL && is_our_server())
                strike_each_request(clean, &wrongs[j]);
        }
}

static void add_scenarios(void)
{
    for (size_t i = 0; i < scenarios_count && is_our_server(); i++)
        if (is_asked_for(&scenarios[i]) && fnmatch(asked.wrong, "", 0) == 0)
            (void)add_case(&scenarios[i], NULL, COMMIT);
}

/* Outcomes by fault and column. */
static struct {
    const char *names[COLUMNS_MAX];
    size_t n;
    unsigned cells[100][COLUMNS_MAX][BROKEN + 1];
} table;

static size_t column_of(const struct journey *journey)
{
    size_t i = 0;
    while (i < table.n && strcmp(table.names[i], journey->column) != 0)
        i++;
    if (i == table.n && table.n < COLUMNS_MAX)
        table.names[table.n++] = journey->column;
    return i;
}

static void print_row(const char *name, const unsigned (*cells)[BROKEN + 1])
{
    (void)printf("%-32s", name);
    for (size_t j = 0; j < table.n; j++) {
        const unsigned *cell = cells[j];
        char text[40] = "-";
        if (cell[FINE] + cell[FAILED_CLEARLY] + cell[BROKEN] != 0)
            (void)snprintf(text, sizeof text, cell[BROKEN] == 0 ? "%u/%u" : "%u/%u!%u", cell[FINE],
                           cell[FAILED_CLEARLY], cell[BROKEN]);
        (void)printf(" %9s", text);
    }
    (void)printf("\n");
}

static void print_table(void)
{
    (void)printf("%-32s", "ok/told clearly[!not held]");
    for (size_t j = 0; j < table.n; j++)
        (void)printf(" %9s", table.names[j]);
    (void)printf("\n");
    for (size_t i = 0; i < wrongs_count; i++)
        print_row(wrongs[i].name, (const unsigned(*)[BROKEN + 1]) table.cells[i]);
    print_row("none, or by itself", (const unsigned(*)[BROKEN + 1]) table.cells[wrongs_count]);
}

/* True: all held. */
static bool report(void)
{
    unsigned broken = 0, met = 0;
    for (size_t i = 0; i < n_cases; i++) {
        const struct sweep_case *c = &cases[i];
        const int outcome = atomic_load(&c->outcome);
        const size_t row = c->wrong == NULL ? wrongs_count : (size_t)(c->wrong - wrongs);
        table.cells[row][column_of(c->journey)][outcome]++;
        met += outcome != NOT_MET;
        broken += outcome == BROKEN;
        if ((outcome == BROKEN && broken <= SHOWN) || (asked.is_verbose && c->words[0] != '\0'))
            (void)printf("%s%s\n", outcome == BROKEN ? "not held: " : "", c->words);
    }
    print_table();
    (void)printf("faults: %u cases, %u held\n", met, met - broken);
    return broken == 0 && met != 0;
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"journey", required_argument, NULL, 'j'},
                                            {"fault", required_argument, NULL, 'f'},
                                            {"workers", required_argument, NULL, 'w'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'j')
            asked.journey = optarg;
        else if (c == 'f')
            asked.wrong = optarg;
        else if (c == 'w')
            asked.workers = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'v')
            asked.is_verbose = true;
        else
            exit(2);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    engine_begin();
    survey_all(upload_journeys, upload_journeys_count);
    survey_all(visits, visits_count);
    survey_all(calls, calls_count);
    const size_t n_surveys = n_cases;
    run_cases(0, asked.workers);
    strike_all(n_surveys);
    (void)fprintf(stderr, "%zu cases\n", n_cases);
    add_scenarios();
    run_cases(n_surveys, asked.workers);
    return report() ? 0 : 1;
}
