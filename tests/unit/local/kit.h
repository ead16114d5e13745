/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a folder of its own for each test, and the verbs in one line each. */
#ifndef LOCAL_TEST_KIT_H
#define LOCAL_TEST_KIT_H

#include <check.h>
#include <stdbool.h>

#include "regstore.h"

extern const struct regstore_plugin *plugin;
extern struct regstore_store *store; /* opened by set_up() */
extern char place[64];               /* its storage_path */
extern struct regstore_error error;  /* of the last call */

void set_up(void);
void tear_down(void);
/* The call of this thread; its error is the one above. */
const struct regstore_call *plain(void);
/* storage_path and a key below it. */
const char *file_of(const char *key);

struct regstore_store *open_store(const char *path, const struct regstore_host *host);
struct regstore_upload *begin(const char *key, uint64_t flags);
/* A token becomes a handle; NULL when it is refused. */
struct regstore_upload *resume(const char *token);
regstore_status write_text(struct regstore_upload *upload, const char *text);
regstore_status commit(struct regstore_upload *upload, const char *key, uint64_t flags);
/* Suspends and closes; fails the test when that does not work. */
void suspend(struct regstore_upload *upload, char token[REGSTORE_TOKEN_MAX]);
regstore_status put(const char *key, const char *text);
/* The blob's bytes; fails the test when there is none or it is too long. */
const char *get(const char *key);
regstore_status stat_of(const char *key);
regstore_status remove_blob(const char *key);
/* How many files lie in uploads/; the path of the last of them goes into staged_path. */
unsigned staged(void);
extern char staged_path[512];

#define ck_ok(expression)                                                                          \
    do {                                                                                           \
        const regstore_status ck_status = (expression);                                            \
        ck_assert_msg(ck_status == REGSTORE_OK, "%s: status %d: %s", #expression, ck_status,       \
                      error.message);                                                              \
    } while (0)
#define ck_status(expression, expected)                                                            \
    do {                                                                                           \
        const regstore_status ck_seen = (expression);                                              \
        ck_assert_msg(ck_seen == (expected), "%s: status %d, not %d: %s", #expression, ck_seen,    \
                      (expected), ck_seen == REGSTORE_OK ? "" : error.message);                    \
    } while (0)

/* Adds one test with the fixture above; its name is the claim. */
void add_claim(Suite *suite, const TTest *test);

void add_path_tests(Suite *suite);
void add_folder_tests(Suite *suite);
void add_crash_tests(Suite *suite);
void add_disk_tests(Suite *suite);
void add_token_tests(Suite *suite);
void add_writer_tests(Suite *suite);
void add_list_tests(Suite *suite);
void add_purge_tests(Suite *suite);
void add_store_tests(Suite *suite);

/* A host whose clock is two days ahead: to it everything is old. */
extern const struct regstore_host two_days_later;

#endif
