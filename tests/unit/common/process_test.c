/* SPDX-License-Identifier: Apache-2.0 */
/* FORK-4: which process this is. */
#include "suites.h"

#include "process.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 32

static pthread_barrier_t gate;

static void *ask(void *ctx)
{
    (void)pthread_barrier_wait(&gate);
    *(uint64_t *)ctx = plug_process();
    return NULL;
}

static void ask_in_threads(uint64_t numbers[THREADS])
{
    pthread_t threads[THREADS];
    ck_assert_int_eq(pthread_barrier_init(&gate, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &numbers[i]), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    (void)pthread_barrier_destroy(&gate);
}

START_TEST(threads_of_a_process_agree_from_the_first_call_on)
{
    uint64_t numbers[THREADS];
    ask_in_threads(numbers);
    ck_assert_uint_ne(numbers[0], 0);
    for (int i = 1; i < THREADS; i++)
        ck_assert_uint_eq(numbers[i], numbers[0]);
    ck_assert_uint_eq(plug_process(), numbers[0]);
}
END_TEST

/* What a line of descendants says, each asked twice: one number each. */
static void write_numbers(int pipe, unsigned generations)
{
    for (unsigned i = 0; i < generations; i++) {
        const uint64_t numbers[2] = {plug_process(), plug_process()};
        if (write(pipe, numbers, sizeof numbers) != (ssize_t)sizeof numbers)
            _exit(1);
        const pid_t child = i + 1 < generations ? fork() : 0;
        if (child == 0)
            continue; /* the next generation, or the last one at its end */
        int status = 1;
        _exit(child < 0 || waitpid(child, &status, 0) != child || status != 0);
    }
    _exit(0);
}

START_TEST(each_generation_of_children_has_a_number_of_its_own)
{
    enum { GENERATIONS = 5 };
    uint64_t seen[GENERATIONS + 1] = {plug_process()};
    int ends[2], status = 1;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        write_numbers(ends[1], GENERATIONS);
    for (int i = 1; i <= GENERATIONS; i++) {
        uint64_t numbers[2];
        ck_assert_int_eq(read(ends[0], numbers, sizeof numbers), sizeof numbers);
        ck_assert_uint_ne(numbers[0], 0);
        ck_assert_uint_eq(numbers[0], numbers[1]);
        seen[i] = numbers[0];
        for (int j = 0; j < i; j++)
            ck_assert_uint_ne(seen[i], seen[j]);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(plug_process(), seen[0]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

START_TEST(threads_of_a_child_agree_on_another_number)
{
    const uint64_t parent = plug_process();
    int status = 1;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        uint64_t numbers[THREADS];
        ask_in_threads(numbers);
        for (int i = 0; i < THREADS; i++)
            if (numbers[i] == 0 || numbers[i] == parent || numbers[i] != numbers[0])
                _exit(2);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

Suite *process_suite(void)
{
    Suite *suite = suite_create("process");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, threads_of_a_process_agree_from_the_first_call_on);
    tcase_add_test(tcase, each_generation_of_children_has_a_number_of_its_own);
    tcase_add_test(tcase, threads_of_a_child_agree_on_another_number);
    suite_add_tcase(suite, tcase);
    return suite;
}
