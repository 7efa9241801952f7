/* SPDX-License-Identifier: MIT */
/*
 * texts.h - the graph (expr/graph.h) of a running pipeline, from what it says about itself.
 */
#ifndef CTL_TEXTS_H
#define CTL_TEXTS_H

#include <jansson.h>

#include "expr/graph.h"

struct session;

/* From a snapshot (session_snapshot(), `weir show --json`). Stages that have left are not in it; those that are parked are. NULL and
 * *error: a stage's text is not known, or not understood. */
struct graph *texts_graph(const json_t *state, struct expr_error *error);

/* The same of the pipeline of this process. With the edit lock held nothing changes meanwhile. */
struct graph *texts_session(struct session *session, struct expr_error *error);

/* The texts of the graph's stages are those of the session's pipeline from now on: it was made, or edited, to be so. */
void texts_describe(struct session *session, const struct graph *graph);

#endif
