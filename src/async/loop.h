/* SPDX-License-Identifier: MIT */
/*
 * loop.h - one thread that runs tasks, one after the other, and waits for the world when none can run.
 *
 * It goes in rounds: a look at the world, or a wait for it if nothing else can be done; what other threads have posted; turns of
 * strands; tasks that are ready, those that were when the round began; timers. Everything in struct loop belongs to the loop's thread, unless it says
 * otherwise.
 */
#ifndef ASYNC_LOOP_H
#define ASYNC_LOOP_H

#include <stdatomic.h>
#include <weir/async.h>
#include <weir/runtime.h>

#include "async/context.h"
#include "async/list.h"
#include "async/poll.h"
#include "async/stack.h"
#include "async/timer.h"
#include "plat/plat.h"

/* Something to be done once on the loop's thread. The poster's until it runs. */
struct post {
    struct post *next;
    void (*run)(struct post *post);
};

struct offload; /* offload.c: the loop's thread pool */

struct loop {
    struct context context; /* the thread's own stack */
    weir_task *current;
    struct list ready; /* tasks that belong to no stage */
    struct timers timers;
    struct poll *poll;
    struct offload *offload; /* NULL until it is needed */
    uint64_t now_ns;         /* when the round began */
    uint64_t looked_ns;      /* the last look at the world, while there was something else to do */
    char *error;             /* the thread's text of weir_error(NULL) */
    weir_async_config config;
    struct watch *watch; /* watch.h, between loop_enter() and loop_leave() */
    bool watched;        /* tasks that keep the loop are reported */
    void (*run_turn)(weir_turn *turn);
    struct stack_pool stacks; /* any thread */

    struct plat_lock lock; /* guards what follows; any thread */
    struct list tasks;     /* all tasks, also those that have returned and whose handle is held */
    struct post *posts, **posts_end;
    weir_turn *turns, **turns_end;
    _Atomic bool posted; /* there is any of the two; read without the lock, relaxed */
    bool asleep;         /* it waits for the world, or is about to */
};

int loop_init(struct loop *loop); /* 0 or -1 */
void loop_free(struct loop *loop);

/* The loop that the calling thread runs, or NULL. */
struct loop *loop_here(void);

/* Between the two the calling thread is the loop's; rounds are for in between. */
void loop_enter(struct loop *loop);
void loop_leave(struct loop *loop);
void loop_round(struct loop *loop); /* waits if nothing is ready: whoever wants it to return has posted something */

/* Have `post` run, or the turn, on the loop's thread. Any thread. */
void loop_post(struct loop *loop, struct post *post);
void loop_turn(struct loop *loop, weir_turn *turn);

/* Runs the task until it waits or has returned. */
void loop_resume(struct loop *loop, weir_task *t);

/* Runs what is ready in `list` by now, each once. */
void loop_run_ready(struct loop *loop, struct list *list);

#endif
