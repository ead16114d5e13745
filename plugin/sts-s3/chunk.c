/* SPDX-License-Identifier: Apache-2.0 */
#include "chunk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The budget is charged in these steps; a region's pages are touched as it fills. */
#define STEP_BYTES (256u * 1024u)
/* A chunk begins in a region of this size and moves into one of its own size when it outgrows that:
 * small blobs are many, and must not hold a part's warm memory each. */
#define SMALL_BYTES (64u * 1024u)
#define PAGE_BYTES  (4u * 1024u)

struct region {
    _Atomic unsigned refs; /* the chunk's and those of pins */
    struct region *next;
    uint8_t *data;
    uint64_t cap;
    uint64_t touched; /* bytes that have been written once and cost memory since */
    uint64_t charged; /* bytes that the budget counts as used for it; 0 while it is idle */
};

struct stss3_budget {
    uint64_t limit;
    char *folder;
    const struct plug_host *host; /* NULL: nobody is told */
    struct plug_gauge used_told;  /* not of each page: when it has come to another MiB */
    pthread_mutex_t lock;         /* guards the three below */
    uint64_t used;                /* charged by chunks */
    uint64_t idle;        /* touched bytes of regions that wait for their next chunk */
    struct region *regions;
};

struct stss3_chunk {
    _Atomic unsigned refs;
    struct stss3_budget *budget;
    struct region *region; /* NULL: in the file */
    uint64_t cap, len;
    uint64_t overdrawn; /* up to this length without asking the budget */
    int file;
};

struct stss3_budget *stss3_budget_new(uint64_t limit_bytes, const char *folder)
{
    struct stss3_budget *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->limit = limit_bytes;
    b->folder = strdup(folder);
    if (b->folder == NULL) {
        free(b);
        return NULL;
    }
    (void)pthread_mutex_init(&b->lock, NULL); /* cannot fail on Linux */
    plug_gauge_init(&b->used_told, "regstore_memory_used_bytes");
    return b;
}

void stss3_budget_tell(struct stss3_budget *b, const struct plug_host *host)
{
    b->host = host;
    plug_set(host, "regstore_memory_limit_bytes", (double)b->limit, NULL, 0);
}

/* In MiB, begun ones included: 0 is nothing at all. */
static int64_t in_steps(int64_t bytes)
{
    return (bytes + (1 << 20) - 1) >> 20;
}

/* Under the lock; plug_gauge_tell() once it is free. */
static void note_used(struct stss3_budget *b)
{
    const int64_t told = atomic_load(&b->used_told.value);
    if (in_steps(told) != in_steps((int64_t)b->used))
        plug_gauge_change(&b->used_told, (int64_t)b->used - told);
}

static void tell_used(struct stss3_budget *b)
{
    if (b->host != NULL)
        plug_gauge_tell(b->host, &b->used_told);
}

static void tell_spilled(const struct stss3_budget *b, uint64_t bytes)
{
    if (b->host != NULL && bytes != 0)
        plug_count(b->host, "regstore_spilled_bytes_total", (double)bytes, NULL, 0);
}

static void free_region(struct region *region)
{
    if (region == NULL)
        return;
    (void)munmap(region->data, region->cap); /* ours, so it cannot fail */
    free(region);
}

void stss3_budget_free(struct stss3_budget *b)
{
    if (b == NULL)
        return;
    while (b->regions != NULL) {
        struct region *next = b->regions->next;
        free_region(b->regions);
        b->regions = next;
    }
    (void)pthread_mutex_destroy(&b->lock);
    free(b->folder);
    free(b);
}

uint64_t stss3_budget_used(const struct stss3_budget *budget)
{
    struct stss3_budget *b = (struct stss3_budget *)(uintptr_t)budget; /* the lock is no state */
    pthread_mutex_lock(&b->lock);
    const uint64_t used = b->used;
    pthread_mutex_unlock(&b->lock);
    return used;
}

/* Takes idle regions off the list until the charge fits; the caller frees them once it has let go
 * of the lock. */
static struct region *evict(struct stss3_budget *b, uint64_t charge)
{
    struct region *gone = NULL;
    while (b->regions != NULL && b->used + charge + b->idle > b->limit) {
        struct region *region = b->regions;
        b->regions = region->next;
        b->idle -= region->touched;
        region->next = gone;
        gone = region;
    }
    return gone;
}

/* must: the budget may be overdrawn. */
static bool charge(struct stss3_budget *b, struct region *region, uint64_t bytes, bool must)
{
    pthread_mutex_lock(&b->lock);
    const bool fits = must || b->used + bytes <= b->limit;
    struct region *gone = fits ? evict(b, bytes) : NULL;
    if (fits)
        b->used += bytes;
    note_used(b);
    pthread_mutex_unlock(&b->lock);
    tell_used(b);
    while (gone != NULL) {
        struct region *next = gone->next;
        free_region(gone);
        gone = next;
    }
    if (fits)
        region->charged += bytes;
    return fits;
}

static struct region *fresh_region(uint64_t cap)
{
    struct region *region = calloc(1, sizeof *region);
    if (region == NULL)
        return NULL;
    region->refs = 1;
    region->cap = cap;
    region->data =
        mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region->data == MAP_FAILED) {
        free(region);
        return NULL;
    }
    return region;
}

/* A warm region of this size, charged with what it has touched, or a fresh one. */
static struct region *take_region(struct stss3_budget *b, uint64_t cap)
{
    pthread_mutex_lock(&b->lock);
    struct region **at = &b->regions;
    while (*at != NULL && (*at)->cap != cap)
        at = &(*at)->next;
    struct region *region = *at;
    if (region != NULL) {
        *at = region->next;
        region->refs = 1;
        region->charged = region->touched;
        b->idle -= region->touched;
        b->used += region->touched;
        note_used(b);
    }
    pthread_mutex_unlock(&b->lock);
    tell_used(b);
    return region != NULL ? region : fresh_region(cap);
}

/* With the last reference to it; the region is kept warm while the budget has room for it. */
static void give_back(struct stss3_budget *b, struct region *region)
{
    if (region == NULL || atomic_fetch_sub(&region->refs, 1) != 1)
        return;
    pthread_mutex_lock(&b->lock);
    b->used -= region->charged;
    note_used(b);
    region->charged = 0;
    const bool is_kept = region->touched != 0 && b->used + b->idle + region->touched <= b->limit;
    if (is_kept) {
        b->idle += region->touched;
        region->next = b->regions;
        b->regions = region;
    }
    pthread_mutex_unlock(&b->lock);
    tell_used(b);
    if (!is_kept)
        free_region(region);
}

struct stss3_chunk *stss3_chunk_new(struct stss3_budget *budget, uint64_t cap)
{
    struct stss3_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    chunk->refs = 1;
    chunk->budget = budget;
    chunk->cap = cap;
    chunk->file = -1;
    chunk->region = take_region(budget, cap < SMALL_BYTES ? cap : SMALL_BYTES);
    if (chunk->region == NULL) {
        free(chunk);
        return NULL;
    }
    return chunk;
}

struct stss3_chunk *stss3_chunk_ref(struct stss3_chunk *chunk)
{
    atomic_fetch_add(&chunk->refs, 1);
    return chunk;
}

void stss3_chunk_unref(struct stss3_chunk *chunk)
{
    if (chunk == NULL || atomic_fetch_sub(&chunk->refs, 1) != 1)
        return;
    give_back(chunk->budget, chunk->region);
    if (chunk->file >= 0)
        (void)close(chunk->file); /* unlinked: nothing is lost with it */
    free(chunk);
}

struct stss3_pin {
    struct stss3_chunk *chunk;
    struct region *region;
};

struct stss3_pin *stss3_chunk_pin(struct stss3_chunk *chunk)
{
    struct stss3_pin *pin = malloc(sizeof *pin);
    if (pin == NULL)
        return NULL;
    pin->chunk = stss3_chunk_ref(chunk);
    pin->region = chunk->region;
    if (pin->region != NULL)
        atomic_fetch_add(&pin->region->refs, 1);
    return pin;
}

void stss3_chunk_unpin(struct stss3_pin *pin)
{
    if (pin == NULL)
        return;
    give_back(pin->chunk->budget, pin->region);
    stss3_chunk_unref(pin->chunk);
    free(pin);
}

/* Charges a region for len bytes in all, in steps: a small one's are pages, since there are many.
 */
static bool charge_for(struct stss3_budget *b, struct region *region, uint64_t len, bool must)
{
    const uint64_t step = region->cap <= SMALL_BYTES ? PAGE_BYTES : STEP_BYTES;
    uint64_t due = (len + step - 1) / step * step;
    if (due > region->cap)
        due = region->cap;
    return region->charged >= due || charge(b, region, due - region->charged, must);
}

/* A region of the chunk's full size, charged for len bytes, with what the chunk has in it.  False:
 * no memory for that now; nothing has changed. */
static bool outgrow(struct stss3_chunk *chunk, uint64_t len, bool must)
{
    struct region *large = take_region(chunk->budget, chunk->cap);
    if (large == NULL)
        return false;
    if (!charge_for(chunk->budget, large, len, must)) {
        give_back(chunk->budget, large);
        return false;
    }
    memcpy(large->data, chunk->region->data, chunk->len);
    if (large->touched < chunk->len)
        large->touched = chunk->len;
    give_back(chunk->budget, chunk->region);
    chunk->region = large;
    return true;
}

/* Room for len more bytes in memory, as far as the budget goes; how many. */
static size_t make_room(struct stss3_chunk *chunk, size_t len)
{
    const bool must = chunk->len < chunk->overdrawn;
    if (must && len > chunk->overdrawn - chunk->len)
        len = (size_t)(chunk->overdrawn - chunk->len);
    if (chunk->len + len > chunk->region->cap && chunk->region->cap < chunk->cap)
        (void)outgrow(chunk, chunk->len + 1, must); /* else what is left of the small one serves */
    struct region *region = chunk->region;
    const uint64_t most = region->cap - chunk->len;
    uint64_t room = most < len ? most : len;
    while (room > 0 && !charge_for(chunk->budget, region, chunk->len + room, must))
        room /= 2;
    return (size_t)room;
}

void stss3_chunk_overdraw(struct stss3_chunk *chunk, uint64_t length)
{
    chunk->overdrawn = length;
}

static regstore_status write_file(struct stss3_chunk *chunk, int file, struct plug_call *call,
                                  const uint8_t *data, size_t len, uint64_t at)
{
    while (len > 0) {
        const ssize_t n = pwrite(file, data, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return plug_fail(
                call, errno == ENOSPC || errno == EDQUOT ? REGSTORE_NO_SPACE : REGSTORE_UNAVAILABLE,
                "cannot write a buffer to a file in %s: %s", chunk->budget->folder,
                strerrordesc_np(errno));
        data += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return REGSTORE_OK;
}

regstore_status stss3_chunk_append(struct stss3_chunk *chunk, struct plug_call *call,
                                   const void *data, size_t len, size_t *taken)
{
    const uint64_t left = chunk->cap - chunk->len;
    size_t n = left < len ? (size_t)left : len;
    *taken = 0;
    if (chunk->region == NULL) {
        TRY(write_file(chunk, chunk->file, call, data, n, chunk->len));
        tell_spilled(chunk->budget, n);
    } else {
        n = make_room(chunk, n);
        if (n != 0)
            memcpy(chunk->region->data + chunk->len, data, n);
    }
    chunk->len += n;
    if (chunk->region != NULL && chunk->region->touched < chunk->len)
        chunk->region->touched = chunk->len;
    *taken = n;
    return REGSTORE_OK;
}

static int open_unlinked(const char *folder)
{
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return file;
    char path[4096];
    const int len = snprintf(path, sizeof path, "%s/regstore-XXXXXX", folder);
    if (len < 0 || (size_t)len >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        (void)unlink(path); /* a name that stays is only untidy */
    return file;
}

regstore_status stss3_chunk_spill(struct stss3_chunk *chunk, struct plug_call *call)
{
    if (chunk->region == NULL)
        return REGSTORE_OK;
    const int file = open_unlinked(chunk->budget->folder);
    if (file < 0)
        return plug_fail(
            call, errno == ENOSPC || errno == EDQUOT ? REGSTORE_NO_SPACE : REGSTORE_UNAVAILABLE,
            "the memory limit is reached, and no file can be made in %s (TMPDIR): %s",
            chunk->budget->folder, strerrordesc_np(errno));
    const regstore_status status =
        write_file(chunk, file, call, chunk->region->data, (size_t)chunk->len, 0);
    if (status != REGSTORE_OK) {
        (void)close(file);
        return status;
    }
    tell_spilled(chunk->budget, chunk->len);
    give_back(chunk->budget, chunk->region);
    chunk->region = NULL;
    chunk->file = file;
    return REGSTORE_OK;
}

bool stss3_chunk_receive(struct stss3_chunk *chunk, uint64_t len, bool must)
{
    if (len > chunk->cap || chunk->region == NULL)
        return false;
    if (chunk->region->cap < len ? !outgrow(chunk, len, must)
                                 : !charge_for(chunk->budget, chunk->region, len, must))
        return false;
    chunk->len = len;
    if (chunk->region->touched < len)
        chunk->region->touched = len;
    return true;
}

uint64_t stss3_chunk_length(const struct stss3_chunk *chunk)
{
    return chunk->len;
}

uint64_t stss3_chunk_cap(const struct stss3_chunk *chunk)
{
    return chunk->cap;
}

uint8_t *stss3_chunk_data(struct stss3_chunk *chunk)
{
    return chunk->region == NULL ? NULL : chunk->region->data;
}

int stss3_chunk_file(const struct stss3_chunk *chunk)
{
    return chunk->file;
}
