/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from a seed and a place: splitmix64 over the index of each group of eight. */
#include "content.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

uint64_t content_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + (b + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct content content_of(uint64_t seed, uint64_t length)
{
    struct content c = {0};
    return content_plus(c, seed, length);
}

struct content content_plus(struct content c, uint64_t seed, uint64_t length)
{
    assert(c.n < sizeof c.stretch / sizeof c.stretch[0]);
    c.length += length;
    c.stretch[c.n].seed = seed;
    c.stretch[c.n].end = c.length;
    c.n++;
    return c;
}

struct content content_head(struct content c, uint64_t length)
{
    assert(length <= c.length);
    c.length = length;
    for (size_t i = 0; i < c.n; i++)
        if (c.stretch[i].end > length)
            c.stretch[i].end = length;
    return c;
}

static void fill_stretch(uint64_t seed, uint64_t offset, unsigned char *out, size_t len)
{
    size_t done = 0;
    while (done < len) {
        const uint64_t word = content_mix(seed, (offset + done) / 8);
        const size_t skip = (size_t)((offset + done) % 8);
        const size_t take = len - done < 8 - skip ? len - done : 8 - skip;
        memcpy(out + done, (const unsigned char *)&word + skip, take);
        done += take;
    }
}

void content_fill(const struct content *c, uint64_t offset, void *buf, size_t len)
{
    unsigned char *out = buf;
    assert(offset <= c->length && len <= c->length - offset);
    for (size_t i = 0; i < c->n && len > 0; i++) {
        if (offset >= c->stretch[i].end)
            continue;
        const uint64_t room = c->stretch[i].end - offset;
        const size_t take = room < len ? (size_t)room : len;
        fill_stretch(c->stretch[i].seed, offset, out, take);
        out += take;
        offset += take;
        len -= take;
    }
}

size_t content_differs(const struct content *c, uint64_t offset, const void *buf, size_t len)
{
    const unsigned char *got = buf;
    unsigned char wanted[4096];
    for (size_t done = 0; done < len;) {
        const size_t take = len - done < sizeof wanted ? len - done : sizeof wanted;
        content_fill(c, offset + done, wanted, take);
        if (memcmp(wanted, got + done, take) != 0) {
            size_t i = 0;
            while (wanted[i] == got[done + i])
                i++;
            return done + i;
        }
        done += take;
    }
    return len;
}

void content_digest(const struct content *c, const char *algorithm,
                    char digest[REGSTORE_DIGEST_MAX])
{
    unsigned char block[4096], raw[EVP_MAX_MD_SIZE];
    unsigned raw_len = 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (md == NULL || !EVP_DigestInit_ex(md, EVP_get_digestbyname(algorithm), NULL))
        abort();
    for (uint64_t done = 0; done < c->length;) {
        const uint64_t left = c->length - done;
        const size_t take = left < sizeof block ? (size_t)left : sizeof block;
        content_fill(c, done, block, take);
        if (!EVP_DigestUpdate(md, block, take))
            abort();
        done += take;
    }
    if (!EVP_DigestFinal_ex(md, raw, &raw_len))
        abort();
    EVP_MD_CTX_free(md);
    int at = snprintf(digest, REGSTORE_DIGEST_MAX, "%s:", algorithm);
    for (unsigned i = 0; i < raw_len; i++)
        at += snprintf(digest + at, REGSTORE_DIGEST_MAX - (size_t)at, "%02x", raw[i]);
}
