/* SPDX-License-Identifier: Apache-2.0 */
/* A run as the page shows it, read from what --json prints. */
#ifndef CONFORMANCE_PAGE_READ_H
#define CONFORMANCE_PAGE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run.h"

#define PAGE_FORMAT_NAME "regstore_conformance"
enum { PAGE_FORMAT = 1, PAGE_RULES = 8 };

/* "pass" of VERDICT_PASS and so on. */
const char *page_verdict_word(enum verdict verdict);

struct page_test {
    const char *family, *claim, *seen, *rules[PAGE_RULES]; /* the one that it proves first */
    size_t n_rules;
    enum verdict verdict;
    uint64_t ms;
};

/* All strings lie in the document. */
struct page_run {
    char *document;
    const char *name, *plugin, *version, *location, *began, *works_under, *leftover;
    const char *abi_minor, *ms, *seed;
    char settings[2048], offers[512];
    bool is_stopped;
    struct page_test *tests;
    size_t n;
};

/* document: from malloc, ends with NUL; it is the run's from here on.  False: why says what is
 * wrong with it; the run is empty. */
bool page_read(struct page_run *run, char *document, char *why, size_t cap);
/* The same for a file. */
bool page_read_file(struct page_run *run, const char *path, char *why, size_t cap);
void page_clear(struct page_run *run);

#endif
