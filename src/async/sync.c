/* SPDX-License-Identifier: MIT */
/*
 * Locks, events, conditions, semaphores, barriers. All of one loop, so that nothing here is atomic.
 *
 * What is given up goes to the first in the line directly, and is never free in between: nobody who comes later can be faster, and who was
 * given it has it, even when it is cancelled before it runs (waiters.h).
 */
#include <errno.h>
#include <weir/weir.h>

#include "async/task.h"
#include "async/waiters.h"

/* Whoever is cancelled gets nothing any more, also where it would not have to wait. */
static int refused(weir_task *t)
{
    int why = task_pending(t);
    return why ? task_fail(why) : 0;
}

static void *make(size_t size)
{
    void *memory = plat_alloc(size);
    if (!memory)
        task_fail(-ENOMEM);
    return memory;
}

/* ---- locks --------------------------------------------------------------------------------------------------------------- */

struct weir_lock {
    bool taken;
    struct list line;
};

weir_lock *weir_lock_new(void)
{
    weir_lock *l = make(sizeof *l);
    if (l)
        list_init(&l->line);
    return l;
}

int weir_lock_take(weir_task *t, weir_lock *l)
{
    struct waiter waiter;
    int why = refused(t);
    if (why)
        return why;
    if (l->taken)
        return waiters_wait(t, &l->line, &waiter, "a lock");
    l->taken = true;
    return 0;
}

void weir_lock_give(weir_lock *l)
{
    l->taken = waiters_wake(&l->line, 0);
}

bool weir_lock_taken(const weir_lock *l)
{
    return l->taken;
}

void weir_lock_free(weir_lock *l)
{
    plat_free(l);
}

/* ---- events -------------------------------------------------------------------------------------------------------------- */

struct weir_event {
    bool set;
    struct list line;
};

weir_event *weir_event_new(void)
{
    weir_event *e = make(sizeof *e);
    if (e)
        list_init(&e->line);
    return e;
}

void weir_event_set(weir_event *e)
{
    e->set = true;
    waiters_wake_all(&e->line, 0);
}

void weir_event_clear(weir_event *e)
{
    e->set = false;
}

bool weir_event_is_set(const weir_event *e)
{
    return e->set;
}

int weir_event_wait(weir_task *t, weir_event *e)
{
    struct waiter waiter;
    int why = refused(t);
    return why || e->set ? why : waiters_wait(t, &e->line, &waiter, "an event");
}

void weir_event_free(weir_event *e)
{
    plat_free(e);
}

/* ---- conditions ---------------------------------------------------------------------------------------------------------- */

struct weir_condition {
    weir_lock *lock;
    struct list line;
};

weir_condition *weir_condition_new(weir_lock *l)
{
    weir_condition *c = make(sizeof *c);
    if (c) {
        c->lock = l;
        list_init(&c->line);
    }
    return c;
}

int weir_condition_wait(weir_task *t, weir_condition *c)
{
    struct waiter waiter;
    int result = refused(t);
    if (result)
        return result;
    weir_lock_give(c->lock);
    result = waiters_wait(t, &c->line, &waiter, "a condition");
    weir_shield_begin(t);
    weir_lock_take(t, c->lock);
    weir_shield_end(t);
    return result;
}

void weir_condition_notify(weir_condition *c, size_t n)
{
    while (n-- > 0 && waiters_wake(&c->line, 0))
        ;
}

void weir_condition_free(weir_condition *c)
{
    plat_free(c);
}

/* ---- semaphores ---------------------------------------------------------------------------------------------------------- */

struct weir_semaphore {
    size_t value, max;
    struct list line;
};

weir_semaphore *weir_semaphore_new(size_t value, size_t max)
{
    weir_semaphore *s = make(sizeof *s);
    if (s) {
        s->value = value;
        s->max = max ? max : SIZE_MAX;
        list_init(&s->line);
    }
    return s;
}

int weir_semaphore_take(weir_task *t, weir_semaphore *s)
{
    struct waiter waiter;
    int why = refused(t);
    if (why)
        return why;
    if (s->value == 0)
        return waiters_wait(t, &s->line, &waiter, "a semaphore");
    s->value--;
    return 0;
}

bool weir_semaphore_give(weir_semaphore *s)
{
    if (s->value >= s->max)
        return false;
    if (!waiters_wake(&s->line, 0))
        s->value++;
    return true;
}

void weir_semaphore_free(weir_semaphore *s)
{
    plat_free(s);
}

/* ---- barriers ------------------------------------------------------------------------------------------------------------ */

struct weir_barrier {
    size_t n, here;
    bool broken;
    struct list line; /* struct waiter, whose item is the barrier */
};

weir_barrier *weir_barrier_new(size_t n)
{
    weir_barrier *b = make(sizeof *b);
    if (b) {
        b->n = n;
        list_init(&b->line);
    }
    return b;
}

static void dissolve(weir_barrier *b)
{
    b->here = 0;
    waiters_wake_all(&b->line, -EPIPE);
}

static int aborted(void)
{
    weir_fail("the barrier was aborted");
    return -EPIPE;
}

/* At once, not when the one who is cancelled runs: until then another might come, and count it. */
static bool desert(weir_wait *w)
{
    struct waiter *waiter = list_of(w, struct waiter, wait);
    link_leave(&waiter->link);
    weir_barrier_abort(waiter->item);
    return true;
}

int weir_barrier_wait(weir_task *t, weir_barrier *b)
{
    struct waiter waiter = {.wait = {.what = "a barrier", .cancel = desert}, .item = b};
    int result = refused(t), place = (int)b->here;
    if (result)
        return result;
    if (b->broken)
        return aborted();
    if (++b->here >= b->n) {
        b->here = 0;
        waiters_wake_all(&b->line, 0);
        return place;
    }
    list_append(&b->line, &waiter.link);
    result = weir_wait_for(t, &waiter.wait);
    return result == -EPIPE ? aborted() : result < 0 ? result : place;
}

void weir_barrier_abort(weir_barrier *b)
{
    b->broken = true;
    dissolve(b);
}

void weir_barrier_reset(weir_barrier *b)
{
    dissolve(b);
    b->broken = false;
}

void weir_barrier_free(weir_barrier *b)
{
    plat_free(b);
}
