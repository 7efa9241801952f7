/* SPDX-License-Identifier: MIT */
/*
 * past.h - what the command remembers of a pipeline's edits beyond the engine's history: what each stage was written as, at each
 * revision, so that undo and redo bring the texts back with the stages; and the texts of candidates on trial.
 *
 * past_before() and past_after() are called around a commit, with the session's edit lock held. Without memory texts are lost, and
 * nothing else.
 */
#ifndef CTL_PAST_H
#define CTL_PAST_H

#include "ctl/edit.h"

void past_before(struct session *session);
void past_after(struct request *request, uint64_t revision);

/* Whether an edit of that id is in the engine's history, and what came of it. */
bool past_find(struct session *session, const char *id, weir_receipt *receipt);

/* "pending": the edits that have not come to their end, oldest first; for the verbs pending and show. */
json_t *past_pending(struct session *session);

/* The label under which the session keeps the text of a stage's candidate: no stage can have it. */
#define PAST_LABEL_ROOM 96
void past_candidate_label(const char *stage, char label[PAST_LABEL_ROOM]);

/* The same for the fields by whose values its items are shared out, if they are. */
void past_key_label(const char *stage, char label[PAST_LABEL_ROOM]);

#endif
