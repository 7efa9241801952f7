/* SPDX-License-Identifier: MIT */
/*
 * divert.h - taking a stage out whose function may never return.
 *
 * The strand that is stuck in it is given up: all that it has but the item in the function's hands goes to an heir, a new strand with
 * the same program without the stage (strand_seize()). Then the stage is popped as any other. Under the turn.
 */
#ifndef API_DIVERT_H
#define API_DIVERT_H

#include "api/pipeline.h"

struct diversion {
    struct instance *stuck;
    struct strand *from, *heir;
    struct seat *seat;         /* of the layout in force, already the heir's; NULL: an earlier edit has taken it out of there */
    struct program *before;    /* the seat's */
    struct edit_record *grave; /* waits for the strand that was given up */
    uint64_t late;
};

/* The stage, or that lane of its pool, that a function of runs in at this moment; NULL: none does. */
struct instance *divert_find(weir_pipeline *p, const char *name);

/* Makes the heir and puts it into the layout in force. A status; WEIR_OK and d->from NULL: it cannot be diverted, pop it. */
int divert_prepare(weir_pipeline *p, struct instance *stuck, struct diversion *d);
void divert_cancel(weir_pipeline *p, struct diversion *d);

/* False: the function has returned meanwhile, and all is as before divert_prepare(). */
bool divert_seize(weir_pipeline *p, struct diversion *d);

#endif
