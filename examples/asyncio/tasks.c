/* SPDX-License-Identifier: MIT */
/*
 * asyncio.run(), create_task(), TaskGroup, gather(), as_completed(), wait(FIRST_COMPLETED), shield() and cancel(), in weir's
 * words.
 *
 * No task here sleeps: they wait for one another, so that what is printed is the same in every run.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <weir/async.h>

/* ---- what the tasks do ------------------------------------------------------------------------------------------------ */

/* Lets the others run `turns` times, and returns that number. */
static int count(weir_task *t, void *arg)
{
    int turns = (int)(intptr_t)arg;
    for (int i = 0; i < turns; i++)
        if (weir_yield(t) < 0)
            return -ECANCELED;
    return turns;
}

static int fail(weir_task *t, void *arg)
{
    (void)arg;
    int result = weir_yield(t);
    return result < 0 ? result : -EPIPE;
}

/* Waits for what never comes; says how it ended. `arg` names it where it has no name of its own. */
static int wait_for_ever(weir_task *t, void *arg)
{
    weir_promise *never = weir_promise_new();
    int result = weir_promise_await(t, never, NULL);
    weir_promise_drop(never);
    printf("  %s: %s\n", arg ? (const char *)arg : weir_task_name(t), result == -ECANCELED ? "cancelled" : "?");
    return result;
}

/* Cancelled, it cleans up, and the clean-up may wait: it is shielded. */
static int clean_up(weir_task *t, void *arg)
{
    (void)arg;
    weir_promise *never = weir_promise_new();
    int result = weir_promise_await(t, never, NULL);
    weir_promise_drop(never);
    weir_shield_begin(t);
    int waited = weir_yield(t);
    weir_shield_end(t);
    printf("  the clean-up could wait: %s; after it, waiting is cancelled again: %s\n", waited == 0 ? "yes" : "no",
           weir_yield(t) == -ECANCELED ? "yes" : "no");
    return result;
}

/* ---- one paragraph each ----------------------------------------------------------------------------------------------- */

static void one_task(weir_task *t)
{
    puts("create_task, await:");
    int result = 0;
    weir_task *other = weir_task_start(t, "counter", count, (void *)3);
    printf("  started %s\n", weir_task_name(other));
    weir_await(t, other, &result);
    printf("  it returned %d\n", result);
}

static void cancel_one(weir_task *t)
{
    puts("cancel:");
    int result = 0;
    weir_task *other = weir_task_start(t, "waiter", wait_for_ever, NULL);
    weir_yield(t); /* it begins to wait */
    weir_cancel(other);
    weir_await(t, other, &result);
    printf("  it returned %s\n", result == -ECANCELED ? "-ECANCELED" : "something else");
}

static void shield_one(weir_task *t)
{
    puts("shield:");
    weir_task *other = weir_task_start(t, "cleaner", clean_up, NULL);
    weir_yield(t);
    weir_cancel(other);
    weir_await(t, other, NULL);
}

static void group_of_tasks(weir_task *t)
{
    puts("TaskGroup, one fails:");
    weir_group *g = weir_group_begin(t);
    weir_group_start(g, "first", wait_for_ever, NULL);
    weir_group_start(g, "second", wait_for_ever, NULL);
    weir_group_start(g, "failing", fail, NULL);
    int result = weir_group_end(t, g);
    printf("  the group returned %s\n", result == -EPIPE ? "-EPIPE" : "something else");
}

static void gather_all(weir_task *t)
{
    puts("gather:");
    weir_job jobs[] = {{.fn = count, .arg = (void *)2}, {.fn = fail}, {.fn = count, .arg = (void *)5}};
    int result = weir_gather(t, jobs, 3);
    printf("  %d, %s, %d; as a whole %s\n", jobs[0].result, jobs[1].result == -EPIPE ? "-EPIPE" : "?", jobs[2].result,
           result == -EPIPE ? "-EPIPE" : "?");
}

static void as_they_come(weir_task *t)
{
    puts("as_completed:");
    weir_group *g = weir_group_begin(t);
    for (intptr_t turns = 9; turns > 0; turns -= 4)
        weir_group_start(g, "counter", count, (void *)turns);
    void *arg;
    for (int result; weir_group_next(t, g, &arg, &result) == 0;)
        printf("  %d\n", result);
    weir_group_end(t, g);
}

static void first_of_several(weir_task *t)
{
    puts("wait, FIRST_COMPLETED:");
    static char slow[] = "slow";
    weir_job jobs[] = {{.fn = wait_for_ever, .arg = slow}, {.fn = count, .arg = (void *)1}};
    int winner = weir_race(t, jobs, 2);
    printf("  number %d was first\n", winner);
}

static int run(weir_task *t, void *arg)
{
    (void)arg;
    one_task(t);
    cancel_one(t);
    shield_one(t);
    group_of_tasks(t);
    gather_all(t);
    as_they_come(t);
    first_of_several(t);
    return 7;
}

int main(void)
{
    printf("run: %d\n", weir_async_run(run, NULL));
    return 0;
}
