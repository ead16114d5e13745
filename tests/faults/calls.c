/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that no journey of uploads.c and visits.c makes: stat, presign, check, copies that are
 * not one request, and all of them on one store. */
#include "sweep.h"

#include "place.h"

#include <stdio.h>
#include <string.h>

#define NONE     "sha256/ab/none"
#define TO       "sha256/cd/copy"
#define IN_PARTS (7 * MIB + MIB / 2) /* allocations.c has copies in parts begin below it */
#define A_LITTLE 1000u

static void prepare_blob(struct run *r)
{
    put_there(r, KEY, A_LITTLE);
}

/* A blob, and none. */
static void stat_both(struct run *r)
{
    struct regstore_stat stat = {.struct_size = sizeof stat};
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK) {
        const struct regstore_call call = call_in(r);
        status = r->p->stat(r->store, &call, KEY, &stat);
        if (status != REGSTORE_OK)
            look_at_failure(r, "stat", status);
    }
    CLAIM(r, stat.length == A_LITTLE);
    while (status != REGSTORE_NOT_FOUND) {
        const struct regstore_call call = call_in(r);
        status = r->p->stat(r->store, &call, NONE, &stat);
        if (status != REGSTORE_NOT_FOUND)
            look_at_failure(r, "stat", status);
    }
}

static void presign_all(struct run *r)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT"};
    static char url[REGSTORE_URL_MAX];
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const struct regstore_presign_opts opts = {
            .struct_size = sizeof opts, .ttl_s = 600, .method = methods[i]};
        regstore_status status = REGSTORE_INTERNAL;
        int64_t expires_ns = 0;
        while (status != REGSTORE_OK) {
            const struct regstore_call call = call_in(r);
            status = r->p->presign(r->store, &call, KEY, &opts, url, sizeof url, &expires_ns);
            if (status != REGSTORE_OK)
                look_at_failure(r, "presign", status);
        }
        CLAIM(r, strncmp(url, "http://127.0.0.1:", strlen("http://127.0.0.1:")) == 0);
        CLAIM(r, strstr(url, KEY "?") != NULL && strstr(url, "X-Amz-Signature=") != NULL);
        CLAIM(r, expires_ns > 0);
    }
}

struct steps {
    struct run *r;
    regstore_status first; /* that was not OK */
};

static void step(void *ctx, const char *name, regstore_status status, const char *found,
                 const char *advice)
{
    struct steps *steps = ctx;
    CLAIM(steps->r, name[0] != '\0' && found != NULL && advice != NULL);
    if (steps->first == REGSTORE_OK)
        steps->first = status;
}

static void check_all(struct run *r)
{
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK) {
        struct steps steps = {.r = r};
        const struct regstore_check_opts opts = {.struct_size = sizeof opts,
                                                 .flags = REGSTORE_CHECK_WRITE,
                                                 .ctx = &steps,
                                                 .step = step};
        const struct regstore_call call = call_in(r);
        status = r->p->check(r->store, &call, &opts);
        CLAIM(r, status != REGSTORE_OK || steps.first == REGSTORE_OK);
        if (status != REGSTORE_OK)
            look_at_failure(r, "check", status);
    }
}

/* A probe whose delete failed is purge's. */
static void judge_check(struct run *r)
{
    if (r->failures != 0 && *what_lies(r) != '\0')
        purge_all(r);
    CLAIM(r, *what_lies(r) == '\0');
}

static void copy_until(struct run *r, size_t length)
{
    regstore_status status = REGSTORE_INTERNAL;
    while (status != REGSTORE_OK) {
        const struct regstore_call call = call_in(r);
        status = r->p->copy(r->store, &call, KEY, TO, NULL);
        if (status == REGSTORE_OK)
            break;
        look_at_failure(r, "copy", status);
        (void)is_visible(r, TO, length);
    }
}

/* What a copy has begun is dropped by itself, on a thread of the plugin's, or left to purge. */
static void judge_copy(struct run *r, size_t length)
{
    const char *const keys[] = {KEY, TO};
    CLAIM(r, is_visible(r, KEY, length) && is_visible(r, TO, length));
    const struct regstore_call call = call_in(r);
    r->verb = "delete";
    CLAIM(r, r->p->delete_blobs(r->store, &call, keys, 2, NULL) == REGSTORE_OK);
    if (r->failures != 0 && *what_lies(r) != '\0')
        purge_all(r);
    CLAIM(r, *what_lies(r) == '\0');
}

static void prepare_parts(struct run *r)
{
    put_there(r, KEY, IN_PARTS);
}

static void copy_in_parts(struct run *r)
{
    copy_until(r, IN_PARTS);
}

static void judge_in_parts(struct run *r)
{
    judge_copy(r, IN_PARTS);
}

/* A server that has no CopyObject: its bytes are read and written. */
static void prepare_pump(struct run *r)
{
    prepare_blob(r);
    if (is_our_server())
        door_fault(server_url(), "op=CopyObject&do=error&status=501&code=NotImplemented&times=0");
}

static void copy_through_us(struct run *r)
{
    copy_until(r, A_LITTLE);
}

static void judge_pump(struct run *r)
{
    judge_copy(r, A_LITTLE);
}

const struct journey calls[] = {
    {.name = "stat",
     .column = "stat",
     .prepare = prepare_blob,
     .travel = stat_both,
     .needs_door = true,
     .is_only_cancelled = true},
    {.name = "presign",
     .column = "presign",
     .prepare = prepare_blob,
     .travel = presign_all,
     .needs_door = true,
     .is_only_cancelled = true},
    {.name = "check",
     .column = "check",
     .travel = check_all,
     .judge = judge_check,
     .needs_door = true,
     .is_only_cancelled = true},
    {.name = "copy in parts",
     .column = "copy",
     .prepare = prepare_parts,
     .travel = copy_in_parts,
     .judge = judge_in_parts,
     .needs_door = true,
     .is_only_cancelled = true},
    {.name = "copy through us",
     .column = "copy",
     .prepare = prepare_pump,
     .travel = copy_through_us,
     .judge = judge_pump,
     .needs_door = true,
     .is_only_cancelled = true},
};
const size_t calls_count = sizeof calls / sizeof calls[0];
