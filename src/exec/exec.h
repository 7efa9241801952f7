/* SPDX-License-Identifier: MIT */
/*
 * exec.h - who runs strands: worker threads for most, a thread of its own for each blocking one.
 *
 * A strand whose stage has a `loop` is given to the runtime, which runs it on a thread of its own (weir_turn_run).
 *
 * Workers share one queue of ready strands. At steady state nobody touches it: a strand that has input keeps its worker, and a
 * worker whose strand has run dry looks at that strand's state for a moment before it parks (docs/decisions/0003). A parked
 * worker waits in the kernel, until a strand is ready or a tick is due.
 *
 * THREADS. exec_ready() from any thread. The rest from whoever has the pipeline's edit turn, or starts or frees it.
 */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include "core/layout.h"

struct exec {
    struct supply *supply; /* set once; its strands are walked for ticks */
    struct plat_lock lock; /* the queue, the parked, and the strands' thread flags */
    struct plat_cond work;
    struct strand *queue; /* under lock */
    struct strand **queue_end;
    _Atomic unsigned queued;     /* length of the queue: a hint for running workers that others wait */
    _Atomic uint64_t watched_ns; /* stored under lock: the earliest tick of a resting strand; a hint for running workers */
    bool stop;                   /* under lock */
    bool set_up;
    unsigned worker_count;
    struct plat_thread *workers;
    struct extra_worker *extra; /* under the pipeline's turn */
};

int exec_init(struct exec *exec, struct supply *supply); /* 0 or -1 */
int exec_start(struct exec *exec, unsigned workers);     /* 0, or -1 with no thread left running */
void exec_stop(struct exec *exec);                       /* joins the workers; no strand runs any more */
void exec_free(struct exec *exec);

void exec_ready(struct exec *exec, struct strand *s);

/* Keeps time until then: a call that has a time limit may have to be interrupted. Any thread. */
void exec_watch(struct exec *exec, uint64_t due_ns);

/* One worker is stuck in a stage's function for good: another takes its place. 0 or -1. */
int exec_add_worker(struct exec *exec);

int exec_thread_start(struct exec *exec, struct strand *s); /* for a blocking strand; 0 or -1 */
bool exec_thread_over(struct exec *exec, struct strand *s); /* joining it will not wait */
void exec_thread_join(struct exec *exec, struct strand *s); /* it has ended, or was never activated */

#endif
