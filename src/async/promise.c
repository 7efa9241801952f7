/* SPDX-License-Identifier: MIT */
/*
 * Promises: who awaits one leaves a waiter in it, and the thread that fulfils it posts to each waiter's loop. A waiter that was posted
 * can not be taken back: its task goes on when the post arrives, with the result.
 */
#include <errno.h>
#include <string.h>
#include <weir/weir.h>

#include "async/loop.h"
#include "async/task.h"

struct weir_promise {
    _Atomic unsigned refs;
    struct plat_lock lock; /* guards what follows */
    struct list waiters;
    bool done;
    int result;
    void *value;
};

struct promised {
    weir_wait wait;
    struct post post;
    struct link link; /* guarded by the promise's lock */
    struct loop *loop;
};

weir_promise *weir_promise_new(void)
{
    weir_promise *p = plat_alloc(sizeof *p);
    if (p && plat_lock_init(&p->lock) == 0) {
        p->refs = 1;
        list_init(&p->waiters);
        return p;
    }
    plat_free(p);
    weir_fail_memory();
    return NULL;
}

weir_promise *weir_promise_share(weir_promise *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void weir_promise_drop(weir_promise *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    plat_lock_free(&p->lock);
    plat_free(p);
}

bool weir_promise_fulfil(weir_promise *p, int result, void *value)
{
    plat_lock(&p->lock);
    bool first = !p->done;
    if (first) {
        p->done = true;
        p->result = result;
        p->value = value;
    }
    for (struct link *link; (link = list_take(&p->waiters));) {
        struct promised *waiter = list_of(link, struct promised, link);
        loop_post(waiter->loop, &waiter->post);
    }
    plat_unlock(&p->lock);
    return first;
}

static void arrive(struct post *post)
{
    weir_wait_done(&list_of(post, struct promised, post)->wait, 0);
}

static bool take_back(weir_wait *w)
{
    struct promised *waiter = list_of(w, struct promised, wait);
    weir_promise *p = w->data;
    plat_lock(&p->lock);
    bool waits = link_listed(&waiter->link);
    link_leave(&waiter->link);
    plat_unlock(&p->lock);
    return waits;
}

static bool join(weir_promise *p, struct promised *waiter)
{
    plat_lock(&p->lock);
    bool done = p->done;
    if (!done)
        list_append(&p->waiters, &waiter->link);
    plat_unlock(&p->lock);
    return !done;
}

int weir_promise_await(weir_task *t, weir_promise *p, void **value)
{
    struct promised waiter = {
        .wait = {.what = "a promise", .cancel = take_back, .data = p}, .post.run = arrive, .loop = t->loop};
    int why = task_pending(t);
    if (why)
        return task_fail(why);
    if (join(p, &waiter)) {
        int error = weir_wait_for(t, &waiter.wait);
        if (error < 0)
            return error;
    }
    if (value)
        *value = p->value;
    if (p->result < 0)
        weir_fail("%s", strerror(-p->result));
    return p->result;
}
