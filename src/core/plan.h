/* SPDX-License-Identifier: MIT */
/*
 * plan.h - which stages there are, and what leads to what.
 *
 * A plan in force is never changed: an edit works on a copy, and the copy replaces it at the cut. In this version a plan has one
 * source, each stage one out port, and data takes one path: from the source along the links to a sink. Stages off that path are
 * parked. Several stages may point at the same next one, but at most one of them is on the path.
 *
 * A function that answers false has written a sentence for a person to `error`, and changed nothing.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include "core/instance.h"

struct node {
    struct instance *stage;
    struct instance *next; /* NULL: the out port leads nowhere */
};

struct plan {
    uint64_t revision;
    size_t count, capacity;
    struct node *nodes;
};

struct plan_error {
    bool no_memory;
    char text[512];
};

struct plan *plan_new(void);                     /* NULL: no memory */
struct plan *plan_copy(const struct plan *plan); /* NULL: no memory */
void plan_free(struct plan *plan);               /* not the stages */

struct instance *plan_find(const struct plan *plan, const char *name);
struct instance *plan_source(const struct plan *plan); /* NULL: none */
bool plan_has(const struct plan *plan, const struct instance *stage);

/* The stages that data passes, in order; path has room for plan->count. False: the links go in a circle, which error names. */
bool plan_path(const struct plan *plan, struct instance **path, size_t *count, struct plan_error *error);

bool plan_add(struct plan *plan, struct instance *stage, struct plan_error *error);
bool plan_append(struct plan *plan, struct instance *stage, struct plan_error *error);
bool plan_insert_after(struct plan *plan, const char *where, struct instance *stage, struct plan_error *error);
bool plan_insert_before(struct plan *plan, const char *where, struct instance *stage, struct plan_error *error);
bool plan_insert_first(struct plan *plan, struct instance *stage, struct plan_error *error);
bool plan_insert_last(struct plan *plan, struct instance *stage, struct plan_error *error);
bool plan_pop(struct plan *plan, const char *name, struct plan_error *error);
bool plan_replace(struct plan *plan, const char *name, struct instance *stage, struct plan_error *error);
bool plan_connect(struct plan *plan, const char *from, const char *to, struct plan_error *error);

/* Whether data can flow: one source, no circle, a sink at the end, and types that fit along every link. */
bool plan_check(const struct plan *plan, struct plan_error *error);

/* Whether both have the same stages and links, in whatever order. */
bool plan_same(const struct plan *a, const struct plan *b);

#endif
