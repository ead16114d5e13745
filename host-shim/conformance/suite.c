/* SPDX-License-Identifier: Apache-2.0 */
/* The families and the rules. */
#include "suite.h"

#include <string.h>

const struct family *const suite_families[] = {&family_load,
                                               &family_settings,
                                               &family_growth,
                                               &family_key,
                                               &family_upload,
                                               &family_digest,
                                               &family_resume,
                                               &family_writers,
                                               &family_commit,
                                               &family_read,
                                               &family_stat,
                                               &family_list,
                                               &family_delete,
                                               &family_copy,
                                               &family_threads,
                                               &family_manners,
                                               &family_deadline,
                                               &family_state,
                                               &family_presign,
                                               &family_purge,
                                               &family_fork,
                                               &family_secrets,
                                               NULL};

/* What a rule asks, in a line; regstore.h has the whole of it. */
const struct rule suite_rules[] = {
    {"LOAD-1",
     "one exported symbol, pure; the table never changes; loading starts and opens nothing"},
    {"GROW-1", "a struct with struct_size grows at its end by whole 8 bytes"},
    {"GROW-2",
     "inputs: shorter than minor 0 is INVALID; an unknown flag or a byte past the known "
     "size that is not zero is UNSUPPORTED before anything is done; host is only offered"},
    {"GROW-3", "outputs: no more than struct_size bytes are written, and not struct_size itself"},
    {"GROW-4", "a pointer to opts may be NULL and then means all zero"},
    {"CB-1", "host callbacks may be NULL and may come from any thread"},
    {"CB-2", "no callback after store_close and the close of the last handle"},
    {"ERR-1", "error is cleared on entry and filled with printable words before a status not OK"},
    {"CALL-1", "the call belongs to the caller and is read only until it returns"},
    {"CALL-2", "timeout_ms runs from the call's entry"},
    {"CALL-3", "cancel is polled; the call returns within a second"},
    {"CALL-4", "after the return the plugin touches none of the caller's memory"},
    {"CALL-5", "a commit, copy or delete that was cut off may take effect; it can be repeated"},
    {"KEY-1", "1 to 1,023 bytes of UTF-8, no control characters, no part empty, \".\" or \"..\"; "
              "otherwise INVALID before any I/O"},
    {"KEY-2", "a backend's lower limit is INVALID and named"},
    {"KEY-3", "a key under a key is CONFLICT or stored, never lost"},
    {"KEY-4", "uploads/ is no target; lists show it only when the prefix begins with it"},
    {"STORE-1",
     "store_open does no I/O; CONFIG names the key that is unknown, given twice, missing or "
     "wrong"},
    {"CHECK-1", "check tells its steps on the caller's thread"},
    {"UP-1", "upload_open does no I/O, with a token too"},
    {"UP-2", "with a key at open, commit elsewhere is INVALID"},
    {"UP-3", "write goes on from upload_offset, whatever happened"},
    {"UP-4", "nothing is visible before commit begins to succeed, then all of it at once"},
    {"TOK-1", "suspend keeps all bytes; the token goes on in any process; no I/O at offset 0"},
    {"TOK-2", "suspend that failed leaves the handle as before; its token stands for *kept bytes"},
    {"TOK-3", "a token goes back to its own offset; the newest two can be resumed"},
    {"TOK-4", "any token of an upload can abort it"},
    {"TOK-5", "one writer: whatever commits is exactly one handle's bytes"},
    {"TOK-6", "a token is short printable ASCII and opens nothing outside the store; cap below "
              "TOKEN_MAX is RANGE"},
    {"COM-1", "the digest is compared first of all; its algorithm must have been asked for"},
    {"COM-2", "commit is idempotent, in another process too; what cannot be proved is CONFLICT"},
    {"COM-3", "the status of commit speaks of the key alone"},
    {"ABO-1", "abort is idempotent and leaves nothing that handle, token or SOLE key can name"},
    {"ABO-2", "abort never touches what a commit made visible"},
    {"READ-1", "an offset at or past the end reads as empty; out has the whole length"},
    {"READ-2", "*got == 0 with OK is the end, and nothing else is"},
    {"STAT-1", "stat tells length, time, digest when known and etag when there is one"},
    {"DEL-1",
     "results[i] is OK or why not; a missing key is OK; the call's status is the first not OK"},
    {"COPY-1", "the target is replaced whole or not at all; onto itself is OK"},
    {"LIST-1", "byte order of whole keys, each exactly once; an empty key is the end"},
    {"THR-1", "a store is used by any number of threads at once; a handle may move between them"},
    {"THR-2", "store_close and the closes of handles may come in any order"},
    {"THR-3", "the plugin's threads block all signals; a call needs at most 64 KiB of stack"},
    {"THR-4", "no call waits for a call on another handle"},
    {"FORK-1", "a store that was not used works in the child; store_open starts and opens nothing"},
    {"FORK-2", "a handle's calls are STATE in the child, its close takes nothing from the parent"},
    {"FORK-3",
     "a used store works in the child when F_FORK_AFTER_USE is offered; else STATE, never "
     "a hang"},
    {"SIGN-1", "*expires_ns is when the URL really stops"},
    {"PURGE-1", "age counts from the last sign of life"},
    {"PURGE-2", "a purged upload is GONE for its tokens"},
    {"PURGE-3", "purge may stop early with out filled; the next call goes on"},
    {"MANNER-1", "locale, environment, umask, folder, signal handlers and output are the host's; "
                 "descriptors are close-on-exec; no secret reaches a log, an error or a token"},
    {NULL, NULL}};

const struct rule *suite_rule(const char *name, size_t len)
{
    for (const struct rule *rule = suite_rules; rule->name != NULL; rule++)
        if (strlen(rule->name) == len && strncmp(rule->name, name, len) == 0)
            return rule;
    return NULL;
}

bool suite_test_bears(const struct test *test, const char *rule)
{
    const size_t wanted = strlen(rule);
    for (const char *at = test->rules; *at != '\0'; at += strspn(at, " ")) {
        const size_t len = strcspn(at, " ");
        if (strncmp(at, rule, wanted) == 0 && (len == wanted || at[wanted] == '-'))
            return true;
        at += len;
    }
    return false;
}
