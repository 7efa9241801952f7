/* SPDX-License-Identifier: MIT */
/*
 * plan.h - the running pipeline as text, and the way from it to another text: the verbs edit, diff and apply.
 *
 * What runs is one graph (texts.h), what somebody wrote is another, and what differs becomes one transaction (expr/diff.h).
 */
#ifndef CTL_PLAN_H
#define CTL_PLAN_H

#include "ctl/session.h"
#include "ctl/verb.h"
#include "expr/diff.h"

/* From what runs to what was written. */
struct plan {
    struct graph *old, *new; /* owned */
    struct diff *diff;       /* owned; lends both */
};

/* Fills *plan. With the session's edit lock held, so that what runs stays what it is. 0, or -1 and the refusal. In any case
 * plan_release() is to follow. */
int plan_make(struct plan *plan, struct session *session, const json_t *args, struct refusal *refusal);
void plan_release(struct plan *plan); /* all zero is fine */

#endif
