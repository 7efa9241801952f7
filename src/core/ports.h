/* SPDX-License-Identifier: MIT */
/*
 * ports.h - the ends of channels that a strand holds: what it reads from, and what it writes to.
 *
 * Most strands have one inlet and one outlet. A strand that begins with a merge (or the collector of a pool) has several inlets, one
 * that ends with a tee, a route, a dealer or any stage with several out ports has several outlets. A source's strand has no
 * inlets, a sink's no outlets.
 *
 * CUTS. A `cut` comes to an inlet as the last thing in its channel. If the channel has a `next`, the inlet goes on with that and nobody
 * else needs to know. If the cut belongs to a change of the whole strand, the inlet waits until the same cut has come to all
 * inlets: then the strand is at the same place in the stream on every side, and makes its part of the edit.
 *
 * TURNS. See flow.h. Between a split that marks turns and the merge or collector that reads them, every strand ends its own output
 * for a turn with the turn: on the last batch of it (batch.turn), or with a pill if nothing came out.
 */
#ifndef CORE_PORTS_H
#define CORE_PORTS_H

#include "core/channel.h"
#include "core/flow.h"

struct inlet {
    struct channel *ch; /* NULL: nothing comes here any more */
    bool cut;           /* the cut that the strand is waiting for has come here */
    bool over;          /* COLLECT_KEY with turns: this turn has nothing more */
    unsigned flushes;   /* flush pills that have come, less those that the strand has made */
    struct batch *held; /* COLLECT_KEY: being merged */
    uint32_t at;        /* in it: the next item */
};

struct outlet {
    struct channel *ch; /* NULL with `discards`, and at the end of the data */
    bool discards;
    bool flush_owed;          /* a pill that goes out behind the unsent, and behind the turns */
    uint32_t turns_owed;      /* empty ones, behind the unsent: an edit ends one more while there is no room for the last */
    size_t was;               /* when the edit makes new ports: the old outlet that goes on as this one, or NO_INDEX */
    struct batch_list unsent; /* made, and not put into the channel yet */
};

/* What a strand runs it may change; the edit makes it, and gets the old one back. */
struct ports {
    size_t in_count, out_count;
    enum collect collect;
    bool marks;    /* ends every step with a turn on all outlets */
    bool turns;    /* COLLECT_KEY: the inputs come in turns */
    size_t cur;    /* COLLECT_ARRIVAL: the inlet to look at next */
    size_t cut_at; /* the inlet that a soft cut has come to */
    struct outlet *outs;
    struct inlet ins[];
};

struct ports *ports_new(size_t in_count, size_t out_count); /* NULL: no memory */
void ports_free(struct ports *ports);

#endif
