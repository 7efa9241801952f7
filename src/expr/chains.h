/* SPDX-License-Identifier: MIT */
/*
 * chains.h - a graph cut into chains, which is how it is written.
 *
 * A chain begins at its head: a stage that no link leads to, or several (a merge), or one that must be pointed at. From there it
 * goes on along each stage's main way out. The other ways out lead to chains of their own, which stand in braces, or to
 * stages that stand elsewhere, which are pointed at.
 *
 * The in ports of merges are left unsaid where the order of writing gives them the right names. That is known only when all
 * has been written: so everything is written twice, and thrown away the first time.
 */
#ifndef EXPR_CHAINS_H
#define EXPR_CHAINS_H

#include "expr/graph.h"

struct chains {
    const struct graph *graph;
    FILE *out;
    bool *head;  /* for each stage: a chain begins there */
    size_t *met; /* for each merge: how many of its links were written so far */
    bool *named; /* for each merge: its in ports have to be said */
};

/* Calls `write` twice, with everything set; a new string with what it wrote the second time, or NULL without memory. */
char *chains_write(const struct graph *graph, void (*write)(struct chains *chains));

/* The next link from stage i behind `link` (NULL: the first), hidden ones and the main one left out; NULL: that was the last. */
const struct graph_link *chains_side(const struct chains *chains, size_t i, const struct graph_link *link);

/* The link that the chain goes on with, or NULL. */
const struct graph_link *chains_main(const struct chains *chains, size_t i);

/* The name of the n-th way out that has to be said to lead nowhere, or NULL. */
const char *chains_loose(const struct chains *chains, size_t i, size_t n);

/* Whether the stage that the link leads to is written in its place, and not pointed at. To be called once for each link, in the order
 * of writing: this is where links are counted. */
bool chains_inlines(struct chains *chains, const struct graph_link *link);

/* "LABEL" or "LABEL:PORT" as it has to be said, or "discard". */
char *chains_target(const struct chains *chains, const struct graph_link *link, char place[PLACE_SIZE]);

/* Whether the stage needs its label said. */
bool chains_labels(const struct chains *chains, size_t i);

#endif
