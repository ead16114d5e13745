/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for OpenSSL's FIPS provider, which Debian does not build: a provider of what the
 * default one has, without MD5, each algorithm marked fips=yes.  Where it is the only one that is
 * loaded and fips=yes the default, a program sees what it sees on a machine in FIPS mode: what the
 * provider lacks cannot be had, and what is fetched past the default properties neither.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <string.h>

#define PROPERTIES "provider=approved,fips=yes"

__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

/* In a library context of its own, so that the program's has nothing but us. */
static OSSL_LIB_CTX *inner;
static OSSL_PROVIDER *standard;
static OSSL_ALGORITHM kept[OSSL_OP__HIGHEST + 1][256]; /* of each operation, filled once */

/* "MD5:SSL3-MD5:1.2.840.113549.2.5", "MD5-SHA1". */
static int is_approved(const char *names)
{
    return strncmp(names, "MD5", 3) != 0;
}

/* What deals with files is the base provider's, as beside the FIPS provider. */
static int is_ours(int operation)
{
    return operation != OSSL_OP_ENCODER && operation != OSSL_OP_DECODER &&
           operation != OSSL_OP_STORE;
}

static void keep(int operation)
{
    int no_cache;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(standard, operation, &no_cache);
    for (size_t n = 0; all != NULL && all->algorithm_names != NULL && n < 255; all++) {
        if (!is_approved(all->algorithm_names))
            continue;
        kept[operation][n] = *all;
        kept[operation][n++].property_definition = PROPERTIES;
    }
}

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
    (void)context;
    *no_cache = 0;
    return operation > 0 && operation <= OSSL_OP__HIGHEST && is_ours(operation) ? kept[operation]
                                                                                : NULL;
}

static int get_params(void *context, OSSL_PARAM params[])
{
    (void)context;
    OSSL_PARAM *name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
    OSSL_PARAM *status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    return (name == NULL || OSSL_PARAM_set_utf8_ptr(name, "approved")) &&
           (status == NULL || OSSL_PARAM_set_int(status, 1));
}

static void tear_down(void *context)
{
    (void)context;
    (void)OSSL_PROVIDER_unload(standard);
    OSSL_LIB_CTX_free(inner);
}

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH ours[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
        {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))tear_down},
        {0, NULL},
    };
    (void)handle;
    (void)in;
    inner = OSSL_LIB_CTX_new();
    standard = inner == NULL ? NULL : OSSL_PROVIDER_load(inner, "default");
    if (standard == NULL)
        return 0;
    for (int operation = 1; operation <= OSSL_OP__HIGHEST; operation++)
        keep(operation);
    *context = OSSL_PROVIDER_get0_provider_ctx(standard);
    *out = ours;
    return 1;
}
