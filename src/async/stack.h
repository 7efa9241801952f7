/* SPDX-License-Identifier: MIT */
/*
 * stack.h - the stacks of one loop's tasks: made many at a time, guarded at the low end, used again.
 *
 * A stack begins above a page that nobody may touch. Where the kernel can (Linux 6.13), that page is a mark in the page table rather
 * than a mapping of its own, so that a hundred thousand stacks stay far below the limit on mappings; elsewhere it is mprotect()ed,
 * and about thirty thousand is the end. Any thread.
 */
#ifndef ASYNC_STACK_H
#define ASYNC_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "async/list.h"
#include "plat/plat.h"

struct slab;

struct stack {
    char *bottom, *top; /* what can be used; the guard is below */
    struct slab *slab;
};

struct stack_pool {
    struct plat_lock lock;
    struct list open; /* slabs with a free stack */
    struct list full;
    struct slab *spare; /* one slab that is wholly free is kept */
};

int stack_pool_init(struct stack_pool *pool); /* 0 or -1 */
void stack_pool_free(struct stack_pool *pool);

bool stack_take(struct stack_pool *pool, size_t bytes, struct stack *stack); /* false: no memory */
void stack_give(struct stack_pool *pool, struct stack stack);

/* Whether `address` is in the guard of the stack. */
bool stack_guards(const struct stack *stack, const void *address);

#endif
