/* SPDX-License-Identifier: Apache-2.0 */
/* COM-1, and upload_digest against OpenSSL. */
#include <ctype.h>
#include <string.h>

#include "blob.h"

static void digest_must_be(struct world *w, struct regstore_upload *u, const char *algorithm,
                           const struct content *head)
{
    CALL(c);
    char seen[REGSTORE_DIGEST_MAX] = "", wanted[REGSTORE_DIGEST_MAX];
    content_digest(head, algorithm, wanted);
    EXPECT_OK(&c, w->p->upload_digest(u, algorithm, seen, sizeof seen));
    CLAIM(strcmp(seen, wanted) == 0, "after %llu bytes upload_digest says %s, OpenSSL %s",
          (unsigned long long)head->length, seen, wanted);
}

static void follows(struct world *w, uint64_t flag, const char *algorithm)
{
    CALL(c);
    const uint64_t stops[] = {0,   1,   55,  56,  63,   64,     65,          111,
                              112, 127, 128, 129, 4096, 100001, 5 * MIB + 1, 6 * MIB};
    const struct content content = content_of(test_seed(w, 1), 6 * MIB);
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .flags = flag};
    struct regstore_upload *u = upload_begin(w, &opts);
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        const struct content head = content_head(content, stops[i]);
        upload_fill(w, u, &content, stops[i]);
        digest_must_be(w, u, algorithm, &head);
    }
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

static void running_sha256_is_that_of_the_bytes_so_far(struct world *w)
{
    follows(w, REGSTORE_UPLOAD_SHA256, "sha256");
}

static void running_sha512_is_that_of_the_bytes_so_far(struct world *w)
{
    follows(w, REGSTORE_UPLOAD_SHA512, "sha512");
}

static void both_digests_may_be_asked_for(struct world *w)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 100 * KIB);
    const struct regstore_upload_opts opts = {
        .struct_size = sizeof opts, .flags = REGSTORE_UPLOAD_SHA256 | REGSTORE_UPLOAD_SHA512};
    struct regstore_upload *u = upload_begin(w, &opts);
    upload_fill(w, u, &content, content.length);
    digest_must_be(w, u, "sha256", &content);
    digest_must_be(w, u, "sha512", &content);
    content_digest(&content, "sha512", digest);
    EXPECT_OK(&c, upload_commit(w, u, &c, key.s, digest, 0));
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
}

static void sha512_not_offered_is_unsupported(struct world *w)
{
    CALL(c);
    struct regstore_upload *u = NULL;
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts,
                                              .flags = REGSTORE_UPLOAD_SHA512};
    if (w->p->store_features(w->store) & REGSTORE_F_SHA512)
        SKIP("this store offers sha512");
    EXPECT(&c, w->p->upload_open(w->store, &c.in, &opts, &u), REGSTORE_UNSUPPORTED);
}

static void digest_that_was_not_asked_for_is_refused(struct world *w)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 1000);
    struct regstore_upload *u = upload_begin(w, NULL);
    upload_fill(w, u, &content, 500);
    EXPECT(&c, w->p->upload_digest(u, "sha256", digest, sizeof digest), REGSTORE_UNSUPPORTED);
    EXPECT(&c, w->p->upload_digest(u, "md5", digest, sizeof digest), REGSTORE_UNSUPPORTED);
    content_digest(&content, "sha256", digest);
    EXPECT(&c, upload_commit(w, u, &c, key.s, digest, 0), REGSTORE_INVALID);
    blob_must_be_absent(w, key.s);
    upload_fill(w, u, &content, content.length); /* INVALID leaves it OPEN */
    upload_finish(w, u, key.s);
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
}

static void digest_buffer_that_is_too_small_is_range(struct world *w)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    static const size_t whole = sizeof "sha256:" + 64;
    const struct content content = content_of(test_seed(w, 1), 10);
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, content.length);
    for (size_t cap = 0; cap < whole; cap += 9) {
        memset(digest, '#', sizeof digest);
        EXPECT(&c, w->p->upload_digest(u, "sha256", digest, cap), REGSTORE_RANGE);
        CLAIM(digest[cap] == '#', "with cap %zu the byte at %zu was written", cap, cap);
    }
    EXPECT_OK(&c, w->p->upload_digest(u, "sha256", digest, whole));
    digest_must_be(w, u, "sha256", &content);
    EXPECT_OK(&c, w->p->upload_abort(u, &c.in));
    upload_end(w, u);
}

/* With a wrong digest the key stays what it was; the upload stays open, takes the rest, and commits
 * with the right one. */
static void refuses_and_goes_on(struct world *w, uint64_t size, bool with_key, bool over_another)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    const struct key key =
        key_of(w, "blob%llu-%d%d", (unsigned long long)size, with_key, over_another);
    const struct content old = content_of(test_seed(w, 77), 777);
    const struct content content = content_of(test_seed(w, size), size + 1000);
    const struct content head = content_head(content, size);
    if (over_another)
        blob_put(w, key.s, &old);
    struct regstore_upload *u = upload_new(w, with_key ? key.s : NULL);
    upload_fill(w, u, &content, size);
    content_digest(&content, "sha256", digest); /* of more bytes than there are yet */
    EXPECT(&c, upload_commit(w, u, &c, key.s, digest, 0), REGSTORE_DIGEST);
    if (over_another)
        CLAIM(blob_is(w, key.s, &old), "DIGEST, and the blob that was there is not what it was");
    else
        blob_must_be_absent(w, key.s);
    digest_must_be(w, u, "sha256", &head);
    upload_must_be_at(w, u, size);
    upload_fill(w, u, &content, content.length);
    EXPECT_OK(&c, upload_commit(w, u, &c, key.s, digest, 0));
    upload_end(w, u);
    blob_must_be(w, key.s, &content);
}

static void commit_with_wrong_digest_leaves_key_absent_and_upload_open(struct world *w)
{
    const uint64_t sizes[] = {0, 1, 100 * KIB, 5 * MIB, 12 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        refuses_and_goes_on(w, sizes[i], false, false);
        refuses_and_goes_on(w, sizes[i], true, false);
    }
}

static void commit_with_wrong_digest_leaves_the_blob_that_was_there(struct world *w)
{
    const uint64_t sizes[] = {1000, 12 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        refuses_and_goes_on(w, sizes[i], false, true);
        refuses_and_goes_on(w, sizes[i], true, true);
    }
}

static void one_wrong_digit_is_seen(struct world *w, uint64_t flag, const char *algorithm)
{
    CALL(c);
    char digest[REGSTORE_DIGEST_MAX];
    const struct key key = key_of(w, "%s", algorithm);
    const struct content content = content_of(test_seed(w, 1), 1000);
    const struct regstore_upload_opts opts = {.struct_size = sizeof opts, .flags = flag};
    struct regstore_upload *u = upload_begin(w, &opts);
    upload_fill(w, u, &content, content.length);
    content_digest(&content, algorithm, digest);
    for (size_t i = strlen(algorithm) + strlen(":"); digest[i] != '\0'; i++) {
        const char right = digest[i];
        digest[i] = right == '0' ? '1' : '0';
        EXPECT(&c, upload_commit(w, u, &c, key.s, digest, 0), REGSTORE_DIGEST);
        digest[i] = right;
    }
    blob_must_be_absent(w, key.s);
    EXPECT_OK(&c, upload_commit(w, u, &c, key.s, digest, 0));
    upload_end(w, u);
}

static void one_wrong_digit_of_sha256_is_seen(struct world *w)
{
    one_wrong_digit_is_seen(w, REGSTORE_UPLOAD_SHA256, "sha256");
}

static void one_wrong_digit_of_sha512_is_seen(struct world *w)
{
    one_wrong_digit_is_seen(w, REGSTORE_UPLOAD_SHA512, "sha512");
}

static void digest_of_a_wrong_form_is_invalid(struct world *w)
{
    CALL(c);
    char upper[REGSTORE_DIGEST_MAX], shorter[REGSTORE_DIGEST_MAX], longer[REGSTORE_DIGEST_MAX];
    const struct key key = key_of(w, "blob");
    const struct content content = content_of(test_seed(w, 1), 1000);
    content_digest(&content, "sha256", upper);
    content_digest(&content, "sha256", shorter);
    content_digest(&content, "sha256", longer);
    for (size_t i = strlen("sha256:"); upper[i] != '\0'; i++)
        upper[i] = (char)toupper((unsigned char)upper[i]);
    shorter[strlen(shorter) - 1] = '\0';
    longer[strlen(longer) + 1] = '\0';
    longer[strlen(longer)] = '0';
    const char *bad[] = {
        "",       "sha256", "sha256:", ":",   "md5:d41d8cd98f00b204e9800998ecf8427e",
        "banana", shorter,  longer,    upper, upper + strlen("sha256:")};
    struct regstore_upload *u = upload_new(w, NULL);
    upload_fill(w, u, &content, content.length);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const regstore_status status = upload_commit(w, u, &c, key.s, bad[i], 0);
        CLAIM(status == REGSTORE_INVALID, "commit with the digest \"%s\" gave %s", bad[i],
              regstore_host_status_name(status));
    }
    blob_must_be_absent(w, key.s);
    upload_finish(w, u, key.s);
    upload_end(w, u);
}

static const struct test digest_tests[] = {
    {"COM-1", "running_sha256_is_that_of_the_bytes_so_far",
     running_sha256_is_that_of_the_bytes_so_far, 0},
    {"COM-1", "running_sha512_is_that_of_the_bytes_so_far",
     running_sha512_is_that_of_the_bytes_so_far, REGSTORE_F_SHA512},
    {"COM-1", "both_digests_may_be_asked_for", both_digests_may_be_asked_for, REGSTORE_F_SHA512},
    {"COM-1", "sha512_not_offered_is_unsupported", sha512_not_offered_is_unsupported, 0},
    {"COM-1", "digest_that_was_not_asked_for_is_refused", digest_that_was_not_asked_for_is_refused,
     0},
    {"COM-1", "digest_buffer_that_is_too_small_is_range", digest_buffer_that_is_too_small_is_range,
     0},
    {"COM-1", "commit_with_wrong_digest_leaves_key_absent_and_upload_open",
     commit_with_wrong_digest_leaves_key_absent_and_upload_open, 0},
    {"COM-1", "commit_with_wrong_digest_leaves_the_blob_that_was_there",
     commit_with_wrong_digest_leaves_the_blob_that_was_there, 0},
    {"COM-1", "one_wrong_digit_of_sha256_is_seen", one_wrong_digit_of_sha256_is_seen, 0},
    {"COM-1", "one_wrong_digit_of_sha512_is_seen", one_wrong_digit_of_sha512_is_seen,
     REGSTORE_F_SHA512},
    {"COM-1", "digest_of_a_wrong_form_is_invalid", digest_of_a_wrong_form_is_invalid, 0},
};

const struct family family_digest = FAMILY(digest);
