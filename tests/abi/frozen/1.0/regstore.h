/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regstore.h, major 1: blob storage for container registries.
 *
 * Rules bear a name (KEY-1, UP-4); the manual and the conformance suite use the same names.
 * "Callee" is the plugin unless said otherwise. Signatures read (object, call, inputs, outputs).
 *
 *                  write
 *                  +--+           suspend OK
 *                  v  |       +------------------> SUSPENDED --close--> token --upload_open--+
 *   upload_open -> OPEN ------+                         ^                                    |
 *                  ^ | |      |                         | suspend OK     OPEN or SEALED <----+
 *   DIGEST,INVALID | | |      |                         |                at the token's offset
 *   nothing sent   +-+ |      +-- commit failed --> SEALED --+
 *                      |          otherwise           |  ^--+ commit failed
 *                      | commit OK          commit OK |
 *                      +-------> COMMITTED <----------+
 *
 *   abort in OPEN and SEALED: OK -> ABORTED; not OK -> ABORTING (only abort, close)
 *   GONE, or CONFLICT that is not retryable, anywhere -> LOST (only abort, close)
 *   close, everywhere: frees the handle; never commits, aborts, sends or waits
 *
 *   SEALED: no more bytes. The key shows the whole blob or what it showed before; after TIMEOUT,
 *   CANCELLED or UNAVAILABLE nobody knows which. Commit to the same key, after EXISTS to any.
 *   COMMITTED: commit to the same key is OK again; abort is OK and does nothing.
 *   offset and digest answer in every state. All else is STATE.
 *   A commit that says DIGEST, INVALID, UNSUPPORTED or STATE sent nothing: the state stays.
 */
#ifndef REGSTORE_H
#define REGSTORE_H

#include <stddef.h>
#include <stdint.h>

#if UINTPTR_MAX != UINT64_MAX
#error "regstore 1 is for 64-bit machines: on others its structs would have padding"
#endif

#if defined(__GNUC__)
#define REGSTORE_EXPORT __attribute__((visibility("default")))
#else
#define REGSTORE_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define REGSTORE_ABI_MINOR 0

/* Numbers are never reused. A host takes a status it does not know for INTERNAL, and believes
 * error->retryable. */

typedef int32_t regstore_status;
#define REGSTORE_OK          0
#define REGSTORE_NOT_FOUND   1  /* no blob at this key; the source of a copy included */
#define REGSTORE_EXISTS      2  /* IF_ABSENT, and the key is taken */
#define REGSTORE_DIGEST      3  /* the bytes are not the digest's; nothing was sent or changed */
#define REGSTORE_RANGE       4  /* the caller's buffer is too small; nothing was consumed */
#define REGSTORE_DENIED      5  /* the backend knows us and says no, or does not know us */
#define REGSTORE_THROTTLED   6  /* slow down; error->retry_after_ms when the backend said */
#define REGSTORE_TIMEOUT     7  /* this call's time is over */
#define REGSTORE_CANCELLED   8  /* call->cancel was set */
#define REGSTORE_UNAVAILABLE 9  /* network, service or disk failed, retries included */
#define REGSTORE_UNSUPPORTED 10 /* not offered, or a flag or field that this callee does not know  \
                                 */
#define REGSTORE_STATE     11   /* not legal in this state, or a handle in a forked child */
#define REGSTORE_INVALID   12   /* an argument breaks a rule; a token damaged or not this store's */
#define REGSTORE_CONFIG    13   /* a setting is wrong; the message names it */
#define REGSTORE_CORRUPT   14   /* the backend gave other bytes than were committed */
#define REGSTORE_NO_SPACE  15   /* disk full or quota used up */
#define REGSTORE_NO_MEMORY 16
#define REGSTORE_INTERNAL  17 /* a bug of the plugin's, or an answer that makes no sense */
#define REGSTORE_GONE      18 /* the upload was purged, aborted or committed elsewhere */
#define REGSTORE_CONFLICT  19 /* another writer; changed while read; a key under a key */

#define REGSTORE_LOG_DEBUG   10
#define REGSTORE_LOG_INFO    20
#define REGSTORE_LOG_WARNING 30
#define REGSTORE_LOG_ERROR   40

#define REGSTORE_METRIC_COUNT 1 /* add value */
#define REGSTORE_METRIC_GAUGE 2 /* set value */
#define REGSTORE_METRIC_TIME  3 /* observe value, seconds */

#define REGSTORE_CLOCK_REALTIME 1

/* Sizes that always suffice, the terminating NUL included. Frozen for major 1. */
#define REGSTORE_KEY_MAX    1024
#define REGSTORE_TOKEN_MAX  4096
#define REGSTORE_URL_MAX    16384
#define REGSTORE_DIGEST_MAX 144

/*
 * GROW-1   A struct with struct_size may grow at its end, by whole 8 bytes; it has no padding.
 *          Others are frozen.
 * GROW-2   Inputs: a callee reads min(struct_size, its own size); a struct_size below that of minor
 *          0 is INVALID. call and *_opts ask: a byte past the callee's own size that is not zero,
 *          or a flag bit that it does not know, is UNSUPPORTED before anything else is done; a host
 *          looks at plugin->abi_minor before it uses a newer field. host offers: what the plugin
 *          does not know there it ignores.
 * GROW-3   Outputs (error, stat, purged): the caller zeroes them and sets struct_size; the callee
 *          writes min(struct_size, its own size) bytes, never struct_size itself, and never looks
 *          at the rest. No struct is both input and output.
 * GROW-4   A pointer to opts may be NULL and then means all zero.
 */

/* Handles: the plugin's own, made by an open and freed by its close. */
struct regstore_store;
struct regstore_upload;
struct regstore_reader;
struct regstore_list;

struct regstore_pair { /* frozen: travels in arrays */
    const char *key, *value;
};

struct regstore_param {                /* frozen; the table ends at key == NULL */
    const char *key, *fallback, *help; /* fallback NULL: none; help: a sentence for people */
    uint64_t flags;
};
/* What a host may show and check beforehand; the plugin checks anyhow. No kind: a text. */
#define REGSTORE_PARAM_REQUIRED 0x1u
#define REGSTORE_PARAM_SECRET   0x2u /* never shown, logged or echoed */
#define REGSTORE_PARAM_SIZE     0x4u
#define REGSTORE_PARAM_DURATION 0x8u
#define REGSTORE_PARAM_BOOL     0x10u
#define REGSTORE_PARAM_INTEGER  0x20u
#define REGSTORE_PARAM_PATH     0x40u /* of a local file or folder */

/*
 * What the host offers; it and each function may be NULL. Copied by store_open; ctx lives until the
 * store and all its handles are closed.
 * CB-1     May be called from any thread, the plugin's own included, several at once, also while
 *          the host is inside a call, also in a forked child. The plugin holds no lock meanwhile.
 *          They return at once, and never call the plugin, block, fork, unwind or throw. Strings
 *          are valid for the call.
 * CB-2     None is called after store_close and the close of the last handle have returned.
 */
struct regstore_host {
    uint64_t struct_size;
    void *ctx;
    /* event: a short stable name ("session.refreshed"); what varies is in the n fields. */
    void (*log)(void *ctx, int32_t level, const char *event, const struct regstore_pair *fields,
                size_t n);
    /* kind: REGSTORE_METRIC_COUNT, GAUGE or TIME. */
    void (*metric)(void *ctx, int32_t kind, const char *name, double value,
                   const struct regstore_pair *labels, size_t n);
    /* Nanoseconds since 1970, UTC, for signing, expiry and ages; never for timeouts. NULL: the
     * plugin reads the system's. */
    int64_t (*clock_ns)(void *ctx, int32_t which);
};

/*
 * ERR-1    Cleared by the callee on entry, filled before a status other than OK is returned. Texts
 *          are terminated, printable and never a secret. retryable: the same call on the same
 *          handle may succeed later.
 */
struct regstore_error {
    uint64_t struct_size;
    uint32_t retryable, http_status; /* http_status 0: no answer, or no HTTP */
    uint64_t retry_after_ms;         /* 0: the backend named no time */
    char code[64];                   /* the backend's own word ("NoSuchBucket"); may be empty */
    char request_id[128];            /* the backend's, for its support; may be empty */
    char message[512];               /* a sentence that says what failed and what to look at */
};

/*
 * CALL-1   One per call in flight, owned by the caller, never NULL; read only until the call
 *          returns.
 * CALL-2   timeout_ms runs from the call's entry on CLOCK_MONOTONIC; 0: the plugin's own limits,
 *          which are finite.
 * CALL-3   cancel, when not NULL, is polled with an atomic load at least every 250 ms; any thread
 *          or a signal handler may store non-zero there. The call returns within a second, whatever
 *          the plugin's threads, the resolver or the network do; only a system call on a file that
 *          the kernel will not interrupt may delay it.
 * CALL-4   After a call has returned, for whatever reason, the plugin touches none of the caller's
 *          memory.
 * CALL-5   A commit, copy or delete that was cut off (TIMEOUT, CANCELLED, UNAVAILABLE) may still
 *          take effect afterwards.
 */
struct regstore_call {
    uint64_t struct_size;
    uint64_t timeout_ms;
    const int32_t *cancel;
    struct regstore_error *error; /* may be NULL */
};

struct regstore_stat { /* out */
    uint64_t struct_size, length;
    int64_t mtime_ns; /* UTC, often whole seconds; after a copy perhaps the source's */
    uint64_t flags;
    char digest[144]; /* "sha256:<hex>"; empty when only reading would tell, and in lists */
    char etag[128];   /* opaque, no quotes; empty when none or too long: never cut */
};
#define REGSTORE_STAT_PREFIX 0x1u /* in a list: not a blob but a common prefix, ending in "/" */

/*
 * KEY-1    1 to KEY_MAX-1 bytes of UTF-8 without control characters; parts between "/" are not
 *          empty, "." or "..". Otherwise INVALID before any I/O.
 * KEY-2    A backend may have a lower limit (S3: storage_path and key together 1,024 bytes; files:
 *          255 a part): INVALID, and the message names it.
 * KEY-3    A key that has another key as its folder ("a" and "a/b") is portable nowhere: CONFLICT
 *          or stored, never lost.
 * KEY-4    "uploads/" is the backend's: as a target of commit, copy or presigned PUT it is INVALID.
 *          It may be read, deleted and listed, but a list shows it only when prefix begins with
 *          "uploads/".
 */

struct regstore_upload_opts { /* in; with a token all else is 0 or NULL: the token has it */
    uint64_t struct_size;
    uint64_t flags;           /* with a token: 0, the token has them */
    uint64_t expected_length; /* a hint for part sizes; 0: unknown; never enforced */
    const char *key;          /* NULL: told at commit. Else commit goes there (UP-2) */
    const char *token;        /* NULL: a new upload */
    const char *content_type, *content_encoding; /* NULL: none; kept where the backend can */
};
#define REGSTORE_UPLOAD_SHA256 0x1u /* keep this digest of the bytes; both may be asked for */
#define REGSTORE_UPLOAD_SHA512 0x2u /* without F_SHA512: UNSUPPORTED */
#define REGSTORE_UPLOAD_SOLE   0x4u /* alone at its key: abort drops all unfinished there */

struct regstore_commit_opts { /* in */
    uint64_t struct_size, flags;
    const char *key;    /* NULL only when upload_open had one */
    const char *digest; /* "sha256:<64 lower-case hex>"; NULL: nothing is compared */
};
#define REGSTORE_COMMIT_IF_ABSENT 0x1u /* a key that is taken stays as it is: EXISTS */

struct regstore_read_opts {              /* in */
    uint64_t struct_size, flags, offset; /* no flags yet */
    uint64_t length;                     /* 0, or more than there are: to the end */
    const char *etag; /* not NULL: CONFLICT when the blob is another one by now */
};

struct regstore_copy_opts { /* in */
    uint64_t struct_size, flags;
};
#define REGSTORE_COPY_IF_ABSENT 0x1u

struct regstore_list_opts { /* in */
    uint64_t struct_size, flags;
    uint64_t limit; /* end after so many entries, and ask the service for no more; 0: all */
    const char *prefix, *start_after; /* NULL: none; start_after itself is not listed */
    const char *delimiter;            /* NULL, or "/": what follows it is one PREFIX entry */
};
#define REGSTORE_LIST_AFTER_SUBTREE 0x1u /* begin after every key that begins with start_after */

struct regstore_presign_opts { /* in */
    uint64_t struct_size, flags;
    uint64_t ttl_s;           /* the life asked for, at least 1 */
    uint64_t min_ttl_s;       /* renew the session if it ends sooner; else UNAVAILABLE */
    const char *method;       /* "GET", "HEAD" or "PUT" */
    const char *content_type; /* PUT: the client must send this one; may be NULL */
};

struct regstore_purge_opts { /* in */
    uint64_t struct_size, flags;
    uint64_t older_than_s; /* 0 is INVALID: it would take what somebody is writing */
};
#define REGSTORE_PURGE_OBJECTS 0x1u /* what lies under uploads/; no flag of these two: both */
#define REGSTORE_PURGE_UPLOADS 0x2u /* unfinished uploads: under storage_path, at any key */
#define REGSTORE_PURGE_DRY_RUN 0x4u

struct regstore_purged { /* out; filled on failure too */
    uint64_t struct_size;
    uint64_t objects, uploads, bytes; /* removed; with DRY_RUN: that would be */
    uint64_t spared;                  /* younger */
    uint64_t failed;                  /* tried in vain */
};

struct regstore_check_opts { /* in */
    uint64_t struct_size, flags;
    void *ctx;
    /* On the caller's thread, once a step: what was tried, what was found, what to change. name is
     * short and stable; found and advice are for people. advice is "" when all is well. step may
     * be NULL. */
    void (*step)(void *ctx, const char *name, regstore_status status, const char *found,
                 const char *advice);
};
#define REGSTORE_CHECK_WRITE 0x1u /* write, read and delete a probe as well */

/* Bits of plugin->features (may offer) and of store_features (does offer, with these settings). */
#define REGSTORE_F_PRESIGN_GET      0x1u /* and HEAD */
#define REGSTORE_F_PRESIGN_PUT      0x2u
#define REGSTORE_F_SERVER_COPY      0x4u  /* copy moves no bytes through this process */
#define REGSTORE_F_ATOMIC_IF_ABSENT 0x8u  /* without it IF_ABSENT is a look before the leap */
#define REGSTORE_F_SHA512           0x10u /* UPLOAD_SHA512 */
#define REGSTORE_F_FORK_AFTER_USE   0x20u /* FORK-3 */

/*
 * MUST: everything but extension, copy and presign, which may be NULL ("not offered").
 *
 * THR-1    A store: any number of threads at once. A handle: one thread at a time; it may move.
 * THR-2    A handle keeps its store alive: store_close and the closes may come in any order.
 * THR-3    Plugin threads block all signals; a call needs at most 64 KiB of the caller's stack.
 * THR-4    No call waits for a call on another handle: one thread may interleave a thousand
 *          uploads, memory or no memory.
 * FORK-1   A store on which no call has been made works in the child: store_open starts and opens
 *          nothing, and reads the environment once and for all.
 * FORK-2   A handle does not survive: every call on it in the child is STATE, its close frees
 *          memory and nothing else (no unlink, no unlock, no socket), upload_offset still answers.
 * FORK-3   With F_FORK_AFTER_USE a used store works in the child too, provided that no other thread
 *          was inside a call at the fork. Without it: STATE. Never a hang.
 * FORK-4   The child learns of the fork from a page with MADV_WIPEONFORK, not from getpid (numbers
 *          come back). It makes new running parts by one atomic exchange, takes no lock that
 *          existed before, and leaks the old parts; of the parent's descriptors it only closes its
 *          copies: no read, write, shutdown, TLS goodbye or epoll_ctl.
 * FORK-5   Who offers F_FORK_AFTER_USE parks the plugin's threads outside of libcurl, OpenSSL and
 *          the resolver while the process forks: one pthread_atfork, registered with the first
 *          thread, which only parks and releases (the module is never unloaded).
 *
 * The functions, where their own comments do not say otherwise:
 * Arguments     No pointer is NULL but opts (GROW-4), call->error, and an out of type regstore_stat
 *               (then nothing is told). Strings end in NUL. All is borrowed until the call returns.
 * Units         Lengths, sizes and offsets are bytes. cap is the size of the caller's buffer, of a
 *               text with its NUL; what did not fit is RANGE.
 * Outputs       Set with OK only. A handle in *out is the caller's until it is closed.
 * Blocking      What takes a call may block on network or disk until the call's time is over. What
 *               takes none does not: offset, features and the closes.
 * Closes        Take NULL. They send and flush nothing; what a plugin must still wait for is a
 *               callback under way, which returns at once (CB-1, CB-2).
 * Errors        Besides those named, any call may say DENIED, THROTTLED, TIMEOUT, CANCELLED,
 *               UNAVAILABLE, UNSUPPORTED, STATE, INVALID, NO_MEMORY, INTERNAL, or CONFIG when only
 *               the backend could tell that a setting is wrong.
 */
struct regstore_plugin {
    uint64_t struct_size;
    uint32_t abi_minor, zero; /* REGSTORE_ABI_MINOR as compiled; zero is 0 */
    uint64_t features;
    const char *name, *version, *description; /* never NULL; for people */
    const struct regstore_param *params;      /* every key that settings may have */
    /* NULL: not known. What it points to lives as long as the table. */
    const void *(*extension)(const char *id); /* "org.example.tier/1"; pure */

    /*
     * STORE-1  No I/O. CONFIG names the key: unknown, given twice, missing, or a value that cannot
     *          be meant.
     *
     * host may be NULL, and settings when n is 0. All settings are copied. Never blocks.
     */
    regstore_status (*store_open)(const struct regstore_call *call,
                                  const struct regstore_host *host,
                                  const struct regstore_pair *settings, size_t n,
                                  struct regstore_store **out);
    /* A subset of features; the same value for as long as the store lives. Any thread. */
    uint64_t (*store_features)(const struct regstore_store *store);
    /* No other call with this store may be under way or follow. Its handles go on (THR-2). */
    void (*store_close)(struct regstore_store *store);
    /* CHECK-1  Tries, step by step, what an operator has to get right, and tells each on the
     *          caller's thread. OK: every step was. Otherwise the status of the first that was not;
     *          the steps after it that make no sense are left out. */
    regstore_status (*check)(struct regstore_store *store, const struct regstore_call *call,
                             const struct regstore_check_opts *opts);

    /*
     * UP-1     upload_open does no I/O, with a token too: upload_offset is right at once, an upload
     *          that is gone shows at the first call that must send something, and abort after it
     *          costs what abort costs.
     * UP-2     With a key at open the bytes may be staged at that key, so commit elsewhere is
     *          INVALID.
     * UP-3     write may block for memory. After a failure any leading part of the buffer may have
     *          been taken: go on from upload_offset. A failure of bytes accepted earlier is
     *          reported by a later call; they are kept and tried again.
     * UP-4     Nothing is visible at the key before commit begins to succeed, then all of it at
     *          once.
     */
    /* INVALID: key, or a token that is damaged or another store's. Never blocks. */
    regstore_status (*upload_open)(struct regstore_store *store, const struct regstore_call *call,
                                   const struct regstore_upload_opts *opts,
                                   struct regstore_upload **out);
    /* Appends len bytes. len 0 is OK and does nothing, buf may then be NULL. OK: all were taken;
     * buf is the caller's again, and whether they are safe only suspend and commit can say. GONE,
     * CONFLICT, NO_SPACE. */
    regstore_status (*upload_write)(struct regstore_upload *upload,
                                    const struct regstore_call *call, const void *buf, size_t len);
    /* Bytes accepted since the upload began, those before a token included. Every state, forked
     * children too. */
    uint64_t (*upload_offset)(const struct regstore_upload *upload);
    /* Of the bytes accepted so far; no I/O. UNSUPPORTED: upload_open did not ask for this one.
     * algorithm "sha256" or "sha512"; digest becomes "sha256:<lower-case hex>"; DIGEST_MAX bytes
     * always suffice. Every state; in a forked child STATE. */
    regstore_status (*upload_digest)(const struct regstore_upload *upload, const char *algorithm,
                                     char *digest, size_t cap);

    /*
     * TOK-1    OK: *kept is upload_offset, the token goes on from there in any process whose
     *          settings name the same place (endpoint, bucket, path), whatever else they say; the
     *          handle is SUSPENDED. At offset 0 there is no I/O, so nothing tells what became of
     *          the upload: each time such a token is opened it is a new one.
     * TOK-2    Not OK: the handle is as before, suspend may be called again; and when token[0] is
     *          set, it is a token for *kept bytes, the most that is safe already, made without I/O.
     * TOK-3    A token goes back to its own offset, whatever was written since. The newest and the
     *          one before it can be resumed (the host may die between suspend and keeping the
     *          token); an older one may be GONE.
     * TOK-4    Any token of an upload can abort it, however old.
     * TOK-5    One writer. With two handles on one upload, whatever commits is exactly one handle's
     *          bytes, never a mix; a handle whose bytes were overwritten gets CONFLICT, at the
     *          latest from commit. A backend may refuse the second at its first write: CONFLICT,
     *          retryable.
     * TOK-6    A token opens nothing outside storage_path, however it was forged; it is the host's
     *          secret all the same, since it vouches for the digest so far. Fewer than TOKEN_MAX
     *          printable ASCII bytes. cap below TOKEN_MAX: RANGE.
     */
    /* The host sets token[0] = 0 before: only TOK-1 and TOK-2 write token and *kept. GONE,
     * CONFLICT, NO_SPACE. */
    regstore_status (*upload_suspend)(struct regstore_upload *upload,
                                      const struct regstore_call *call, char *token, size_t cap,
                                      uint64_t *kept);

    /*
     * COM-1    The digest is compared first of all; its algorithm must have been asked for at open,
     *          else INVALID.
     * COM-2    Idempotent, in another process too: after a lost answer, a crash or a cancel, commit
     *          to the same key from the handle, or from its last token when nothing was written
     *          after it, is OK if the key has this upload's bytes. That must be proved (a mark set
     *          when the staging began, length, digest or part checksums; else by reading the blob);
     *          what cannot be proved is CONFLICT, never OK.
     * COM-3    The status speaks of the key alone; what could not be cleaned up is logged and left
     *          to purge.
     * ABO-1    Idempotent, OK also when the upload is gone. Afterwards nothing is left that the
     *          handle, its token or a SOLE key can name; the rest is purge's.
     * ABO-2    Never touches what a commit made visible, also when its answer was lost or came to
     *          another process: registries do commit, exists, abort.
     */
    /* opts NULL: to the key of upload_open. The blob replaces what the key had. DIGEST, EXISTS,
     * GONE, CONFLICT, NO_SPACE; after TIMEOUT, CANCELLED and UNAVAILABLE see CALL-5. */
    regstore_status (*upload_commit)(struct regstore_upload *upload,
                                     const struct regstore_call *call,
                                     const struct regstore_commit_opts *opts,
                                     struct regstore_stat *out);
    regstore_status (*upload_abort)(struct regstore_upload *upload,
                                    const struct regstore_call *call);
    /* Every state. What was neither suspended nor committed is lost; what was sent of it, purge
     * finds. In a forked child: FORK-2. */
    void (*upload_close)(struct regstore_upload *upload);

    /*
     * READ-1   An offset at or past the end reads as empty, of a blob that exists; out (may be
     *          NULL) has its whole length.
     * READ-2   *got == 0 with OK is the end. Short, other or changed bytes are CORRUPT, UNAVAILABLE
     *          or CONFLICT, never the end.
     */
    /* NOT_FOUND; CONFLICT: opts->etag is not the blob's. */
    regstore_status (*read_open)(struct regstore_store *store, const struct regstore_call *call,
                                 const char *key, const struct regstore_read_opts *opts,
                                 struct regstore_reader **reader, struct regstore_stat *out);
    /* cap is at least 1. *got may be less than cap. After a failure nothing was consumed, and when
     * it is retryable the same call goes on. */
    regstore_status (*read_next)(struct regstore_reader *reader, const struct regstore_call *call,
                                 void *buf, size_t cap, size_t *got);
    /* Legal before the end; what was not read is not fetched. */
    void (*read_close)(struct regstore_reader *reader);

    /* STAT-1   Of a blob: its length, and time, digest and etag where they are known without
     *          reading it. Never of a folder or a suspended upload: NOT_FOUND. */
    regstore_status (*stat)(struct regstore_store *store, const struct regstore_call *call,
                            const char *key, struct regstore_stat *out);
    /*
     * DEL-1    results[i], when results is not NULL, is OK (gone or never there) or why not; the
     *          call's status is the first that is not OK, and error speaks of that one.
     *
     * results has n places, all filled whenever the call returns; n is any number, 0 too.
     */
    regstore_status (*delete_blobs)(struct regstore_store *store, const struct regstore_call *call,
                                    const char *const *keys, size_t n, regstore_status *results);
    /*
     * COPY-1   The target is replaced whole or not at all; onto itself it is OK. Files may share
     *          their bytes (link).
     *
     * Inside one store. May be NULL in the table. NOT_FOUND (from), EXISTS, CONFLICT, NO_SPACE.
     */
    regstore_status (*copy)(struct regstore_store *store, const struct regstore_call *call,
                            const char *from, const char *to,
                            const struct regstore_copy_opts *opts);

    /*
     * LIST-1   Byte order of whole keys; a key that is there all the while comes exactly once;
     *          memory does not grow with the number of keys, on files not beyond the names of one
     *          folder. An empty key with OK is the end; cap below KEY_MAX is RANGE. start_after
     *          and AFTER_SUBTREE speak of keys: a common prefix is listed while a key below it is.
     *
     * Never NOT_FOUND: nothing under prefix is an empty list. prefix and start_after need not be
     * keys and may end anywhere.
     */
    regstore_status (*list_open)(struct regstore_store *store, const struct regstore_call *call,
                                 const struct regstore_list_opts *opts, struct regstore_list **out);
    /* One entry. After a failure the list stands where it was. */
    regstore_status (*list_next)(struct regstore_list *list, const struct regstore_call *call,
                                 char *key, size_t cap, struct regstore_stat *out);
    void (*list_close)(struct regstore_list *list);

    /*
     * SIGN-1   *expires_ns, UTC, is when the URL really stops: never later than the session.
     *
     * The key need not exist; I/O only for a session, and once for a place (S3: the region) that
     * the settings leave open. The URL is as secret as what it opens; URL_MAX bytes always
     * suffice. opts NULL has no method: INVALID. May be NULL in the table.
     */
    regstore_status (*presign)(struct regstore_store *store, const struct regstore_call *call,
                               const char *key, const struct regstore_presign_opts *opts, char *url,
                               size_t cap, int64_t *expires_ns);

    /*
     * PURGE-1  Age counts from the last sign of life that the service can show (newest part, parked
     *          object), not from the start, by the service's clock; an upload's things go together.
     * PURGE-2  A purged upload is GONE for its tokens, but for those at offset 0 (TOK-1).
     * PURGE-3  May stop early (time, cancel) with out filled; the next call goes on.
     *
     * opts NULL has no age: INVALID. OK: nothing failed.
     */
    regstore_status (*purge)(struct regstore_store *store, const struct regstore_call *call,
                             const struct regstore_purge_opts *opts, struct regstore_purged *out);
};

/*
 * LOAD-1   The one exported symbol. Pure, callable at any time from any thread; the table never
 *          changes.
 * MANNER-1  A plugin never exits, aborts, prints, or changes locale, environment, umask, working
 *          directory, signal handlers or masks. Its descriptors are close-on-exec; SIGPIPE never
 *          comes of it. No secret reaches a log, an error or a token.
 */
REGSTORE_EXPORT const struct regstore_plugin *regstore_plugin_v1(void);

#ifdef __cplusplus
}
#endif
#endif
