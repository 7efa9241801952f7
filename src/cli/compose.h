/* SPDX-License-Identifier: MIT */
/* compose.h - from an expression to a pipeline that has not started; for run and check. */
#ifndef CLI_COMPOSE_H
#define CLI_COMPOSE_H

#include "ctl/session.h"

/* A pipeline called name, made of the expression `text`: in front of it standard input if it has no source, behind it
 * standard output if it has no sink. workers 0: one a core. 0, or the exit status, having complained. */
int compose(const char *name, const char *text, unsigned workers, struct session **session);

/* The expression in normal form, as compose() completes it; a new string, or NULL without memory. The labels that are not the
 * built-in's own name are given with as=. */
char *compose_normal_form(struct session *session);

#endif
