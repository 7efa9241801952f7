/* SPDX-License-Identifier: MIT */
/*
 * asyncio's Lock, Event, Condition, Semaphore, BoundedSemaphore and Barrier, in weir's words. All are first come, first
 * served, so what is printed is the same in every run.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <weir/async.h>

/* What the tasks of a paragraph share. */
struct shared {
    weir_lock *lock;
    weir_event *event;
    weir_condition *condition;
    weir_semaphore *semaphore;
    weir_barrier *barrier;
    int ready, inside, most;
};
static struct shared shared;

/* Runs fn as three tasks, called with 0, 1 and 2; `meanwhile`, if any, is called when all of them wait. */
static int run_three(weir_task *t, weir_task_fn *fn, void (*meanwhile)(void))
{
    weir_group *g = weir_group_begin(t);
    for (intptr_t i = 0; i < 3; i++)
        weir_group_start(g, "one", fn, (void *)i);
    weir_yield(t);
    if (meanwhile)
        meanwhile();
    return weir_group_end(t, g);
}

static int number(void *arg)
{
    return (int)(intptr_t)arg;
}

/* The lock is held across a wait: between two waits nobody needs one. */
static int hold(weir_task *t, void *arg)
{
    int result = weir_lock_take(t, shared.lock);
    if (result < 0)
        return result;
    printf("  %d has it\n", number(arg));
    weir_yield(t);
    printf("  %d gives it\n", number(arg));
    weir_lock_give(shared.lock);
    return 0;
}

static int await_event(weir_task *t, void *arg)
{
    int result = weir_event_wait(t, shared.event);
    printf("  %d passes\n", number(arg));
    return result;
}

static void set_event(void)
{
    puts("  set");
    weir_event_set(shared.event);
}

static int await_ready(weir_task *t, void *arg)
{
    int result = weir_lock_take(t, shared.lock);
    while (result == 0 && shared.ready == 0)
        result = weir_condition_wait(t, shared.condition);
    if (result < 0)
        return result;
    shared.ready--;
    printf("  %d takes one, %d left\n", number(arg), shared.ready);
    weir_lock_give(shared.lock);
    return 0;
}

static void make_ready(void)
{
    shared.ready = 3;
    puts("  3 are ready");
    weir_condition_notify(shared.condition, SIZE_MAX);
}

static int work(weir_task *t, void *arg)
{
    (void)arg;
    int result = weir_semaphore_take(t, shared.semaphore);
    if (result < 0)
        return result;
    if (++shared.inside > shared.most)
        shared.most = shared.inside;
    weir_yield(t);
    shared.inside--;
    weir_semaphore_give(shared.semaphore);
    return 0;
}

static int meet(weir_task *t, void *arg)
{
    (void)arg;
    int place = weir_barrier_wait(t, shared.barrier);
    printf("  came as number %d\n", place);
    return place;
}

static int meet_in_vain(weir_task *t, void *arg)
{
    int place = weir_barrier_wait(t, shared.barrier);
    if (number(arg) == 0)
        printf("  aborted: %s\n", place == -EPIPE ? "-EPIPE" : "?");
    return 0;
}

static void abort_barrier(void)
{
    weir_barrier_abort(shared.barrier);
}

static int run(weir_task *t, void *arg)
{
    (void)arg;
    shared.lock = weir_lock_new();
    shared.event = weir_event_new();
    shared.condition = weir_condition_new(shared.lock);
    shared.semaphore = weir_semaphore_new(2, 2);
    shared.barrier = weir_barrier_new(3);
    puts("Lock:");
    run_three(t, hold, NULL);
    puts("Event:");
    run_three(t, await_event, set_event);
    puts("Condition:");
    run_three(t, await_ready, make_ready);
    puts("Semaphore of 2:");
    run_three(t, work, NULL);
    printf("  at most %d were inside; giving one too many is refused: %s\n", shared.most,
           weir_semaphore_give(shared.semaphore) ? "no" : "yes");
    puts("Barrier of 3:");
    run_three(t, meet, NULL);
    weir_barrier_free(shared.barrier);
    shared.barrier = weir_barrier_new(4);
    run_three(t, meet_in_vain, abort_barrier);
    weir_barrier_free(shared.barrier);
    weir_semaphore_free(shared.semaphore);
    weir_condition_free(shared.condition);
    weir_event_free(shared.event);
    weir_lock_free(shared.lock);
    return 0;
}

int main(void)
{
    return weir_async_run(run, NULL) < 0;
}
