/* SPDX-License-Identifier: MIT */
/*
 * written.h - what must hold of every graph that makes a pipeline, whatever it was read from: written as an expression or as YAML it
 * is read as an equal one, and that one is written the same.
 */
#ifndef FUZZ_WRITTEN_H
#define FUZZ_WRITTEN_H

#include "expr/graph.h"

/* Completes the graph, if that is possible, and looks at what is written of it. */
void written_check(struct graph *graph);

/* An error names a place in a text of that length. */
void written_check_error(const struct expr_error *error, size_t len);

#endif
