/* SPDX-License-Identifier: MIT */
/*
 * Switching stacks. jump_fcontext() tells only the side that arrives where the other one stopped, so each switch carries a note of
 * who left for whom, and who arrives writes the place down.
 */
#include "async/context.h"

#include <string.h>

#include "async/sanitizers.h"

/* Of Boost.Context, which has C entry points but no C header. */
struct transfer {
    void *place;
    void *data;
};
extern void *make_fcontext(void *top, size_t size, void (*body)(struct transfer));
extern struct transfer jump_fcontext(void *place, void *data);

struct note {
    struct context *from, *to;
};

/* Inlined in any case: ThreadSanitizer keeps a stack of calls for each fiber, and must not see a return from here on another one. */
static inline __attribute__((always_inline)) void before(struct context *from, struct context *to, void **fake)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(fake, to->bottom, to->size);
#endif
#ifdef WITH_TSAN
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)from;
    (void)to;
    (void)fake;
}

static void arrive(struct transfer transfer)
{
    struct note *note = transfer.data;
    note->from->place = transfer.place;
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(note->to->fake, &note->from->bottom, &note->from->size);
#endif
}

static void enter(struct transfer transfer)
{
    struct context *self = ((struct note *)transfer.data)->to;
    arrive(transfer);
    self->body(self->arg);
    __builtin_unreachable();
}

void context_here(struct context *context)
{
    memset(context, 0, sizeof *context);
#ifdef WITH_TSAN
    context->fiber = __tsan_get_current_fiber();
#endif
}

void context_init(struct context *context, void *bottom, void *top, void (*body)(void *arg), void *arg)
{
    memset(context, 0, sizeof *context);
    context->bottom = bottom;
    context->size = (size_t)((char *)top - (char *)bottom);
    context->body = body;
    context->arg = arg;
#ifdef WITH_TSAN
    context->fiber = __tsan_create_fiber(0);
#endif
    context->place = make_fcontext(top, context->size, enter);
}

/* It left in the middle of its functions, as far as AddressSanitizer knows. */
void context_over(struct context *context)
{
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(context->bottom, context->size);
#endif
    (void)context;
}

void context_free(struct context *context)
{
#ifdef WITH_TSAN
    __tsan_destroy_fiber(context->fiber);
#endif
    (void)context;
}

void context_switch(struct context *from, struct context *to)
{
    struct note note = {from, to};
    before(from, to, &from->fake);
    arrive(jump_fcontext(to->place, &note));
}

void context_leave(struct context *from, struct context *to)
{
    struct note note = {from, to};
    before(from, to, NULL);
    jump_fcontext(to->place, &note);
    __builtin_unreachable();
}
