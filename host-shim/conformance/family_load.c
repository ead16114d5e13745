/* SPDX-License-Identifier: Apache-2.0 */
/* LOAD-1 and the plugin's table. */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "blob.h"
#include "elf_file.h"

static const char entry_name[] = "regstore_plugin_v1";

static void exports_exactly_one_symbol(struct world *w)
{
    struct elf_file elf;
    CLAIM(elf_open(&elf, w->path), "%s cannot be read as ELF", w->path);
    const char *first = elf_export(&elf, 0), *second = elf_export(&elf, 1);
    CLAIM(first != NULL, "%s exports nothing", w->path);
    CLAIM(second == NULL, "it exports %s and %s, and perhaps more", first, second);
    CLAIM(strcmp(first, entry_name) == 0, "it exports %s", first);
    elf_close(&elf);
}

static void is_never_unloaded(struct world *w)
{
    struct elf_file elf;
    CLAIM(elf_open(&elf, w->path), "%s cannot be read as ELF", w->path);
    CLAIM(elf_flags_1(&elf) & DF_1_NODELETE, "DF_1_NODELETE is not set: link with -z nodelete");
    elf_close(&elf);
}

static void loading_starts_no_thread_and_opens_no_descriptor(struct world *w)
{
    const unsigned threads = count_threads(), descriptors = count_descriptors();
    CLAIM(threads == w->threads_before, "%u threads before loading, %u after", w->threads_before,
          threads);
    CLAIM(descriptors == w->descriptors_before, "%u open descriptors before loading, %u after",
          w->descriptors_before, descriptors);
}

typedef const struct regstore_plugin *entry(void);

static entry *find_entry(struct world *w)
{
    void *module = dlopen(w->path, RTLD_NOW | RTLD_LOCAL);
    CLAIM(module != NULL, "dlopen: %s", dlerror());
    void *symbol = dlsym(module, entry_name);
    CLAIM(symbol != NULL, "dlsym: %s", dlerror());
    entry *found;
    memcpy(&found, &symbol, sizeof found); /* ISO C has no cast from object to function */
    return found;
}

static void ask_for_the_table(struct world *w, unsigned i, void *arg)
{
    (void)i;
    entry *ask;
    memcpy(&ask, arg, sizeof ask);
    for (unsigned n = 0; n < 1000; n++)
        CLAIM(ask() == w->p, "the entry gave two tables");
}

static void entry_gives_one_table_from_any_thread(struct world *w)
{
    entry *ask = find_entry(w);
    in_threads(w, 4, ask_for_the_table, &ask);
}

static void table_never_changes(struct world *w)
{
    struct regstore_plugin before;
    memcpy(&before, w->p, sizeof before);
    world_open_store(w);
    const struct content c = content_of(test_seed(w, 1), 100);
    const struct key key = key_of(w, "blob");
    blob_put(w, key.s, &c);
    blob_must_be(w, key.s, &c);
    blob_delete(w, key.s);
    world_clear(w);
    CLAIM(memcmp(&before, w->p, sizeof before) == 0, "the table's bytes changed in use");
}

static void table_says_what_it_is(struct world *w)
{
    const struct regstore_plugin *p = w->p;
    CLAIM(p->struct_size >= sizeof *p, "struct_size is %llu, minor 0 has %zu",
          (unsigned long long)p->struct_size, sizeof *p);
    CLAIM(p->struct_size % 8 == 0, "struct_size is %llu", (unsigned long long)p->struct_size);
    /* A slot of its own would be taken for the next minor's: the host looks at struct_size alone.
     */
    CLAIM(p->abi_minor != REGSTORE_ABI_MINOR || p->struct_size == sizeof *p,
          "it is of minor %u, whose table has %zu bytes, and struct_size is %llu", p->abi_minor,
          sizeof *p, (unsigned long long)p->struct_size);
    CLAIM(p->zero == 0, "the field zero is %u", p->zero);
    CLAIM(p->name != NULL && p->name[0] != '\0', "it has no name");
    CLAIM(p->version != NULL && p->version[0] != '\0', "it has no version");
    CLAIM(p->description != NULL && p->description[0] != '\0', "it has no description");
}

static void every_slot_that_must_be_there_is(struct world *w)
{
    const struct regstore_plugin *p = w->p;
    const struct {
        const char *name;
        bool is_there;
    } slots[] = {
        {"store_open", p->store_open != NULL},
        {"store_features", p->store_features != NULL},
        {"store_close", p->store_close != NULL},
        {"check", p->check != NULL},
        {"upload_open", p->upload_open != NULL},
        {"upload_write", p->upload_write != NULL},
        {"upload_offset", p->upload_offset != NULL},
        {"upload_digest", p->upload_digest != NULL},
        {"upload_suspend", p->upload_suspend != NULL},
        {"upload_commit", p->upload_commit != NULL},
        {"upload_abort", p->upload_abort != NULL},
        {"upload_close", p->upload_close != NULL},
        {"read_open", p->read_open != NULL},
        {"read_next", p->read_next != NULL},
        {"read_close", p->read_close != NULL},
        {"stat", p->stat != NULL},
        {"delete_blobs", p->delete_blobs != NULL},
        {"list_open", p->list_open != NULL},
        {"list_next", p->list_next != NULL},
        {"list_close", p->list_close != NULL},
        {"purge", p->purge != NULL},
        {"params", p->params != NULL},
    };
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
        CLAIM(slots[i].is_there, "%s is NULL", slots[i].name);
}

static bool is_power_of_two_or_zero(uint64_t n)
{
    return (n & (n - 1)) == 0;
}

static void must_be_sane(struct world *w, const struct regstore_param *param)
{
    static const uint64_t types = REGSTORE_PARAM_SIZE | REGSTORE_PARAM_DURATION |
                                  REGSTORE_PARAM_BOOL | REGSTORE_PARAM_INTEGER |
                                  REGSTORE_PARAM_PATH;
    static const uint64_t known = types | REGSTORE_PARAM_REQUIRED | REGSTORE_PARAM_SECRET;
    CLAIM(strspn(param->key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(param->key) &&
              param->key[0] != '\0',
          "the parameter \"%s\" is not [a-z0-9_]+", param->key);
    CLAIM(param->help != NULL && param->help[0] != '\0', "%s has no help", param->key);
    CLAIM(w->p->abi_minor > REGSTORE_ABI_MINOR || (param->flags & ~known) == 0,
          "%s has the unknown flags 0x%llx", param->key, (unsigned long long)param->flags);
    CLAIM(is_power_of_two_or_zero(param->flags & types), "%s has two types", param->key);
    CLAIM(!(param->flags & REGSTORE_PARAM_REQUIRED) || param->fallback == NULL,
          "%s is required and has a fallback", param->key);
    CLAIM(!(param->flags & REGSTORE_PARAM_SECRET) || param->fallback == NULL,
          "%s is a secret and has a fallback", param->key);
    for (const struct regstore_param *other = w->p->params; other != param; other++)
        CLAIM(strcmp(other->key, param->key) != 0, "%s is there twice", param->key);
}

static void parameter_table_is_sane(struct world *w)
{
    for (const struct regstore_param *param = w->p->params; param->key != NULL; param++)
        must_be_sane(w, param);
}

static void extension_that_nobody_has_is_null(struct world *w)
{
    if (w->p->extension == NULL)
        SKIP("the plugin has no extensions");
    CLAIM(w->p->extension("invalid.example.nobody/1") == NULL, "it gave one");
}

static void store_offers_no_more_than_the_plugin(struct world *w)
{
    const uint64_t features = w->p->store_features(w->store);
    CLAIM((features & ~w->p->features) == 0, "the store offers 0x%llx, the plugin 0x%llx",
          (unsigned long long)features, (unsigned long long)w->p->features);
    CLAIM(w->p->presign != NULL || !(features & (REGSTORE_F_PRESIGN_GET | REGSTORE_F_PRESIGN_PUT)),
          "it offers to presign and has no such slot");
    CLAIM(w->p->copy != NULL || !(features & REGSTORE_F_SERVER_COPY),
          "it offers a server-side copy and has no slot copy");
}

static const struct test load_tests[] = {
    {"LOAD-1", "exports_exactly_one_symbol", exports_exactly_one_symbol, NEEDS_NO_STORE},
    {"LOAD-1", "is_never_unloaded", is_never_unloaded, NEEDS_NO_STORE},
    {"LOAD-1", "loading_starts_no_thread_and_opens_no_descriptor",
     loading_starts_no_thread_and_opens_no_descriptor, NEEDS_NO_STORE},
    {"LOAD-1", "entry_gives_one_table_from_any_thread", entry_gives_one_table_from_any_thread,
     NEEDS_NO_STORE},
    {"LOAD-1", "table_never_changes", table_never_changes, NEEDS_NO_STORE},
    {"GROW-1 LOAD-1", "table_says_what_it_is", table_says_what_it_is, NEEDS_NO_STORE},
    {"LOAD-1", "every_slot_that_must_be_there_is", every_slot_that_must_be_there_is,
     NEEDS_NO_STORE},
    {"LOAD-1 STORE-1", "parameter_table_is_sane", parameter_table_is_sane, NEEDS_NO_STORE},
    {"LOAD-1", "extension_that_nobody_has_is_null", extension_that_nobody_has_is_null,
     NEEDS_NO_STORE},
    {"LOAD-1", "store_offers_no_more_than_the_plugin", store_offers_no_more_than_the_plugin, 0},
};

const struct family family_load = FAMILY(load);
