/* SPDX-License-Identifier: Apache-2.0 */
/* Reads section headers, since they give the number of symbols; each place is checked against the
 * file's end. */
#include "elf_file.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool elf_open(struct elf_file *elf, const char *path)
{
    static const size_t max = (size_t)1 << 30;
    *elf = (struct elf_file){0};
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return false;
    long size = -1;
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    rewind(file);
    if (size >= (long)sizeof(Elf64_Ehdr) && (size_t)size < max)
        elf->bytes = malloc((size_t)size + 1);
    if (elf->bytes != NULL && fread(elf->bytes, 1, (size_t)size, file) == (size_t)size)
        elf->len = (size_t)size;
    (void)fclose(file); /* nothing was written */
    if (elf->len == 0 || memcmp(elf->bytes, ELFMAG, SELFMAG) != 0 ||
        elf->bytes[EI_CLASS] != ELFCLASS64) {
        elf_close(elf);
        return false;
    }
    elf->bytes[elf->len] = '\0'; /* a name at the very end is terminated */
    return true;
}

void elf_close(struct elf_file *elf)
{
    free(elf->bytes);
    *elf = (struct elf_file){0};
}

static bool read_at(const struct elf_file *elf, uint64_t offset, void *out, size_t len)
{
    if (offset > elf->len || len > elf->len - offset)
        return false;
    memcpy(out, elf->bytes + offset, len);
    return true;
}

static bool section_at(const struct elf_file *elf, uint32_t index, Elf64_Shdr *section)
{
    Elf64_Ehdr header;
    return read_at(elf, 0, &header, sizeof header) && index < header.e_shnum &&
           read_at(elf, header.e_shoff + (uint64_t)index * sizeof *section, section,
                   sizeof *section);
}

static bool section_of_type(const struct elf_file *elf, uint32_t type, Elf64_Shdr *section)
{
    for (uint32_t i = 0; section_at(elf, i, section); i++)
        if (section->sh_type == type)
            return true;
    return false;
}

uint64_t elf_flags_1(const struct elf_file *elf)
{
    Elf64_Shdr section;
    Elf64_Dyn entry;
    if (!section_of_type(elf, SHT_DYNAMIC, &section))
        return 0;
    for (uint64_t at = 0; at + sizeof entry <= section.sh_size; at += sizeof entry) {
        if (!read_at(elf, section.sh_offset + at, &entry, sizeof entry))
            return 0;
        if (entry.d_tag == DT_FLAGS_1)
            return entry.d_un.d_val;
    }
    return 0;
}

static bool is_tools_own(const char *name)
{
    static const char *const names[] = {"_init", "_fini", "_edata", "_end", "__bss_start"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "__asan", 6) == 0 || strncmp(name, "__odr_asan", 10) == 0 ||
           strncmp(name, "__ubsan", 7) == 0 || strncmp(name, "__tsan", 6) == 0;
}

static bool is_exported(const Elf64_Sym *symbol)
{
    const unsigned char bind = ELF64_ST_BIND(symbol->st_info);
    const unsigned char visibility = ELF64_ST_VISIBILITY(symbol->st_other);
    return symbol->st_shndx != SHN_UNDEF && bind != STB_LOCAL &&
           (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

const char *elf_export(const struct elf_file *elf, size_t n)
{
    Elf64_Shdr symbols, strings;
    Elf64_Sym symbol;
    if (!section_of_type(elf, SHT_DYNSYM, &symbols) || !section_at(elf, symbols.sh_link, &strings))
        return NULL;
    for (uint64_t at = 0; at + sizeof symbol <= symbols.sh_size; at += sizeof symbol) {
        if (!read_at(elf, symbols.sh_offset + at, &symbol, sizeof symbol))
            return NULL;
        const uint64_t name_at = strings.sh_offset + symbol.st_name;
        if (!is_exported(&symbol) || name_at >= elf->len)
            continue;
        const char *name = (const char *)elf->bytes + name_at;
        if (!is_tools_own(name) && n-- == 0)
            return name;
    }
    return NULL;
}
