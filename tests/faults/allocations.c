/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocations [WORKERS [JOURNEY [STEP]]]: each allocation that the plugin makes in a journey fails,
 * on whatever thread, in three ways: that one alone; that one and all after it, until the host has
 * been told; and the same with a host that gives all up at once, closes what it has while there is
 * no memory still, and begins anew.  The host is told NO_MEMORY or notices nothing; what it does
 * again goes through; nothing leaks (this program is built with the address sanitizer where there
 * is one).  The second and the third way take each third allocation; with STEP only each STEP-th of
 * all those, which the table says.
 *
 * libcurl and OpenSSL, which are shared libraries, have allocators of their own set.  What comes of
 * those is reported apart: their code is not ours.
 */
#include "engine.h"
#include "failing.h"

#include <curl/curl.h>
#include <fnmatch.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 8u
#define EXTRA   4u  /* beyond the count, which is not the same each time: threads take turns */
#define SAMPLES 40u /* of the libraries' allocations, on each journey that has them sampled */
#define SAMPLED "@(small|large and suspended|pull|refresh)"
#define SHOWN   40u
#define SPARING 3u  /* the ways in which all fail begin at each third one */

static unsigned step = 1;

enum way { ALONE, LASTING, GIVEN_UP, CURLS_ALONE, OPENSSLS_ALONE, WAYS };

static void *curl_malloc(size_t n)
{
    return failing_now(CURLS) ? NULL : __real_malloc(n);
}

static void *curl_calloc(size_t n, size_t size)
{
    return failing_now(CURLS) ? NULL : __real_calloc(n, size);
}

static void *curl_realloc(void *old, size_t n)
{
    return failing_now(CURLS) ? NULL : __real_realloc(old, n);
}

static char *curl_strdup(const char *text)
{
    return failing_now(CURLS) ? NULL : __real_strdup(text);
}

static void *openssl_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return failing_now(OPENSSLS) ? NULL : __real_malloc(n);
}

static void *openssl_realloc(void *old, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return failing_now(OPENSSLS) ? NULL : __real_realloc(old, n);
}

static void openssl_free(void *old, const char *file, int line)
{
    (void)file, (void)line;
    free(old);
}

#define ALLOCATOR(name, owner, is_lasting) \
    static void arm_##name(unsigned nth) \
    { \
        failing_arm(owner, nth, is_lasting); \
    } \
    static void disarm_##name(void) \
    { \
        failing_disarm(owner); \
    } \
    static unsigned count_##name(void) \
    { \
        return failing_count(owner); \
    } \
    static bool has_failed_##name(void) \
    { \
        return failing_has_failed(owner); \
    } \
    static const struct allocator name = {arm_##name, disarm_##name, count_##name, \
                                          has_failed_##name}

ALLOCATOR(ours, OURS, false);
ALLOCATOR(ours_lasting, OURS, true);
ALLOCATOR(curls, CURLS, false);
ALLOCATOR(openssls, OPENSSLS, false);

#define NO_MEMORY {UINT64_C(1) << REGSTORE_NO_MEMORY, ALWAYS, 0, NULL}
/* What they make of it is theirs: out of memory in words of many kinds. */
#define ANY {UINT64_MAX & ~(UINT64_C(1) << REGSTORE_OK), MAYBE, 0, NULL}

static const struct wrong memory[WAYS] = {
    [ALONE] = {.name = "one allocation", .allocator = &ours, .allowed = NO_MEMORY},
    [LASTING] = {.name = "all from one on", .allocator = &ours_lasting, .allowed = NO_MEMORY},
    [GIVEN_UP] = {.name = "all from one on, given up",
                  .allocator = &ours_lasting,
                  .allowed = NO_MEMORY,
                  .takes_effect = true,
                  .is_given_up = true},
    [CURLS_ALONE] = {.name = "libcurl's allocation", .allocator = &curls, .allowed = ANY},
    [OPENSSLS_ALONE] = {.name = "OpenSSL's allocation", .allocator = &openssls, .allowed = ANY},
};

static void add_counting(const struct journey *journeys, size_t n, const char *pattern)
{
    for (size_t i = 0; i < n; i++) {
        if (fnmatch(pattern, journeys[i].name, FNM_EXTMATCH) != 0)
            continue;
        add_case(&journeys[i], &memory[ALONE], COMMIT)->skip = UINT32_MAX;
        if (fnmatch(SAMPLED, journeys[i].name, FNM_EXTMATCH) != 0)
            continue;
        add_case(&journeys[i], &memory[CURLS_ALONE], COMMIT)->skip = UINT32_MAX;
        add_case(&journeys[i], &memory[OPENSSLS_ALONE], COMMIT)->skip = UINT32_MAX;
    }
}

static void add_way(const struct sweep_case *counted, enum way way, unsigned count, unsigned stride)
{
    for (unsigned nth = way % stride; nth < count; nth += stride)
        add_case(counted->journey, &memory[way], counted->end)->skip = nth;
}

/* Each of ours; of the libraries' some, spread evenly. */
static void add_failing(const struct sweep_case *counted)
{
    const unsigned count = (unsigned)counted->at;
    if (counted->wrong == &memory[ALONE]) {
        add_way(counted, ALONE, count + EXTRA, step);
        add_way(counted, LASTING, count + EXTRA, step * SPARING);
        add_way(counted, GIVEN_UP, count + EXTRA, step * SPARING);
    } else {
        const unsigned stride = count < SAMPLES ? 1 : count / SAMPLES;
        add_way(counted, (enum way)(counted->wrong - memory), count, stride * step);
    }
}

struct cells {
    unsigned of[WAYS][BROKEN + 1];
};

static void add_up(struct cells *cells, size_t first, const struct journey *journey)
{
    for (size_t i = first; i < n_cases; i++)
        if (journey == NULL || cases[i].journey == journey)
            cells->of[cases[i].wrong - memory][atomic_load(&cases[i].outcome)]++;
}

static void print_row(const char *name, unsigned allocations, const struct cells *cells)
{
    (void)printf("%-32s %6u", name, allocations);
    for (int way = ALONE; way <= GIVEN_UP; way++) {
        const unsigned *cell = cells->of[way];
        char text[40];
        (void)snprintf(text, sizeof text, cell[BROKEN] == 0 ? "%u/%u" : "%u/%u!%u", cell[FINE],
                       cell[FAILED_CLEARLY], cell[BROKEN]);
        (void)printf(" %12s", text);
    }
    (void)printf("\n");
}

/* A row for each journey that was counted. */
static void print_table(size_t first)
{
    (void)printf("each allocation of %u in the first column, of %u in the others\n", step,
                 step * SPARING);
    (void)printf("%-32s %6s %12s %12s %12s\n", "noticed nothing/told[!not held]", "of", "one",
                 "all from it", "and given up");
    for (size_t i = 0; i < first; i++) {
        struct cells cells = {0};
        if (cases[i].wrong != &memory[ALONE])
            continue;
        add_up(&cells, first, cases[i].journey);
        print_row(cases[i].journey->name, (unsigned)cases[i].at, &cells);
    }
}

static bool report(size_t first)
{
    struct cells all = {0};
    unsigned shown = 0, cases_of_ours = 0, broken = 0;
    for (size_t i = 0; i < n_cases; i++)
        if (atomic_load(&cases[i].outcome) == BROKEN && shown++ < SHOWN)
            (void)printf("not held: allocation %u: %s\n", cases[i].skip, cases[i].words);
    print_table(first);
    add_up(&all, first, NULL);
    for (int way = CURLS_ALONE; way < WAYS; way++) {
        const unsigned *cell = all.of[way];
        (void)printf("faults: %s fails, a sample: %u noticed nothing, %u were told, "
                     "%u did not hold\n",
                     memory[way].name, cell[FINE], cell[FAILED_CLEARLY], cell[BROKEN]);
    }
    for (int way = ALONE; way <= GIVEN_UP; way++) {
        const unsigned *cell = all.of[way];
        cases_of_ours += cell[FINE] + cell[FAILED_CLEARLY] + cell[BROKEN];
        broken += cell[BROKEN];
    }
    for (size_t i = 0; i < first; i++) /* a journey that fails by itself was not swept */
        broken += atomic_load(&cases[i].outcome) == BROKEN;
    (void)printf("faults: our allocations fail: %u cases, %u held\n", cases_of_ours,
                 cases_of_ours - broken);
    return cases_of_ours != 0 && broken == 0;
}

int main(int argc, char **argv)
{
    const unsigned workers = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : WORKERS;
    const char *pattern = argc > 2 ? argv[2] : "*";
    if (argc > 3)
        step = (unsigned)strtoul(argv[3], NULL, 10);
    if (step == 0)
        return 2;
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1 ||
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc, curl_strdup,
                             curl_calloc) != CURLE_OK)
        return 1;
    engine_begin();
    add_counting(upload_journeys, upload_journeys_count, pattern);
    add_counting(visits, visits_count, pattern);
    add_counting(calls, calls_count, pattern);
    add_counting(identities, identities_count, pattern);
    const size_t counted = n_cases;
    run_cases(0, workers);
    for (size_t i = 0; i < counted; i++)
        add_failing(&cases[i]);
    run_cases(counted, workers);
    return report(counted) ? 0 : 1;
}
