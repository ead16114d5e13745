/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every number, size, offset and type that the header of each released minor had.  Compiling is
 * the test; run by compiles.sh as C11 and as C++11, whose compilers lay structs out on their own.
 *
 * Only append: a new minor adds its block at the end of its list, and no line above changes.
 */
#include "regstore.h"

#include "layout.h"

#define STATUS regstore_status
#define CALL const struct regstore_call *
#define STORE struct regstore_store *
#define UPLOAD struct regstore_upload *
#define READER struct regstore_reader *
#define LIST struct regstore_list *

/* What the numbers stand in: bits of a type are part of the ABI too. */
ASSERT(sizeof(regstore_status) == 4 && (regstore_status)-1 < 0, "regstore_status is int32_t");
ASSERT(sizeof(void *) == 8 && sizeof(size_t) == 8, "64-bit machines only");

/* Numbers of minor 0. */
NUMBER(REGSTORE_OK, 0);
NUMBER(REGSTORE_NOT_FOUND, 1);
NUMBER(REGSTORE_EXISTS, 2);
NUMBER(REGSTORE_DIGEST, 3);
NUMBER(REGSTORE_RANGE, 4);
NUMBER(REGSTORE_DENIED, 5);
NUMBER(REGSTORE_THROTTLED, 6);
NUMBER(REGSTORE_TIMEOUT, 7);
NUMBER(REGSTORE_CANCELLED, 8);
NUMBER(REGSTORE_UNAVAILABLE, 9);
NUMBER(REGSTORE_UNSUPPORTED, 10);
NUMBER(REGSTORE_STATE, 11);
NUMBER(REGSTORE_INVALID, 12);
NUMBER(REGSTORE_CONFIG, 13);
NUMBER(REGSTORE_CORRUPT, 14);
NUMBER(REGSTORE_NO_SPACE, 15);
NUMBER(REGSTORE_NO_MEMORY, 16);
NUMBER(REGSTORE_INTERNAL, 17);
NUMBER(REGSTORE_GONE, 18);
NUMBER(REGSTORE_CONFLICT, 19);
NUMBER(REGSTORE_LOG_DEBUG, 10);
NUMBER(REGSTORE_LOG_INFO, 20);
NUMBER(REGSTORE_LOG_WARNING, 30);
NUMBER(REGSTORE_LOG_ERROR, 40);
NUMBER(REGSTORE_METRIC_COUNT, 1);
NUMBER(REGSTORE_METRIC_GAUGE, 2);
NUMBER(REGSTORE_METRIC_TIME, 3);
NUMBER(REGSTORE_CLOCK_REALTIME, 1);
NUMBER(REGSTORE_KEY_MAX, 1024);
NUMBER(REGSTORE_TOKEN_MAX, 4096);
NUMBER(REGSTORE_URL_MAX, 16384);
NUMBER(REGSTORE_DIGEST_MAX, 144);
NUMBER(REGSTORE_PARAM_REQUIRED, 0x1u);
NUMBER(REGSTORE_PARAM_SECRET, 0x2u);
NUMBER(REGSTORE_PARAM_SIZE, 0x4u);
NUMBER(REGSTORE_PARAM_DURATION, 0x8u);
NUMBER(REGSTORE_PARAM_BOOL, 0x10u);
NUMBER(REGSTORE_PARAM_INTEGER, 0x20u);
NUMBER(REGSTORE_PARAM_PATH, 0x40u);
NUMBER(REGSTORE_STAT_PREFIX, 0x1u);
NUMBER(REGSTORE_UPLOAD_SHA256, 0x1u);
NUMBER(REGSTORE_UPLOAD_SHA512, 0x2u);
NUMBER(REGSTORE_UPLOAD_SOLE, 0x4u);
NUMBER(REGSTORE_COMMIT_IF_ABSENT, 0x1u);
NUMBER(REGSTORE_COPY_IF_ABSENT, 0x1u);
NUMBER(REGSTORE_LIST_AFTER_SUBTREE, 0x1u);
NUMBER(REGSTORE_PURGE_OBJECTS, 0x1u);
NUMBER(REGSTORE_PURGE_UPLOADS, 0x2u);
NUMBER(REGSTORE_PURGE_DRY_RUN, 0x4u);
NUMBER(REGSTORE_CHECK_WRITE, 0x1u);
NUMBER(REGSTORE_F_PRESIGN_GET, 0x1u);
NUMBER(REGSTORE_F_PRESIGN_PUT, 0x2u);
NUMBER(REGSTORE_F_SERVER_COPY, 0x4u);
NUMBER(REGSTORE_F_ATOMIC_IF_ABSENT, 0x8u);
NUMBER(REGSTORE_F_SHA512, 0x10u);
NUMBER(REGSTORE_F_FORK_AFTER_USE, 0x20u);

/* Structs of minor 0. */
FROZEN(pair, 16);
FIELD(pair, key, 0, const char *);
FIELD(pair, value, 8, const char *);

FROZEN(param, 32);
FIELD(param, key, 0, const char *);
FIELD(param, fallback, 8, const char *);
FIELD(param, help, 16, const char *);
FIELD(param, flags, 24, uint64_t);

SIZE(0, host, 40);
FIELD(host, struct_size, 0, uint64_t);
FIELD(host, ctx, 8, void *);
FIELD(host, log, 16, void (*)(void *, int32_t, const char *, const struct regstore_pair *, size_t));
FIELD(host, metric, 24, void (*)(void *, int32_t, const char *, double,
      const struct regstore_pair *, size_t));
FIELD(host, clock_ns, 32, int64_t (*)(void *, int32_t));

SIZE(0, error, 728);
FIELD(error, struct_size, 0, uint64_t);
FIELD(error, retryable, 8, uint32_t);
FIELD(error, http_status, 12, uint32_t);
FIELD(error, retry_after_ms, 16, uint64_t);
FIELD(error, code, 24, char[64]);
FIELD(error, request_id, 88, char[128]);
FIELD(error, message, 216, char[512]);

SIZE(0, call, 32);
FIELD(call, struct_size, 0, uint64_t);
FIELD(call, timeout_ms, 8, uint64_t);
FIELD(call, cancel, 16, const int32_t *);
FIELD(call, error, 24, struct regstore_error *);

SIZE(0, stat, 304);
FIELD(stat, struct_size, 0, uint64_t);
FIELD(stat, length, 8, uint64_t);
FIELD(stat, mtime_ns, 16, int64_t);
FIELD(stat, flags, 24, uint64_t);
FIELD(stat, digest, 32, char[144]);
FIELD(stat, etag, 176, char[128]);

SIZE(0, upload_opts, 56);
FIELD(upload_opts, struct_size, 0, uint64_t);
FIELD(upload_opts, flags, 8, uint64_t);
FIELD(upload_opts, expected_length, 16, uint64_t);
FIELD(upload_opts, key, 24, const char *);
FIELD(upload_opts, token, 32, const char *);
FIELD(upload_opts, content_type, 40, const char *);
FIELD(upload_opts, content_encoding, 48, const char *);

SIZE(0, commit_opts, 32);
FIELD(commit_opts, struct_size, 0, uint64_t);
FIELD(commit_opts, flags, 8, uint64_t);
FIELD(commit_opts, key, 16, const char *);
FIELD(commit_opts, digest, 24, const char *);

SIZE(0, read_opts, 40);
FIELD(read_opts, struct_size, 0, uint64_t);
FIELD(read_opts, flags, 8, uint64_t);
FIELD(read_opts, offset, 16, uint64_t);
FIELD(read_opts, length, 24, uint64_t);
FIELD(read_opts, etag, 32, const char *);

SIZE(0, copy_opts, 16);
FIELD(copy_opts, struct_size, 0, uint64_t);
FIELD(copy_opts, flags, 8, uint64_t);

SIZE(0, list_opts, 48);
FIELD(list_opts, struct_size, 0, uint64_t);
FIELD(list_opts, flags, 8, uint64_t);
FIELD(list_opts, limit, 16, uint64_t);
FIELD(list_opts, prefix, 24, const char *);
FIELD(list_opts, start_after, 32, const char *);
FIELD(list_opts, delimiter, 40, const char *);

SIZE(0, presign_opts, 48);
FIELD(presign_opts, struct_size, 0, uint64_t);
FIELD(presign_opts, flags, 8, uint64_t);
FIELD(presign_opts, ttl_s, 16, uint64_t);
FIELD(presign_opts, min_ttl_s, 24, uint64_t);
FIELD(presign_opts, method, 32, const char *);
FIELD(presign_opts, content_type, 40, const char *);

SIZE(0, purge_opts, 24);
FIELD(purge_opts, struct_size, 0, uint64_t);
FIELD(purge_opts, flags, 8, uint64_t);
FIELD(purge_opts, older_than_s, 16, uint64_t);

SIZE(0, purged, 48);
FIELD(purged, struct_size, 0, uint64_t);
FIELD(purged, objects, 8, uint64_t);
FIELD(purged, uploads, 16, uint64_t);
FIELD(purged, bytes, 24, uint64_t);
FIELD(purged, spared, 32, uint64_t);
FIELD(purged, failed, 40, uint64_t);

SIZE(0, check_opts, 32);
FIELD(check_opts, struct_size, 0, uint64_t);
FIELD(check_opts, flags, 8, uint64_t);
FIELD(check_opts, ctx, 16, void *);
FIELD(check_opts, step, 24, void (*)(void *, const char *, regstore_status, const char *,
      const char *));

SIZE(0, plugin, 248);
FIELD(plugin, struct_size, 0, uint64_t);
FIELD(plugin, abi_minor, 8, uint32_t);
FIELD(plugin, zero, 12, uint32_t);
FIELD(plugin, features, 16, uint64_t);
FIELD(plugin, name, 24, const char *);
FIELD(plugin, version, 32, const char *);
FIELD(plugin, description, 40, const char *);
FIELD(plugin, params, 48, const struct regstore_param *);
FIELD(plugin, extension, 56, const void *(*)(const char *));
FIELD(plugin, store_open, 64, STATUS (*)(CALL, const struct regstore_host *,
      const struct regstore_pair *, size_t, struct regstore_store **));
FIELD(plugin, store_features, 72, uint64_t (*)(const struct regstore_store *));
FIELD(plugin, store_close, 80, void (*)(STORE));
FIELD(plugin, check, 88, STATUS (*)(STORE, CALL, const struct regstore_check_opts *));
FIELD(plugin, upload_open, 96, STATUS (*)(STORE, CALL, const struct regstore_upload_opts *,
      struct regstore_upload **));
FIELD(plugin, upload_write, 104, STATUS (*)(UPLOAD, CALL, const void *, size_t));
FIELD(plugin, upload_offset, 112, uint64_t (*)(const struct regstore_upload *));
FIELD(plugin, upload_digest, 120, STATUS (*)(const struct regstore_upload *, const char *, char *,
      size_t));
FIELD(plugin, upload_suspend, 128, STATUS (*)(UPLOAD, CALL, char *, size_t, uint64_t *));
FIELD(plugin, upload_commit, 136, STATUS (*)(UPLOAD, CALL, const struct regstore_commit_opts *,
      struct regstore_stat *));
FIELD(plugin, upload_abort, 144, STATUS (*)(UPLOAD, CALL));
FIELD(plugin, upload_close, 152, void (*)(UPLOAD));
FIELD(plugin, read_open, 160, STATUS (*)(STORE, CALL, const char *,
      const struct regstore_read_opts *, struct regstore_reader **, struct regstore_stat *));
FIELD(plugin, read_next, 168, STATUS (*)(READER, CALL, void *, size_t, size_t *));
FIELD(plugin, read_close, 176, void (*)(READER));
FIELD(plugin, stat, 184, STATUS (*)(STORE, CALL, const char *, struct regstore_stat *));
FIELD(plugin, delete_blobs, 192, STATUS (*)(STORE, CALL, const char *const *, size_t,
      regstore_status *));
FIELD(plugin, copy, 200, STATUS (*)(STORE, CALL, const char *, const char *,
      const struct regstore_copy_opts *));
FIELD(plugin, list_open, 208, STATUS (*)(STORE, CALL, const struct regstore_list_opts *,
      struct regstore_list **));
FIELD(plugin, list_next, 216, STATUS (*)(LIST, CALL, char *, size_t, struct regstore_stat *));
FIELD(plugin, list_close, 224, void (*)(LIST));
FIELD(plugin, presign, 232, STATUS (*)(STORE, CALL, const char *,
      const struct regstore_presign_opts *, char *, size_t, int64_t *));
FIELD(plugin, purge, 240, STATUS (*)(STORE, CALL, const struct regstore_purge_opts *,
      struct regstore_purged *));

/* Here a new minor puts its block, and then says which one is the newest. */
NUMBER(REGSTORE_ABI_MINOR, 0);

/* The one exported symbol; a redeclaration shows whether its name is C's in C++ too. */
#ifdef __cplusplus
extern "C" const struct regstore_plugin *regstore_plugin_v1();
ASSERT(std::is_same<decltype(regstore_plugin_v1), const struct regstore_plugin *()>::value,
       "type of regstore_plugin_v1");
#else
ASSERT(_Generic(&regstore_plugin_v1, const struct regstore_plugin *(*)(void): 1, default: 0),
       "type of regstore_plugin_v1");
#endif
