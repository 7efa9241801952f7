/* SPDX-License-Identifier: MIT */
/*
 * Queues: one array, used as a ring (first in, first out, or last in, first out) or as a binary heap (by priority, of equals the first
 * that came).
 *
 * An item that somebody waits for never lies in the queue: put hands it over. When an item is taken out of a full queue the first who
 * waits to put one has its item in before anybody else can.
 */
#include <errno.h>
#include <string.h>
#include <weir/weir.h>

#include "async/task.h"
#include "async/waiters.h"

#define CAPACITY_MIN 16

struct weir_queue {
    weir_queue_order order;
    int (*compare)(const void *, const void *);
    size_t item_size, stride; /* behind each item stands its number in the order of coming */
    size_t max;               /* SIZE_MAX: no bound */
    char *cells;
    size_t capacity, head, count;
    size_t undone; /* items put that weir_queue_done() was not called for */
    uint64_t numbers;
    bool shut;
    struct list getters, putters, joiners; /* struct waiter */
};

weir_queue *weir_queue_new(weir_queue_order order, size_t item_size, size_t max, int (*compare)(const void *, const void *))
{
    weir_queue *q = item_size > SIZE_MAX / 2 ? NULL : plat_alloc(sizeof *q);
    if (!q) {
        task_fail(-ENOMEM);
        return NULL;
    }
    q->order = order;
    q->compare = compare;
    q->item_size = item_size;
    q->stride = (item_size + sizeof(uint64_t) + 15) & ~(size_t)15;
    q->max = max ? max : SIZE_MAX;
    list_init(&q->getters);
    list_init(&q->putters);
    list_init(&q->joiners);
    return q;
}

void weir_queue_free(weir_queue *q)
{
    if (q)
        plat_free(q->cells);
    plat_free(q);
}

/* ---- the array ----------------------------------------------------------------------------------------------------------- */

static char *cell(const weir_queue *q, size_t i)
{
    return q->cells + (q->head + i) % q->capacity * q->stride;
}

static uint64_t number_of(const weir_queue *q, const char *at)
{
    uint64_t number;
    memcpy(&number, at + q->stride - sizeof number, sizeof number);
    return number;
}

static bool less(const weir_queue *q, size_t a, size_t b)
{
    int compared = q->compare(cell(q, a), cell(q, b));
    return compared ? compared < 0 : number_of(q, cell(q, a)) < number_of(q, cell(q, b));
}

static void swap(weir_queue *q, size_t a, size_t b)
{
    char *x = cell(q, a), *y = cell(q, b);
    for (size_t i = 0; i < q->stride; i++) {
        char kept = x[i];
        x[i] = y[i];
        y[i] = kept;
    }
}

static void sift_up(weir_queue *q, size_t i)
{
    for (; i > 0 && less(q, i, (i - 1) / 2); i = (i - 1) / 2)
        swap(q, i, (i - 1) / 2);
}

static void sift_down(weir_queue *q)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < q->count; i = child) {
        if (child + 1 < q->count && less(q, child + 1, child))
            child++;
        if (!less(q, child, i))
            return;
        swap(q, i, child);
    }
}

static int grow(weir_queue *q)
{
    size_t capacity = q->capacity ? q->capacity * 2 : q->max < CAPACITY_MIN ? q->max : CAPACITY_MIN;
    char *cells = capacity > SIZE_MAX / q->stride ? NULL : plat_alloc(capacity * q->stride);
    if (!cells)
        return task_fail(-ENOMEM);
    for (size_t i = 0; i < q->count; i++)
        memcpy(cells + i * q->stride, cell(q, i), q->stride);
    plat_free(q->cells);
    q->cells = cells;
    q->capacity = capacity;
    q->head = 0;
    return 0;
}

static int insert(weir_queue *q, const void *item)
{
    if (q->count == q->capacity && grow(q) < 0)
        return -ENOMEM;
    char *at = cell(q, q->count);
    uint64_t number = q->numbers++;
    memcpy(at, item, q->item_size);
    memcpy(at + q->stride - sizeof number, &number, sizeof number);
    q->count++;
    if (q->order == WEIR_PRIORITY)
        sift_up(q, q->count - 1);
    return 0;
}

static void extract(weir_queue *q, void *item)
{
    if (q->order == WEIR_PRIORITY)
        swap(q, 0, q->count - 1);
    memcpy(item, cell(q, q->order == WEIR_FIFO ? 0 : q->count - 1), q->item_size);
    q->count--;
    if (q->order == WEIR_FIFO)
        q->head = (q->head + 1) % q->capacity;
    if (q->order == WEIR_PRIORITY)
        sift_down(q);
}

/* ---- in and out ---------------------------------------------------------------------------------------------------------- */

static int is_shut(void)
{
    weir_fail("the queue is shut down");
    return -ESHUTDOWN;
}

int weir_queue_try_put(weir_queue *q, const void *item)
{
    if (q->shut)
        return is_shut();
    struct link *getter = list_first(&q->getters);
    if (getter) {
        memcpy(list_of(getter, struct waiter, link)->item, item, q->item_size);
        waiters_wake(&q->getters, 0);
    } else if (q->count >= q->max) {
        return -EAGAIN;
    } else if (insert(q, item) < 0) {
        return -ENOMEM;
    }
    q->undone++;
    return 0;
}

int weir_queue_try_get(weir_queue *q, void *item)
{
    if (q->count == 0)
        return q->shut ? is_shut() : -EAGAIN;
    extract(q, item);
    struct link *putter = list_first(&q->putters);
    if (putter) {
        insert(q, list_of(putter, struct waiter, link)->item); /* there is room: one has just been taken out */
        q->undone++;
        waiters_wake(&q->putters, 0);
    }
    return 0;
}

int weir_queue_put(weir_task *t, weir_queue *q, const void *item)
{
    struct waiter waiter = {.item = (void *)(uintptr_t)item}; /* only read */
    int result = task_pending(t);
    if (result)
        return task_fail(result);
    result = weir_queue_try_put(q, item);
    if (result == -EAGAIN)
        result = waiters_wait(t, &q->putters, &waiter, "room in a queue");
    return result == -ESHUTDOWN ? is_shut() : result;
}

int weir_queue_get(weir_task *t, weir_queue *q, void *item)
{
    struct waiter waiter = {.item = item};
    int result = task_pending(t);
    if (result)
        return task_fail(result);
    result = weir_queue_try_get(q, item);
    if (result == -EAGAIN)
        result = waiters_wait(t, &q->getters, &waiter, "an item in a queue");
    return result == -ESHUTDOWN ? is_shut() : result;
}

size_t weir_queue_count(const weir_queue *q)
{
    return q->count;
}

/* ---- done ---------------------------------------------------------------------------------------------------------------- */

static void settle(weir_queue *q, size_t n)
{
    q->undone -= n;
    if (q->undone == 0)
        waiters_wake_all(&q->joiners, 0);
}

int weir_queue_done(weir_queue *q)
{
    if (q->undone == 0) {
        weir_fail("more items were done than put");
        return -EINVAL;
    }
    settle(q, 1);
    return 0;
}

int weir_queue_join(weir_task *t, weir_queue *q)
{
    struct waiter waiter;
    int why = task_pending(t);
    if (why)
        return task_fail(why);
    return q->undone == 0 ? 0 : waiters_wait(t, &q->joiners, &waiter, "all items of a queue to be done");
}

void weir_queue_shutdown(weir_queue *q, bool now)
{
    q->shut = true;
    if (now) {
        size_t n = q->count;
        q->count = 0;
        settle(q, n);
    }
    waiters_wake_all(&q->putters, -ESHUTDOWN);
    waiters_wake_all(&q->getters, -ESHUTDOWN); /* who waits to get has found it empty */
}
