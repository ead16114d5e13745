/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the rows of mutants.def, with tabs between: of which plugin, name, rule, family, how it
 * shows, and words. */
#include <stdio.h>

#define ROW(on, name, rule, family, shown_by, words)                                               \
    (void)printf("%s\t%s\t%s\t%s\t%s\t%s\n", on, name, rule, family, shown_by, words);
#define MUTANT(name, rule, family, shown_by, words)                                                \
    ROW("local", #name, rule, family, #shown_by, words)
#define MUTANT_ON_S3(name, rule, family, shown_by, words)                                          \
    ROW("s3", #name, rule, family, #shown_by, words)

int main(void)
{
#include "mutants.def"
    return fflush(stdout) == 0 ? 0 : 1;
}
