/* SPDX-License-Identifier: Apache-2.0 */
/* What a shared object's dynamic section tells of it, read from the file. */
#ifndef CONFORMANCE_ELF_FILE_H
#define CONFORMANCE_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
    unsigned char *bytes;
    size_t len;
};

bool elf_open(struct elf_file *elf, const char *path);
void elf_close(struct elf_file *elf);
/* DT_FLAGS_1; 0 when there is none. */
uint64_t elf_flags_1(const struct elf_file *elf);
/* The n-th symbol that the file exports; NULL when there are no more.  The linker's own marks
 * (_init, _edata and such) and a sanitizer's are left out. */
const char *elf_export(const struct elf_file *elf, size_t n);

#endif
