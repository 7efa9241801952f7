/* SPDX-License-Identifier: MIT */
/*
 * instance.h - a stage that was handed to a pipeline: its description, what it puts out, and its counts.
 *
 * An instance belongs to one strand at a time, which alone calls its functions and writes its counts; the counts may be read by
 * anyone. G1 for one stage, which the pipeline checks when the stage leaves its strand:
 *
 *     taken + created == put + filtered + failed + returned        (a source's `created` are the admitted, a sink's `put` the delivered)
 */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include "core/batch.h"

/* DEAL and COLLECT are the engine's own: the two ends of a pool. */
enum shape {
    SHAPE_MAP,
    SHAPE_EACH,
    SHAPE_BATCH,
    SHAPE_PULL,
    SHAPE_ROUTE,
    SHAPE_TEE,
    SHAPE_MERGE,
    SHAPE_DEAL,
    SHAPE_COLLECT,
    SHAPE_LOOP
};

#define PORTS_MAX      64 /* of one stage, each way */
#define PORT_NAME_SIZE 32
#define TASKS_MAX      100000 /* of one stage with a `loop` */

struct port {
    char name[PORT_NAME_SIZE];
    const weir_type *type; /* NULL: what passes */
};

/* The ports of one side. Open: any name is a port, and links make them. */
struct port_list {
    size_t count;
    bool open;
    struct port *ports;
};

/* Where a stage's function puts what it makes. Its strand only. */
struct weir_out {
    struct strand *strand;
    const weir_type *type;
    struct batch_list full;     /* sealed batches */
    struct batch *open;         /* being filled */
    struct weir_block *arena;   /* what weir_alloc() bumps; we hold one reference */
    const struct batch *source; /* what is being worked on: slices of it may be put out */
    uint64_t count;             /* items put out since the strand last looked */
    struct weir_out *ports;     /* all of the stage's, this one among them */
    size_t port_count;
};

/* HAND_OVER: another stage takes the state first; see struct gate. LEND: another stage runs it from then on: neither flushed nor closed. */
enum fate { FATE_STAY, FATE_CLOSE, FATE_REST, FATE_PARKED_LEAVES, FATE_HAND_OVER, FATE_LEND };

struct probe;
struct weir_crew;

struct instance {
    weir_stage def; /* def.name points at `name` */
    char name[64];
    enum shape shape;
    bool sink;
    struct port_list ins, outs;
    struct weir_crew *crew; /* of SHAPE_LOOP, from when it was opened; freed with the instance */
    size_t dead;            /* the number of the out port "dead"; PORTS_MAX: it has none */
    const weir_type *emits; /* type of what it emits; NULL if it cannot emit */
    struct weir_out *out;   /* one for each out port; at least one */
    struct port few[3];     /* the ports of a stage with one way in and one out, and perhaps a dead end */
    struct weir_out one;    /* what it puts out */
    uint64_t tick_at_ns;    /* its strand only; 0: no ticks */
    counter taken, put, filtered, failed, created, returned, retried;
    _Atomic(struct probe *) probe; /* a tap; set by any thread, read by its strand (acquire) */
    _Atomic unsigned strand_id;    /* 0: in none */
    bool opened, closed;           /* under the pipeline's lock once it runs; `closed` from just before close is called */
    enum fate fate;                /* what happens when its strand dismisses it; the edit sets it before posting */
    struct instance **heir_of;     /* stages whose state it takes over; the edit's, until the gate has opened */
    size_t heir_of_count;
    size_t turn; /* of a pool's ends, which go on with it in whatever strand: the lane whose turn it is; its strand only */
    size_t lane, lanes;           /* of a pool; 0 of 1 else. Set once */
    const struct instance *chief; /* of a lane and of a pool's ends: the instance that the plan names; itself else */
    unsigned kept;                /* entries of the history that know it; under turn and lock */
    struct instance *tried[2];    /* of a trial: the stage in force and the candidate, which run inside of it. Set once */
    bool stays[2];                /* which of them outlive the trial when an edit ends it: the edit sets it before posting */
    bool edited_out;              /* it leaves by an edit, not at the end of the data; its strand only */
    uint64_t left_by;       /* under the lock: with a crew, the revision that took it out of the plan; 0: none has */
    bool forgotten;               /* the pipeline does not know it any more: who lets go of it last frees it */
    bool seized;                  /* under the pipeline's turn and lock: popped with divert while its function ran */
    _Atomic bool busy; /* belongs to a strand: set by the edit that takes it in, cleared (release) when it closed or rests */
    struct instance *next; /* in the pipeline's list of retiring stages */
};

/* Copies the description, and shares its recipe. NULL with a message in error: the description makes no sense, or no memory (then *no_memory). The
 * stage's close is the caller's duty then. */
struct instance *instance_new(const weir_stage *stage, char *error, size_t size, bool *no_memory);
void instance_free(struct instance *in); /* NULL is fine */

/* One of the two ends of the pool of `chief`. NULL: no memory. */
struct instance *instance_new_end(const struct instance *chief, enum shape shape);

/* The type that comes out when `type` goes in; NULL for none. */
const weir_type *instance_passes(const struct instance *in, const weir_type *type);

/* The type that comes out of port `port` when `type` goes in. */
const weir_type *instance_passes_port(const struct instance *in, size_t port, const weir_type *type);

/* Whether items of `type` may go in. */
bool instance_accepts(const struct instance *in, const weir_type *type);

/* The number of a declared port; PORTS_MAX: there is none of that name. */
size_t port_find(const struct port_list *list, const char *name);

bool instance_is_source(const struct instance *in);
bool instance_begins(const struct instance *in); /* several ways in: begins a strand */
bool instance_forks(const struct instance *in);  /* several ways out: ends a strand */

const char *instance_place(const struct instance *in);
bool instance_alone(const struct instance *in); /* wants a strand of its own */
bool instance_balanced(const struct instance *in);
bool instance_inside(const struct instance *in, const struct instance *trial); /* one of the two that the trial runs */

bool type_same(const weir_type *a, const weir_type *b);

#endif
