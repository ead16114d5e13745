/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures against the vectors of AWS, and what the vectors do not say. */
#include "suites.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "sigv4.h"

struct aws_outcome {
    const char *canonical, *digest, *signature;
};

struct aws_vector {
    const char *name, *method, *path, *query, *headers, *body, *token;
    bool signs_body, normalizes;
    struct aws_outcome header; /* signed in the header Authorization */
    struct aws_outcome query_signed;
};

struct s3_vector {
    const char *name, *method, *path, *query, *headers, *body, *payload_sha256;
    uint32_t expires_s; /* 0: signed in the header Authorization */
    const char *signature;
};

#include "vectors/sigv4.inc"

#define AWS_VECTORS ((int)(sizeof aws_vectors / sizeof aws_vectors[0]))
#define S3_VECTORS  ((int)(sizeof s3_vectors / sizeof s3_vectors[0]))

#define AWS_TIME "2015-08-30T12:36:00Z"
#define S3_TIME  "2013-05-24T00:00:00Z"

static const struct stss3_signer aws_signer = {
    .access_key = "AKIDEXAMPLE",
    .secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "service",
};

static const struct stss3_signer s3_signer = {
    .access_key = "AKIAIOSFODNN7EXAMPLE",
    .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "s3",
};

static int64_t at(const char *iso)
{
    int64_t ns = 0;
    ck_assert_msg(stss3_time_parse_iso(iso, &ns), "%s is no time", iso);
    return ns;
}

/* A request as a vector writes it, in the form that is signed.  The texts live in storage. */
struct parsed {
    char *storage;
    struct stss3_header headers[STSS3_SIGN_HEADERS];
    struct stss3_query query;
    struct plug_buf path;
    char payload_sha256[STSS3_SHA256_HEX];
    struct stss3_sign_request request;
};

/* Lines "Name:value"; a line that begins with a space goes on with the value before it. */
static size_t parse_headers(char *text, struct stss3_header *headers)
{
    size_t n = 0;
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        while (end[1] == ' ')
            end = strchr(end + 1, '\n');
        *end = '\0';
        char *colon = strchr(line, ':');
        *colon = '\0';
        headers[n++] = (struct stss3_header){line, colon + 1};
        line = end + 1;
    }
    return n;
}

static char *decoded(const char *text, size_t len)
{
    struct plug_buf out = {0};
    ck_assert(stss3_uri_decode(&out, text, len));
    char *copy = plug_buf_steal(&out);
    ck_assert_ptr_nonnull(copy);
    return copy;
}

static void parse_query(const char *text, struct stss3_query *query)
{
    while (*text != '\0') {
        const size_t len = strcspn(text, "&");
        const size_t name_len = strcspn(text, "=");
        char *name = decoded(text, name_len);
        char *value = decoded(text + name_len + 1, len - name_len - 1);
        stss3_query_add(query, name, value);
        free(name);
        free(value);
        text += len + (text[len] == '&');
    }
}

static void parse(struct parsed *p, const char *method, const char *headers, const char *query)
{
    *p = (struct parsed){.storage = strdup(headers)};
    ck_assert_ptr_nonnull(p->storage);
    p->request.method = method;
    p->request.n_headers = parse_headers(p->storage, p->headers);
    p->request.headers = p->headers;
    p->request.payload_sha256 = p->payload_sha256;
    if (query != NULL) {
        parse_query(query, &p->query);
        p->request.query = &p->query;
    }
}

static void parsed_clear(struct parsed *p)
{
    free(p->storage);
    stss3_query_clear(&p->query);
    plug_buf_clear(&p->path);
}

static void parse_aws(struct parsed *p, const struct aws_vector *v)
{
    const char *body = v->body == NULL ? "" : v->body;
    parse(p, v->method, v->headers, v->query);
    p->request.path = v->path;
    p->request.flags = STSS3_SIGN_ENCODE_PATH | (v->normalizes ? STSS3_SIGN_NORMALIZE_PATH : 0) |
                       (v->signs_body ? STSS3_SIGN_PAYLOAD_HEADER : 0);
    stss3_sha256_hex(body, strlen(body), p->payload_sha256);
}

static void check_outcome(const struct stss3_signature *s, const struct aws_outcome *expected)
{
    char string_to_sign[256];
    (void)snprintf(string_to_sign, sizeof string_to_sign,
                   "AWS4-HMAC-SHA256\n20150830T123600Z\n"
                   "20150830/us-east-1/service/aws4_request\n%s",
                   expected->digest);
    ck_assert_str_eq(plug_buf_text(&s->canonical_request), expected->canonical);
    ck_assert_str_eq(plug_buf_text(&s->string_to_sign), string_to_sign);
    ck_assert_str_eq(s->hex, expected->signature);
}

/* The line of a text, counted from its end. */
static char *line_from_end(const char *text, int count)
{
    const char *end = text + strlen(text);
    const char *start = end;
    for (;; start--) {
        if (start[-1] != '\n')
            continue;
        if (count-- == 0)
            break;
        end = start - 1;
    }
    return strndup(start, (size_t)(end - start));
}

START_TEST(signs_the_headers_as_aws_does)
{
    const struct aws_vector *v = &aws_vectors[_i];
    struct stss3_signer signer = aws_signer;
    struct stss3_signing_key key = {0};
    struct stss3_signature s = {0};
    struct parsed p;
    char expected[512];

    parse_aws(&p, v);
    signer.session_token = v->token;
    ck_assert_msg(stss3_sign_headers(&signer, &p.request, at(AWS_TIME), &key, &s), "%s", v->name);
    check_outcome(&s, &v->header);
    char *names = line_from_end(v->header.canonical, 1);
    (void)snprintf(expected, sizeof expected,
                   "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                   "aws4_request, SignedHeaders=%s, Signature=%s",
                   names, v->header.signature);
    ck_assert_str_eq(plug_buf_text(&s.text), expected);
    ck_assert_str_eq(s.amz_date, "20150830T123600Z");
    free(names);
    stss3_signature_clear(&s);
    parsed_clear(&p);
}
END_TEST

START_TEST(signs_the_query_as_aws_does)
{
    const struct aws_vector *v = &aws_vectors[_i];
    struct stss3_signer signer = aws_signer;
    struct stss3_signing_key key = {0};
    struct stss3_signature s = {0};
    struct parsed p;
    char expected[2048];

    parse_aws(&p, v);
    signer.session_token = v->token;
    ck_assert_msg(stss3_sign_query(&signer, &p.request, at(AWS_TIME), 3600, &key, &s), "%s",
                  v->name);
    check_outcome(&s, &v->query_signed);
    const char *query = strchr(strchr(v->query_signed.canonical, '\n') + 1, '\n') + 1;
    (void)snprintf(expected, sizeof expected, "%.*s&X-Amz-Signature=%s",
                   (int)strcspn(query, "\n"), query, v->query_signed.signature);
    ck_assert_str_eq(plug_buf_text(&s.text), expected);
    stss3_signature_clear(&s);
    parsed_clear(&p);
}
END_TEST

static void sign_s3(const struct s3_vector *v, struct stss3_signing_key *key,
                    struct stss3_signature *s)
{
    struct parsed p;
    parse(&p, v->method, v->headers, v->query);
    stss3_uri_encode(&p.path, v->path, strlen(v->path), true);
    p.request.path = plug_buf_text(&p.path);
    p.request.payload_sha256 = v->payload_sha256;
    p.request.flags = STSS3_SIGN_FOR_S3;
    if (v->body != NULL) {
        stss3_sha256_hex(v->body, strlen(v->body), p.payload_sha256);
        ck_assert_str_eq(p.payload_sha256, v->payload_sha256);
    }
    if (v->expires_s == 0)
        ck_assert(stss3_sign_headers(&s3_signer, &p.request, at(S3_TIME), key, s));
    else
        ck_assert(stss3_sign_query(&s3_signer, &p.request, at(S3_TIME), v->expires_s, key, s));
    parsed_clear(&p);
}

START_TEST(signs_as_the_documentation_of_s3_does)
{
    struct stss3_signing_key key = {0};
    struct stss3_signature s = {0};

    sign_s3(&s3_vectors[_i], &key, &s);
    ck_assert_msg(strcmp(s.hex, s3_vectors[_i].signature) == 0, "%s: %s\n%s", s3_vectors[_i].name,
                  s.hex, plug_buf_text(&s.canonical_request));
    stss3_signature_clear(&s);
}
END_TEST

/* The plugin sends no signed chunks; that they come out right from its signing key and its seed
 * signature proves both. */
START_TEST(signing_key_and_seed_give_the_chunk_signatures_of_s3)
{
    struct stss3_signing_key key = {0};
    struct stss3_signature s = {0};
    struct plug_buf text = {0};
    static char data[65536];
    char previous[STSS3_SHA256_HEX], digest[STSS3_SHA256_HEX];

    memset(data, 'a', sizeof data);
    sign_s3(&s3_vectors[S3_VECTORS - 1], &key, &s);
    memcpy(previous, s.hex, sizeof previous);
    for (size_t i = 0; i < sizeof s3_chunks / sizeof s3_chunks[0]; i++) {
        uint8_t mac[32];
        unsigned mac_len = 0;
        stss3_sha256_hex(data, s3_chunks[i].len, digest);
        plug_buf_reset(&text);
        plug_buf_printf(&text,
                        "AWS4-HMAC-SHA256-PAYLOAD\n20130524T000000Z\n"
                        "20130524/us-east-1/s3/aws4_request\n%s\n" STSS3_EMPTY_SHA256 "\n%s",
                        previous, digest);
        ck_assert_ptr_nonnull(HMAC(EVP_sha256(), key.key, sizeof key.key,
                                   (const unsigned char *)text.data, text.len, mac, &mac_len));
        plug_hex(mac, sizeof mac, previous);
        ck_assert_str_eq(previous, s3_chunks[i].signature);
    }
    plug_buf_clear(&text);
    stss3_signature_clear(&s);
}
END_TEST

static const struct stss3_header host_only[] = {{"Host", "h"}};

static struct stss3_sign_request plain_request(const char *path)
{
    return (struct stss3_sign_request){.method = "GET",
                                       .path = path,
                                       .headers = host_only,
                                       .n_headers = 1,
                                       .payload_sha256 = STSS3_EMPTY_SHA256,
                                       .flags = STSS3_SIGN_FOR_S3};
}

static const struct {
    const char *path;
    unsigned flags;
    const char *canonical;
} paths[] = {
    {"/a%20b//./../c", STSS3_SIGN_FOR_S3, "/a%20b//./../c"},
    {"/a%20b/./c", STSS3_SIGN_FOR_OTHERS, "/a%2520b/c"},
    {"/a/b/..", STSS3_SIGN_FOR_OTHERS, "/a/"},
    {"/../../a", STSS3_SIGN_FOR_OTHERS, "/a"},
    {"/...", STSS3_SIGN_FOR_OTHERS, "/..."},
    {"/a/b/../../../..//c/", STSS3_SIGN_FOR_OTHERS, "/c/"},
};

START_TEST(path_is_signed_as_it_is_for_s3_and_rewritten_for_others)
{
    struct stss3_sign_request request = plain_request(paths[_i].path);
    struct stss3_signing_key key = {0};
    struct stss3_signature s = {0};
    char expected[128];

    request.flags = paths[_i].flags;
    ck_assert(stss3_sign_headers(&s3_signer, &request, at(S3_TIME), &key, &s));
    (void)snprintf(expected, sizeof expected, "GET\n%s\n\n", paths[_i].canonical);
    ck_assert_msg(strncmp(plug_buf_text(&s.canonical_request), expected, strlen(expected)) == 0,
                  "%s", plug_buf_text(&s.canonical_request));
    stss3_signature_clear(&s);
}
END_TEST

START_TEST(what_a_proxy_may_change_is_not_signed)
{
    static const struct stss3_header headers[] = {
        {"User-Agent", "x"}, {"Host", "h"},       {"Expect", "100-continue"},
        {"Connection", "x"}, {"X-Amz-Meta-A", ""}, {"Accept-Encoding", "identity"},
        {"TE", "trailers"},  {"Upgrade", "h2c"},  {"Transfer-Encoding", "chunked"},
    };
    struct stss3_sign_request request = plain_request("/");
    struct stss3_signing_key key = {0};
    struct stss3_signature s = {0};

    request.headers = headers;
    request.n_headers = sizeof headers / sizeof headers[0];
    ck_assert(stss3_sign_headers(&s3_signer, &request, at(S3_TIME), &key, &s));
    ck_assert_str_eq(plug_buf_text(&s.canonical_request),
                     "GET\n/\n\nhost:h\nx-amz-content-sha256:" STSS3_EMPTY_SHA256
                     "\nx-amz-date:20130524T000000Z\nx-amz-meta-a:\n\n"
                     "host;x-amz-content-sha256;x-amz-date;x-amz-meta-a\n" STSS3_EMPTY_SHA256);
    stss3_signature_clear(&s);
}
END_TEST

static void hex_with(struct stss3_signing_key *key, const struct stss3_signer *signer,
                     int64_t time_ns, char out[STSS3_SHA256_HEX])
{
    const struct stss3_sign_request request = plain_request("/");
    struct stss3_signature s = {0};
    ck_assert(stss3_sign_headers(signer, &request, time_ns, key, &s));
    memcpy(out, s.hex, sizeof s.hex);
    stss3_signature_clear(&s);
}

/* Neighbours differ in one thing; each on a key that is kept must give what a fresh key gives. */
START_TEST(kept_key_is_renewed_with_day_place_and_keys)
{
    static char long_key[200], cut_key[200], long_secret[200];
    memset(long_secret, 'S', sizeof long_secret - 1);
    memset(long_key, 'L', sizeof long_key - 1);
    memset(cut_key, 'L', sizeof((struct stss3_signing_key *)NULL)->access_key - 1);
    const struct {
        struct stss3_signer signer;
        const char *time;
    } steps[] = {
        {{"A", "secret1", NULL, "us-east-1", "s3"}, "2013-05-24T00:00:00Z"},
        {{"A", "secret2", NULL, "us-east-1", "s3"}, "2013-05-24T00:00:00Z"},
        {{"A", long_secret, NULL, "us-east-1", "s3"}, "2013-05-24T00:00:00Z"},
        {{"A", "secret2", NULL, "us-east-1", "s3"}, "2013-05-24T00:00:00Z"},
        {{"B", "secret2", NULL, "us-east-1", "s3"}, "2013-05-24T00:00:00Z"},
        {{"B", "secret2", NULL, "eu-west-1", "s3"}, "2013-05-24T00:00:00Z"},
        {{"B", "secret2", NULL, "eu-west-1", "sts"}, "2013-05-24T00:00:00Z"},
        {{"B", "secret2", NULL, "eu-west-1", "sts"}, "2013-05-24T23:59:59.999Z"},
        {{"B", "secret2", NULL, "eu-west-1", "sts"}, "2013-05-25T00:00:00Z"},
        {{long_key, "secret3", NULL, "eu-west-1", "sts"}, "2013-05-25T00:00:00Z"},
        {{long_key, "secret4", NULL, "eu-west-1", "sts"}, "2013-05-25T00:00:00Z"},
        {{cut_key, "secret5", NULL, "eu-west-1", "sts"}, "2013-05-25T00:00:00Z"},
    };
    struct stss3_signing_key kept = {0};
    char with_kept[STSS3_SHA256_HEX], with_fresh[STSS3_SHA256_HEX];

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct stss3_signing_key fresh = {0};
        hex_with(&kept, &steps[i].signer, at(steps[i].time), with_kept);
        hex_with(&fresh, &steps[i].signer, at(steps[i].time), with_fresh);
        ck_assert_msg(strcmp(with_kept, with_fresh) == 0, "step %zu", i);
    }
}
END_TEST

START_TEST(kept_key_is_not_derived_again)
{
    struct stss3_signing_key key = {0};
    char honest[STSS3_SHA256_HEX], other[STSS3_SHA256_HEX];

    hex_with(&key, &s3_signer, at(S3_TIME), honest);
    key.key[0] ^= 1;
    hex_with(&key, &s3_signer, at(S3_TIME), other);
    ck_assert_str_ne(honest, other);
}
END_TEST

START_TEST(signature_used_again_forgets_the_request_before)
{
    const struct stss3_sign_request first = plain_request("/a/much/longer/path/than/the/next");
    const struct stss3_sign_request second = plain_request("/");
    struct stss3_signing_key key = {0};
    struct stss3_signature used = {0}, fresh = {0};

    ck_assert(stss3_sign_headers(&s3_signer, &first, at(S3_TIME), &key, &used));
    ck_assert(stss3_sign_headers(&s3_signer, &second, at(S3_TIME), &key, &used));
    ck_assert(stss3_sign_headers(&s3_signer, &second, at(S3_TIME), &key, &fresh));
    ck_assert_str_eq(plug_buf_text(&used.text), plug_buf_text(&fresh.text));
    ck_assert_str_eq(plug_buf_text(&used.canonical_request),
                     plug_buf_text(&fresh.canonical_request));
    stss3_signature_clear(&used);
    stss3_signature_clear(&fresh);
}
END_TEST

START_TEST(query_with_too_many_pairs_is_not_signed)
{
    struct stss3_query query = {.n = 0};
    struct stss3_sign_request request = plain_request("/");
    struct stss3_signing_key key = {0};
    struct stss3_signature s = {0};

    for (uint64_t i = 0; i < STSS3_QUERY_PAIRS - 4; i++)
        stss3_query_add_number(&query, "n", i);
    request.query = &query;
    ck_assert(stss3_sign_headers(&s3_signer, &request, at(S3_TIME), &key, &s));
    ck_assert(!stss3_sign_query(&s3_signer, &request, at(S3_TIME), 60, &key, &s));
    stss3_query_clear(&query);
    stss3_signature_clear(&s);
}
END_TEST

Suite *sigv4_suite(void)
{
    Suite *suite = suite_create("sigv4");
    TCase *c = tcase_create("sigv4");
    tcase_add_loop_test(c, signs_the_headers_as_aws_does, 0, AWS_VECTORS);
    tcase_add_loop_test(c, signs_the_query_as_aws_does, 0, AWS_VECTORS);
    tcase_add_loop_test(c, signs_as_the_documentation_of_s3_does, 0, S3_VECTORS);
    tcase_add_test(c, signing_key_and_seed_give_the_chunk_signatures_of_s3);
    tcase_add_loop_test(c, path_is_signed_as_it_is_for_s3_and_rewritten_for_others, 0,
                        sizeof paths / sizeof paths[0]);
    tcase_add_test(c, what_a_proxy_may_change_is_not_signed);
    tcase_add_test(c, kept_key_is_renewed_with_day_place_and_keys);
    tcase_add_test(c, kept_key_is_not_derived_again);
    tcase_add_test(c, signature_used_again_forgets_the_request_before);
    tcase_add_test(c, query_with_too_many_pairs_is_not_signed);
    suite_add_tcase(suite, c);
    return suite;
}
