/* SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/* The page holds the number of this process; a child finds it emptied and writes the next one,
 * which it takes from a counter that it inherited.  Both live as long as the module, which is never
 * unloaded. */
static _Atomic(_Atomic uint64_t *) page;
static _Atomic uint64_t last;

static _Atomic uint64_t *make_page(void)
{
    const size_t size = 4096;
    void *fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED)
        return NULL;
    _Atomic uint64_t *none = NULL;
    if (madvise(fresh, size, MADV_WIPEONFORK) != 0) {
        (void)munmap(fresh, size);
        return NULL;
    }
    if (!atomic_compare_exchange_strong(&page, &none, fresh)) {
        (void)munmap(fresh, size); /* another thread was first */
        return none;
    }
    return fresh;
}

uint64_t plug_process(void)
{
    _Atomic uint64_t *number = atomic_load(&page);
    if (number == NULL)
        number = make_page();
    if (number == NULL)
        return 0;
    uint64_t mine = atomic_load(number);
    if (mine != 0)
        return mine;
    const uint64_t next = atomic_fetch_add(&last, 1) + 1;
    if (atomic_compare_exchange_strong(number, &mine, next))
        return next;
    return mine;
}
