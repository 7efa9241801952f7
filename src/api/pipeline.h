/* SPDX-License-Identifier: MIT */
/*
 * pipeline.h - what stands behind a weir_pipeline: the plan in force, the strands that run it, and the turn that edits take.
 *
 * TWO LOCKS. `lock` guards what any thread may ask about, is held for moments, and never while a stage's function runs (except
 * interrupt, which must not call back). The *turn* is held for a whole edit, by one thread at a time, first come first served; it
 * is what makes edits totally ordered. Who has the turn may take the lock, not the other way round.
 */
#ifndef API_PIPELINE_H
#define API_PIPELINE_H

#include <weir/weir.h>

#include "api/history.h"
#include "exec/exec.h"

#define UNSETTLED_MAX 32 /* edits whose old items are still draining; the next one waits. Part of the memory bound. */

#define TAPS_MAX 16

/* A tap. Its lock is taken inside the pipeline's, and by strands alone. */
struct tap {
    struct plat_lock lock;
    _Atomic uint64_t every; /* of def, for a first look without the lock: 0 while it is not active. Relaxed */
    bool active;            /* under both locks to change, either to read; as are the following */
    char stage[64];         /* where it is now */
    weir_tap def;
    uint64_t chosen[PORTS_MAX]; /* under its lock: the number of the item that was let through last, for each strand */
};

struct probe {
    char nothing; /* what matters is whether a stage points here */
};

struct waiter {
    struct waiter *next;
    const weir_edit *edit; /* whose; NULL: no edit's */
    uint64_t since_ns;
    bool granted;
};

struct async_edit {
    struct async_edit *next;
    weir_edit *edit;
    weir_done *done;
    void *arg;
    uint64_t since_ns;
};

struct weir_pipeline {
    struct env env; /* first: env callbacks cast back */
    struct exec exec;
    struct supply supply;
    char name[64];
    unsigned workers, loop_count;
    void *loops; /* the runtime's, from the first stage with a `loop` on; under the turn */

    struct plat_lock lock;
    struct plat_cond changed; /* something under `lock` changed that somebody may wait for */

    bool turn_taken;             /* under lock */
    struct waiter *waiters;      /* under lock: who waits for the turn, first come first */
    struct plan *plan;           /* replaced under turn and lock; read under either */
    struct layout layout;        /* the same */
    struct plan *coming;         /* under lock: the plan of the edit at hand, once announced: its stages may run already */
    struct commit *commit;       /* under lock: the edit that has the turn; NULL: none */
    struct edit_record *records; /* under the turn: unsettled edits, newest first */
    size_t record_count;

    struct instance *retiring; /* under lock: left the plan and not forgotten yet */
    weir_totals gone;          /* under lock: counts of stages that are no more */
    bool started, ended;       /* under lock */
    size_t live;               /* under lock: strands that have not ended */
    char failure[640];         /* under lock: the first failure; "" for none */

    uint64_t trials; /* under lock: how many were begun */
    struct tap taps[TAPS_MAX];
    _Atomic uint32_t taps_used; /* a bit for each that may be active; under the lock to change */
    struct probe probe;

    struct past_entry *past[PAST_MAX]; /* under turn and lock: oldest first */
    size_t past_count;

    struct async_edit *asked, **asked_end; /* under lock */
    struct plat_thread editor;             /* commits them; started with the first */
    bool has_editor, editor_quits;
};

int pipeline_error(int status, const char *format, ...) WEIR_PRINTF(2, 3); /* keeps the message; returns status */

bool turn_take(weir_pipeline *p, uint64_t deadline_ns,
               const weir_edit *edit); /* false: the deadline passed; the turn was not taken */
void turn_give(weir_pipeline *p);

/* Closes the stage unless that was done. Not under the lock. */
void pipeline_close_stage(weir_pipeline *p, struct instance *in);

/* Under the turn: gives back what settled edits left behind. */
void pipeline_reap(weir_pipeline *p);

/* Frees a stage that left the plan for good and was closed: its counts are kept. Under the lock. */
void pipeline_forget(weir_pipeline *p, struct instance *in);

/* Opens those stages of the plan that are not open yet. */
int pipeline_open(weir_pipeline *p, const struct plan *plan);

/* pool.c: makes the lanes and ends that the plan's pools lack. `old`: the plan in force, whose lanes hand their state over where
 * it belongs to keys. A status, with its message; what was made so far is in the plan. */
int pools_build(struct plan *plan, const struct plan *old);

/* `heir`, of `plan`, is to take over the state of the stage or pool `old`. False: no memory. */
bool pool_inherit(struct plan *plan, struct instance *heir, const struct node *old);

/* tap.c. Stages that are tapped are pointed at; and after an edit, taps follow what they watched. Under the lock. */
int taps_init(weir_pipeline *p); /* 0 or -1 */
void taps_free(weir_pipeline *p);
void taps_point(weir_pipeline *p);
void taps_follow(weir_pipeline *p, const struct plan *old);

/* Called by the core. */
void tap_seen(struct env *env, struct probe *probe, const struct instance *stage, bool out, const void *item,
              const weir_type *type, uint64_t number, int verdict);

/* Nothing runs any more: closes what is parked, and says that the pipeline has ended. Takes the turn. */
void pipeline_over(weir_pipeline *p);

/* The editor's thread, from weir_commit_async() to weir_free(). */
void editor_stop(weir_pipeline *p);

#endif
