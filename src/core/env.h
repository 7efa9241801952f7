/* SPDX-License-Identifier: MIT */
/*
 * env.h - what the core asks of the pipeline that it runs in: settings to read, and wake-ups to give.
 *
 * The core calls down only into plat; upward it calls these, and none of them may call back into the core's data structures
 * except strand_kick(). Set once before the first strand runs, except for the two flags.
 */
#ifndef CORE_ENV_H
#define CORE_ENV_H

#include "core/atomic.h"

struct strand;
struct change;
struct instance;
struct probe;
struct weir_type;

struct env {
    uint32_t batch_items;
    uint32_t queue_batches;
    size_t batch_bytes;
    _Atomic bool closing;  /* sources stop; set before every source strand is kicked */
    _Atomic bool paused;   /* sources rest; every source strand is kicked after it is cleared */
    _Atomic bool aborting; /* nothing is processed any more, all is returned; set before every strand is kicked */

    void (*ready)(struct env *env, struct strand *strand); /* make it run */
    void (*applied)(struct env *env, struct strand *strand,
                    struct change *change);                /* the strand has made its part of an edit */
    void (*ended)(struct env *env, struct strand *strand); /* its last act */
    void (*failed)(struct env *env, const struct instance *stage, const char *message); /* and the stage's policy is to stop */
    void (*finish)(struct env *env);                                                    /* a stage wants no more input */
    void (*dismissed)(struct env *env, struct instance *stage, bool for_good); /* out of its strand: close it, or it rests */
    void (*limit)(struct env *env, uint64_t due_ns);         /* a call has a time limit: keep time until then */
    void (*overdue)(struct env *env, struct strand *strand); /* its call has taken too long */
    void (*seen)(struct env *env, struct probe *probe, const struct instance *stage, bool out, const void *item,
                 const struct weir_type *type, uint64_t number, int verdict); /* a tap's stage has an item in hand */
};

#endif
