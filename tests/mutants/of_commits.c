/* SPDX-License-Identifier: Apache-2.0 */
/* COM-1 to COM-3, ABO-1 and ABO-2. */
#include "mutants.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *target_of(const struct regstore_upload *upload,
                             const struct regstore_commit_opts *opts)
{
    return opts != NULL && opts->key != NULL ? opts->key : upload->key;
}

static struct regstore_commit_opts known(const struct regstore_commit_opts *opts)
{
    if (opts != NULL && opts->struct_size == sizeof *opts)
        return *opts;
    return (struct regstore_commit_opts){.struct_size = sizeof(struct regstore_commit_opts)};
}

/* --- COM-1 --- */

/* "The registry has compared it already." */
static regstore_status commit_uncompared(struct regstore_upload *upload,
                                         const struct regstore_call *call,
                                         const struct regstore_commit_opts *opts,
                                         struct regstore_stat *out)
{
    struct regstore_commit_opts own = known(opts);
    own.digest = NULL;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(DigestIgnored)
{
    t->upload_commit = commit_uncompared;
}

/* "strncmp(mine, theirs, strlen(mine) - 1)" */
static regstore_status commit_but_last_digit(struct regstore_upload *upload,
                                             const struct regstore_call *call,
                                             const struct regstore_commit_opts *opts,
                                             struct regstore_stat *out)
{
    struct regstore_commit_opts own = known(opts);
    char mine[REGSTORE_DIGEST_MAX];
    if (own.digest != NULL &&
        plug_digest_text(upload->digest, "sha256", mine, sizeof mine) == REGSTORE_OK &&
        strlen(own.digest) == strlen(mine) && strncmp(mine, own.digest, strlen(mine) - 1) == 0)
        own.digest = NULL;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(LastDigitIgnored)
{
    t->upload_commit = commit_but_last_digit;
}

/* "It is there, so there is nothing to compare." */
static regstore_status commit_exists_first(struct regstore_upload *upload,
                                           const struct regstore_call *call,
                                           const struct regstore_commit_opts *opts,
                                           struct regstore_stat *out)
{
    struct regstore_commit_opts own = known(opts);
    const char *key = target_of(upload, opts);
    if (upload->state == LOCAL_OPEN && (own.flags & REGSTORE_COMMIT_IF_ABSENT) != 0 &&
        key != NULL && mutant_is_there(upload->store, key))
        own.digest = NULL;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(ExistsBeforeDigest)
{
    t->upload_commit = commit_exists_first;
}

/* "Wrong once, wrong for ever." */
static regstore_status commit_sealing(struct regstore_upload *upload,
                                      const struct regstore_call *call,
                                      const struct regstore_commit_opts *opts,
                                      struct regstore_stat *out)
{
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    if (status == REGSTORE_DIGEST)
        upload->state = LOCAL_SEALED;
    return status;
}

BREAKS(WrongDigestSeals)
{
    t->upload_commit = commit_sealing;
}

/* "Hex is hex." */
static regstore_status commit_in_any_case(struct regstore_upload *upload,
                                          const struct regstore_call *call,
                                          const struct regstore_commit_opts *opts,
                                          struct regstore_stat *out)
{
    struct regstore_commit_opts own = known(opts);
    char digest[REGSTORE_DIGEST_MAX];
    if (own.digest != NULL && strlen(own.digest) < sizeof digest) {
        (void)snprintf(digest, sizeof digest, "%s", own.digest);
        for (char *at = digest; *at != '\0'; at++)
            *at = (char)tolower((unsigned char)*at);
        own.digest = digest;
    }
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(UpperCaseDigestTaken)
{
    t->upload_commit = commit_in_any_case;
}

/* "Nobody asked for it, so it cannot be compared; never mind." */
static regstore_status commit_unasked(struct regstore_upload *upload,
                                      const struct regstore_call *call,
                                      const struct regstore_commit_opts *opts,
                                      struct regstore_stat *out)
{
    struct regstore_commit_opts own = known(opts);
    if ((upload->flags & (REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SHA512)) == 0)
        own.digest = NULL;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(UnaskedDigestTaken)
{
    t->upload_commit = commit_unasked;
}

/* "snprintf cuts it." */
static regstore_status digest_cut(const struct regstore_upload *upload, const char *algorithm,
                                  char *digest, size_t cap)
{
    char whole[REGSTORE_DIGEST_MAX];
    const regstore_status status = local_upload_digest(upload, algorithm, whole, sizeof whole);
    if (status == REGSTORE_OK)
        (void)snprintf(digest, cap, "%s", whole);
    return status;
}

BREAKS(DigestCutToFit)
{
    t->upload_digest = digest_cut;
}

/* --- COM-2 --- */

/* "It has been committed: what else does he want?" */
static regstore_status commit_once(struct regstore_upload *upload, const struct regstore_call *call,
                                   const struct regstore_commit_opts *opts,
                                   struct regstore_stat *out)
{
    if (upload->state == LOCAL_COMMITTED)
        return mutant_fail(call, REGSTORE_STATE, "the upload is committed");
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(CommitTwiceRefused)
{
    t->upload_commit = commit_once;
}

/* "The upload is gone and the key is there: then it was us." */
static regstore_status commit_trusting(struct regstore_upload *upload,
                                       const struct regstore_call *call,
                                       const struct regstore_commit_opts *opts,
                                       struct regstore_stat *out)
{
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    const char *key = target_of(upload, opts);
    if (status != REGSTORE_CONFLICT || key == NULL || !mutant_is_there(upload->store, key))
        return status;
    upload->state = LOCAL_COMMITTED;
    return REGSTORE_OK;
}

BREAKS(CommitAgainUnproved)
{
    t->upload_commit = commit_trusting;
}

/* "Taken is taken." */
static regstore_status commit_if_absent_twice(struct regstore_upload *upload,
                                              const struct regstore_call *call,
                                              const struct regstore_commit_opts *opts,
                                              struct regstore_stat *out)
{
    const char *key = target_of(upload, opts);
    if ((known(opts).flags & REGSTORE_COMMIT_IF_ABSENT) != 0 && key != NULL &&
        mutant_is_there(upload->store, key))
        return mutant_fail(call, REGSTORE_EXISTS, "there is a blob at this key");
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(CommitAgainExists)
{
    t->upload_commit = commit_if_absent_twice;
}

/* "A token of what is gone is of no use." */
static regstore_status commit_of_what_is_there(struct regstore_upload *upload,
                                               const struct regstore_call *call,
                                               const struct regstore_commit_opts *opts,
                                               struct regstore_stat *out)
{
    if (upload->state == LOCAL_OPEN && upload->staging.fd < 0 && upload->offset > 0 &&
        access(mutant_staged(upload).s, F_OK) != 0) {
        upload->state = LOCAL_LOST;
        return mutant_fail(call, REGSTORE_GONE, "the upload is gone");
    }
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(CommitAgainGone)
{
    t->upload_commit = commit_of_what_is_there;
}

/* --- COM-3 --- */

/* "Look, then commit: what can happen in between." */
static regstore_status commit_after_a_look(struct regstore_upload *upload,
                                           const struct regstore_call *call,
                                           const struct regstore_commit_opts *opts,
                                           struct regstore_stat *out)
{
    struct regstore_commit_opts own = known(opts);
    const char *key = target_of(upload, opts);
    const bool if_absent = (own.flags & REGSTORE_COMMIT_IF_ABSENT) != 0;
    if (!if_absent || key == NULL || mutant_is_there(upload->store, key))
        return local_upload_commit(upload, call, opts, out);
    mutant_pause_ms(5); /* a network takes that long */
    own.flags = 0;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(IfAbsentIsALook)
{
    t->upload_commit = commit_after_a_look;
}

/* "The bytes are the same anyhow." */
static regstore_status commit_in_any_event(struct regstore_upload *upload,
                                           const struct regstore_call *call,
                                           const struct regstore_commit_opts *opts,
                                           struct regstore_stat *out)
{
    struct regstore_commit_opts own = known(opts);
    own.flags = 0;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(IfAbsentIgnored)
{
    t->upload_commit = commit_in_any_event;
}

/* "Who wants to know can ask stat." */
static regstore_status commit_silently(struct regstore_upload *upload,
                                       const struct regstore_call *call,
                                       const struct regstore_commit_opts *opts,
                                       struct regstore_stat *out)
{
    (void)out;
    return local_upload_commit(upload, call, opts, NULL);
}

BREAKS(CommitTellsNothing)
{
    t->upload_commit = commit_silently;
}

/* "The key was chosen when it was sealed." */
static regstore_status commit_to_first_key(struct regstore_upload *upload,
                                           const struct regstore_call *call,
                                           const struct regstore_commit_opts *opts,
                                           struct regstore_stat *out)
{
    if (upload->state == LOCAL_SEALED && upload->sealed_key == NULL)
        return mutant_fail(call, REGSTORE_STATE, "the upload is sealed for another key");
    return local_upload_commit(upload, call, opts, out);
}

BREAKS(ExistsKeepsTheKey)
{
    t->upload_commit = commit_to_first_key;
}

/* --- ABO-1, ABO-2 --- */

/* "There is nothing left to abort." */
static regstore_status abort_once(struct regstore_upload *upload, const struct regstore_call *call)
{
    if (upload->state == LOCAL_ABORTED || upload->state == LOCAL_LOST)
        return mutant_fail(call, REGSTORE_GONE, "the upload is gone");
    return local_upload_abort(upload, call);
}

BREAKS(AbortTwiceIsGone)
{
    t->upload_abort = abort_once;
}

/* "Purge will take it." */
static regstore_status abort_lazily(struct regstore_upload *upload,
                                    const struct regstore_call *call)
{
    if (upload->state != LOCAL_OPEN && upload->state != LOCAL_SEALED)
        return local_upload_abort(upload, call);
    local_staging_release(&upload->staging, true);
    upload->state = LOCAL_ABORTED;
    return REGSTORE_OK;
}

BREAKS(AbortLeavesIt)
{
    t->upload_abort = abort_lazily;
}

/* "Nothing was written by this handle, so there is nothing to drop." */
static regstore_status abort_of_own(struct regstore_upload *upload,
                                    const struct regstore_call *call)
{
    upload->flags &= ~(uint64_t)REGSTORE_UPLOAD_SOLE;
    return local_upload_abort(upload, call);
}

BREAKS(SoleForgotten)
{
    t->upload_abort = abort_of_own;
}

static void take_away(const struct regstore_upload *upload, const char *key)
{
    if (key != NULL)
        (void)unlink(mutant_path(upload->store, key).s); /* or it is gone */
}

/* "Abort undoes everything." */
static regstore_status abort_all(struct regstore_upload *upload, const struct regstore_call *call)
{
    if (upload->state == LOCAL_COMMITTED)
        take_away(upload, upload->sealed_key);
    return local_upload_abort(upload, call);
}

BREAKS(AbortTakesTheBlob)
{
    t->upload_abort = abort_all;
}

/* "What lies at its key is what it staged." */
static regstore_status abort_at_key(struct regstore_upload *upload,
                                    const struct regstore_call *call)
{
    if (upload->state == LOCAL_OPEN && upload->staging.fd >= 0)
        take_away(upload, upload->key);
    return local_upload_abort(upload, call);
}

BREAKS(AbortTakesTheOlderBlob)
{
    t->upload_abort = abort_at_key;
}

/* "The upload is gone, so its key has what is left of it." */
static regstore_status abort_after_commit(struct regstore_upload *upload,
                                          const struct regstore_call *call)
{
    if (upload->state == LOCAL_OPEN && upload->offset > 0 &&
        access(mutant_staged(upload).s, F_OK) != 0)
        take_away(upload, upload->key);
    return local_upload_abort(upload, call);
}

BREAKS(AbortOfTokenTakesTheBlob)
{
    t->upload_abort = abort_after_commit;
}

/* "sha512? Later." */
static regstore_status commit_comparing_sha256(struct regstore_upload *upload,
                                               const struct regstore_call *call,
                                               const struct regstore_commit_opts *opts,
                                               struct regstore_stat *out)
{
    struct regstore_commit_opts own = known(opts);
    if (own.digest != NULL && plug_starts_with(own.digest, "sha512:"))
        own.digest = NULL;
    return local_upload_commit(upload, call, &own, out);
}

BREAKS(Sha512NotCompared)
{
    t->upload_commit = commit_comparing_sha256;
}

/* "The digest is finished with the upload." */
static regstore_status digest_while_open(const struct regstore_upload *upload,
                                         const char *algorithm, char *digest, size_t cap)
{
    if (upload->state != LOCAL_OPEN)
        return REGSTORE_STATE;
    return local_upload_digest(upload, algorithm, digest, cap);
}

BREAKS(DigestOnlyWhileOpen)
{
    t->upload_digest = digest_while_open;
}

/* "Gone: so it was committed." */
static regstore_status commit_of_nothing(struct regstore_upload *upload,
                                         const struct regstore_call *call,
                                         const struct regstore_commit_opts *opts,
                                         struct regstore_stat *out)
{
    const regstore_status status = local_upload_commit(upload, call, opts, out);
    if (status != REGSTORE_GONE)
        return status;
    upload->state = LOCAL_COMMITTED;
    return REGSTORE_OK;
}

BREAKS(CommitAgainOfNothing)
{
    t->upload_commit = commit_of_nothing;
}
