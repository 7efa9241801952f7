/* SPDX-License-Identifier: MIT */
/*
 * asyncio's Queue, LifoQueue, PriorityQueue, join(), task_done() and shutdown(), in weir's words.
 */
#include <errno.h>
#include <stdio.h>
#include <weir/async.h>

static int compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* ---- three orders ------------------------------------------------------------------------------------------------------ */

static void show_order(const char *name, weir_queue_order order)
{
    static const int numbers[] = {3, 1, 2};
    weir_queue *q = weir_queue_new(order, sizeof(int), 0, compare);
    for (int i = 0; i < 3; i++)
        weir_queue_try_put(q, &numbers[i]);
    printf("%s:", name);
    for (int got; weir_queue_try_get(q, &got) == 0;)
        printf(" %d", got);
    printf("; empty: %s\n", weir_queue_try_get(q, &(int){0}) == -EAGAIN ? "-EAGAIN" : "?");
    weir_queue_free(q);
}

/* ---- a bound is back-pressure ------------------------------------------------------------------------------------------ */

static int put_five(weir_task *t, void *arg)
{
    int result = 0;
    for (int i = 1; i <= 5 && result == 0; i++)
        result = weir_queue_put(t, arg, &i); /* waits for room */
    weir_queue_shutdown(arg, false);
    return result;
}

static int get_all(weir_task *t, void *arg)
{
    int got, result;
    while ((result = weir_queue_get(t, arg, &got)) == 0) {
        printf("  got %d\n", got);
        weir_queue_done(arg);
    }
    printf("  shut down and empty: %s\n", result == -ESHUTDOWN ? "-ESHUTDOWN" : "?");
    return 0;
}

static void bounded(weir_task *t)
{
    puts("a queue of 2, join, shutdown:");
    weir_queue *q = weir_queue_new(WEIR_FIFO, sizeof(int), 2, NULL);
    weir_group *g = weir_group_begin(t);
    weir_group_start(g, "producer", put_five, q);
    weir_yield(t);
    printf("  the producer waits behind %zu; one more: %s\n", weir_queue_count(q),
           weir_queue_try_put(q, &(int){9}) == -EAGAIN ? "-EAGAIN" : "?");
    weir_group_start(g, "consumer", get_all, q);
    int joined = weir_queue_join(t, q);
    int ended = weir_group_end(t, g);
    printf("  all have been dealt with: %s; done once more than put: %s\n", joined == 0 && ended == 0 ? "yes" : "no",
           weir_queue_done(q) == -EINVAL ? "-EINVAL" : "?");
    weir_queue_free(q);
}

static int run(weir_task *t, void *arg)
{
    (void)arg;
    show_order("FIFO", WEIR_FIFO);
    show_order("LIFO", WEIR_LIFO);
    show_order("priority", WEIR_PRIORITY);
    bounded(t);
    return 0;
}

int main(void)
{
    return weir_async_run(run, NULL) < 0;
}
