/* SPDX-License-Identifier: MIT */
/*
 * weir/async.h - stages and programs that wait: tasks on a loop, and what they wait for.
 *
 * A task is a function on a small stack of its own. It looks like plain blocking C; but a call that waits suspends the task, not the
 * thread, and thousands of tasks wait on one thread at once:
 *
 *     static int enrich(weir_task *t, void *state)
 *     {
 *         struct event ev;
 *         while (weir_recv(t, &ev) == 0) {
 *             if (look_up(t, state, &ev) < 0)
 *                 weir_reject(t, "no answer for %s", ev.name);
 *             weir_send(t, &ev);
 *         }
 *         return 0;
 *     }
 *     weir_append(p, &(weir_stage){.name = "enrich", .in = EVENT, .loop = enrich, .concurrency = 100});
 *
 * WHAT WAITS takes the task that calls it as its first argument, `t`, and nothing else does: where there is no `t`, no other task runs
 * in between. All tasks of a stage run on one loop's thread, one at a time, so between two waits they share what they like without
 * locks.
 *
 * RESULTS. 0 or more is success. A failure is a negative errno value, as the kernel's calls and libuv have it: -ENOMEM, -ECONNREFUSED;
 * weir_error(NULL) then has it in words. Every call that waits may also answer
 *     -ECANCELED   the task was cancelled: clean up, and return
 *     -ETIMEDOUT   the time of a weir_timeout around it is over
 *
 * CANCELLING asks a task to come to its end: what it waits for, and whatever it waits for afterwards, answers -ECANCELED. Clean-up that
 * has to wait itself stands between weir_shield_begin() and weir_shield_end().
 *
 * STRUCTURE. A group's tasks end before weir_group_end() returns; one that fails cancels the others. A task that is started outside of
 * a group ends before its stage does, or the function given to weir_async_run().
 *
 * THREADS. Calls are for tasks of one loop, on that loop. What any thread may call says so. Objects (groups, locks, queues, streams)
 * belong to the loop on which they were made.
 *
 * STACKS are small (64 KiB by default): a task that recurses deeply, or keeps large arrays, says how much it needs
 * (weir_stage.stack_bytes). Running over the end stops the process with a message that names the task, and never spills into
 * somebody else's memory.
 *
 * More that can be waited for is in weir/io.h: streams, datagrams, names, files, processes, signals, TLS; and in weir/http.h.
 */
#ifndef WEIR_ASYNC_H
#define WEIR_ASYNC_H

#include <weir/stage.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_task weir_task;
typedef int weir_task_fn(weir_task *t, void *arg); /* 0 or more: done; negative: it has failed, or was cancelled (-ECANCELED) */

/* ---- in a stage -------------------------------------------------------------------------------------------------------- */

/* The stage's next item, copied to `item`. The one before it, if any, is done with: what was sent for it goes on, in order. 0;
 * WEIR_END (1): there will be none: send what you hold and return 0; -ECANCELED: return without (the stage is being cancelled, or its
 * state is another's by now). The item is yours; what it points to lives until the next weir_recv(). A task that returns before the
 * end is started again with the next item; one that has received nothing and returns 0 wants no more: the sources stop. */
WEIR_API int weir_recv(weir_task *t, void *item);

/* Puts out *item, of the stage's output type: with the item at hand, if there is one, else (a source) at once, waiting for room. May
 * be called by a task that the one with the item has started in a group. 0, -ENOMEM, -ECANCELED. */
WEIR_API int weir_send(weir_task *t, const void *item);
WEIR_API int weir_send_to(weir_task *t, size_t port, const void *item); /* through out port `port` */
WEIR_API int weir_send_bytes(weir_task *t, const void *data, size_t len); /* a weir_bytes with a copy of the data */

/* Memory for what the next sent item points to, as weir_alloc(). NULL: none. */
WEIR_API void *weir_task_alloc(weir_task *t, size_t size);

/* The item at hand has failed, `printf` style: nothing that was sent for it counts, and the stage's retry and on_error decide. Go on
 * with weir_recv(). A task that returns after weir_fail() with an item at hand says the same. Returns -1. */
WEIR_API int weir_reject(weir_task *t, const char *format, ...) WEIR_PRINTF(2, 3);

/* ---- tasks ------------------------------------------------------------------------------------------------------------- */

/* Zero means the default. */
typedef struct weir_async_config {
    size_t stack_bytes; /* of tasks that do not say; default 64 KiB, rounded up to pages */
    uint32_t slow_ms;   /* a task that keeps its loop for longer is reported on standard error, with its stage and a backtrace; default: not
                           at all, or 100 with WEIR_ASYNC_DEBUG=1 in the environment, which also reports tasks that nobody awaited */
    void (*report)(void *arg, const char *text); /* takes those reports instead of standard error. Any thread */
    void *report_arg;
    void *reserved[4];
} weir_async_config;

/* Settings of the process, for loops that are made afterwards. Any thread. */
WEIR_API void weir_async_configure(const weir_async_config *config);

/* Runs fn as a task on a loop of the calling thread, until it and all tasks that it started have returned: what asyncio.run() does.
 * Returns what fn returned; -ENOMEM. Not from a task. */
WEIR_API int weir_async_run(weir_task_fn *fn, void *arg);

/* Starts fn(task, arg) beside the calling task, on the same loop; it first runs when the caller waits. The name is copied. The handle
 * is good until weir_await() or weir_detach() has been called for it. NULL: no memory. */
WEIR_API weir_task *weir_task_start(weir_task *t, const char *name, weir_task_fn *fn, void *arg);

/* Waits until it has returned; *result is what it returned (may be NULL). If the caller is cancelled meanwhile, the other is not: it
 * answers -ECANCELED and the handle stays good. */
WEIR_API int weir_await(weir_task *t, weir_task *other, int *result);
WEIR_API void weir_detach(weir_task *other); /* nobody will await it; a failure of it is reported when debugging */

WEIR_API void weir_cancel(weir_task *other); /* asks it to end. From its loop */
WEIR_API bool weir_cancelled(const weir_task *t);
WEIR_API int weir_yield(weir_task *t); /* lets the others run, then goes on */
WEIR_API const char *weir_task_name(const weir_task *t);

/* Between the two, waiting is not cancelled, and no timeout around them strikes. They nest. */
WEIR_API void weir_shield_begin(weir_task *t);
WEIR_API void weir_shield_end(weir_task *t);

/* ---- time -------------------------------------------------------------------------------------------------------------- */

WEIR_API int weir_sleep_ms(weir_task *t, uint64_t ms);
WEIR_API int weir_sleep_until_ns(weir_task *t, uint64_t when_ns); /* on weir_task_now_ns()'s clock */
WEIR_API uint64_t weir_task_now_ns(const weir_task *t);           /* monotonic; virtual in the simulator */

/* A limit for all that is waited for between begin and end: what exceeds it answers -ETIMEDOUT. They nest; the storage is the
 * caller's. weir_timeout_end() says whether it struck: whether anything was answered -ETIMEDOUT for it. UINT64_MAX: no limit. */
typedef struct weir_timeout weir_timeout;
struct weir_timeout {
    weir_timeout *outer;
    uint64_t due_ns;
    bool expired;
    void *reserved[2];
};
WEIR_API void weir_timeout_begin(weir_task *t, weir_timeout *timeout, uint64_t ms);
WEIR_API void weir_timeout_reset(weir_task *t, weir_timeout *timeout, uint64_t ms); /* from now on, another limit */
WEIR_API bool weir_timeout_end(weir_task *t, weir_timeout *timeout);

/* ---- groups ------------------------------------------------------------------------------------------------------------ */

typedef struct weir_group weir_group;

/* begin, start as many as you like (tasks of the group may start more), end: waits for all. The first that fails (returns a negative
 * value) cancels the others, and the rest of what the owner waits for before the end; its result is what weir_group_end() returns, else
 * 0. end releases the group. If the owner is cancelled, so are they. */
WEIR_API weir_group *weir_group_begin(weir_task *t); /* NULL: no memory */
WEIR_API int weir_group_start(weir_group *g, const char *name, weir_task_fn *fn, void *arg); /* 0, -ENOMEM, -ECANCELED: it is ending */
WEIR_API void weir_group_cancel(weir_group *g); /* asks all to end; that is no failure */
WEIR_API int weir_group_end(weir_task *t, weir_group *g);

/* The next of the group's tasks that has returned, as they do (as_completed): its `arg` and its result. 0; 1: there are no more that run;
 * a failing task does not cancel the others of a group in which this is used before anything has failed. What returns before its first
 * call is not told (the tasks first run when somebody waits): so a group for tasks that come and go without end keeps nothing of them. */
WEIR_API int weir_group_next(weir_task *t, weir_group *g, void **arg, int *result);

typedef struct weir_job {
    weir_task_fn *fn;
    void *arg;
    int result; /* set */
} weir_job;

/* Runs all jobs at once and waits for all (gather): all run to their end, also when one fails. Returns 0 or the first failure by index.
 * race: until the first has succeeded; the others are cancelled and waited for. Returns its index, or the last failure. */
WEIR_API int weir_gather(weir_task *t, weir_job *jobs, size_t n);
WEIR_API int weir_race(weir_task *t, weir_job *jobs, size_t n);

/* ---- other threads ------------------------------------------------------------------------------------------------------- */

/* Runs fn(arg) on a thread pool, for what can only be done by blocking, and waits for its result; the wait is not cancelled. */
WEIR_API int weir_offload(weir_task *t, int (*fn)(void *arg), void *arg);

/* A result that is yet to come. Any thread may fulfil it, once; any number of tasks, of any loops, may await it. Counted: new gives one
 * reference. */
typedef struct weir_promise weir_promise;
WEIR_API weir_promise *weir_promise_new(void); /* any thread. NULL: no memory */
WEIR_API weir_promise *weir_promise_share(weir_promise *p);
WEIR_API void weir_promise_drop(weir_promise *p);
WEIR_API bool weir_promise_fulfil(weir_promise *p, int result, void *value); /* any thread. False: it was already; nothing changed */
WEIR_API int weir_promise_await(weir_task *t, weir_promise *p, void **value); /* its result; `value` may be NULL */

/* ---- between tasks ------------------------------------------------------------------------------------------------------- */

/* All are made by new (NULL: no memory), and freed when no task waits for them. First come, first served. */
typedef struct weir_lock weir_lock;
WEIR_API weir_lock *weir_lock_new(void);
WEIR_API int weir_lock_take(weir_task *t, weir_lock *l);
WEIR_API void weir_lock_give(weir_lock *l);
WEIR_API bool weir_lock_taken(const weir_lock *l);
WEIR_API void weir_lock_free(weir_lock *l);

typedef struct weir_event weir_event;
WEIR_API weir_event *weir_event_new(void);
WEIR_API void weir_event_set(weir_event *e); /* lets all pass, until cleared */
WEIR_API void weir_event_clear(weir_event *e);
WEIR_API bool weir_event_is_set(const weir_event *e);
WEIR_API int weir_event_wait(weir_task *t, weir_event *e);
WEIR_API void weir_event_free(weir_event *e);

/* wait: gives the lock, waits to be notified, and has the lock again when it returns, also when it was cancelled. */
typedef struct weir_condition weir_condition;
WEIR_API weir_condition *weir_condition_new(weir_lock *l); /* lends the lock */
WEIR_API int weir_condition_wait(weir_task *t, weir_condition *c);
WEIR_API void weir_condition_notify(weir_condition *c, size_t n); /* up to n who wait; SIZE_MAX: all */
WEIR_API void weir_condition_free(weir_condition *c);

typedef struct weir_semaphore weir_semaphore;
WEIR_API weir_semaphore *weir_semaphore_new(size_t value, size_t max); /* giving beyond max is refused; 0: no bound */
WEIR_API int weir_semaphore_take(weir_task *t, weir_semaphore *s);
WEIR_API bool weir_semaphore_give(weir_semaphore *s);
WEIR_API void weir_semaphore_free(weir_semaphore *s);

/* The n-th who waits lets all go, and the barrier begins anew. Returns the caller's place, from 0; -EPIPE: it was aborted, or one who
 * waited was cancelled. */
typedef struct weir_barrier weir_barrier;
WEIR_API weir_barrier *weir_barrier_new(size_t n);
WEIR_API int weir_barrier_wait(weir_task *t, weir_barrier *b);
WEIR_API void weir_barrier_abort(weir_barrier *b);
WEIR_API void weir_barrier_reset(weir_barrier *b); /* who waits gets -EPIPE; then it is as new */
WEIR_API void weir_barrier_free(weir_barrier *b);

/* Items of one size, copied in and out. `max` 0: no bound. A priority queue gives the smallest first, by `compare` (as qsort's). */
typedef enum weir_queue_order { WEIR_FIFO, WEIR_LIFO, WEIR_PRIORITY } weir_queue_order;
typedef struct weir_queue weir_queue;
WEIR_API weir_queue *weir_queue_new(weir_queue_order order, size_t item_size, size_t max, int (*compare)(const void *, const void *));
WEIR_API int weir_queue_put(weir_task *t, weir_queue *q, const void *item);  /* -ESHUTDOWN: it has been shut down; -ENOMEM */
WEIR_API int weir_queue_get(weir_task *t, weir_queue *q, void *item);        /* -ESHUTDOWN: shut down and empty */
WEIR_API int weir_queue_try_put(weir_queue *q, const void *item);            /* also -EAGAIN: full */
WEIR_API int weir_queue_try_get(weir_queue *q, void *item);                  /* also -EAGAIN: empty */
WEIR_API size_t weir_queue_count(const weir_queue *q);
WEIR_API int weir_queue_done(weir_queue *q);               /* one item that was got has been dealt with. -EINVAL: more often than put */
WEIR_API int weir_queue_join(weir_task *t, weir_queue *q); /* waits until all that was put has been dealt with */
WEIR_API void weir_queue_shutdown(weir_queue *q, bool now); /* no more puts; now: what is in it is thrown away, and counts as done */
WEIR_API void weir_queue_free(weir_queue *q);

/* ---- anything else ----------------------------------------------------------------------------------------------------- */

/*
 * How a task waits for something that this library does not know. The storage is the caller's, on the task's stack:
 *
 *     weir_wait w = {.what = "the lamp to go out", .cancel = take_it_back, .data = &lamp};
 *     lamp.waiter = &w;                         // whoever finds the lamp out calls weir_wait_done(lamp.waiter, 0), on the loop's thread
 *     int result = weir_wait_for(t, &w);
 *
 * `cancel` is called on the loop when the task is cancelled, or a timeout strikes. It returns true if it has taken the wait back:
 * weir_wait_done() is not called any more then, and the task goes on with -ECANCELED or -ETIMEDOUT. False: that cannot be at once;
 * the task goes on at weir_wait_done(), which surely comes; the result is -ECANCELED or -ETIMEDOUT unless it is 0 or more. NULL: not
 * to be cancelled.
 */
typedef struct weir_wait weir_wait;
struct weir_wait {
    const char *what; /* in words, for weir_tasks(); lent while it waits */
    bool (*cancel)(weir_wait *w);
    void *data;
    weir_task *task; /* this and what follows are set by weir_wait_for() */
    int result;
    bool done, cancelling;
    void *reserved[2];
};
WEIR_API int weir_wait_for(weir_task *t, weir_wait *w);
WEIR_API void weir_wait_done(weir_wait *w, int result); /* also before weir_wait_for(): that returns at once then */

/* The uv_loop_t that the task runs on, for handles of one's own (callbacks run outside of any task). NULL in the simulator. */
WEIR_API void *weir_task_uv(weir_task *t);

/* The tasks of the loop that t runs on: all of them, and what each waits for. */
struct weir_task_info; /* weir/runtime.h */
WEIR_API void weir_tasks_here(weir_task *t, void (*visit)(void *arg, const struct weir_task_info *info), void *arg);

#ifdef __cplusplus
}
#endif
#endif
