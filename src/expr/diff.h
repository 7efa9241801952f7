/* SPDX-License-Identifier: MIT */
/*
 * diff.h - what has to be done to a pipeline so that it becomes another one.
 *
 * Stages are known by their labels: the same label with other text is a replacement. Somebody who writes a file need not say
 * labels, so diff_adopt_labels() first gives those of the old graph to the stages that were probably meant.
 *
 *     graph = graph_parse(...) or yaml_read(...); graph_complete(graph, ...);
 *     diff_adopt_labels(old, graph);
 *     diff = diff_new(old, graph);
 *     text = diff_render(diff);                    to show it
 *     edit = weir_edit_begin(p);
 *     diff_apply(diff, edit, false);               as one transaction, which is then committed, previewed or discarded
 *     diff_free(diff);
 *
 * The operations stand in an order in which each of them makes sense after those before it: stages are added before what they stand
 * in for leaves (the last source must not leave), links that are in the way go first, and nothing is connected that would close a
 * circle with a link that is to go.
 *
 * A merge's in ports have no meaning of their own, and are not compared. The order of a route's links has one, and is.
 */
#ifndef EXPR_DIFF_H
#define EXPR_DIFF_H

#include <weir/weir.h>

#include "expr/graph.h"

enum diff_kind {
    DIFF_ADD,        /* a stage that nothing leads to yet */
    DIFF_DISCONNECT, /* the way out `from` */
    DIFF_REPLACE,    /* a stage by one with the same label and ports */
    DIFF_SCALE,      /* only the number of lanes differs */
    DIFF_POP,        /* a stage without links */
    DIFF_CONNECT,    /* `from` to `to` */
    DIFF_DISCARD,    /* `from` to nowhere */
};

struct diff_op {
    enum diff_kind kind;
    size_t old, new;                       /* the stage in either graph, or GRAPH_NOWHERE */
    char from[PLACE_SIZE], to[PLACE_SIZE]; /* of links */
    unsigned lanes;                        /* of a SCALE */
    bool fresh;                            /* of a REPLACE: the old stage's state means nothing to the new one, and is lost */
    bool hidden;                           /* belongs to a dead=, and is not shown */
};

struct diff {
    const struct graph *old; /* lent */
    struct graph *new;       /* lent */
    size_t count, capacity;  /* count 0: there is nothing to do */
    struct diff_op *ops;     /* owned */
};

/* Gives stages of `new` that have no as= the labels of stages of `old`: first of equal ones, in order, then of those with the
 * same built-in. -1: no memory, or no labels. */
int diff_adopt_labels(const struct graph *old, struct graph *new);

/* Both graphs are lent until diff_free(). NULL: no memory. */
struct diff *diff_new(const struct graph *old, struct graph *new);
void diff_free(struct diff *diff); /* NULL is fine */

/* Adds the operations to the edit, and takes the stages that are needed from the new graph: once. `fresh`: states may be lost;
 * otherwise the engine refuses the edit when one would be. WEIR_OK, or the first error, which the commit reports too. */
int diff_apply(struct diff *diff, weir_edit *edit, bool fresh);

/* Lines that begin with +, - or ~; "" when there is nothing to do. A new string, or NULL. */
char *diff_render(const struct diff *diff);

#endif
