/* SPDX-License-Identifier: MIT */
/*
 * trial.h - a stage that is tried out: the stage in force and the candidate run inside of one instance, the *trial*, which stands in
 * their place in the plan. Both stay instances of the pipeline, opened and closed as ever; edits that begin and end a trial make the
 * trial the heir of the stage, and the other way round, but no state moves.
 */
#ifndef API_TRIAL_H
#define API_TRIAL_H

#include "api/pipeline.h"

/* The trial of `candidate` beside the stage called `name`. NULL with the error: they do not go together, and the wish's key is the
 * caller's still. Under the lock. */
struct instance *trial_new(weir_pipeline *p, const struct plan *plan, const char *name, struct instance *candidate, bool shadow,
                           const weir_trial *wish, struct plan_error *error);

/* Operations on a plan. `serial`: that trial or none; 0: whichever. */
bool trial_begin(struct plan *plan, const char *name, struct instance *trial, struct plan_error *error);
bool trial_end(struct plan *plan, const char *name, bool promote, uint64_t serial, struct plan_error *error);
bool trial_absent(const struct plan *plan, const char *name, struct plan_error *error); /* refuses a stage on trial */

/* Which stages outlive the trials that are in `old` and not in `plan`. Before the cut. */
void trials_decide(const struct plan *old, const struct plan *plan);

/* A stage has left its strand. If it is a trial, what ends with it is closed. */
void trial_dismissed(weir_pipeline *p, struct instance *in, bool for_good);

/* edit.c: an abort of that trial and no later one of the same stage. */
int edit_abort_only(weir_edit *e, const char *name, uint64_t serial);

#endif
