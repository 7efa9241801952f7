/* SPDX-License-Identifier: MIT */
/*
 * task.h - a task: a function on a stack of its own.
 *
 *     NEW -> RUNS <-> WAITS -> DONE -> freed, with its stack, when its handle is given back
 *              ^        |
 *              +- READY <          READY also comes straight from RUNS (weir_yield)
 *
 * The struct lies at the top of the task's stack, so that a sleeping task is one page of memory. All of it is the loop's thread's,
 * but for `shown`, which any thread may read under the loop's lock, and what never changes.
 *
 * Tasks live in a *scope*: what one call of weir_async_run() has started, or all tasks of one stage. The scope says where a task goes
 * when it can run: to the loop's ready tasks, or to the stage's, which only run in their strand's turn.
 */
#ifndef ASYNC_TASK_H
#define ASYNC_TASK_H

#include <stdatomic.h>
#include <weir/async.h>
#include <weir/runtime.h>

#include "async/context.h"
#include "async/list.h"
#include "async/loop.h"
#include "async/stack.h"
#include "async/timer.h"

struct scope {
    struct loop *loop;
    struct list *ready;                   /* where its tasks go when they can run */
    void (*woken)(struct scope *scope);   /* `ready` was empty; NULL: nobody needs to know */
    void (*emptied)(struct scope *scope); /* the last of its tasks has returned; NULL: the same */
    size_t alive;                         /* tasks that have not returned */
    struct list tasks;                    /* its tasks, in the order they were started; guarded by the loop's lock */
    size_t stack_bytes;
    char stage[64]; /* or "" */
};

enum task_state { TASK_NEW, TASK_READY, TASK_RUNS, TASK_WAITS, TASK_DONE };

/* What a task waits for, for other threads: an odd `version` says that it is just being written. */
struct shown {
    _Atomic uint32_t version;
    _Atomic uint64_t words[12]; /* text */
    _Atomic uint64_t since_ns;  /* 0: it does not wait */
    _Atomic uint64_t item;
    _Atomic bool cancelled;
    _Atomic bool over; /* it has returned */
};

struct worker; /* crew.c: the place of a task that receives items */

struct weir_task {
    struct context context;
    struct loop *loop;
    struct scope *scope;
    struct stack stack;
    weir_task_fn *fn;
    void *arg;
    int result;
    enum task_state state;
    bool cancelled;
    bool detached; /* nobody will ask: freed when it returns */
    int why;       /* what `wait` was interrupted for: -ECANCELED, -ETIMEDOUT */
    uint32_t shields;
    uint32_t broken; /* groups of its own in which a task has failed, and that have not ended */
    weir_wait *wait;
    weir_timeout *timeouts; /* the innermost */
    uint64_t sleep_until;   /* UINT64_MAX: it does not sleep */
    struct timer timer;
    struct link link;     /* in a ready list */
    struct list awaiters; /* struct waiter: who awaits it */
    struct list groups;   /* that it owns, and that have not ended */
    weir_group *group;    /* that it is in, or NULL */
    struct link group_link;
    struct worker *worker;  /* whose item it works on, or NULL */
    struct link loop_link;  /* in loop->tasks */
    struct link scope_link; /* in scope->tasks */
    const char *message;    /* when it has failed: weir_error()'s text, in what was its stack */
    uint64_t id;
    struct shown shown;
    char name[48];
};

void scope_init(struct scope *scope, struct loop *loop, size_t stack_bytes);

/* Frees the tasks that have returned and that nobody has asked for. None is alive. */
void scope_free(struct scope *scope);

/* A task that is not ready yet; on any thread, until scope_adopt(). NULL: no memory. */
weir_task *task_new(struct scope *scope, const char *name, weir_task_fn *fn, void *arg);
void task_adopt(weir_task *t); /* it is one of its scope's, and ready. The loop's thread */
void task_free(weir_task *t);  /* one that never ran, or is DONE */

void task_over(weir_task *t);               /* it has returned; on the loop's stack */
void task_due(weir_task *t, uint64_t now);  /* its timer has struck */
void task_ready(weir_task *t);              /* it goes on soon */
int task_pending(weir_task *t);             /* -ECANCELED, -ETIMEDOUT or 0: what the next wait would answer */
void task_interrupt(weir_task *t, int why); /* what it waits for, if that can be */
void task_strike(weir_task *t);             /* its being cancelled takes effect */

/* Fills *info. False: it has returned. Any thread, under the loop's lock. */
bool task_show(const weir_task *t, uint64_t now, weir_task_info *info);

/* Sets the text of weir_error() to what `code`, a negative errno value, is in words, and returns it. */
int task_fail(int code);

#endif
