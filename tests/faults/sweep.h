/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep: each request that a journey makes is struck by each fault, one at a time, and the host
 * does what the manual tells it to (abi/README.md).  A case is a journey, a fault and the request
 * that it strikes; it has a process of its own, a storage path of its own, and a server that nobody
 * else asks meanwhile.
 *
 *   sweep.c      makes the cases and prints the table; allocations.c: those of our own memory
 *   engine.c     lets many run side by side
 *   wrongs.c     the faults, and what each may do to whom
 *   uploads.c    journeys that write;  visits.c: journeys that do not;  calls.c: the other calls
 *   identities.c journeys of whoever we are (allocations.c alone)
 *   failing.c    the hook by which allocations fail
 *   run.c        what a journey needs to run
 */
#ifndef TEST_SWEEP_H
#define TEST_SWEEP_H

#include "door.h"
#include "proxy.h"
#include "regstore.h"

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIB   (1024u * 1024u)
#define KEY   "sha256/ab/blob"
#define AGAIN 40 /* a session that was refused is not asked for anew within a second */
#define NAME  64 /* of an operation, with its NUL */
#define WORDS 1200
#define OPERATIONS 16

enum end {
    COMMIT,
    ABORT,   /* in place of a commit */
    GIVE_UP, /* commit once, and abort when that fails, as registries do */
    ENDS,
};

enum retry { NEVER, MAYBE, ALWAYS };

/* What a host may be told when a fault strikes. */
struct allowed {
    uint64_t statuses; /* 1 << status, and more; 0: it is never told, the plugin gets over it */
    enum retry retryable;
    unsigned http_status; /* of the error; 0: that says none */
    const char *code;     /* of the error; NULL: that says none */
};

/* Whose allocations are counted, and one of them fails. */
struct allocator {
    void (*arm)(unsigned nth); /* from 0 */
    void (*disarm)(void);
    unsigned (*count)(void);  /* since arm */
    bool (*has_failed)(void); /* the n-th was made */
};

struct wrong {
    const char *name;
    const char *rule;           /* of the fake server's; NULL: of the proxy's, or of neither */
    const struct allocator *allocator; /* whose n-th allocation fails; NULL: nobody's */
    struct proxy_script script; /* turn and at are the case's */
    struct allowed allowed;
    const char *spares;  /* an operation that it cannot strike; NULL: none */
    bool takes_effect;   /* what was asked is done, or may be done later */
    bool is_given_up;    /* the host closes all that it has at the first failure, and begins anew */
    bool is_cancel;      /* the server signals us */
    bool turns_clock;    /* or seems to: ages are not what they were */
    uint64_t timeout_ms; /* of each call until it fails; 0: none */
    bool meets_all_ends; /* and not only journeys that commit */
    enum {
        AT_BYTE, /* from the beginning, of a request or an answer; from its end when negative */
        AT_HALF,
        AT_HEAD_END,
        AT_EACH_OF_HEAD,
    } where; /* of the proxy's */
    int64_t offset;
};
extern const struct wrong wrongs[];
extern const size_t wrongs_count;

/* The row that speaks of the fault at the operation in the journey; of the fault, where none does.
 */
const struct allowed *allowed_for(const struct wrong *wrong, const char *operation,
                                  const char *journey);

struct run;

struct journey {
    const char *name, *column; /* the column of the table may be that of several */
    bool is_upload;            /* has ends */
    bool is_scenario;          /* strikes by itself: one case */
    bool has_proxy;            /* is struck below HTTP too */
    bool is_summed;            /* with checksums, which are compared; not below HTTP */
    void (*prepare)(struct run *r); /* without faults; may be NULL */
    void (*travel)(struct run *r);
    void (*judge)(struct run *r); /* without faults; may be NULL */
    const void *plan;
    bool needs_door; /* of regstore-fake-s3 */
    bool is_only_cancelled; /* of the service's faults others meet the rest */
};
extern const struct journey upload_journeys[], scenarios[], visits[], calls[], identities[];
extern const size_t upload_journeys_count, scenarios_count, visits_count, calls_count,
    identities_count;

enum outcome {
    UNDECIDED,
    FINE,           /* the host noticed nothing */
    FAILED_CLEARLY, /* the host was told, and could act */
    NOT_MET,        /* the fault met nothing that it could strike: no case */
    BROKEN,
};

/* What there is to strike in a journey. */
struct survey {
    unsigned n_turns;
    struct proxy_turn turns[PROXY_TURNS];
    struct door_count counts[OPERATIONS];
    size_t n_counts;
};

/* In memory that all processes share. */
struct sweep_case {
    const struct journey *journey;
    const struct wrong *wrong; /* NULL: none */
    enum end end;
    char operation[NAME]; /* that is struck; of the proxy's: "" */
    unsigned skip;        /* requests before it, of this operation; or turns, or allocations */
    uint64_t at;          /* the proxy's: after so many bytes; how many allocations there were */
    _Atomic int outcome;
    char words[WORDS]; /* of a claim that did not hold, or of the first failure */
    char line[PROXY_LINE]; /* of the turn that the proxy struck */
    struct survey *survey; /* of a case without a fault, which goes through the proxy; or NULL */
};

struct run {
    struct sweep_case *c;
    const struct regstore_plugin *p;
    struct regstore_store *store;
    struct proxy proxy;
    struct proxy_script script;
    char path[32]; /* storage_path, nobody else's */
    struct regstore_error error;
    uint64_t timeout_ms;
    bool is_mended; /* the fault is over */
    unsigned failures;
    bool was_early; /* the first of them came before the fault */
    const char *verb;
    regstore_status status; /* of the last failure */

    /* Handles, which a host may give up. */
    struct regstore_reader *reader;
    struct regstore_list *list;

    /* Of an upload. */
    struct regstore_upload *upload;
    char token[REGSTORE_TOKEN_MAX];
    uint64_t token_offset;
    bool is_committed;
    bool is_lost; /* GONE, or a CONFLICT that is not retryable: only abort is left */
};

/* Of every blob: its first bytes. */
#define CONTENT_BYTES (8u * MIB)
extern uint8_t *content;

#define CLAIM(r, claim) \
    do { \
        if (!(claim)) \
            end_broken(r, __FILE__, __LINE__, #claim); \
    } while (0)
_Noreturn void end_broken(const struct run *r, const char *file, int line, const char *claim);

/* True: regstore-fake-s3 with its door, which we have brought up. */
bool is_our_server(void);
/* One case, in a process of its own, from beginning to end; returns when it held. */
void run_case(struct sweep_case *c, unsigned number);

/* For journeys. */
struct regstore_call call_in(struct run *r);
/* A verb of the host's has failed: may it have?  From then on the service is well. */
void look_at_failure(struct run *r, const char *verb, regstore_status status);
/* Whether the key shows the blob of so many bytes; all of it then. */
bool is_visible(struct run *r, const char *key, uint64_t length);
/* A blob, without faults. */
void put_there(struct run *r, const char *key, size_t length);
/* The store again, as another process would have it, with and without the proxy. */
void reopen_store(struct run *r, bool is_through_proxy);
void pause_ms(unsigned ms);
/* What lies under the path, a line each; "" where only the server could tell. */
const char *what_lies(const struct run *r);
/* Purge takes all that is not visible, once it is old enough, by the server's clock. */
void purge_all(struct run *r);

#endif
