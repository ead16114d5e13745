/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Near-good plugins: LocalStorage, changed so that each breaks one rule as a tired engineer would.
 * The rows are in mutants.def; each has a function that changes the plugin's table:
 *
 *   BREAKS(CommitOnClose) { t->upload_close = commit_and_close; }
 *
 * What is not changed is the good plugin itself, linked in whole; a mutant may look into its
 * handles.  The sentence in quotes above a change is what the engineer thought.
 */
#ifndef MUTANTS_H
#define MUTANTS_H

#include <limits.h>
#include <stdbool.h>

#include "regstore.h"

#include "blob.h"
#include "list.h"
#include "path.h"
#include "purge.h"
#include "reader.h"
#include "upload.h"

#define BREAKS(name)                                void mutant_##name(struct regstore_plugin *t)
#define MUTANT(name, rule, family, shown_by, words) BREAKS(name);
#define MUTANT_ON_S3                                MUTANT
#include "mutants.def"
#undef MUTANT_ON_S3
#undef MUTANT

/* The good twin: LocalStorage with one more setting, a secret that it keeps to itself. */
#define MUTANT_SECRET "pass"
const struct regstore_plugin *good_plugin(void);
regstore_status good_store_open(const struct regstore_call *call, const struct regstore_host *host,
                                const struct regstore_pair *settings, size_t n,
                                struct regstore_store **out);
/* STSS3Storage, loaded from its file, for what LocalStorage does not offer. */
const struct regstore_plugin *s3_plugin(const char *path);
/* The secret's value as the last store_open had it; "" when it had none. */
const char *good_secret(void);

/* Fails as the good plugin does: the error filled, its words these. */
regstore_status mutant_fail(const struct regstore_call *call, regstore_status status,
                            const char *words);

/* The file of a key, or of a name below storage_path. */
struct mutant_path {
    char s[PATH_MAX];
};
struct mutant_path mutant_path(const struct regstore_store *store, const char *key);
/* The file that holds an upload's bytes, by the name that its handle knows. */
struct mutant_path mutant_staged(const struct regstore_upload *upload);
bool mutant_is_there(const struct regstore_store *store, const char *key);

/* A pause that nothing cuts short. */
void mutant_pause_ms(unsigned ms);
/* Runs work in a thread that nobody waits for; with_signals: it blocks none. */
void mutant_detach(void *(*work)(void *arg), void *arg, bool with_signals);

#endif
