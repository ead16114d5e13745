# SPDX-License-Identifier: Apache-2.0
"""Edits of the headers, and which proofs must fail of each; all the others must pass.

An edit is (what it does, what must fail, header, then OLD, NEW in turn). OLD stands in the header
exactly once. What must fail is written in letters:

    h  abidiff, regstore.h and its extension     p  the pairs of an old and a new binary
    l  abidiff, the host library                 m  the five language modes
    a  the layout asserts

l speaks of regstore.h too, since the library's functions lead to its structs. The pairs are there
to be run, so they fail too when what was written for minor 0 no longer compiles.

APPENDING lets all of them pass, in a header that says it is the next minor."""

ABI, HOST, POLICY = 'regstore.h', 'regstore-host.h', 'regstore-policy.h'

BREAKING = [
    # What moves.
    ('a field in the middle of an output', 'hlap', ABI,
     '    int64_t mtime_ns; /* UTC', '    uint64_t version;\n    int64_t mtime_ns; /* UTC'),
    ('a field in the middle of an input', 'hlap', ABI,
     '    const char *digest; /* "sha256:<64', '    const char *who;\n    const char *digest; /* "sha256:<64'),
    ('a field before the first one of a call', 'hlap', ABI,
     '    uint64_t timeout_ms;\n', '    uint64_t priority;\n    uint64_t timeout_ms;\n'),
    ('a slot in the middle of the table', 'hlap', ABI,
     '    void (*store_close)(', '    void (*store_flush)(struct regstore_store *store);\n'
     '    void (*store_close)('),
    ('two closes change places', 'hla', ABI,
     '    void (*read_close)(struct regstore_reader *reader);', '@', '    void (*upload_close)(struct '
     'regstore_upload *upload);', '    void (*read_close)(struct regstore_reader *reader);',
     '@', '    void (*upload_close)(struct regstore_upload *upload);'),
    ('two words of the table change places', 'hlap', ABI,
     'const char *name, *version, *description;', 'const char *version, *name, *description;'),
    ('two arguments of a slot change places, of one type', 'hlap', ABI,
     'const char *from, const char *to,\n                            const struct regstore_copy_opts',
     'const struct regstore_copy_opts *opts, const char *from,\n                            const char',
     '*opts);\n\n    /*\n     * LIST-1', '*to);\n\n    /*\n     * LIST-1'),
    ('a slot that may be NULL goes', 'hlap', ABI,
     '    regstore_status (*copy)(struct regstore_store *store, const struct regstore_call *call,\n'
     '                            const char *from, const char *to,\n'
     '                            const struct regstore_copy_opts *opts);\n', ''),
    ('a field gets another name', 'hlap', ABI,
     'const char *prefix, *start_after;', 'const char *prefix, *begin_after;'),

    # What gets another width, sign or type.
    ('a field gets wider', 'hlap', ABI,
     '    uint32_t retryable, http_status;', '    uint64_t retryable, http_status;'),
    ('a field is cut in two, of which the first has its name', 'hla', ABI,
     '    uint64_t ttl_s;  ', '    uint32_t ttl_s, spare; '),
    ('a time loses its sign', 'hla', ABI, '    int64_t mtime_ns; /* UTC', '    uint64_t mtime_ns; /* UTC'),
    ('the status gets wider', 'hlap', ABI, 'typedef int32_t regstore_status;',
     'typedef int64_t regstore_status;'),
    ('the status loses its sign', 'hla', ABI, 'typedef int32_t regstore_status;',
     'typedef uint32_t regstore_status;'),
    ('a text gets shorter', 'hlap', ABI, '    char code[64]; ', '    char code[32]; '),
    ('a text gets longer', 'hlap', ABI, '    char digest[144];', '    char digest[208];'),
    ('an argument gets narrower', 'hlap', ABI, 'void *buf, size_t cap, size_t *got',
     'void *buf, uint32_t cap, size_t *got'),
    ('an argument more', 'hlap', ABI,
     '    regstore_status (*upload_abort)(struct regstore_upload *upload,\n'
     '                                    const struct regstore_call *call);',
     '    regstore_status (*upload_abort)(struct regstore_upload *upload,\n'
     '                                    const struct regstore_call *call, uint64_t flags);'),
    ('an argument may be written to', 'hlap', ABI,
     '    regstore_status (*stat)(struct regstore_store *store, const struct regstore_call *call,\n'
     '                            const char *key,', '    regstore_status (*stat)(struct '
     'regstore_store *store, const struct regstore_call *call,\n                            char *key,'),
    ('a close returns something', 'hlap', ABI, '    void (*list_close)(', '    int (*list_close)('),
    ('a callback takes another type', 'hlap', ABI,
     '    void (*metric)(void *ctx, int32_t kind, const char *name, double value,',
     '    void (*metric)(void *ctx, int32_t kind, const char *name, float value,'),
    ('a table of structs becomes one of pointers', 'hlap', ABI,
     '    const struct regstore_param *params; ', '    const struct regstore_param *const *params; '),

    # What may not grow, or not so.
    ('a frozen struct grows: a pair', 'hlap', ABI,
     '    const char *key, *value;\n', '    const char *key, *value;\n    uint64_t flags;\n'),
    ('a frozen struct grows: a parameter', 'hlap', ABI,
     '*help; /* fallback NULL: none; help: a sentence for people */\n    uint64_t flags;\n',
     '*help; /* fallback NULL: none; help: a sentence for people */\n    uint64_t flags, minor;\n'),
    ('a frozen struct grows: an event', 'la', HOST,
     '    char text[2048];\n', '    char text[2048];\n    uint64_t sequence;\n'),
    ('a struct grows within a minor', 'a', ABI,
     '    uint64_t failed;                  /* tried in vain */\n',
     '    uint64_t failed;                  /* tried in vain */\n    uint64_t seconds;\n'),

    # Numbers, which only an assert sees.
    ('two statuses change numbers', 'ap', ABI,
     'REGSTORE_NOT_FOUND   1 ', 'REGSTORE_NOT_FOUND   2 ', 'REGSTORE_EXISTS      2 ', 'REGSTORE_EXISTS      1 '),
    ('a status gets another number', 'a', ABI, 'REGSTORE_CONFLICT  19', 'REGSTORE_CONFLICT  20'),
    ('a flag gets another bit', 'ap', ABI, 'COMMIT_IF_ABSENT 0x1u', 'COMMIT_IF_ABSENT 0x2u'),
    ('a feature gets another bit', 'a', ABI, 'F_FORK_AFTER_USE   0x20u', 'F_FORK_AFTER_USE   0x40u'),
    ('a level gets another number', 'ap', ABI, 'REGSTORE_LOG_INFO    20', 'REGSTORE_LOG_INFO    25'),
    ('a size that always sufficed gets larger', 'ap', ABI, 'KEY_MAX    1024', 'KEY_MAX    2048'),
    ('a status goes', 'ap', ABI, '#define REGSTORE_GONE      18', '#define REGSTORE_WENT      18'),
    ('an event gets another number', 'a', HOST, 'HOST_EVENT_LOG 0', 'HOST_EVENT_LOG 4'),
    ('an extension gets another name', 'a', POLICY, 'POLICY_ID "org.regstore.policy/1"',
     'POLICY_ID "org.regstore.policies/1"'),

    # What is exported.
    ('the entry gets another name', 'hap', ABI, 'regstore_plugin_v1(void);', 'regstore_plugin_1(void);'),
    ('the host library loses a function', 'l', HOST,
     'REGSTORE_EXPORT const char *regstore_host_path(const struct regstore_host_plugin *plugin);', ''),
    ('a function of the host library gets another name', 'l', HOST,
     ' regstore_host_ring_lost(', ' regstore_host_ring_dropped('),
    ('a function of the host library takes another type', 'l', HOST,
     'regstore_host_ring_new(size_t bytes,', 'regstore_host_ring_new(uint32_t bytes,'),
    ('a function of the host library takes one argument more', 'l', HOST,
     'regstore_host_ring_free(struct regstore_host_ring *ring)',
     'regstore_host_ring_free(struct regstore_host_ring *ring, int wipe)'),
    ('a function of the host library returns another type', 'l', HOST,
     'REGSTORE_EXPORT uint64_t regstore_host_ring_lost', 'REGSTORE_EXPORT uint32_t regstore_host_ring_lost'),
    ('a field in the middle of a location', 'la', HOST,
     '    const struct regstore_pair *settings; /*', '    const char *file;\n'
     '    const struct regstore_pair *settings; /*'),
    ('a field in the middle of an extension\'s struct', 'ha', POLICY,
     '    void *ctx;\n    /*', '    const char *role;\n    void *ctx;\n    /*'),
    ('an extension\'s function takes one argument more', 'ha', POLICY,
     'const struct regstore_policy_opts *opts);', 'const struct regstore_policy_opts *opts, int why);'),

    # What another compiler cannot read.
    ('a word of C++ names an argument', 'am', ABI,
     'const char *name, regstore_status status, const char *found,',
     'const char *class, regstore_status status, const char *found,'),
    ('a word of C++ names an argument of the host library', 'am', HOST,
     'regstore_host_load_file(const char *path,', 'regstore_host_load_file(const char *template,'),
    ('a struct without a name in a struct, which C99 has not', 'hlam', ABI,
     '    uint64_t older_than_s;', '    struct { uint64_t older_than_s; };'),
    ('an assert, which C99 has not', 'am', ABI, 'typedef int32_t regstore_status;',
     'typedef int32_t regstore_status;\n_Static_assert(sizeof(regstore_status) == 4, "int32_t");'),
    ('a type of a header that is not included', 'hlapm', ABI,
     '    uint32_t abi_minor, zero;', '    u_int32_t abi_minor, zero;'),
    ('an array without an end', 'hlam', ABI, '    uint64_t failed;                  /* tried in vain */\n',
     '    uint64_t failed;                  /* tried in vain */\n    uint64_t each[];\n'),
]

NEXT = ('#define REGSTORE_ABI_MINOR 0', '#define REGSTORE_ABI_MINOR 1')
STAT_END = ('    char etag[128];   /* opaque, no quotes; empty when none or too long: never cut */\n',)
TABLE_END = ('                             const struct regstore_purge_opts *opts, '
             'struct regstore_purged *out);\n',)

# What goes wrong behind a right append: the new minor hides nothing.
BREAKING += [
    ('a next minor appends a field and inserts another', 'hlap', ABI, *NEXT,
     STAT_END[0], STAT_END[0] + '    uint64_t version;\n',
     '    int64_t mtime_ns; /* UTC', '    uint64_t parts;\n    int64_t mtime_ns; /* UTC'),
    ('a next minor appends a field and changes another\'s type', 'hla', ABI, *NEXT,
     STAT_END[0], STAT_END[0] + '    uint64_t version;\n',
     '    int64_t mtime_ns; /* UTC', '    uint64_t mtime_ns; /* UTC'),
    ('a next minor appends a field and takes another away', 'hlap', ABI, *NEXT,
     '    uint64_t spared;                  /* younger */\n', '',
     '    uint64_t failed;                  /* tried in vain */\n',
     '    uint64_t failed;                  /* tried in vain */\n    uint64_t spared;\n'),
    ('a next minor appends a slot and changes another', 'hlap', ABI, *NEXT,
     TABLE_END[0], TABLE_END[0] + '    void (*more)(void);\n',
     'char *token, size_t cap,\n', 'char *token, uint32_t cap,\n'),
    ('a next minor appends a field, and a frozen struct grows', 'hlap', ABI, *NEXT,
     STAT_END[0], STAT_END[0] + '    uint64_t version;\n',
     '    const char *key, *value;\n', '    const char *key, *value, *kind;\n'),
    ('a next minor appends a field that is no 8 bytes', 'am', ABI, *NEXT,
     STAT_END[0], STAT_END[0] + '    uint32_t version;\n'),
    ('a next minor gives a new status an old number', 'a', ABI, *NEXT,
     'REGSTORE_CONFLICT  19', 'REGSTORE_LOCKED    19', '#define REGSTORE_LOG_DEBUG   10',
     '#define REGSTORE_CONFLICT  20\n#define REGSTORE_LOG_DEBUG   10'),
]

APPENDING = [
    ('other words in a comment', '', ABI, '/* this call\'s time is over */', '/* too late */'),
    ('a slot at the end of the table', '', ABI, *NEXT,
     TABLE_END[0], TABLE_END[0] + '    regstore_status (*touch)(struct regstore_store *store, const '
     'struct regstore_call *call, const char *key);\n'),
    ('a field at the end of an output', '', ABI, *NEXT,
     STAT_END[0], STAT_END[0] + '    uint64_t version;\n'),
    ('a text at the end of an output', '', ABI, *NEXT,
     '    char message[512]; ', '    char message[512]; char advice[256];'),
    ('a field at the end of an input', '', ABI, *NEXT,
     '    const char *content_type, *content_encoding; /*',
     '    const char *content_type, *content_encoding, *language; /*'),
    ('a field at the end of a call', '', ABI, *NEXT,
     '    struct regstore_error *error; /* may be NULL */\n',
     '    struct regstore_error *error; /* may be NULL */\n    uint64_t priority;\n'),
    ('a callback at the end of the host', '', ABI, *NEXT,
     '    int64_t (*clock_ns)(void *ctx, int32_t which);\n',
     '    int64_t (*clock_ns)(void *ctx, int32_t which);\n    void (*progress)(void *ctx, uint64_t n);\n'),
    ('a status', '', ABI, *NEXT,
     '#define REGSTORE_LOG_DEBUG   10', '#define REGSTORE_LOCKED 20\n#define REGSTORE_LOG_DEBUG   10'),
    ('a flag and a feature', '', ABI, *NEXT,
     '#define REGSTORE_COPY_IF_ABSENT 0x1u', '#define REGSTORE_COPY_IF_ABSENT 0x1u\n'
     '#define REGSTORE_COPY_DEEP 0x2u\n#define REGSTORE_F_DEEP_COPY 0x40u'),
    ('a verb with its handle and its opts', '', ABI, *NEXT,
     'struct regstore_list;\n', 'struct regstore_list;\nstruct regstore_lock;\n'
     'struct regstore_lock_opts {\n    uint64_t struct_size, flags;\n};\n',
     TABLE_END[0], TABLE_END[0] + '    regstore_status (*lock_open)(struct regstore_store *store, '
     'const struct regstore_call *call,\n        const struct regstore_lock_opts *opts, '
     'struct regstore_lock **out);\n    void (*lock_close)(struct regstore_lock *lock);\n'),
    ('a function of the host library', '', HOST,
     '/* "NOT_FOUND" for REGSTORE_NOT_FOUND;', 'REGSTORE_EXPORT const char *regstore_host_version(void);\n\n'
     '/* "NOT_FOUND" for REGSTORE_NOT_FOUND;'),
    ('a field at the end of an extension\'s struct', '', POLICY,
     'const char *purpose);\n', 'const char *purpose);\n    const char *partition;\n'),
]
