/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real server, stores on it, and children that use them.  The server is regstore-fake-s3, whose
 * path is REGSTORE_FAKE_S3, or any other at REGSTORE_TEST_ENDPOINT with the same bucket, user and
 * role (tests/rgw/rgw-up.sh).
 */
#ifndef TEST_PLACE_H
#define TEST_PLACE_H

#include "regstore.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A name for 127.0.0.1 that only the test's own getaddrinfo() knows: curl knows "localhost" without
 * asking. */
#define PLACE_NAME "s3.fork.test"

/* What a child has for all it does before it counts as hung. */
#define CHILD_LIFE_S 60

const struct regstore_plugin *plugin_table(void);

void server_up(void);
void server_down(void);
/* "http://127.0.0.1:PORT"; its /_fake/ is open to tests. */
const char *server_url(void);
/* by_name: PLACE_NAME in place of the address, which curl has to look up. */
struct regstore_store *store_at(bool by_name);
/* The same, at another storage_path. */
struct regstore_store *store_under(const char *path, bool by_name);
/* The same with more settings, before those of the store, of which they take the place. */
struct regstore_store *store_with(const struct regstore_pair *more, size_t n);
/* The same, at another URL; REGSTORE_TEST_CA is a file of certificates to trust. */
struct regstore_store *store_through(const char *url, const char *path);
struct regstore_call call_of(struct regstore_error *error);
/* How many children the tests with many make: REGSTORE_TEST_FORKS, or a few. */
unsigned how_many_forks(void);

/* Both speak of a failure on standard error and return false, so that children can use them too. */
bool put(struct regstore_store *store, const char *key, uint64_t seed, size_t len);
/* Puts, looks at, reads, compares and deletes a blob of its own. */
bool use(struct regstore_store *store, const char *name, uint64_t seed, size_t len);
/* Bytes that follow from seed and offset. */
void fill(uint8_t *bytes, size_t len, uint64_t seed, uint64_t offset);
bool has_content(struct regstore_store *store, const char *key, uint64_t seed, size_t len);

/* A child that ends with what act returns; it is killed after CHILD_LIFE_S. */
pid_t child_that(bool (*act)(void *ctx), void *ctx);
/* False: it hung, crashed, or act was false. */
bool went_well(pid_t child);

int64_t now_ns(void);

#endif
