/* SPDX-License-Identifier: MIT */
/*
 * flow.h - what of a plan the data passes, spread out for the layout: every instance a vertex, every link between numbered ports.
 *
 * A stage that is a pool stands here as its two ends and its lanes:
 *
 *                     .-> lane -.
 *     in front -> deal --> lane --> collect -> behind
 *                     '-> lane -'
 *
 * TURNS. A dealer gives each batch to the next lane and marks it as a turn; a collector reads one turn from each lane in the
 * same round. So a pool's output is in order, whatever a lane makes of a batch. A split whose branches all come together again in a
 * merge by key marks turns too (`marks`): then the merge knows when a branch has nothing more to come of what was split, and never
 * waits for what can't come.
 */
#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include "core/instance.h"

#define NO_INDEX SIZE_MAX

/* How a strand reads its inlets. */
enum collect {
    COLLECT_ARRIVAL, /* what comes, as it comes; also for a single inlet */
    COLLECT_TURNS,   /* a turn from each, round and round */
    COLLECT_KEY,     /* the smallest key first, waiting for every inlet that may still bring one */
};

struct flow_link {
    size_t from, to;                /* vertices; to NO_INDEX: discarded */
    size_t out, in;                 /* numbers of ports */
    const char *out_name, *in_name; /* the plan's; of a pool's inner links NULL */
};

struct flow {
    size_t count, link_count;
    struct instance **stages; /* in the order of the data: a link leads from a lower number to a higher one */
    bool *alone;              /* wants a strand of its own */
    bool *marks;              /* a split that marks turns */
    bool *turns;              /* a merge by key whose inputs come from such a split */
    bool *scratch;            /* for walks */
    struct flow_link *links;
};

void flow_free(struct flow *flow);

size_t flow_find(const struct flow *flow, const struct instance *in); /* NO_INDEX: not there */

/* The one link into a vertex or out of it; NO_INDEX: there is none, or more than one. */
size_t flow_link_in(const struct flow *flow, size_t vertex);
size_t flow_link_out(const struct flow *flow, size_t vertex);

#endif
