/* SPDX-License-Identifier: MIT */
/*
 * The rounds of a loop. Tasks and turns that are always ready must not keep the world waiting, so each round takes only what was
 * ready at its beginning, and after a few microseconds of them the loop looks at the world even so; not each time, since a look costs a
 * system call.
 */
#include "async/loop.h"

#include <string.h>

#include "async/offload.h"
#include "async/report.h"
#include "async/task.h"
#include "async/watch.h"
#include <weir/weir.h>

#define LOOK_NS 20000

#ifdef SIM
/* The simulator's threads are fibers of one thread: what belongs to one is found by the text of its last error. */
static struct loop *loops_here[64];
static const char *texts_here[64];

static size_t place_of(const char *text)
{
    size_t i = 0;
    while (i < 64 && texts_here[i] != text)
        i++;
    return i;
}

struct loop *loop_here(void)
{
    size_t i = place_of(weir_error(NULL));
    return i < 64 ? loops_here[i] : NULL;
}

static void set_here(struct loop *loop)
{
    const char *text = weir_error(NULL);
    size_t i = place_of(text);
    if (i == 64)
        i = place_of(NULL);
    texts_here[i] = loop ? text : NULL;
    loops_here[i] = loop;
}
#else
static _Thread_local struct loop *here;

struct loop *loop_here(void)
{
    return here;
}

static void set_here(struct loop *loop)
{
    here = loop;
}
#endif

int loop_init(struct loop *loop)
{
    memset(loop, 0, sizeof *loop);
    list_init(&loop->ready);
    list_init(&loop->tasks);
    loop->posts_end = &loop->posts;
    loop->turns_end = &loop->turns;
    report_config(&loop->config);
    if (plat_lock_init(&loop->lock) < 0)
        return -1;
    if (stack_pool_init(&loop->stacks) < 0)
        goto fail;
    loop->poll = poll_new();
    if (loop->poll)
        return 0;
    stack_pool_free(&loop->stacks);
fail:
    plat_lock_free(&loop->lock);
    return -1;
}

void loop_free(struct loop *loop)
{
    offload_free(loop);
    plat_lock(&loop->lock); /* whoever has posted last may not have let go of it yet */
    plat_unlock(&loop->lock);
    poll_free(loop->poll);
    stack_pool_free(&loop->stacks);
    plat_lock_free(&loop->lock);
}

void loop_enter(struct loop *loop)
{
    set_here(loop);
    context_here(&loop->context);
    loop->error = (char *)(uintptr_t)weir_error(NULL); /* the buffer is the thread's own, and not constant */
    loop->now_ns = plat_now_ns();
    watch_begin(loop);
}

void loop_leave(struct loop *loop)
{
    watch_end(loop);
    set_here(NULL);
}

/* ---- from other threads -------------------------------------------------------------------------------------------------- */

/* With the lock held, also around the waking: once it is let go the loop may do its last round, and be freed. */
static void wake(struct loop *loop)
{
    atomic_store_explicit(&loop->posted, true, memory_order_relaxed);
    if (!loop->asleep)
        return;
    loop->asleep = false;
    poll_wake(loop->poll);
}

void loop_post(struct loop *loop, struct post *post)
{
    post->next = NULL;
    plat_lock(&loop->lock);
    *loop->posts_end = post;
    loop->posts_end = &post->next;
    wake(loop);
    plat_unlock(&loop->lock);
}

void loop_turn(struct loop *loop, weir_turn *turn)
{
    turn->next = NULL;
    plat_lock(&loop->lock);
    *loop->turns_end = turn;
    loop->turns_end = &turn->next;
    wake(loop);
    plat_unlock(&loop->lock);
}

static void run_posted(struct loop *loop)
{
    if (!atomic_load_explicit(&loop->posted, memory_order_relaxed)) /* what is missed now is seen before the loop sleeps */
        return;
    plat_lock(&loop->lock);
    struct post *post = loop->posts;
    weir_turn *turn = loop->turns;
    loop->posts = NULL;
    loop->posts_end = &loop->posts;
    loop->turns = NULL;
    loop->turns_end = &loop->turns;
    atomic_store_explicit(&loop->posted, false, memory_order_relaxed);
    plat_unlock(&loop->lock);
    while (post) {
        struct post *next = post->next; /* it may be gone, or posted again, when it has run */
        post->run(post);
        post = next;
    }
    while (turn) {
        weir_turn *next = turn->next;
        loop->run_turn(turn);
        turn = next;
    }
}

/* ---- rounds -------------------------------------------------------------------------------------------------------------- */

void loop_resume(struct loop *loop, weir_task *t)
{
    loop->current = t;
    t->state = TASK_RUNS;
    if (loop->watched)
        watch_task_on(loop, t);
    context_switch(&loop->context, &t->context);
    if (loop->watched)
        watch_task_off(loop, t);
    loop->current = NULL;
    if (t->state == TASK_DONE)
        task_over(t);
}

void loop_run_ready(struct loop *loop, struct list *list)
{
    struct list now;
    struct link *link;
    list_move(&now, list);
    while ((link = list_take(&now)))
        loop_resume(loop, list_of(link, weir_task, link));
}

static void run_timers(struct loop *loop)
{
    if (!loop->timers.first)
        return;
    uint64_t now = plat_now_ns();
    while (loop->timers.first && loop->timers.first->due_ns <= now) {
        struct timer *timer = loop->timers.first;
        timer_unset(&loop->timers, timer);
        task_due(list_of(timer, weir_task, timer), now);
    }
}

/* True if it may wait: until the lock is let go nothing was posted, and who posts afterwards wakes it. */
static bool fall_asleep(struct loop *loop)
{
    if (!list_empty(&loop->ready))
        return false;
    plat_lock(&loop->lock);
    loop->asleep = !loop->posts && !loop->turns;
    bool asleep = loop->asleep;
    plat_unlock(&loop->lock);
    return asleep;
}

static void look_at_world(struct loop *loop)
{
    if (fall_asleep(loop)) {
        poll_wait(loop->poll, loop->timers.first ? loop->timers.first->due_ns : UINT64_MAX);
        plat_lock(&loop->lock);
        loop->asleep = false;
        plat_unlock(&loop->lock);
    } else if (loop->now_ns - loop->looked_ns >= LOOK_NS) {
        poll_wait(loop->poll, 0);
        loop->looked_ns = loop->now_ns;
    }
}

void loop_round(struct loop *loop)
{
    look_at_world(loop);
    loop->now_ns = plat_now_ns();
    run_posted(loop);
    loop_run_ready(loop, &loop->ready);
    run_timers(loop);
}
