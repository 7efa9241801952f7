/* SPDX-License-Identifier: MIT */
/* The pairing heap of Fredman, Sedgewick, Sleator and Tarjan; merging in two passes without recursion, since stacks are small. */
#include "async/timer.h"

#include <stddef.h>

static bool earlier(const struct timer *a, const struct timer *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (earlier(b, a)) {
        struct timer *swap = a;
        a = b;
        b = swap;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* First pairs from the left, kept in a chain that grows at its head; then all into one, from the right. */
static struct timer *meld_all(struct timer *list)
{
    struct timer *pairs = NULL, *all = NULL;
    while (list) {
        struct timer *a = list, *b = a->next;
        list = b ? b->next : NULL;
        a->next = NULL;
        if (b)
            b->next = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct timer *next = pairs->next;
        pairs->next = NULL;
        all = meld(all, pairs);
        pairs = next;
    }
    return all;
}

void timer_set(struct timers *timers, struct timer *timer, uint64_t due_ns)
{
    *timer = (struct timer){.due_ns = due_ns, .order = timers->orders++, .set = true};
    timers->first = meld(timers->first, timer);
    timers->first->prev = NULL;
}

void timer_unset(struct timers *timers, struct timer *timer)
{
    if (!timer->set)
        return;
    timer->set = false;
    struct timer *below = meld_all(timer->child);
    if (timer == timers->first) {
        timers->first = below;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next)
            timer->next->prev = timer->prev;
        timers->first = meld(timers->first, below);
    }
    if (timers->first)
        timers->first->prev = timers->first->next = NULL;
}
