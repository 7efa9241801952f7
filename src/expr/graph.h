/* SPDX-License-Identifier: MIT */
/*
 * graph.h - a pipeline as text: its stages and the links between them, whatever it was written in.
 *
 * An expression (expr.h), a YAML file (yaml.h) and what a running pipeline says about itself are all read into a graph, and a
 * graph is written as any of them (print.h), compared with another one (diff.h), or handed to the engine:
 *
 *     expression --\                     /--> expression, YAML, Graphviz
 *     YAML --------->  struct graph  ----->  weir_add + weir_connect
 *     session -----/                     \--> the operations that turn one graph into another
 *
 * Every link says both of its ports. Where somebody did not, the graph gives the name that the engine would give: "out" and "in"
 * for stages that have one of them, and 1, 2, ... for the out ports of tees and of routes of links, and for the in ports of merges.
 * The links of one stage stand in the order in which they were written, which is what a route counts by.
 *
 * A stage with dead=FILE brings a second one along, the sink that writes the letters. It stands in the graph, linked to the
 * port "dead", as `hidden`: it is handed to the engine like any other, and no text shows it.
 *
 * Stages that no source leads to are parked: an edit left them behind. Where one of them begins a chain, or leads on nowhere, a text
 * says so with the word `nowhere`, so that it is not taken for a mistake.
 *
 * A graph lives on one thread at a time. What it could not read it says in a `struct expr_error`, and has then not changed,
 * unless it says otherwise here.
 */
#ifndef EXPR_GRAPH_H
#define EXPR_GRAPH_H

#include "expr/spec.h"

#define PORT_SIZE     32
#define GRAPH_NOWHERE (SIZE_MAX)     /* no stage */
#define GRAPH_DISCARD (SIZE_MAX - 1) /* where a link leads that discards */

struct graph_stage {
    struct spec *spec; /* ours: one reference */
    weir_stage stage;  /* ours to close until it is taken */
    bool taken;
    bool hidden;           /* stands behind a dead= */
    bool from_nowhere;     /* nothing leads to it, and that is meant */
    bool to_nowhere;       /* its ways out that lead nowhere are meant to */
    bool parked;           /* no source leads to it; set by graph_complete() */
    size_t offset, length; /* of its words, in the text that it was read from */
};

struct graph_link {
    size_t from, to; /* stages; or GRAPH_DISCARD */
    char out[PORT_SIZE], in[PORT_SIZE];
    size_t offset, length; /* of what said so */
};

struct graph {
    char name[LABEL_SIZE]; /* of the pipeline; "": it was not said */
    size_t stage_count, stage_capacity;
    struct graph_stage *stages; /* owned */
    size_t link_count, link_capacity;
    struct graph_link *links; /* owned */
};

struct graph *graph_new(void);        /* empty; NULL: no memory */
void graph_free(struct graph *graph); /* closes the stages that were not taken; NULL is fine */

/* An expression as a graph, not completed. `first`: as for expr_parse_at(). NULL and *error. */
struct graph *graph_parse(const char *text, bool first, struct expr_error *error);

const char *graph_label(const struct graph *graph, size_t i);
size_t graph_find(const struct graph *graph, const char *label); /* or GRAPH_NOWHERE */
bool graph_is_source(const struct graph *graph, size_t i);
bool graph_is_sink(const struct graph *graph, size_t i);

/* Whether any name is an out port of the stage: a tee, and a route of links. */
bool graph_is_open(const struct graph *graph, size_t i);

/* The name of the n-th way out of the stage that leads nowhere, dead letters' last, or NULL. A stage whose ports may have any name
 * has "1" if it leads nowhere at all. */
const char *graph_loose(const struct graph *graph, size_t i, size_t n);

/* ---- making one, a piece at a time ---------------------------------------------------------------------------------- */

/* Takes the spec and the stage, also on failure. The stage's index, or GRAPH_NOWHERE and *error. */
size_t graph_add(struct graph *graph, struct spec *spec, const weir_stage *stage, struct expr_error *error);

/* The same for a stage in words, which say one stage. `label` "" takes it from as=, or leaves it open. */
size_t graph_add_text(struct graph *graph, const char *label, const char *text, bool source, struct expr_error *error);

/* A link. `out` "" is the way out that has not been used yet: refused if there is not exactly one; `in` may be "" until
 * graph_settle(). Places in the text: those of the error, should there be one, and of the link. */
int graph_link(struct graph *graph, size_t from, const char *out, size_t to, const char *in, size_t offset, size_t length,
               struct expr_error *error);

/* No link: the way out leads nowhere, on purpose. `out` "" is any. */
int graph_leave(struct graph *graph, size_t from, const char *out, size_t offset, size_t length, struct expr_error *error);

/* The same, with the stage that it leads to as "label", "label:port", "discard" or "nowhere", written at `offset`. The labels must
 * be there. */
int graph_link_to(struct graph *graph, size_t from, const char *out, const char *target, size_t offset, size_t length,
                  struct expr_error *error);

/* Gives labels to the stages that have none: NAME, or the first of NAME2, NAME3, ... that is free. -1: two have the same. */
int graph_give_labels(struct graph *graph, struct expr_error *error);

/* The end of the making: the in ports get their names, the sinks behind dead= are put in, or found, if they are there. */
int graph_settle(struct graph *graph, struct expr_error *error);

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

/* Puts standard input in front of the first stage if there is no source, and standard output behind the only end that leads
 * nowhere, if there is one. -1: something cannot work: a way out that leads nowhere, a stage that nothing leads to, ...; the
 * graph may have its standard input then. */
int graph_complete(struct graph *graph, struct expr_error *error);

/* A link's ends as the engine takes them: "label", or "label:port" if the port has to be said. Returns `place`. */
#define PLACE_SIZE (LABEL_SIZE + PORT_SIZE)
char *graph_from(const struct graph *graph, const struct graph_link *link, char place[PLACE_SIZE]);
char *graph_to(const struct graph *graph, const struct graph_link *link, char place[PLACE_SIZE]);

/* The stage, ready to hand over; the engine takes it in any case. `label` replaces the stage's label if it is not NULL. Once. */
weir_stage graph_take(struct graph *graph, size_t i, const char *label);

#endif
