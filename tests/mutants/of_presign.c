/* SPDX-License-Identifier: Apache-2.0 */
/* SIGN-1: these are STSS3Storage, since a file has no URL. */
#include "mutants.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef regstore_status presign(struct regstore_store *, const struct regstore_call *, const char *,
                                const struct regstore_presign_opts *, char *, size_t, int64_t *);

static presign *good;

const struct regstore_plugin *s3_plugin(const char *path)
{
    const struct regstore_plugin *(*entry)(void);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module != NULL ? dlsym(module, "regstore_plugin_v1") : NULL;
    if (symbol == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        abort(); /* the build is broken */
    }
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function */
    good = entry()->presign;
    return entry();
}

BREAKS(GoodOnS3)
{
    (void)t; /* it breaks nothing */
}

static struct regstore_presign_opts known(const struct regstore_presign_opts *opts)
{
    if (opts != NULL && opts->struct_size == sizeof *opts)
        return *opts;
    return (struct regstore_presign_opts){.struct_size = sizeof(struct regstore_presign_opts)};
}

/* "X-Amz-Expires is in seconds." */
static regstore_status expires_in_seconds(struct regstore_store *store,
                                          const struct regstore_call *call, const char *key,
                                          const struct regstore_presign_opts *opts, char *url,
                                          size_t cap, int64_t *expires_ns)
{
    const regstore_status status = good(store, call, key, opts, url, cap, expires_ns);
    if (status == REGSTORE_OK)
        *expires_ns /= 1000000000;
    return status;
}

BREAKS(ExpiryInSeconds)
{
    t->presign = expires_in_seconds;
}

/* "The session is renewed in good time, so add its hour." */
static regstore_status expires_later(struct regstore_store *store, const struct regstore_call *call,
                                     const char *key, const struct regstore_presign_opts *opts,
                                     char *url, size_t cap, int64_t *expires_ns)
{
    const regstore_status status = good(store, call, key, opts, url, cap, expires_ns);
    if (status == REGSTORE_OK)
        *expires_ns += INT64_C(3600) * 1000000000;
    return status;
}

BREAKS(ExpiryAnHourLate)
{
    t->presign = expires_later;
}

enum { A_MINUTE_S = 60 };

/* "Less than a minute is of no use to anybody." */
static regstore_status sign_for_a_minute(struct regstore_store *store,
                                         const struct regstore_call *call, const char *key,
                                         const struct regstore_presign_opts *opts, char *url,
                                         size_t cap, int64_t *expires_ns)
{
    struct regstore_presign_opts own = known(opts);
    if (own.ttl_s == 0 || own.ttl_s >= A_MINUTE_S)
        return good(store, call, key, opts, url, cap, expires_ns);
    const int64_t more_ns = (int64_t)(A_MINUTE_S - own.ttl_s) * 1000000000;
    own.ttl_s = A_MINUTE_S;
    const regstore_status status = good(store, call, key, &own, url, cap, expires_ns);
    if (status == REGSTORE_OK)
        *expires_ns -= more_ns; /* as it was asked for */
    return status;
}

BREAKS(UrlOutlivesItsExpiry)
{
    t->presign = sign_for_a_minute;
}

/* "It fits, so what." */
static regstore_status sign_if_it_fits(struct regstore_store *store,
                                       const struct regstore_call *call, const char *key,
                                       const struct regstore_presign_opts *opts, char *url,
                                       size_t cap, int64_t *expires_ns)
{
    char *own = calloc(1, REGSTORE_URL_MAX);
    if (own == NULL)
        return mutant_fail(call, REGSTORE_NO_MEMORY, "out of memory");
    regstore_status status = good(store, call, key, opts, own, REGSTORE_URL_MAX, expires_ns);
    if (status == REGSTORE_OK && strlen(own) < cap)
        memcpy(url, own, strlen(own) + 1);
    else if (status == REGSTORE_OK)
        status = mutant_fail(call, REGSTORE_RANGE, "the URL does not fit");
    free(own);
    return status;
}

BREAKS(SmallUrlBufferTaken)
{
    t->presign = sign_if_it_fits;
}

/* "PUT, or else GET." */
static regstore_status sign_any_method(struct regstore_store *store,
                                       const struct regstore_call *call, const char *key,
                                       const struct regstore_presign_opts *opts, char *url,
                                       size_t cap, int64_t *expires_ns)
{
    struct regstore_presign_opts own = known(opts);
    if (own.method != NULL && strcmp(own.method, "PUT") != 0 && strcmp(own.method, "HEAD") != 0)
        own.method = "GET";
    return good(store, call, key, opts != NULL ? &own : NULL, url, cap, expires_ns);
}

BREAKS(AnyMethodIsGet)
{
    t->presign = sign_any_method;
}

/* "The client sends it or it does not." */
static regstore_status sign_any_type(struct regstore_store *store, const struct regstore_call *call,
                                     const char *key, const struct regstore_presign_opts *opts,
                                     char *url, size_t cap, int64_t *expires_ns)
{
    struct regstore_presign_opts own = known(opts);
    own.content_type = NULL;
    return good(store, call, key, opts != NULL ? &own : NULL, url, cap, expires_ns);
}

BREAKS(ContentTypeUnsigned)
{
    t->presign = sign_any_type;
}

/* "GET for an hour is what everybody wants." */
static regstore_status sign_without_opts(struct regstore_store *store,
                                         const struct regstore_call *call, const char *key,
                                         const struct regstore_presign_opts *opts, char *url,
                                         size_t cap, int64_t *expires_ns)
{
    const struct regstore_presign_opts usual = {
        .struct_size = sizeof usual, .ttl_s = 3600, .method = "GET"};
    return good(store, call, key, opts != NULL ? opts : &usual, url, cap, expires_ns);
}

BREAKS(NullOptsSigned)
{
    t->presign = sign_without_opts;
}

/* "The session has an hour or so, that will do." */
static regstore_status sign_for_any_life(struct regstore_store *store,
                                         const struct regstore_call *call, const char *key,
                                         const struct regstore_presign_opts *opts, char *url,
                                         size_t cap, int64_t *expires_ns)
{
    struct regstore_presign_opts own = known(opts);
    own.min_ttl_s = 0;
    return good(store, call, key, opts != NULL ? &own : NULL, url, cap, expires_ns);
}

BREAKS(ShortLifeGivenOut)
{
    t->presign = sign_for_any_life;
}
