/* SPDX-License-Identifier: Apache-2.0 */
/* The one file that is compiled for each mutant: THIS is its name. */
#include "mutants.h"

#define NAME_OF(name) NAME_(name)
#define NAME_(name)   mutant_##name

/* The table, and room behind it for one that says that it is larger. */
static struct {
    struct regstore_plugin table;
    void (*own)(void);
} grown;

__attribute__((constructor)) static void fill(void)
{
#ifdef S3_PLUGIN
    grown.table = *s3_plugin(S3_PLUGIN);
#else
    grown.table = *good_plugin();
#endif
    NAME_OF(THIS)(&grown.table);
}

#ifdef SECOND_EXPORT
/* "A helper; somebody may find it useful." */
REGSTORE_EXPORT const char *storage_version(void);
const char *storage_version(void)
{
    return grown.table.version;
}
#endif

const struct regstore_plugin *regstore_plugin_v1(void)
{
#ifdef TABLE_OF_THE_THREAD
    /* "Then nobody can race for it." */
    static _Thread_local struct regstore_plugin mine;
    mine = grown.table;
    return &mine;
#else
    return &grown.table;
#endif
}
