/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allocations [WORKERS [JOURNEY]]: each allocation that the plugin makes fails, one at a time.
 * The host is told NO_MEMORY or notices nothing; what it does again goes through; nothing leaks
 * (this program is built with the address sanitizer where there is one).
 *
 * The linker leads the plugin's own calls here (-Wl,--wrap=malloc and so on): libcurl and OpenSSL,
 * which are shared libraries, keep theirs, and have allocators of their own set in their place.
 * What comes of those is reported apart: their code is not ours.
 */
#include "engine.h"

#include <curl/curl.h>
#include <fnmatch.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORKERS 8u
#define EXTRA   4u  /* beyond the count, which is not the same each time: threads take turns */
#define SAMPLES 40u /* of the libraries' allocations, on each journey */
#define SHOWN   40u

enum owner { OURS, CURLS, OPENSSLS, OWNERS };

static struct {
    atomic_bool is_armed;
    atomic_uint nth, count;
    atomic_bool has_failed;
} counters[OWNERS];

/* Whether this one is to fail. */
static bool fails(enum owner owner)
{
    if (!atomic_load(&counters[owner].is_armed) ||
        atomic_fetch_add(&counters[owner].count, 1) != atomic_load(&counters[owner].nth))
        return false;
    atomic_store(&counters[owner].has_failed, true);
    return true;
}

static void arm(enum owner owner, unsigned nth)
{
    atomic_store(&counters[owner].nth, nth);
    atomic_store(&counters[owner].count, 0);
    atomic_store(&counters[owner].has_failed, false);
    atomic_store(&counters[owner].is_armed, true);
}

/* The names that the linker gives. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
void *__real_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t n)
{
    return fails(OURS) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails(OURS) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t n)
{
    return fails(OURS) ? NULL : __real_realloc(old, n);
}

char *__wrap_strdup(const char *text)
{
    return fails(OURS) ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n)
{
    return fails(OURS) ? NULL : __real_strndup(text, n);
}

void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    return fails(OURS) ? MAP_FAILED : __real_mmap(at, n, protection, flags, fd, offset);
}

static void *curl_malloc(size_t n)
{
    return fails(CURLS) ? NULL : __real_malloc(n);
}

static void *curl_calloc(size_t n, size_t size)
{
    return fails(CURLS) ? NULL : __real_calloc(n, size);
}

static void *curl_realloc(void *old, size_t n)
{
    return fails(CURLS) ? NULL : __real_realloc(old, n);
}

static char *curl_strdup(const char *text)
{
    return fails(CURLS) ? NULL : __real_strdup(text);
}

static void *openssl_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return fails(OPENSSLS) ? NULL : __real_malloc(n);
}

static void *openssl_realloc(void *old, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return fails(OPENSSLS) ? NULL : __real_realloc(old, n);
}

static void openssl_free(void *old, const char *file, int line)
{
    (void)file, (void)line;
    free(old);
}

#define ALLOCATOR(name, owner) \
    static void arm_##name(unsigned nth) \
    { \
        arm(owner, nth); \
    } \
    static void disarm_##name(void) \
    { \
        atomic_store(&counters[owner].is_armed, false); \
    } \
    static unsigned count_##name(void) \
    { \
        return atomic_load(&counters[owner].count); \
    } \
    static bool has_failed_##name(void) \
    { \
        return atomic_load(&counters[owner].has_failed); \
    } \
    static const struct allocator name = {arm_##name, disarm_##name, count_##name, \
                                          has_failed_##name}

ALLOCATOR(ours, OURS);
ALLOCATOR(curls, CURLS);
ALLOCATOR(openssls, OPENSSLS);

#define NO_MEMORY {UINT64_C(1) << REGSTORE_NO_MEMORY, MAYBE, 0, NULL}
/* What they make of it is theirs: out of memory in words of many kinds. */
#define ANY {UINT64_MAX & ~(UINT64_C(1) << REGSTORE_OK), MAYBE, 0, NULL}

static const struct wrong memory[OWNERS] = {
    [OURS] = {.name = "our allocation", .allocator = &ours, .allowed = NO_MEMORY},
    [CURLS] = {.name = "libcurl's allocation", .allocator = &curls, .allowed = ANY},
    [OPENSSLS] = {.name = "OpenSSL's allocation", .allocator = &openssls, .allowed = ANY},
};

static bool is_swept(const struct journey *journey, const char *pattern)
{
    return fnmatch(pattern, journey->name, FNM_EXTMATCH) == 0;
}

static void add_counting(const struct journey *journeys, size_t n, const char *pattern)
{
    for (size_t i = 0; i < n; i++)
        for (int owner = 0; owner < OWNERS && is_swept(&journeys[i], pattern); owner++)
            add_case(&journeys[i], &memory[owner], COMMIT)->skip = UINT32_MAX;
}

/* Each of ours; of the libraries' some, spread evenly. */
static void add_failing(const struct sweep_case *counted)
{
    const bool is_ours = counted->wrong == &memory[OURS];
    const unsigned count = (unsigned)counted->at;
    const unsigned step = is_ours || count < SAMPLES ? 1 : count / SAMPLES;
    for (unsigned nth = 0; nth < count + (is_ours ? EXTRA : 0); nth += step)
        add_case(counted->journey, counted->wrong, COMMIT)->skip = nth;
}

static bool report(size_t first)
{
    unsigned cells[OWNERS][BROKEN + 1] = {{0}}, shown = 0;
    for (size_t i = first; i < n_cases; i++) {
        const int outcome = atomic_load(&cases[i].outcome);
        cells[cases[i].wrong - memory][outcome]++;
        if (outcome == BROKEN && shown++ < SHOWN)
            (void)printf("not held: allocation %u: %s\n", cases[i].skip, cases[i].words);
    }
    for (int owner = CURLS; owner < OWNERS; owner++) {
        const unsigned *cell = cells[owner];
        (void)printf("faults: %s fails: %u noticed nothing, %u were told, %u did not hold\n",
                     memory[owner].name, cell[FINE], cell[FAILED_CLEARLY], cell[BROKEN]);
    }
    const unsigned *cell = cells[OURS];
    const unsigned held = cell[FINE] + cell[FAILED_CLEARLY], all = held + cell[BROKEN];
    (void)printf("faults: %u of our allocations fail: %u cases, %u held\n", all, all, held);
    return all != 0 && held == all;
}

int main(int argc, char **argv)
{
    const unsigned workers = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : WORKERS;
    const char *pattern = argc > 2 ? argv[2] : "*";
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1 ||
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc, curl_strdup,
                             curl_calloc) != CURLE_OK)
        return 1;
    engine_begin();
    add_counting(upload_journeys, upload_journeys_count, pattern);
    add_counting(visits, visits_count, pattern);
    const size_t counted = n_cases;
    run_cases(0, workers);
    for (size_t i = 0; i < counted; i++)
        add_failing(&cases[i]);
    run_cases(counted, workers);
    return report(counted) ? 0 : 1;
}
