/* SPDX-License-Identifier: MIT */
/*
 * answer.h - what a running pipeline does for each verb. The arguments were checked against the verb's description; the answer
 * is a new JSON object, or NULL and *refusal. Which thread: see the verb's `way`.
 */
#ifndef CTL_ANSWER_H
#define CTL_ANSWER_H

#include "ctl/verb.h"

#define ANSWER(verb) json_t *answer_##verb(struct session *session, const json_t *args, struct refusal *refusal)

ANSWER(show);
ANSWER(pending);
ANSWER(history);
ANSWER(tasks);
ANSWER(insert);
ANSWER(pop);
ANSWER(replace);
ANSWER(move);
ANSWER(route);
ANSWER(scale);
ANSWER(canary);
ANSWER(promote);
ANSWER(abort);
ANSWER(edit);
ANSWER(diff);
ANSWER(apply);
ANSWER(undo);
ANSWER(redo);
ANSWER(flush);
ANSWER(pause);
ANSWER(resume);
ANSWER(drain);
ANSWER(stop);

struct stream *open_tap(struct session *session, const json_t *args, struct stream_wake wake, json_t **answer,
                        struct refusal *refusal);

#endif
