/* SPDX-License-Identifier: MIT */
/*
 * waiters.h - tasks that stand in a line for something of this loop's.
 *
 * Who is taken out of the line has what was waited for, also when it is cancelled before it runs: its call succeeds, and the next one
 * is cancelled. So a wake-up is never lost, and nobody needs to pass one on.
 */
#ifndef ASYNC_WAITERS_H
#define ASYNC_WAITERS_H

#include <weir/async.h>

#include "async/list.h"

struct waiter {
    weir_wait wait;
    struct link link;
    void *item; /* what it brings, or where it wants it */
};

/* Joins the end of the line, and waits until it is woken, or cancelled, which takes it out of the line. */
int waiters_wait(weir_task *t, struct list *line, struct waiter *waiter, const char *what);

/* The same at the front: it has waited already. */
int waiters_wait_first(weir_task *t, struct list *line, struct waiter *waiter, const char *what);

/* Takes out the first and lets it go on with `result`. False: nobody waits. */
bool waiters_wake(struct list *line, int result);
void waiters_wake_all(struct list *line, int result);

#endif
