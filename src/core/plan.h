/* SPDX-License-Identifier: MIT */
/*
 * plan.h - which stages there are, and what leads to what.
 *
 * A plan in force is never changed: an edit works on a copy, and the copy replaces it at the cut. A plan is a list of stages and a
 * list of links, each from an out port to an in port. Stages that no source leads to are parked. Several links may point at the
 * same in port, but at most one of them is active: only a merge has as many in ports as it has links.
 *
 * A function that answers false has written a sentence for a person to `error`, and changed nothing.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/flow.h"

struct link {
    struct instance *from, *to; /* to NULL: what comes out is discarded */
    char out[PORT_NAME_SIZE], in[PORT_NAME_SIZE];
};

/* The lanes of a pool and its two ends. Counted: plans share it. Under the turn. */
struct pool {
    _Atomic unsigned refs; /* plans are copied and freed by those who edit, under the turn or the lock or neither */
    struct instance *deal, *collect;
    size_t count;
    struct instance *lanes[]; /* [0] is the one that the plan names */
};

struct node {
    struct instance *stage;
    size_t lanes;      /* as wished */
    unsigned tasks;    /* of a stage with a `loop`: its concurrency, as wished; else 0 */
    struct pool *pool; /* NULL: one lane, or it has not been made yet */
};

struct plan {
    uint64_t revision;
    size_t count, capacity;
    struct node *nodes;
    size_t link_count, link_capacity;
    struct link *links;
    bool own_nodes, own_links; /* lists of their own; those of a copy lie behind it until they grow */
};

struct plan_error {
    bool no_memory;
    char text[512];
};

struct plan *plan_new(void);                     /* NULL: no memory */
struct plan *plan_copy(const struct plan *plan); /* NULL: no memory */
void plan_free(struct plan *plan);               /* not the stages */

bool plan_room(struct plan *plan, size_t nodes, size_t links); /* makes room for so many; false: no memory */
void plan_assign(struct plan *plan,
                 struct plan *from); /* the plan's lists become those of `from`, which has none then; there is room */

struct instance *plan_find(const struct plan *plan, const char *name);
struct node *plan_node(const struct plan *plan, const struct instance *stage); /* NULL: not there */
bool plan_has(const struct plan *plan,
              const struct instance *stage); /* as a stage, a lane, an end of a pool, or inside of a trial */
struct instance *plan_trial(const struct plan *plan, const struct instance *stage); /* that it runs inside of; NULL: none */

/* Calls `each` for every instance of the plan: stages, what runs inside of trials, lanes and ends of pools. */
void plan_each(const struct plan *plan, void (*each)(void *arg, struct instance *in), void *arg);

/* The stages that data passes, in order, with their links; pools are spread out. False: the links go in a circle, or an in port
 * has two of them. To be released with flow_free(). */
bool plan_flow(const struct plan *plan, struct flow *flow, struct plan_error *error);

/* `where` and the like are "stage" or "stage:port". */
bool plan_add(struct plan *plan, struct instance *stage, struct plan_error *error);
bool plan_append(struct plan *plan, struct instance *stage, struct plan_error *error);
bool plan_insert_after(struct plan *plan, const char *where, struct instance *stage, struct plan_error *error);
bool plan_insert_before(struct plan *plan, const char *where, struct instance *stage, struct plan_error *error);
bool plan_insert_first(struct plan *plan, struct instance *stage, struct plan_error *error);
bool plan_insert_last(struct plan *plan, struct instance *stage, struct plan_error *error);
bool plan_pop(struct plan *plan, const char *name, struct plan_error *error);
bool plan_replace(struct plan *plan, const char *name, struct instance *stage, bool fresh, struct plan_error *error);
bool plan_move(struct plan *plan, const char *name, const char *where, bool after, struct plan_error *error);
bool plan_scale(struct plan *plan, const char *name, size_t lanes, struct plan_error *error);
bool plan_connect(struct plan *plan, const char *from, const char *to, struct plan_error *error);
bool plan_disconnect(struct plan *plan, const char *from, struct plan_error *error);

/* Whether data can flow: a source, no circle, every way out leads somewhere, and types that fit along every link. */
bool plan_check(const struct plan *plan, struct plan_error *error);

/* The same, and the flow that was looked at. */
bool plan_check_flow(const struct plan *plan, struct flow *flow, struct plan_error *error);

/* Whether both have the same stages, lanes and links, in whatever order. */
bool plan_same(const struct plan *a, const struct plan *b);

void pool_drop(struct pool *pool); /* gives one reference back; not the stages */

#endif
