/* SPDX-License-Identifier: MIT */
/*
 * edit.h - what all editing verbs share: one request becomes one transaction, which is made or only looked at.
 *
 *     edit_answer() ---> was an edit of this id made before? then its receipt
 *                   \--> begin ---> the verb's own part: the operations ---> commit ---> texts ---> receipt
 *                                                                      \---> preview, with --dry-run
 *
 * Edits run on threads of the server's, since a commit may wait, and one after the other, under the session's lock. Only a pop
 * with --divert does not wait for the lock: it may be what frees an edit that is held up.
 */
#ifndef CTL_EDIT_H
#define CTL_EDIT_H

#include "ctl/fresh.h"
#include "ctl/plan.h"
#include "ctl/session.h"
#include "ctl/verb.h"

struct request {
    struct session *session;
    const struct verb *verb;
    const json_t *args;
    struct refusal *refusal;
    double deadline;              /* seconds of the monotonic clock; 0: none */
    char label[FRESH_LABEL_ROOM]; /* of the stage that the edit is about */
    struct fresh fresh;           /* the stages that it brings */
    bool locked;                  /* holds the session's lock: always, but for a divert past an edit that is held up */
    bool on_trial;                /* the one that it brings is `label`'s candidate */
    struct plan plan;             /* what it leads to, of the verb apply */
    json_t *extra;                /* what the answer says beside the receipt; NULL: nothing */
};

/* The verb's own part: calls the operations on `edit`, whose errors the commit reports. 0, or -1 and the refusal. */
typedef int edit_operations(struct request *request, weir_edit *edit);

json_t *edit_answer(const struct verb *verb, edit_operations *operations, struct session *session, const json_t *args,
                    struct refusal *refusal);

/* The argument as it was given, or NULL. */
const char *edit_text(const struct request *request, const char *name);
bool edit_flag(const struct request *request, const char *name);

/* The pipeline's name, the process, and what the receipt says; for an answer. */
json_t *edit_receipt(struct session *session, const weir_receipt *receipt);

/* The word of weir/client.h for a weir_status. */
const char *edit_status_word(int status);

#endif
