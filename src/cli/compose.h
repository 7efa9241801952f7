/* SPDX-License-Identifier: MIT */
/* compose.h - from a text to a pipeline that has not started; for run, check, and those who compare. */
#ifndef CLI_COMPOSE_H
#define CLI_COMPOSE_H

#include "cli/arguments.h"
#include "ctl/session.h"

/* The pipeline that the arguments `expr`, or else the YAML file `file`, say: in front of it standard input if it has no source,
 * behind it standard output if it has an end that leads nowhere. 0, or the exit status, having complained. */
int compose_read(const struct arguments *args, struct graph **graph);

/* A pipeline called name, made of the graph, whose stages it takes. workers 0: one a core. 0, or the exit status, having
 * complained. */
int compose(const char *name, struct graph *graph, unsigned workers, struct session **session);

#endif
