/* SPDX-License-Identifier: MIT */
/*
 * history.h - what was edited, by whom, and the way back. Under the turn; what the pipeline shows is changed under its lock too.
 *
 * An entry keeps the plan that was in force before its edit, and with it the instances of stages that have left since: closed, but
 * not freed, so that they can be told from others and be made again. The last 64 edits are kept.
 */
#ifndef API_HISTORY_H
#define API_HISTORY_H

#include <weir/weir.h>

#include "core/plan.h"

#define PAST_MAX 64

enum past_kind { PAST_EDIT, PAST_UNDO, PAST_REDO };

struct past_entry {
    weir_past info;
    enum past_kind kind;
    bool undone; /* or, of an undo, redone */
    struct plan *before;
};

/* An entry for the edit that comes. NULL: no memory. */
struct past_entry *history_new(void);

/* Takes the entry and the old plan, and forgets the oldest entry if there are too many. Under turn and lock. */
void history_push(weir_pipeline *p, struct past_entry *entry, struct plan *before);

/* The entry with the id; NULL: there is none. */
const struct past_entry *history_find(const weir_pipeline *p, const char *id);

/* What an undo, or a redo, would take back. NULL: nothing. Under the lock. */
struct past_entry *history_last(weir_pipeline *p, enum past_kind kind);

/* A stage was made again: whoever goes further back finds the new one in its place. Under the lock. */
void history_rename(weir_pipeline *p, struct instance *old, struct instance *new);

/* Another instance as the one that has left. NULL with the message. */
struct instance *history_make(const struct instance *old, size_t lanes, unsigned tasks);

/* The stage has a crew and has been closed: what became of the items in front of it belongs into the receipt of the edit that took it out.
 * Under the lock. */
void history_count(weir_pipeline *p, struct instance *in);

/* Whether history_make() could; else *why is a sentence. */
bool history_can_make(const struct instance *old, const char **why);

void history_free(weir_pipeline *p);

#endif
