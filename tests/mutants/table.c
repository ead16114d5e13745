/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the rows of mutants.def: name, rule, family, how it shows, and words, with tabs between. */
#include <stdio.h>

#define MUTANT(name, rule, family, shown_by, words)                                                \
    (void)printf("%s\t%s\t%s\t%s\t%s\n", #name, rule, family, #shown_by, words);

int main(void)
{
#include "mutants.def"
    return fflush(stdout) == 0 ? 0 : 1;
}
