/* SPDX-License-Identifier: MIT */
/*
 * timer.h - what is due when: a pairing heap whose nodes lie in what waits, so that setting a timer allocates nothing.
 *
 * Adding is O(1), removing O(log n) amortised. Of what is due at one time, the first that was set comes first.
 */
#ifndef ASYNC_TIMER_H
#define ASYNC_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
    uint64_t due_ns;
    uint64_t order; /* in which they were set */
    struct timer *child, *next;
    struct timer *prev; /* the sibling before, or the parent of the first child */
    bool set;
};

struct timers {
    struct timer *first;
    uint64_t orders;
};

void timer_set(struct timers *timers, struct timer *timer, uint64_t due_ns); /* one that is not set */
void timer_unset(struct timers *timers, struct timer *timer);                /* not set: nothing happens */

#endif
