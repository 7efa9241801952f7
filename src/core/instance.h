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

enum shape { SHAPE_MAP, SHAPE_EACH, SHAPE_BATCH, SHAPE_PULL };

/* Where a stage's function puts what it makes. Its strand only. */
struct weir_out {
    struct strand *strand;
    const weir_type *type;
    struct batch_list full;     /* sealed batches */
    struct batch *open;         /* being filled */
    struct weir_block *arena;   /* what weir_alloc() bumps; we hold one reference */
    const struct batch *source; /* what is being worked on: slices of it may be put out */
    uint64_t count;             /* items put out since the strand last looked */
};

enum fate { FATE_STAY, FATE_CLOSE, FATE_REST, FATE_PARKED_LEAVES };

struct instance {
    weir_stage def; /* def.name points at `name` */
    char name[64];
    enum shape shape;
    bool sink;
    const weir_type *emits; /* type of what it emits; NULL if it cannot emit */
    struct weir_out out;
    uint64_t tick_at_ns; /* its strand only; 0: no ticks */
    counter taken, put, filtered, failed, created, returned;
    _Atomic unsigned strand_id; /* 0: in none */
    bool opened, closed;        /* under the pipeline's lock once it runs; `closed` from just before close is called */
    enum fate fate;             /* what happens when its strand dismisses it; the edit sets it before posting */
    _Atomic bool busy; /* belongs to a strand: set by the edit that takes it in, cleared (release) when it closed or rests */
    struct instance *next; /* in the pipeline's list of retiring stages */
};

/* Copies the description. NULL with a message in error: the description makes no sense, or no memory (then *no_memory). The
 * stage's close is the caller's duty then. */
struct instance *instance_new(const weir_stage *stage, char *error, size_t size, bool *no_memory);
void instance_free(struct instance *in);

/* The type that comes out when `type` goes in; NULL for none. */
const weir_type *instance_passes(const struct instance *in, const weir_type *type);

/* Whether items of `type` may go in. */
bool instance_accepts(const struct instance *in, const weir_type *type);

const char *instance_place(const struct instance *in);
bool instance_alone(const struct instance *in); /* wants a strand of its own */
bool instance_balanced(const struct instance *in);

bool type_same(const weir_type *a, const weir_type *b);

#endif
