/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of OpenID Connect: RFC 7515 and 7519, as far as STS wants them. */
#include "web_identity.h"

#include "clock.h"
#include "exchange.h"
#include "paper.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <yaml.h>

enum { TOKEN_BYTES = 20000 };

void web_identity_clear(struct web_identity *who)
{
    free(who->subject);
    free(who->audience);
    free(who->issuer_host);
    *who = (struct web_identity){0};
}

static bool is_wrong(struct exchange *x, const char *words)
{
    return refuse_saying(x, "InvalidIdentityToken", "%s", words);
}

/* base64url without padding; NULL: it is none. */
static unsigned char *decode(const char *text, size_t length, size_t *out_length)
{
    struct text plain = {0};
    for (size_t i = 0; i < length; i++) {
        const char c = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
        text_add_n(&plain, &c, 1);
    }
    while (plain.length % 4 != 0)
        text_add(&plain, "=");
    unsigned char *bytes = grab(plain.length + 1);
    const int n =
        EVP_DecodeBlock(bytes, (const unsigned char *)text_str(&plain), (int)plain.length);
    const size_t padding = (4 - length % 4) % 4;
    text_clear(&plain);
    if (n < 0 || padding == 3 || memchr(text, '=', length) != NULL) {
        free(bytes);
        return NULL;
    }
    *out_length = (size_t)n - padding;
    bytes[*out_length] = '\0';
    return bytes;
}

/* A member of a JSON object, as text; NULL where there is none.  JSON is YAML. */
static char *member(const unsigned char *json, size_t length, const char *name)
{
    yaml_parser_t parser;
    yaml_document_t document;
    char *value = NULL;
    (void)yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, json, length);
    if (yaml_parser_load(&parser, &document) != 0) {
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        const bool is_map = root != NULL && root->type == YAML_MAPPING_NODE;
        for (const yaml_node_pair_t *pair = is_map ? root->data.mapping.pairs.start : NULL;
             is_map && value == NULL && pair < root->data.mapping.pairs.top; pair++) {
            const yaml_node_t *key = yaml_document_get_node(&document, pair->key),
                              *found = yaml_document_get_node(&document, pair->value);
            if (key->type == YAML_SCALAR_NODE && found->type == YAML_SCALAR_NODE &&
                strcmp((const char *)key->data.scalar.value, name) == 0)
                value = copy_text((const char *)found->data.scalar.value);
        }
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return value;
}

static bool is_signed(const struct exchange *x, const char *token, size_t length,
                      const unsigned char *signature, size_t signature_length)
{
    char *pem = read_file(x->server->options->oidc_key);
    BIO *bio = pem == NULL ? NULL : BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool is_good = key != NULL &&
                         EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                         EVP_DigestVerify(context, signature, signature_length,
                                          (const unsigned char *)token, length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
    free(pem);
    return is_good;
}

/* The provider's signature over the first two of the three pieces. */
static bool check_signature(struct exchange *x, const char *token, const char *claims,
                            const char *signature)
{
    size_t length = 0, header_length = 0;
    unsigned char *bytes = decode(signature, strlen(signature), &length);
    unsigned char *header = decode(token, (size_t)(claims - token) - 1, &header_length);
    char *algorithm = header == NULL ? NULL : member(header, header_length, "alg");
    const bool is_good = bytes != NULL && algorithm != NULL && strcmp(algorithm, "RS256") == 0 &&
                         is_signed(x, token, (size_t)(signature - token) - 1, bytes, length);
    free(algorithm);
    free(header);
    free(bytes);
    return is_good || is_wrong(x, "Couldn't retrieve verification key from your identity provider, "
                                  "please reference AssumeRoleWithWebIdentity documentation for "
                                  "requirements");
}

static bool check_times(struct exchange *x, const unsigned char *claims, size_t length)
{
    char *exp = member(claims, length, "exp");
    uint64_t ends_s = 0;
    const bool is_there = exp != NULL && read_number(exp, INT64_MAX / 1000, &ends_s);
    const int64_t now_s = server_now_ms(x->server) / 1000;
    free(exp);
    if (!is_there)
        return is_wrong(x, "Missing a required claim: exp");
    if (now_s < (int64_t)ends_s)
        return true;
    return refuse_saying(x, "ExpiredTokenException",
                         "Token expired: current date/time %lld must be before the expiration "
                         "date/time %lld",
                         (long long)now_s, (long long)ends_s);
}

static bool read_claims(struct exchange *x, const unsigned char *claims, size_t length,
                        struct web_identity *who)
{
    const char *issuer = x->server->options->oidc_issuer;
    char *iss = member(claims, length, "iss");
    const bool is_known = iss != NULL && strcmp(iss, issuer) == 0;
    free(iss);
    who->subject = member(claims, length, "sub");
    who->audience = member(claims, length, "aud");
    if (who->subject == NULL || who->audience == NULL)
        return is_wrong(x, "Missing a required claim: sub or aud");
    if (!is_known)
        return is_wrong(x, "No OpenIDConnect provider found in your account for the issuer");
    const char *host = strstr(issuer, "://");
    who->issuer_host = copy_text(host == NULL ? issuer : host + 3);
    return check_times(x, claims, length);
}

bool web_identity_read(struct exchange *x, const char *token, struct web_identity *who)
{
    *who = (struct web_identity){0};
    if (x->server->options->oidc_issuer == NULL)
        return is_wrong(x, "No OpenIDConnect provider found in your account");
    const char *claims = strchr(token, '.');
    const char *signature = claims == NULL ? NULL : strchr(claims + 1, '.');
    if (strlen(token) > TOKEN_BYTES || signature == NULL || strchr(signature + 1, '.') != NULL ||
        strpbrk(token, " \t\r\n") != NULL)
        return is_wrong(x, "The ID Token provided is not a valid JWT.");
    size_t length = 0;
    unsigned char *bytes = decode(claims + 1, (size_t)(signature - claims) - 1, &length);
    if (bytes == NULL)
        return is_wrong(x, "The ID Token provided is not a valid JWT.");
    const bool is_good =
        check_signature(x, token, claims + 1, signature + 1) && read_claims(x, bytes, length, who);
    free(bytes);
    if (!is_good)
        web_identity_clear(who);
    return is_good;
}
