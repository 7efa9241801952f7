/* SPDX-License-Identifier: MIT */
/*
 * answer.h - what a running pipeline does for each verb. The arguments were checked against the verb's description; the answer
 * is a new JSON object, or NULL and *refusal. Which thread: see the verb's `way`.
 */
#ifndef CTL_ANSWER_H
#define CTL_ANSWER_H

#include "ctl/verb.h"

json_t *answer_show(struct session *session, const json_t *args, struct refusal *refusal);
json_t *answer_insert(struct session *session, const json_t *args, struct refusal *refusal);
json_t *answer_pop(struct session *session, const json_t *args, struct refusal *refusal);
json_t *answer_replace(struct session *session, const json_t *args, struct refusal *refusal);
json_t *answer_flush(struct session *session, const json_t *args, struct refusal *refusal);
json_t *answer_stop(struct session *session, const json_t *args, struct refusal *refusal);

#endif
