/* SPDX-License-Identifier: MIT */
/*
 * asyncio's debug mode, all_tasks() and current_task(), in weir's words: who waits for what, who keeps the loop for too
 * long, and whose failure nobody has seen.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/async.h>
#include <weir/runtime.h>

static weir_event *never;

static int linger(weir_task *t, void *arg)
{
    (void)arg;
    return weir_event_wait(t, never);
}

static void show(void *arg, const weir_task_info *info)
{
    int *n = arg;
    ++*n;
    if (strcmp(info->name, "lingering") == 0)
        printf("  %s: waits for something: %s, cancelled: %s\n", info->name, info->waits[0] ? "yes" : "no",
               info->cancelled ? "yes" : "no");
}

static void all_tasks(weir_task *t)
{
    int n = 0;
    puts("all_tasks:");
    weir_group *g = weir_group_begin(t);
    weir_group_start(g, "lingering", linger, NULL);
    weir_yield(t);
    weir_tasks_here(t, show, &n);
    printf("  %d tasks\n", n);
    weir_group_cancel(g);
    weir_group_end(t, g);
}

/* Reports come from any thread. */
static atomic_int slow_reports, lost_failures;

static void take_report(void *arg, const char *text)
{
    (void)arg;
    if (strstr(text, "busy"))
        atomic_fetch_add(&slow_reports, 1);
    if (strstr(text, "forlorn"))
        atomic_fetch_add(&lost_failures, 1);
}

static int fail(weir_task *t, void *arg)
{
    (void)t;
    (void)arg;
    return -EPIPE;
}

/* Keeps the loop until that has been reported: a task must not do this. */
static int be_busy(weir_task *t, void *arg)
{
    (void)arg;
    uint64_t start = weir_task_now_ns(t);
    while (atomic_load(&slow_reports) == 0 && weir_task_now_ns(t) - start < 10000000000U)
        ;
    return 0;
}

static int run(weir_task *t, void *arg)
{
    (void)arg;
    never = weir_event_new();
    all_tasks(t);
    weir_await(t, weir_task_start(t, "busy", be_busy, NULL), NULL);
    printf("a task that keeps its loop is reported, by name: %s\n", atomic_load(&slow_reports) > 0 ? "yes" : "no");
    weir_detach(weir_task_start(t, "forlorn", fail, NULL));
    weir_yield(t);
    printf("a failure that nobody asked for is reported, by name: %s\n", atomic_load(&lost_failures) > 0 ? "yes" : "no");
    weir_event_free(never);
    return 0;
}

int main(void)
{
    setenv("WEIR_ASYNC_DEBUG", "1", 1); /* as a user would in the shell */
    weir_async_configure(&(weir_async_config){.slow_ms = 20, .report = take_report});
    return weir_async_run(run, NULL) < 0;
}
