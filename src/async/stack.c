/* SPDX-License-Identifier: MIT */
/*
 * Stacks come from slabs: one mapping with a page for the slab's own books, and then guard, stack, guard, stack. What is free is linked
 * through the highest word of the stack itself, a page that whoever had it has touched anyway.
 */
#include "async/stack.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "async/sanitizers.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define SLAB_BYTES ((size_t)4 << 20) /* about; large stacks come one by one */

struct slab {
    struct link link;
    size_t bytes;             /* of one stack */
    size_t mapped;            /* of the whole */
    size_t count, made, used; /* stacks there can be; ever taken; taken now */
    void *free;               /* a chain through the highest word of each */
};

static size_t page_bytes(void)
{
    static size_t page; /* written with one value by all who write it */
    size_t known = __atomic_load_n(&page, __ATOMIC_RELAXED);
    if (!known)
        __atomic_store_n(&page, known = (size_t)sysconf(_SC_PAGESIZE), __ATOMIC_RELAXED);
    return known;
}

static char *bottom_of(const struct slab *slab, size_t i)
{
    return (char *)(uintptr_t)slab + page_bytes() + i * (slab->bytes + page_bytes()) + page_bytes();
}

static void **next_of(const struct slab *slab, char *bottom)
{
    return (void **)(void *)(bottom + slab->bytes - sizeof(void *));
}

static bool guard(char *page)
{
    return madvise(page, page_bytes(), MADV_GUARD_INSTALL) == 0 || mprotect(page, page_bytes(), PROT_NONE) == 0;
}

/* LeakSanitizer looks for pointers on the stacks that it knows. */
static void tell_of_roots(struct slab *slab, bool there)
{
#ifdef WITH_ASAN
    for (size_t i = 0; i < slab->count; i++)
        (there ? __lsan_register_root_region : __lsan_unregister_root_region)(bottom_of(slab, i), slab->bytes);
#endif
    (void)slab;
    (void)there;
}

static void unmap(struct slab *slab)
{
    tell_of_roots(slab, false);
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(slab, slab->mapped);
#endif
    munmap(slab, slab->mapped);
}

static struct slab *map(size_t bytes)
{
    size_t each = bytes + page_bytes(), count = SLAB_BYTES / each ? SLAB_BYTES / each : 1, mapped = page_bytes() + count * each;
    void *memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, mapped, MADV_NOHUGEPAGE); /* else one touched page may cost thirty stacks' worth */
    struct slab *slab = memory;
    *slab = (struct slab){.bytes = bytes, .mapped = mapped, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (!guard(bottom_of(slab, i) - page_bytes())) {
            munmap(memory, mapped);
            return NULL;
        }
    }
    tell_of_roots(slab, true);
    return slab;
}

int stack_pool_init(struct stack_pool *pool)
{
    list_init(&pool->open);
    list_init(&pool->full);
    pool->spare = NULL;
    return plat_lock_init(&pool->lock);
}

void stack_pool_free(struct stack_pool *pool)
{
    struct link *link;
    while ((link = list_take(&pool->open)) || (link = list_take(&pool->full)))
        unmap(list_of(link, struct slab, link));
    plat_lock_free(&pool->lock);
}

static struct slab *find_open(struct stack_pool *pool, size_t bytes)
{
    for (struct link *l = list_first(&pool->open); l; l = list_next(&pool->open, l))
        if (list_of(l, struct slab, link)->bytes == bytes)
            return list_of(l, struct slab, link);
    struct slab *slab = map(bytes);
    if (slab)
        list_append(&pool->open, &slab->link);
    return slab;
}

static char *take_from(struct slab *slab)
{
    char *bottom = slab->free;
    slab->used++;
    if (!bottom)
        return bottom_of(slab, slab->made++);
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(bottom, slab->bytes);
#endif
    slab->free = *next_of(slab, bottom);
    return bottom;
}

bool stack_take(struct stack_pool *pool, size_t bytes, struct stack *stack)
{
    size_t page = page_bytes();
    if (bytes > SIZE_MAX / 4)
        return false;
    bytes = (bytes + page - 1) / page * page;
#ifdef SIM
    void *probe = plat_alloc(1); /* so that the simulator can refuse stacks as well */
    if (!probe)
        return false;
    plat_free(probe);
#endif
    plat_lock(&pool->lock);
    struct slab *slab = find_open(pool, bytes);
    if (slab) {
        if (pool->spare == slab)
            pool->spare = NULL;
        stack->bottom = take_from(slab);
        stack->top = stack->bottom + slab->bytes;
        stack->slab = slab;
        if (slab->used == slab->count) {
            link_leave(&slab->link);
            list_append(&pool->full, &slab->link);
        }
    }
    plat_unlock(&pool->lock);
    return slab != NULL;
}

/* The one spare keeps a loop whose tasks come and go from mapping and unmapping all the time. */
static void slab_idle(struct stack_pool *pool, struct slab *slab)
{
    struct slab *before = pool->spare;
    pool->spare = slab;
    if (!before)
        return;
    link_leave(&before->link);
    unmap(before);
}

void stack_give(struct stack_pool *pool, struct stack stack)
{
    struct slab *slab = stack.slab;
    plat_lock(&pool->lock);
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(stack.bottom, slab->bytes);
#endif
    *next_of(slab, stack.bottom) = slab->free;
    slab->free = stack.bottom;
    if (slab->used-- == slab->count) {
        link_leave(&slab->link);
        list_append(&pool->open, &slab->link);
    }
    if (slab->used == 0)
        slab_idle(pool, slab);
    plat_unlock(&pool->lock);
}

bool stack_guards(const struct stack *stack, const void *address)
{
    const char *a = address;
    return a < stack->bottom && a >= stack->bottom - page_bytes();
}
