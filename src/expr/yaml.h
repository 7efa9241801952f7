/* SPDX-License-Identifier: MIT */
/*
 * yaml.h - a pipeline as a YAML file. docs/formats.md shows it by examples.
 *
 *     name: web                            the pipeline's name; optional
 *     stages:                              a chain: each stage leads to the next one
 *       - file: {path: access.log, follow: yes}
 *       - parse: clf                       one value: the first option that may be given without its name
 *       - parse clf                        or the stage as in an expression
 *       - where: status >= 500
 *         as: errors                       general options stand beside
 *         lanes: 4
 *       - seq: [1, 10]                     several such options, in order
 *       - tee:
 *         to:                              where it leads: PORT: LABEL, PORT: LABEL:PORT, PORT: discard, PORT: [ stages ]
 *           a: upper
 *           b: [lower, file: lower.txt]
 *       - upper
 *         to: m                            the way out of a stage that has one
 *       - merge:
 *         as: m
 *
 * A stage leads to the next one unless it is a sink, the next one is a source, or `to` says where each of its ways out leads. For a
 * tee, and a route of links, `to` says it all. A port that leads to null leads nowhere.
 */
#ifndef EXPR_YAML_H
#define EXPR_YAML_H

#include "expr/graph.h"

/* A file's text as a graph, not completed. NULL and *error, with a place in the text. */
struct graph *yaml_read(const char *text, size_t len, struct expr_error *error);

#endif
