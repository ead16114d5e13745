/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzzer of this folder shares.  A fuzzer is one file with LLVMFuzzerTestOneInput(); it
 * takes any bytes and states what must hold for them with FUZZ_HOLDS.  Linked with libFuzzer it is
 * a fuzzer, linked with run_corpus.c a test.  It must be deterministic, or a finding is lost.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regstore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, with the claim, when it does not hold. */
#define FUZZ_HOLDS(claim)                                                                          \
    do {                                                                                           \
        if (!(claim))                                                                              \
            fuzz_broken(#claim, __FILE__, __LINE__);                                               \
    } while (0)
__attribute__((noreturn)) void fuzz_broken(const char *claim, const char *file, int line);

/* What is left of an input. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

uint8_t fuzz_byte(struct fuzz_input *in);      /* 0 when nothing is left */
uint64_t fuzz_number(struct fuzz_input *in);   /* of eight bytes, the first the lowest */
/* The bytes up to the next line end (which is taken too) or the input's, as text on the heap: the
 * reader's own bounds are then the sanitizer's.  What follows a zero byte is cut. */
char *fuzz_line(struct fuzz_input *in);
char *fuzz_rest(struct fuzz_input *in); /* the same up to the end of the input */
char *fuzz_copy(const uint8_t *data, size_t len); /* the same of these bytes */

/* Well-formed UTF-8 without any control character, those above U+007F included. */
bool fuzz_is_printable(const char *text);
bool fuzz_is_ascii(const char *text); /* printable ASCII */
bool fuzz_has(const void *data, size_t size, const char *text);

/* ERR-1 of a call that has ended with a status other than OK. */
void fuzz_check_error(const struct regstore_error *error);

#endif
