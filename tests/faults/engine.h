/* SPDX-License-Identifier: Apache-2.0 */
/* Cases side by side: workers, each with a server of its own, take one after the other and give
 * each a process. What comes of it lies in memory that all of them share. */
#ifndef TEST_ENGINE_H
#define TEST_ENGINE_H

#include "sweep.h"

extern struct sweep_case *cases;
extern size_t n_cases;

void engine_begin(void);
struct sweep_case *add_case(const struct journey *journey, const struct wrong *wrong, enum end end);
struct survey *add_survey(void);
/* From the first one to the last that has been added. */
void run_cases(size_t first, unsigned workers);

#endif
