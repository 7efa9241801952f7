/* SPDX-License-Identifier: MIT */
/*
 * context.h - from one stack to another.
 *
 * The switch itself is Boost.Context's, from its static archive. What is added here is that the sanitizers are told: each of them
 * keeps books about stacks, and would take a switch for a corruption.
 */
#ifndef ASYNC_CONTEXT_H
#define ASYNC_CONTEXT_H

#include <stddef.h>

struct context {
    void *place; /* where it goes on, while it does not run */
    void (*body)(void *arg);
    void *arg;
    const void *bottom; /* of its stack, and its size: AddressSanitizer's, as is `fake` */
    size_t size;
    void *fake;
    void *fiber; /* ThreadSanitizer's */
};

/* The context of the thread that calls, on the stack that it has. */
void context_here(struct context *context);

/* One that will run body(arg), which must not return, on the stack from `bottom` up to `top`. */
void context_init(struct context *context, void *bottom, void *top, void (*body)(void *arg), void *arg);

/* It has left for good: its stack may be used for something else. */
void context_over(struct context *context);

/* When it runs no more, from elsewhere. */
void context_free(struct context *context);

/* Leaves `from`, the one that runs, and goes on in `to`; returns when somebody switches back. `leave` is the last switch of `from`. */
void context_switch(struct context *from, struct context *to);
void context_leave(struct context *from, struct context *to) __attribute__((noreturn));

#endif
