/* SPDX-License-Identifier: MIT */
/*
 * print.h - a graph written down: as an expression, as YAML, as a drawing for Graphviz.
 *
 * An expression and a YAML file that were written from a graph are read as an equal one: the same stages with the same labels,
 * the same links with the same ports. What somebody had written otherwise comes out in normal form.
 */
#ifndef EXPR_PRINT_H
#define EXPR_PRINT_H

#include "expr/graph.h"

/* New strings; NULL: no memory. */
char *graph_to_expr(const struct graph *graph);
char *graph_to_yaml(const struct graph *graph); /* ends with a newline */
char *graph_to_dot(const struct graph *graph);  /* the same */

#endif
